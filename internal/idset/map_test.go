package idset_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/idset"
)

func TestMap_isAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var m idset.Map
	plain := map[int64]uint64{}
	edges := []int64{0, 63, 64, 65, -1, -64, -65, math.MaxInt64, math.MinInt64}
	for step := range 100_000 {
		id := random.Int64N(300) - 100
		if random.IntN(10) == 0 {
			id = edges[random.IntN(len(edges))]
		}
		switch chance := random.IntN(100); {
		case chance < 45+30*(step/5000%2): // it fills for a while, and then empties
			number := 220_000_000 + random.Uint64N(1000)
			if random.IntN(200) == 0 {
				number = random.Uint64() >> random.IntN(64)
			}
			m.Set(id, number)
			plain[id] = number
		case chance < 90:
			m.Delete(id)
			delete(plain, id)
		}
		number, ok := m.Get(id)
		want, held := plain[id]
		require.Equal(t, held, ok, "%d", id)
		require.Equal(t, want, number, "%d", id)
		require.Equal(t, len(plain), m.Len())
		if step%1000 == 0 {
			require.Equal(t, plain, maps.Collect(m.All()))
		}
	}
	for id := range plain {
		m.Delete(id)
	}
	require.Zero(t, m.Len())
	require.Empty(t, maps.Collect(m.All()))
}

// Ids that come and go, as those of packages on their way do, leave nothing behind.
func TestMap_deletedIDsTakeNoMemory(t *testing.T) {
	var m idset.Map
	churn := func(ids int64) {
		for id := range ids {
			m.Set(id, 1)
			if id >= 1000 {
				m.Delete(id - 1000)
			}
		}
		for id := range ids {
			m.Delete(id)
		}
	}
	churn(10_000)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	churn(1_000_000)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20))
	runtime.KeepAlive(&m)
}

// BenchmarkMap_memory measures the bytes an id of a million.
func BenchmarkMap_memory(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, next := range map[string]func(i int64) int64{
		"rising": func(i int64) int64 { return i },
		"random": func(int64) int64 { return random.Int64() },
	} {
		b.Run(name, func(b *testing.B) {
			const n = 1_000_000
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				var m idset.Map
				for i := range int64(n) {
					m.Set(next(i), 220_000_000+uint64(i))
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/id")
				runtime.KeepAlive(&m)
			}
		})
	}
}
