package lzf_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/corpus"
	"github.com/go-smslink/smslink/internal/lzf"
)

// cut cuts plain into pieces of the given size.
func cut(plain []byte, size int) [][]byte { return slices.Collect(slices.Chunk(plain, size)) }

func requireUnpacks(t testing.TB, want, packed []byte) {
	got, err := lzf.AppendDecompress(nil, packed, len(want))
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
}

// Inputs are cut into chunks of 256 kB; above 512 kB these are compressed in parallel.
func TestAppendCompress_aroundEveryCut(t *testing.T) {
	all := corpus.Lines(5<<18 + 1)
	for times := 1; times <= 5; times++ {
		for _, more := range []int{-1, 0, 1, 4, 8192} {
			plain := all[:min(times<<18+more, len(all))]
			packed := compress(t, []byte("head"), plain)
			require.Equal(t, "head", string(packed[:4]))
			requireUnpacks(t, plain, packed[4:])
		}
	}
}

func TestAppendCompress_inPieces(t *testing.T) {
	noise := make([]byte, 600_000)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	for name, all := range map[string][]byte{"lines": corpus.Lines(600_000), "zeros": make([]byte, 600_000), "noise": noise} {
		for _, size := range []int{1, 2, 5, 100, 8191, 8192, 8193, 16_384, 16_385, 1<<18 - 95, 1 << 18, 1<<18 + 1} {
			plain := all[:min(len(all), 1000*size)]
			pieces := cut(plain, size)
			packed := compress(t, nil, pieces...)
			requireUnpacks(t, plain, packed)
			require.LessOrEqual(t, len(packed), len(plain)+len(plain)/32+2*(len(pieces)+len(plain)>>18+1), "%s in pieces of %d", name, size)
		}
	}
	require.Empty(t, compress(t, nil))
	require.Empty(t, compress(t, nil, nil, []byte{}))
	requireUnpacks(t, []byte("abcabcabc"), compress(t, nil, nil, []byte("abc"), nil, nil, []byte("abcabc"), nil))
}

func TestAppendCompress_isTheSameOnAnyCores(t *testing.T) {
	pieces := cut(corpus.Lines(3_000_000), 1<<18-95)
	want := compress(t, nil, pieces...)
	for _, cores := range []int{1, 3} {
		before := runtime.GOMAXPROCS(cores)
		require.True(t, bytes.Equal(want, compress(t, nil, pieces...)), "%d cores", cores)
		runtime.GOMAXPROCS(before)
	}
}

// A piece refers to the pieces before it.
func TestAppendCompress_cutsTakeHardlyMore(t *testing.T) {
	plain := corpus.Lines(256 << 10)
	whole := len(compress(t, nil, plain))
	for _, size := range []int{128 << 10, 64 << 10, 32 << 10} {
		require.LessOrEqual(t, float64(len(compress(t, nil, cut(plain, size)...))), 1.002*float64(whole), "pieces of %d", size)
	}
	// Without references across the cut the second half would take as much as the first.
	noise := make([]byte, 8192)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(noise)
	half := len(compress(t, nil, noise))
	require.LessOrEqual(t, len(compress(t, nil, noise, noise)), half+half/10)
	require.LessOrEqual(t, len(compress(t, nil, noise[:3000], noise[3000:], noise)), half+half/10)
}

// Under the race detector a pool drops some of its items.
func TestAppendCompress_reusesItsMemory(t *testing.T) {
	pieces := cut(corpus.Lines(100_000), 60_000)
	packed := make([]byte, 0, 100_000)
	allocations := testing.AllocsPerRun(100, func() { packed, _ = lzf.AppendCompress(packed[:0], pieces...) })
	require.LessOrEqual(t, allocations, 2.0)
}

func FuzzPieces(f *testing.F) {
	f.Add([]byte("1;0712345678;numeric;Salut!;0\r\n"), uint16(5000), uint16(9000), uint16(3))
	f.Add([]byte("ab"), uint16(40_000), uint16(8192), uint16(8193))
	f.Fuzz(func(t *testing.T, unit []byte, times, first, rest uint16) {
		plain := bytes.Repeat(unit, min(int(times), 200_000/max(1, len(unit))))
		at := min(int(first), len(plain))
		pieces := append([][]byte{plain[:at]}, cut(plain[at:], max(int(rest), 1+len(plain)/100))...)
		requireUnpacks(t, plain, compress(t, nil, pieces...))
	})
}
