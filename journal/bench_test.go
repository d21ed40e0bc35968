package journal_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/journal"
)

// campaign says how ids and the gateway's ids follow each other.
type campaign struct {
	name string
	next func(random *rand.Rand, id int64, remote uint64) (int64, uint64)
}

var campaigns = []campaign{
	{"both rise by 1", func(_ *rand.Rand, id int64, remote uint64) (int64, uint64) { return id + 1, remote + 1 }},
	{"ids rise by 1, the gateway's by 1 to 9", func(r *rand.Rand, id int64, remote uint64) (int64, uint64) {
		return id + 1, remote + 1 + r.Uint64N(9)
	}},
	{"both rise by 1 to 9", func(r *rand.Rand, id int64, remote uint64) (int64, uint64) {
		return id + 1 + r.Int64N(9), remote + 1 + r.Uint64N(9)
	}},
	{"ids of 63 random bits", func(r *rand.Rand, _ int64, remote uint64) (int64, uint64) { return r.Int64(), remote + 1 }},
	{"both random", func(r *rand.Rand, _ int64, _ uint64) (int64, uint64) { return r.Int64(), 220_000_000 + r.Uint64N(1e8) }},
}

// sent records packages as a stream does.
func (c campaign) sent(t testing.TB, j *journal.File, packages, perPackage int) {
	random := rand.New(rand.NewPCG(1, 2))
	id, remote := int64(0), uint64(220_000_000)
	ids := make([]int64, perPackage)
	results := make([]smslink.Result, perPackage)
	for range packages {
		for i := range ids {
			id, remote = c.next(random, id, remote)
			ids[i] = id
			results[i] = smslink.Result{ID: id, Status: smslink.StatusSuccess, RemoteID: strconv.FormatUint(remote, 10)}
		}
		known, err := j.Known(background, ids)
		require.NoError(t, err)
		require.Empty(t, known)
		require.NoError(t, j.Intend(background, ids))
		require.NoError(t, j.Record(background, results, nil))
	}
}

func TestFile_takesLittleOnTheDisk(t *testing.T) {
	for i, most := range []float64{0.05, 2.1, 6.1, 41, 55} {
		c := campaigns[i]
		path := filepath.Join(t.TempDir(), "journal")
		c.sent(t, open(t, path), 3, 10_000)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Less(t, float64(info.Size())/30_000, most, c.name)
	}
}

// BenchmarkFile_million records a million messages, and opens their journal. It also measures their
// bytes on the disk and in memory.
func BenchmarkFile_million(b *testing.B) {
	const packages, perPackage = 100, 10_000
	for _, c := range campaigns {
		path := filepath.Join(b.TempDir(), "journal")
		send := func() {
			require.NoError(b, os.RemoveAll(path))
			j, err := journal.Open(path)
			require.NoError(b, err)
			c.sent(b, j, packages, perPackage)
			require.NoError(b, j.Close())
		}
		b.Run(c.name+"/send", func(b *testing.B) {
			for b.Loop() {
				send()
			}
			info, err := os.Stat(path)
			require.NoError(b, err)
			b.ReportMetric(float64(info.Size())/(packages*perPackage), "disk-B/message")
		})
		b.Run(c.name+"/open", func(b *testing.B) {
			send()
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				j, err := journal.Open(path)
				require.NoError(b, err)
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(packages*perPackage), "heap-B/message")
				require.NoError(b, j.Close())
			}
		})
	}
}
