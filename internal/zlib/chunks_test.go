package zlib

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/stretchr/testify/require"
)

// FuzzAppendChunks joins chunks of any size, of pieces of any size, and reads them with the
// standard library's decoder, which verifies the checksum.
func FuzzAppendChunks(f *testing.F) {
	f.Add([]byte("1;0712345678;numeric;Salut!;0\r\n1;0712345678;numeric;Salut!;0"), uint16(200), uint16(1000), uint16(300))
	f.Add([]byte("a"), uint16(65535), uint16(65535), uint16(1))
	f.Add([]byte{0, 255}, uint16(40_000), uint16(20_000), uint16(20_001))
	f.Fuzz(func(t *testing.T, unit []byte, times, chunk, piece uint16) {
		plain := bytes.Repeat(unit, min(int(times), 100_000/max(1, len(unit))))
		size := max(int(chunk), 1+len(plain)/200)
		var pieces [][]byte
		for rest := plain; len(rest) > 0; {
			n := min(len(rest), max(int(piece), 1+len(plain)/200))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}

		packed, sum, err := appendChunks(binary.BigEndian.AppendUint16(nil, header), pieces, len(plain), size)
		require.NoError(t, err)
		require.Equal(t, adler32.Checksum(plain), sum)
		if len(plain) == 0 {
			return // there is no chunk and so no stream
		}
		r, err := zlib.NewReader(bytes.NewReader(binary.BigEndian.AppendUint32(packed, sum)))
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, got))
	})
}

func TestCombine_isTheChecksumOfBoth(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 2, 1000, modulus - 1, modulus, modulus + 1, 3*modulus + 7, 1 << 20} {
		both := make([]byte, n)
		for i := range both {
			both[i] = byte(random.Uint32() | 0xf0) // so that the sums run over
		}
		for _, at := range []int{0, n / 3, n - n/5, n} {
			require.Equal(t, adler32.Checksum(both), combine(adler32.Checksum(both[:at]), adler32.Checksum(both[at:]), n-at), "%d of %d", at, n)
		}
	}
}

// The dictionary is complete wherever the pieces are cut.
func TestDictionary_crossesPieces(t *testing.T) {
	plain := make([]byte, 3*dictionarySize)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(plain)
	var w writer
	for _, size := range []int{1, 7, 1000, dictionarySize - 1, dictionarySize, dictionarySize + 1, len(plain)} {
		var pieces [][]byte
		for at := 0; at < len(plain); at += size {
			pieces = append(pieces, plain[at:min(at+size, len(plain))])
		}
		for _, at := range []int{0, 1, 999, dictionarySize, dictionarySize + 500, 2*dictionarySize + 1, len(plain)} {
			require.True(t, bytes.Equal(plain[max(0, at-dictionarySize):at], w.dictionary(pieces, at)), "pieces of %d, at %d", size, at)
		}
	}
}

func TestAppendCompress_aWorkersPanicIsAnError(t *testing.T) {
	newWriter := writers.New
	defer func() { writers = sync.Pool{New: newWriter} }()
	writers = sync.Pool{New: func() any { return &writer{deflate: new(flate.Writer)} }} // every Write panics
	packed, err := AppendCompress([]byte("head"), make([]byte, serialSize+1))
	require.ErrorContains(t, err, "zlib: part ")
	require.Equal(t, "head", string(packed))
}
