package bzip2

import "slices"

// The symbols of a block are coded in groups of 50. Each group has a selector, the number of the
// table by which it is coded.
const (
	groupSize = 50
	minTables = 2
	maxTables = 6
)

const (
	// maxRounds limits how often groups select tables by one kind of costs. More rounds shorten a
	// block by less than 0.2 %.
	maxRounds = 3
	// manySymbols are enough for all tables to pay for themselves.
	manySymbols = 3000
)

// tables are the prefix codes of a block.
type tables struct {
	n         int
	alphabet  int // the number of different symbols
	selectors []uint8
	counts    [maxTables][maxSymbols]uint32 // of each symbol in the groups that select a table
	lengths   [maxTables][maxSymbols]uint8  // of the codes
}

// chooseTables returns tables for symbols, made in best or other. It looks for the number of tables
// that makes the block shortest.
func chooseTables(symbols []uint16, alphabet int, best, other *tables) *tables {
	if len(symbols) >= manySymbols {
		best.fit(symbols, alphabet, maxTables)
		return best
	}
	best.fit(symbols, alphabet, 1)
	for n := minTables; n <= maxTables; n++ {
		other.fit(symbols, alphabet, n)
		if other.size() >= best.size() {
			break
		}
		best, other = other, best
	}
	return best
}

// fit makes n tables for symbols. If n is 1, it makes a second one, which no group selects, because
// a block has at least two.
//
// First, groups select tables by stretches of the alphabet. Then each group selects the table whose
// groups are most like it, until none changes its selection: by the entropies, which show small
// differences, and then by the lengths of the codes.
func (t *tables) fit(symbols []uint16, alphabet, n int) {
	t.n = max(n, minTables)
	t.alphabet = alphabet
	groups := (len(symbols) + groupSize - 1) / groupSize
	t.selectors = slices.Grow(t.selectors[:0], groups)[:groups]
	clear(t.selectors)

	var c costs
	c.setStretches(symbols, alphabet, n)
	t.reselect(symbols, &c, n)
	if n > 1 {
		for range maxRounds {
			c.setEntropies(t)
			if !t.reselect(symbols, &c, n) {
				break
			}
		}
		for range maxRounds {
			t.makeCodes()
			c.setLengths(t)
			if !t.reselect(symbols, &c, n) {
				break
			}
		}
	}
	t.makeCodes()
}

// reselect selects the cheapest of the first n tables for each group, and counts the symbols again.
// It reports whether any selector changed.
func (t *tables) reselect(symbols []uint16, c *costs, n int) (changed bool) {
	clear(t.counts[:])
	for g, before := range t.selectors {
		part := group(symbols, g)
		cheapest := c.cheapest(part, n)
		changed = changed || cheapest != before
		t.selectors[g] = cheapest
		counts := &t.counts[cheapest]
		for _, s := range part {
			counts[s]++
		}
	}
	return changed
}

// makeCodes makes each table's codes for the symbols counted.
func (t *tables) makeCodes() {
	for i := range t.n {
		codeLengths(t.lengths[i][:t.alphabet], t.counts[i][:t.alphabet])
	}
}

// group returns the symbols of group g. The last may have fewer than 50.
func group(symbols []uint16, g int) []uint16 {
	return symbols[g*groupSize : min((g+1)*groupSize, len(symbols))]
}

// size returns the number of bits that write and writeSymbols would write.
func (t *tables) size() int {
	size := 3 + 15
	last := firstOrder
	for _, s := range t.selectors {
		size += last.moveToFront(s) + 1
	}
	for i := range t.n {
		size += 5
		before := t.lengths[i][0]
		for s, length := range t.lengths[i][:t.alphabet] {
			size += 2*int(max(before, length)-min(before, length)) + 1
			size += int(t.counts[i][s]) * int(length)
			before = length
		}
	}
	return size
}

// write writes the selectors and the lengths of the codes.
func (t *tables) write(w *bitWriter) {
	w.write(uint32(t.n), 3)
	w.write(uint32(len(t.selectors)), 15)
	last := firstOrder
	for _, s := range t.selectors {
		rank := last.moveToFront(s)
		w.write(1<<(rank+1)-2, rank+1) // as many ones, and a zero
	}
	for i := range t.n {
		before := t.lengths[i][0]
		w.write(uint32(before), 5)
		for _, length := range t.lengths[i][:t.alphabet] {
			for ; before < length; before++ {
				w.write(0b10, 2)
			}
			for ; before > length; before-- {
				w.write(0b11, 2)
			}
			w.write(0, 1)
		}
	}
}

// writeSymbols writes symbols in their codes.
func (t *tables) writeSymbols(w *bitWriter, symbols []uint16) {
	var codes [maxTables][maxSymbols]uint32
	for i := range t.n {
		canonicalCodes(codes[i][:t.alphabet], t.lengths[i][:t.alphabet])
	}
	for g, i := range t.selectors {
		codes, lengths := &codes[i], &t.lengths[i]
		for _, s := range group(symbols, g) {
			w.write(codes[s], int(lengths[s]))
		}
	}
}

// order holds the tables, the most recently selected first.
type order [maxTables]uint8

var firstOrder = order{0, 1, 2, 3, 4, 5}

// moveToFront moves table i to the front and returns its rank before.
func (o *order) moveToFront(i uint8) (rank int) {
	rank = slices.Index(o[:], i)
	copy(o[1:rank+1], o[:rank])
	o[0] = i
	return rank
}
