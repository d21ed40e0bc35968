package bzip2_test

import (
	"bytes"
	stdbzip2 "compress/bzip2"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	dsnet "github.com/dsnet/compress/bzip2"
	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/bzip2"
)

func compress(t testing.TB, src ...[]byte) []byte {
	t.Helper()
	packed, err := bzip2.AppendCompress(nil, src...)
	require.NoError(t, err)
	return packed
}

// requireReadable fails t unless both of Go's decoders read plain from packed. The short form gives
// dsnet's, which is slow, only what is small.
func requireReadable(t testing.TB, plain, packed []byte) {
	t.Helper()
	got, err := io.ReadAll(stdbzip2.NewReader(bytes.NewReader(packed)))
	require.NoError(t, err, "compress/bzip2")
	require.True(t, bytes.Equal(plain, got), "compress/bzip2 reads something else")
	if !long && len(packed) > 10_000 {
		return
	}
	in, err := dsnet.NewReader(bytes.NewReader(packed), nil)
	require.NoError(t, err)
	got, err = io.ReadAll(in)
	require.NoError(t, err, "dsnet/compress")
	require.True(t, bytes.Equal(plain, got), "dsnet/compress reads something else")
}

func TestAppendCompress_isRead(t *testing.T) {
	for name, plain := range inputs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			packed := compress(t, plain)
			requireReadable(t, plain, packed)
			require.Equal(t, "BZh9", string(packed[:4]))
		})
	}
}

func TestAppendCompress_appends(t *testing.T) {
	plain := campaign(10)
	got, err := bzip2.AppendCompress([]byte("head"), plain)
	require.NoError(t, err)
	require.Equal(t, "head", string(got[:4]))
	require.Equal(t, compress(t, plain), got[4:])
}

func TestAppendCompress_isTheSameFromPieces(t *testing.T) {
	for name, plain := range map[string][]byte{"campaign": campaign(10_000), "runs": runs(1_000_000)} {
		t.Run(name, func(t *testing.T) {
			whole := compress(t, plain)
			for _, size := range []int{7, 123_457, 900_000} {
				pieces := append([][]byte{nil}, slices.Collect(slices.Chunk(plain, size))...)
				before := slices.Clone(pieces)
				require.True(t, bytes.Equal(whole, compress(t, pieces...)), "pieces of %d bytes", size)
				require.Len(t, pieces, len(before))
				for i := range pieces {
					require.Len(t, pieces[i], len(before[i]), "the caller's pieces have changed")
				}
			}
		})
	}
}

func TestAppendCompress_isTheSameOnAnyNumberOfCores(t *testing.T) {
	plain := campaign(20_000) // four blocks
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	want := compress(t, plain)
	for _, cores := range []int{2, 16} {
		runtime.GOMAXPROCS(cores)
		require.True(t, bytes.Equal(want, compress(t, plain)), "%d cores", cores)
	}
}

// A short input needs little memory, even with none left from before.
func TestAppendCompress_memoryOfOneMessage(t *testing.T) {
	plain := campaign(1)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC() // what was kept is first set aside,
	runtime.GC() // and then let go
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	packed, err := bzip2.AppendCompress(nil, plain)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	requireReadable(t, plain, packed)
	require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(40_000))
}

func FuzzAppendCompress(f *testing.F) {
	f.Add([]byte("Salut"), uint16(1), uint16(0))
	f.Add([]byte("aaaab"), uint16(9000), uint16(3))
	f.Add([]byte("a"), uint16(260), uint16(259))
	f.Add(noise(100), uint16(10_000), uint16(50))
	f.Fuzz(func(t *testing.T, piece []byte, times, cut uint16) {
		if len(piece)*int(times) > 2_000_000 {
			return // slow, and no different
		}
		plain := bytes.Repeat(piece, int(times))
		packed := compress(t, plain)
		requireReadable(t, plain, packed)
		at := min(int(cut), len(plain))
		require.True(t, bytes.Equal(packed, compress(t, plain[:at], plain[at:])), "not the same from pieces")
	})
}

// BenchmarkAppendCompress measures our encoder beside dsnet's, both on one core and in one run.
func BenchmarkAppendCompress(b *testing.B) {
	for _, messages := range []int{1, 10, 100, 1000, 100_000} {
		plain := campaign(messages)
		b.Run(fmt.Sprintf("messages=%d/ours", messages), func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			var packed []byte
			for b.Loop() {
				packed, _ = bzip2.AppendCompress(packed[:0], plain)
			}
			b.ReportMetric(float64(len(packed)), "packed-B")
		})
		b.Run(fmt.Sprintf("messages=%d/dsnet", messages), func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			w, err := dsnet.NewWriter(nil, &dsnet.WriterConfig{Level: dsnet.BestCompression})
			require.NoError(b, err)
			var packed bytes.Buffer
			for b.Loop() {
				packed.Reset()
				_ = w.Reset(&packed)
				_, _ = w.Write(plain)
				_ = w.Close()
			}
			b.ReportMetric(float64(packed.Len()), "packed-B")
		})
	}
}
