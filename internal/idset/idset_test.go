package idset_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/idset"
)

func TestSet_isASet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s, plain := idset.Set{}, map[int64]bool{}
	edges := []int64{0, 63, 64, 65, -1, -64, -65, math.MaxInt64, math.MinInt64}
	for range 20_000 {
		id := random.Int64N(300) - 100
		if random.IntN(10) == 0 {
			id = edges[random.IntN(len(edges))]
		}
		if random.IntN(2) == 0 {
			require.Equal(t, !plain[id], s.Add(id), "%d", id)
			plain[id] = true
		} else {
			s.Remove(id)
			delete(plain, id)
		}
		require.Equal(t, plain[id], s.Has(id), "%d", id)
	}
	for id := int64(-200); id < 300; id++ {
		require.Equal(t, plain[id], s.Has(id), "%d", id)
	}
	for id := range plain {
		s.Remove(id)
	}
	require.Empty(t, s)
}

// BenchmarkSet_memory measures the bytes for each of a million ids, close together and far apart.
func BenchmarkSet_memory(b *testing.B) {
	for name, step := range map[string]int64{"close": 1, "apart": 1_000_003} {
		b.Run(name, func(b *testing.B) {
			const n = 1_000_000
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				s := idset.Set{}
				for id := range int64(n) {
					s.Add(id * step)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/id")
				runtime.KeepAlive(s)
			}
		})
	}
}
