package bzip2

import "math"

// costs are what each symbol costs in each table. A number holds the costs in four tables, so that
// they are added at once.
type costs [maxSymbols][2]uint64

// A group costs less than 1<<costBits: a symbol costs at most 21 bits, in 32nds.
const (
	costBits  = 16
	bitCost   = 32
	perNumber = 64 / costBits
)

func (c *costs) set(s, table int, cost uint64) {
	c[s][table/perNumber] |= cost << (table % perNumber * costBits)
}

// cheapest returns which of the first n tables is the cheapest for symbols.
func (c *costs) cheapest(symbols []uint16, n int) uint8 {
	var first, second uint64
	for _, s := range symbols {
		first += c[s][0]
		second += c[s][1]
	}
	sums := [2]uint64{first, second}
	var cheapest uint8
	least := uint64(1 << costBits)
	for i := range n {
		cost := sums[i/perNumber] >> (i % perNumber * costBits) & (1<<costBits - 1)
		if cost < least {
			cheapest, least = uint8(i), cost
		}
	}
	return cheapest
}

// setStretches cuts the alphabet into n stretches with about the same number of symbols, one for
// each table. A symbol costs 0 in the table of its stretch and 1 in the others, so a group selects
// the table whose stretch has most of its symbols.
func (c *costs) setStretches(symbols []uint16, alphabet, n int) {
	*c = costs{}
	var counts [maxSymbols]int
	for _, s := range symbols {
		counts[s]++
	}
	start, left := 0, len(symbols)
	for i := range n {
		share := left / (n - i)
		end, sum := start, 0
		for end < alphabet && (end == start || i == n-1 || sum+counts[end]/2 < share) {
			sum += counts[end]
			end++
		}
		for s := range alphabet {
			if s < start || s >= end {
				c.set(s, i, 1)
			}
		}
		start = end
		left -= sum
	}
}

// setEntropies sets the costs to what the symbols in each table would take if codes could have
// parts of a bit. A symbol that does not occur in a table counts as half a symbol there.
func (c *costs) setEntropies(t *tables) {
	*c = costs{}
	for i := range t.n {
		counts := t.counts[i][:t.alphabet]
		total := 0.0
		for _, count := range counts {
			total += float64(count) + 0.5
		}
		for s, count := range counts {
			c.set(s, i, uint64(bitCost*math.Log2(total/(float64(count)+0.5))))
		}
	}
}

// setLengths sets the costs to the lengths of the codes.
func (c *costs) setLengths(t *tables) {
	*c = costs{}
	for i := range t.n {
		for s, length := range t.lengths[i][:t.alphabet] {
			c.set(s, i, bitCost*uint64(length))
		}
	}
}
