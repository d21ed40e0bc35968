package campaign

import (
	"hash/maphash"
	"slices"
)

// Repeated counts good rows that have receiver and text in common with an earlier one, in 8 bytes
// a row. Its zero value is empty.
type Repeated struct {
	seed   maphash.Seed
	hashes []uint64
}

// Add adds a row.
func (r *Repeated) Add(row *Row) {
	if row.Bad != nil {
		return
	}
	if len(r.hashes) == 0 {
		r.seed = maphash.MakeSeed()
	}
	var h maphash.Hash
	h.SetSeed(r.seed)
	h.WriteString(row.Receiver())
	h.WriteByte(0)
	h.WriteString(row.Text)
	r.hashes = append(r.hashes, h.Sum64())
}

// Count returns how many rows repeat an earlier one. Two rows that differ are counted with a
// probability of about 1 in 30 million for a million rows.
func (r *Repeated) Count() int {
	slices.Sort(r.hashes)
	return len(r.hashes) - len(slices.Compact(r.hashes))
}
