package smslinktest_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func TestTestCodec_passesTheGood(t *testing.T) {
	for _, codec := range codecs {
		require.NoError(t, smslinktest.TestCodec(codec), codec.String())
	}
	fastest, err := smslink.ZlibLevel(1)
	require.NoError(t, err)
	require.NoError(t, smslinktest.TestCodec(fastest))
}

// codec is a codec with a fault of its own.
type codec struct {
	method int
	name   string
	pack   func(dst, plain []byte) ([]byte, error)
}

func (c codec) Method() int    { return c.method }
func (c codec) String() string { return c.name }
func (c codec) AppendCompress(dst, plain []byte) ([]byte, error) {
	return c.pack(dst, plain)
}

func TestTestCodec_findsTheBad(t *testing.T) {
	var mu sync.Mutex
	inUse := false
	for _, c := range []struct {
		name  string
		codec codec
		want  string
	}{
		{"a method of its own", codec{4, "x", smslink.CodecZlib.AppendCompress}, "Method is 4"},
		{"no name", codec{1, "", smslink.CodecZlib.AppendCompress}, "String is empty"},
		{"another method's form", codec{2, "x", smslink.CodecZlib.AppendCompress}, "can't be decoded: package: bzip2"},
		{"an error", codec{1, "x", func(dst, _ []byte) ([]byte, error) { return dst, errors.New("out of paper") }}, "AppendCompress: out of paper"},
		{"forgets dst", codec{1, "x", func(_, plain []byte) ([]byte, error) { return smslink.CodecZlib.AppendCompress(nil, plain) }}, "did not append to dst"},
		{"loses the last byte", codec{0, "x", func(dst, plain []byte) ([]byte, error) { return append(dst, plain[:len(plain)-1]...), nil }}, "decodes to something else"},
		{"adds a byte", codec{1, "x", func(dst, plain []byte) ([]byte, error) {
			dst, err := smslink.CodecZlib.AppendCompress(dst, plain)
			return append(dst, 0), err
		}}, "bytes follow its compressed stream"},
		{"two bzip2 streams", codec{2, "x", func(dst, plain []byte) ([]byte, error) {
			dst, _ = smslink.CodecBZip2.AppendCompress(dst, plain[:len(plain)/2])
			return smslink.CodecBZip2.AppendCompress(dst, plain[len(plain)/2:])
		}}, "more than one bzip2 stream"},
		{"changes plain behind its back", codec{1, "x", func(dst, plain []byte) ([]byte, error) {
			packed, err := smslink.CodecZlib.AppendCompress(dst, plain)
			if len(plain) > 10_000 {
				plain[0] ^= 1
			}
			return packed, err
		}}, "decodes to something else"},
		{"needs room in dst", codec{1, "x", func(dst, plain []byte) ([]byte, error) {
			if cap(dst) < 64 {
				return nil, errors.New("no room")
			}
			return smslink.CodecZlib.AppendCompress(dst, plain)
		}}, "AppendCompress: no room"},
		{"writes into dst", codec{1, "x", func(dst, plain []byte) ([]byte, error) {
			if len(dst) > 0 {
				dst[0] = 'x'
			}
			return smslink.CodecZlib.AppendCompress(dst, plain)
		}}, "did not append to dst"},
		{"is not for goroutines", codec{1, "x", func(dst, plain []byte) ([]byte, error) {
			mu.Lock()
			clash := inUse
			inUse = true
			mu.Unlock()
			packed, err := smslink.CodecZlib.AppendCompress(dst, plain)
			runtime.Gosched()
			mu.Lock()
			defer mu.Unlock()
			inUse = false
			if clash {
				return packed, errors.New("called concurrently, and can't be")
			}
			return packed, err
		}}, "called concurrently: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := smslinktest.TestCodec(c.codec)
			require.ErrorContains(t, err, c.want)
		})
	}
}
