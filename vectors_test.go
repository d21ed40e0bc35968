package smslink_test

import (
	"bytes"
	"compress/bzip2"
	"compress/zlib"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/lzf"
)

// vector is a case of testdata/reference.json, a copy of the vectors that the
// reference client made.
type vector struct {
	Name     string
	Messages []struct {
		ID             int64
		To, From, Text string
		At             int64
	}
	Accepted    []bool
	PlainBase64 string `json:"plain_base64"`
	PlainMD5    string `json:"plain_md5"`
	PlainSize   int    `json:"plain_size"`
	Compressed  map[string]struct {
		Base64 string
		MD5    string
		Size   int
	}
}

func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/reference.json")
	require.NoError(t, err)
	var all []vector
	require.NoError(t, json.Unmarshal(raw, &all))
	require.NotEmpty(t, all)
	return all
}

// The vectors are what the vendor's client makes. If this fails, they were edited, or a
// checkout changed their line ends: restore the file, and never this digest.
func TestVectors_areUnchanged(t *testing.T) {
	raw, err := os.ReadFile("testdata/reference.json")
	require.NoError(t, err)
	require.Equal(t, "33cb20d25f03b0ae068f0d762d6a9f10335b9fcccb8ae27af8dabbdf5d46e02c", fmt.Sprintf("%x", sha256.Sum256(raw)))
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(s)
	require.NoError(t, err)
	return raw
}

// fill adds a vector's messages and tells which of them were accepted.
func (v vector) fill(p *smslink.Package) []bool {
	var accepted []bool
	for _, m := range v.Messages {
		err := p.Add(smslink.Message{ID: m.ID, To: m.To, From: m.From, Text: m.Text, SendAt: time.Unix(m.At, 0)})
		accepted = append(accepted, err == nil)
	}
	return accepted
}

// decoders undo the gateway's methods without our own code, except LZF, which the
// standard library does not have.
var decoders = map[int]func(t testing.TB, packed []byte) []byte{
	0: func(_ testing.TB, packed []byte) []byte { return packed },
	1: func(t testing.TB, packed []byte) []byte {
		in := bytes.NewReader(packed)
		r, err := zlib.NewReader(in)
		require.NoError(t, err)
		plain, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Zero(t, in.Len(), "bytes after the stream")
		return plain
	},
	2: func(t testing.TB, packed []byte) []byte {
		plain, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(packed)))
		require.NoError(t, err)
		return plain
	},
	3: func(t testing.TB, packed []byte) []byte {
		plain, err := lzf.AppendDecompress(nil, packed, 1<<30)
		require.NoError(t, err)
		return plain
	},
}

var codecs = []smslink.Codec{smslink.CodecNone, smslink.CodecZlib, smslink.CodecBZip2, smslink.CodecLZF}

// No vector holds one of the deviations of protocol.md's last table, so each of
// them must come out as the reference's, to the byte. The deviations are tested in
// TestAdd_refuses.
func TestAdd_makesTheReferencesBytes(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			p := smslink.Package{PackageOptions: smslink.PackageOptions{LenientReceivers: true}}
			require.Equal(t, v.Accepted, v.fill(&p))
			plain := p.AppendPlain(nil)
			require.Equal(t, string(unbase64(t, v.PlainBase64)), string(plain))
			sum := md5.Sum(plain)
			require.Equal(t, v.PlainMD5, hex.EncodeToString(sum[:]))
			require.Equal(t, v.PlainSize, p.Size())
		})
	}
}

func TestCodecs_decodeToTheReferencesBytes(t *testing.T) {
	for _, v := range vectors(t) {
		plain := unbase64(t, v.PlainBase64)
		for _, codec := range codecs {
			t.Run(v.Name+"/"+codec.String(), func(t *testing.T) {
				packed, err := codec.AppendCompress(nil, plain)
				require.NoError(t, err)
				require.Equal(t, string(plain), string(decoders[codec.Method()](t, packed)))
			})
		}
	}
}

func TestDecoders_readTheReferencesCompressedBytes(t *testing.T) {
	methods := map[string]int{"1": 1, "2": 2, "3": 3}
	seen := map[string]bool{}
	for _, v := range vectors(t) {
		for method, compressed := range v.Compressed {
			t.Run(v.Name+"/"+method, func(t *testing.T) {
				packed := unbase64(t, compressed.Base64)
				require.Len(t, packed, compressed.Size)
				require.Equal(t, string(unbase64(t, v.PlainBase64)), string(decoders[methods[method]](t, packed)))
				seen[method] = true
			})
		}
	}
	require.Len(t, seen, 3, "vectors of every method")
}
