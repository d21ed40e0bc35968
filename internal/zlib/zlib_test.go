package zlib_test

import (
	"bytes"
	std "compress/zlib"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	klauspost "github.com/klauspost/compress/zlib"
	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/corpus"
	"github.com/go-smslink/smslink/internal/zlib"
)

const chunk = 4 * 65535 // of an input above 512 kB

// cut cuts plain into pieces of the given size.
func cut(plain []byte, size int) [][]byte { return slices.Collect(slices.Chunk(plain, size)) }

func inflate(t testing.TB, packed []byte) []byte {
	in := bytes.NewReader(packed)
	r, err := std.NewReader(in)
	require.NoError(t, err)
	plain, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Zero(t, in.Len(), "it is one stream")
	return plain
}

func TestAppendCompress_isOneStreamAtEverySize(t *testing.T) {
	sizes := []int{0, 1, 2, 100, 65535, 65536, chunk, 512<<10 - 1, 512 << 10, 512<<10 + 1}
	for n := 3; n <= 4; n++ {
		sizes = append(sizes, n*chunk-1, n*chunk, n*chunk+1)
	}
	all := corpus.Lines(4*chunk + 1)
	for _, size := range sizes {
		packed, err := zlib.AppendCompress([]byte("head"), all[:size])
		require.NoError(t, err)
		require.Equal(t, "head", string(packed[:4]))
		require.True(t, bytes.Equal(all[:size], inflate(t, packed[4:])), "%d bytes", size)
	}
}

func TestAppendCompress_isReadWhateverTheInput(t *testing.T) {
	noise := make([]byte, 2*chunk+9999)
	_, _ = rand.NewChaCha8([32]byte{5}).Read(noise)
	for name, plain := range map[string][]byte{
		"noise":                noise,
		"zeros":                make([]byte, 2*chunk+9999),
		"noise, then its like": append(noise[:2*chunk:2*chunk], noise[2*chunk-9999:2*chunk]...),
	} {
		packed, err := zlib.AppendCompress(nil, plain)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, inflate(t, packed)), name)
	}
}

// The stream depends neither on how the input is cut into pieces nor on the number of cores.
func TestAppendCompress_isTheSameEverywhere(t *testing.T) {
	plain := corpus.Lines(2*chunk + 12_345)
	want, err := zlib.AppendCompress(nil, plain)
	require.NoError(t, err)
	for _, cores := range []int{1, 3} {
		before := runtime.GOMAXPROCS(cores)
		for _, size := range []int{chunk - 95, chunk + 1, 5000} {
			packed, err := zlib.AppendCompress(nil, cut(plain, size)...)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, packed), "%d cores, pieces of %d", cores, size)
		}
		runtime.GOMAXPROCS(before)
	}
}

func TestAppendCompress_shortInputIsAsKlauspostsWriter(t *testing.T) {
	plain := corpus.Lines(512 << 10)
	for _, size := range []int{129, 140_000} {
		var want bytes.Buffer
		w, err := klauspost.NewWriterLevel(&want, 6)
		require.NoError(t, err)
		_, err = w.Write(plain[:size])
		require.NoError(t, err)
		require.NoError(t, w.Close())
		for range 2 { // the second time with memory that was used before
			packed, err := zlib.AppendCompress(nil, plain[:size])
			require.NoError(t, err)
			require.True(t, bytes.Equal(want.Bytes(), packed), "%d bytes", size)
		}
	}
}

// An input of up to 128 bytes takes no encoder's memory.
func TestAppendCompress_tinyInputIsStored(t *testing.T) {
	packed := make([]byte, 0, 200)
	for size := range 129 {
		pieces := cut(corpus.Lines(size), 50)
		allocations := testing.AllocsPerRun(1, func() { packed, _ = zlib.AppendCompress(packed[:0], pieces...) })
		require.Zero(t, allocations)
		require.Equal(t, corpus.Lines(size), inflate(t, packed), "%d bytes", size)
		require.Len(t, packed, size+11, "2 bytes before the block, 5 of its own and 4 behind it")
	}
}

// With their dictionaries, chunks take hardly more than one stream.
func TestAppendCompress_longInputTakesHardlyMore(t *testing.T) {
	plain := corpus.Lines(8*chunk + 1)
	var serial bytes.Buffer
	w, err := klauspost.NewWriterLevel(&serial, 6)
	require.NoError(t, err)
	_, err = w.Write(plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	packed, err := zlib.AppendCompress(nil, cut(plain, chunk-95)...)
	require.NoError(t, err)
	require.LessOrEqual(t, float64(len(packed)), 1.002*float64(serial.Len()))
}

// A writer that is not reused takes more than eight allocations. Under the race detector a pool
// drops some of its items.
func TestAppendCompress_reusesItsMemory(t *testing.T) {
	pieces := [][]byte{corpus.Lines(1130)}
	packed := make([]byte, 0, 1000)
	allocations := testing.AllocsPerRun(1000, func() { packed, _ = zlib.AppendCompress(packed[:0], pieces...) })
	require.LessOrEqual(t, allocations, 4.0)
}

func BenchmarkAppendCompress(b *testing.B) {
	for _, size := range []int{113, 512 << 10, 10 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			pieces := cut(corpus.Lines(size), chunk-95)
			var packed []byte
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				packed, _ = zlib.AppendCompress(packed[:0], pieces...)
			}
		})
	}
}
