package smslink

import (
	"crypto/md5"
	"fmt"
	"slices"
	"sync"

	"github.com/go-smslink/smslink/internal/bzip2"
	"github.com/go-smslink/smslink/internal/lzf"
	"github.com/go-smslink/smslink/internal/wire"
	"github.com/go-smslink/smslink/internal/zlib"
)

// Codec compresses a package's plain form (see [Package.AppendPlain]) for the
// upload. [CodecNone], [CodecZlib], [CodecBZip2]
// and [CodecLZF] are the gateway's four; one of your own must make what the gateway
// decodes for its Method.
type Codec interface {
	// Method is the gateway's Compression value: 0 none, 1 zlib, 2 bzip2, 3 LZF
	// [ref]. [Client.Send] returns an error for any other.
	Method() int

	// String is the codec's short name, for logs.
	String() string

	// AppendCompress appends plain's compressed form to dst and returns it. It only
	// reads plain, which does not overlap dst, and keeps neither. Goroutines call it
	// concurrently. Its error ends the Send as not sent.
	AppendCompress(dst, plain []byte) ([]byte, error)
}

// The gateway's four codecs. Goroutines may share them.
var (
	// CodecNone sends the plain form as it is.
	CodecNone Codec = none{}

	// CodecZlib makes an RFC 1950 stream at level 6, what PHP's gzuncompress reads. The
	// vendor calls it "Zlib Gzip", but it is not a gzip file. It is a package's default.
	// Above 512 kB it compresses on up to GOMAXPROCS cores, to the same bytes on any number.
	CodecZlib = newZlib(6)

	// CodecBZip2 makes one bzip2 stream of blocks of up to 900 kB, the reference's own level. It
	// packs texts tightest and takes several times as long as CodecZlib, on as many cores
	// as there are blocks, up to GOMAXPROCS, with some 12 MB of memory each.
	CodecBZip2 Codec = bzip2Codec{}

	// CodecLZF makes bare liblzf blocks, what PECL's lzf_decompress reads. It is the
	// fastest and packs least. Above 512 kB it compresses on up to GOMAXPROCS cores.
	CodecLZF Codec = lzfCodec{}
)

// ParseCodec returns the codec of that name: none, zlib (or gzip, the vendor's word
// for it), bzip2 or lzf. The error of any other name lists these.
func ParseCodec(name string) (Codec, error) {
	switch name {
	case "none":
		return CodecNone, nil
	case "zlib", "gzip":
		return CodecZlib, nil
	case "bzip2":
		return CodecBZip2, nil
	case "lzf":
		return CodecLZF, nil
	}
	return nil, fmt.Errorf("smslink: codec %q is not one of none, zlib, bzip2 and lzf", name)
}

// tinyPackage is the size in bytes up to which zlib makes a package longer.
const tinyPackage = 128

// checkMethod returns an error for a codec that the gateway can't decode.
func checkMethod(codec Codec) error {
	if method := codec.Method(); method < 0 || method > 3 {
		return fmt.Errorf("the codec %s has method %d, which the gateway does not know; it knows 0 to 3", codec, method)
	}
	return nil
}

// compress runs the codec, and computes the plain form's digest beside it.
func compress(codec Codec, plain [][]byte, size int) (packed []byte, sum wire.Digest, err error) {
	packed = make([]byte, 0, size/3+64)
	if size <= smallUpload {
		packed, err = appendPieces(codec, packed, plain)
		return packed, digest(plain), err
	}
	var digesting sync.WaitGroup
	defer digesting.Wait() // even if the codec panics
	digesting.Go(func() { sum = digest(plain) })
	packed, err = appendPieces(codec, packed, plain)
	digesting.Wait()
	return packed, sum, err
}

func digest(pieces [][]byte) (sum wire.Digest) {
	h := md5.New()
	for _, piece := range pieces {
		h.Write(piece)
	}
	h.Sum(sum[:0])
	return sum
}

// smallUpload is the size of a compressed package, in bytes, up to which an upload is built in one
// buffer, without goroutines.
const smallUpload = 32 << 10

// appendPieces compresses a plain form that stands in several pieces. Our own codecs
// take them as they are.
func appendPieces(codec Codec, dst []byte, pieces [][]byte) ([]byte, error) {
	switch own := codec.(type) {
	case *zlibCodec:
		return own.encoder.AppendCompress(dst, pieces...)
	case bzip2Codec:
		return bzip2.AppendCompress(dst, pieces...)
	case lzfCodec:
		return lzf.AppendCompress(dst, pieces...)
	}
	if len(pieces) == 1 {
		return codec.AppendCompress(dst, pieces[0])
	}
	return codec.AppendCompress(dst, slices.Concat(pieces...))
}

type none struct{}

func (none) Method() int    { return 0 }
func (none) String() string { return "none" }
func (none) AppendCompress(dst, plain []byte) ([]byte, error) {
	return append(dst, plain...), nil
}

type zlibCodec struct{ encoder *zlib.Encoder }

func newZlib(level int) Codec {
	encoder, err := zlib.NewEncoder(level)
	if err != nil {
		panic(err)
	}
	return &zlibCodec{encoder}
}

func (z *zlibCodec) Method() int    { return 1 }
func (z *zlibCodec) String() string { return "zlib" }
func (z *zlibCodec) AppendCompress(dst, plain []byte) ([]byte, error) {
	return z.encoder.AppendCompress(dst, plain)
}

type bzip2Codec struct{}

func (bzip2Codec) Method() int    { return 2 }
func (bzip2Codec) String() string { return "bzip2" }
func (bzip2Codec) AppendCompress(dst, plain []byte) ([]byte, error) {
	return bzip2.AppendCompress(dst, plain)
}

type lzfCodec struct{}

func (lzfCodec) Method() int    { return 3 }
func (lzfCodec) String() string { return "lzf" }
func (lzfCodec) AppendCompress(dst, plain []byte) ([]byte, error) {
	return lzf.AppendCompress(dst, plain)
}
