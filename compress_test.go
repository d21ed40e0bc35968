package smslink_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// shapes are plain forms, and others that a codec must take all the same.
func shapes() map[string][]byte {
	noise := make([]byte, 300_000)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(noise)
	return map[string][]byte{
		"one byte":               []byte("a"),
		"one line":               []byte("1;0712345678;numeric;Salut!;0"),
		"a campaign":             corpus(20_000),
		"one letter":             bytes.Repeat([]byte("a"), 2_000_000), // longer than a bzip2 block
		"runs of four to 300":    slices.Concat(bytes.Repeat([]byte("abbb"), 9), bytes.Repeat([]byte("c"), 300), bytes.Repeat([]byte("dddd"), 70)),
		"noise":                  noise,
		"noise at a block's end": slices.Concat(bytes.Repeat([]byte("ab"), 449_990), noise),
	}
}

func TestCodecs_roundTrip(t *testing.T) {
	fastest, err := smslink.ZlibLevel(1)
	require.NoError(t, err)
	smallest, err := smslink.ZlibLevel(9)
	require.NoError(t, err)
	for name, plain := range shapes() {
		for i, codec := range append(slices.Clone(codecs), fastest, smallest) {
			t.Run(fmt.Sprintf("%s/%d %s", name, i, codec), func(t *testing.T) {
				before := md5sum(plain)
				packed, err := codec.AppendCompress([]byte("head"), plain)
				require.NoError(t, err)
				require.Equal(t, "head", string(packed[:4]), "dst is kept")
				require.Equal(t, before, md5sum(plain), "plain is only read")
				require.True(t, bytes.Equal(plain, decoders[codec.Method()](t, packed[4:])))
			})
		}
	}
}

func TestCodecs_sharedByGoroutines(t *testing.T) {
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for round := range 5 {
				codec := codecs[(worker+round)%len(codecs)]
				plain := bytes.Repeat(fmt.Appendf(nil, "%d;0712345678;numeric;Salut %d;0\r\n", worker, round), 1000)
				packed, err := codec.AppendCompress(nil, plain)
				if err != nil || !bytes.Equal(plain, decoders[codec.Method()](t, packed)) {
					t.Errorf("%s: %v", codec, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestCodecs_methodsAndNames(t *testing.T) {
	for method, name := range []string{"none", "zlib", "bzip2", "lzf"} {
		codec, err := smslink.ParseCodec(name)
		require.NoError(t, err)
		require.Equal(t, codecs[method], codec)
		require.Equal(t, method, codec.Method())
		require.Equal(t, name, codec.String())
	}
	gzip, err := smslink.ParseCodec("gzip")
	require.NoError(t, err)
	require.Equal(t, smslink.CodecZlib, gzip)
	_, err = smslink.ParseCodec("ZIP")
	require.EqualError(t, err, `smslink: codec "ZIP" is not one of none, zlib, bzip2 and lzf`)
}

func TestZlibLevel_refusesOtherLevels(t *testing.T) {
	for _, level := range []int{-2, -1, 0, 10} {
		codec, err := smslink.ZlibLevel(level)
		require.Nil(t, codec)
		require.EqualError(t, err, fmt.Sprintf("smslink: zlib level %d is not from 1 to 9", level))
	}
}

// What the vendor calls "Zlib Gzip" is a zlib stream, which PHP's gzuncompress
// reads, and no gzip file, which it does not.
func TestZlib_isNoGzipFile(t *testing.T) {
	packed, err := smslink.CodecZlib.AppendCompress(nil, []byte("a"))
	require.NoError(t, err)
	require.Equal(t, byte(0x78), packed[0])
	require.Zero(t, (int(packed[0])<<8|int(packed[1]))%31)
}

func TestZlib_isLevelSix(t *testing.T) {
	plain := corpus(5000)
	size := func(codec smslink.Codec) int {
		packed, err := codec.AppendCompress(nil, plain)
		require.NoError(t, err)
		return len(packed)
	}
	six, err := smslink.ZlibLevel(6)
	require.NoError(t, err)
	five, err := smslink.ZlibLevel(5)
	require.NoError(t, err)
	require.Equal(t, size(six), size(smslink.CodecZlib))
	require.NotEqual(t, size(five), size(smslink.CodecZlib))
}

// PHP's decoder stops at the first stream's end.
func TestBZip2_isOneStream(t *testing.T) {
	packed, err := smslink.CodecBZip2.AppendCompress(nil, corpus(20_000))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(packed), "BZh9"))
	require.Equal(t, 1, bytes.Count(packed, []byte("BZh")))
}

func FuzzCodecs(f *testing.F) {
	f.Add([]byte("1;0712345678;numeric;Salut!;0"), uint16(1))
	f.Add([]byte("aaaab"), uint16(900))
	f.Fuzz(func(t *testing.T, piece []byte, times uint16) {
		plain := bytes.Repeat(piece, int(times)%1000)
		for _, codec := range codecs {
			packed, err := codec.AppendCompress(nil, plain)
			require.NoError(t, err)
			if len(plain) > 0 {
				require.True(t, bytes.Equal(plain, decoders[codec.Method()](t, packed)), codec.String())
			}
		}
	})
}

// The sizes that PHP's zlib at level 9, liblzf 3.6 and dsnet's bzip2 writer make of
// the same corpus, as recorded.
func TestCodecs_sizesBesideTheirPeers(t *testing.T) {
	plain := corpus(20_000)
	require.Equal(t, "1624e7a653b088e8d669d8433671ec47", fmt.Sprintf("%x", md5sum(plain)), "the corpus has changed: record the sizes anew")
	for _, c := range []struct {
		codec smslink.Codec
		peer  int
		most  float64
	}{{smslink.CodecZlib, 363_760, 1.03}, {smslink.CodecLZF, 653_844, 1.02}, {smslink.CodecBZip2, 293_256, 1.01}} {
		packed, err := c.codec.AppendCompress(nil, plain)
		require.NoError(t, err)
		require.LessOrEqual(t, float64(len(packed)), c.most*float64(c.peer), c.codec)
	}
}

// Zlib would make one code longer.
func TestPackage_defaultCodecBySize(t *testing.T) {
	gw := newGateway(t, nil)
	for n, want := range map[int64]int{1: 0, 10: 1} {
		var p smslink.Package
		for id := range n {
			require.NoError(t, p.Add(smslink.Message{ID: id, To: "0712345678", Text: "Codul dvs. este 4829."}))
		}
		packed, err := smslink.CodecZlib.AppendCompress(nil, p.AppendPlain(nil))
		require.NoError(t, err)
		require.Equal(t, want == 0, len(packed) > p.Size())
		_, err = gw.Client().Send(t.Context(), &p)
		require.NoError(t, err)
		uploads := gw.Uploads()
		require.Equal(t, want, uploads[len(uploads)-1].Compression)
	}
}
