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

// Codec compresses a package's plain form (see [Package.AppendPlain]) for the upload. The gateway
// has four: [CodecNone], [CodecZlib], [CodecBZip2] and [CodecLZF]. A Codec of your own must make
// what the gateway decodes for its Method.
type Codec interface {
	// Method is the gateway's Compression value: 0 none, 1 zlib, 2 bzip2, 3 LZF [ref].
	// [Client.Send] returns an error for any other.
	Method() int

	// String is the codec's short name, for logs.
	String() string

	// AppendCompress appends plain's compressed form to dst and returns it. It must not change or
	// retain plain, which does not overlap dst. Goroutines call it concurrently. If it returns an
	// error, the package is not sent.
	AppendCompress(dst, plain []byte) ([]byte, error)
}

// The gateway's four codecs. Goroutines may share them.
var (
	// CodecNone leaves the plain form unchanged.
	CodecNone Codec = &gatewayCodec{0, "none", appendPlain}

	// CodecZlib makes an RFC 1950 stream at level 6, as PHP's gzuncompress reads it. The vendor
	// calls it "Zlib Gzip", but it is not a gzip file. It is the default for all but tiny packages.
	// Above 512 kB it compresses on up to GOMAXPROCS cores. The bytes do not depend on their
	// number.
	CodecZlib Codec = &gatewayCodec{1, "zlib", zlib.AppendCompress}

	// CodecBZip2 makes one bzip2 stream of blocks of up to 900 kB, the reference's own level. It
	// compresses texts best, and takes several times as long as CodecZlib. It uses a core for each
	// block, up to GOMAXPROCS, and about 12 MB of memory for each.
	CodecBZip2 Codec = &gatewayCodec{2, "bzip2", bzip2.AppendCompress}

	// CodecLZF makes bare liblzf blocks, as PECL's lzf_decompress reads them. It is the fastest and
	// compresses least. Above 512 kB it compresses on up to GOMAXPROCS cores.
	CodecLZF Codec = &gatewayCodec{3, "lzf", lzf.AppendCompress}
)

// ParseCodec returns the codec of that name: none, zlib, bzip2 or lzf. It also takes gzip, the
// vendor's word for zlib. The error for any other name lists the four.
func ParseCodec(name string) (Codec, error) {
	if name == "gzip" {
		return CodecZlib, nil
	}
	for _, codec := range []Codec{CodecNone, CodecZlib, CodecBZip2, CodecLZF} {
		if name == codec.String() {
			return codec, nil
		}
	}
	return nil, fmt.Errorf("smslink: codec %q is not one of none, zlib, bzip2 and lzf", name)
}

// gatewayCodec is one of the gateway's four.
type gatewayCodec struct {
	method         int
	name           string
	appendCompress func(dst []byte, pieces ...[]byte) ([]byte, error)
}

func (c *gatewayCodec) Method() int    { return c.method }
func (c *gatewayCodec) String() string { return c.name }
func (c *gatewayCodec) AppendCompress(dst, plain []byte) ([]byte, error) {
	return c.appendCompress(dst, plain)
}

func appendPlain(dst []byte, pieces ...[]byte) ([]byte, error) {
	for _, piece := range pieces {
		dst = append(dst, piece...)
	}
	return dst, nil
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

// compress returns the compressed form and the plain form's digest. It computes the digest of a
// large package in parallel.
func compress(codec Codec, plain [][]byte, size int) (packed []byte, sum wire.Digest, err error) {
	packed = make([]byte, 0, size/3+64)
	if size <= digestSerially {
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

// digestSerially is the largest plain form, in bytes, whose digest is computed without a goroutine.
// Up to this size the codecs use one core, and in a process that has just started a second thread
// costs more time than it saves.
const digestSerially = 512 << 10

// appendPieces compresses a plain form that stands in several pieces. A codec of the caller's gets
// them as one.
func appendPieces(c Codec, dst []byte, pieces [][]byte) ([]byte, error) {
	if own, ok := c.(*gatewayCodec); ok {
		return own.appendCompress(dst, pieces...)
	}
	if len(pieces) == 1 {
		return c.AppendCompress(dst, pieces[0])
	}
	return c.AppendCompress(dst, slices.Concat(pieces...))
}
