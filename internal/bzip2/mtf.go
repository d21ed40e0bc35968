package bzip2

// The symbols of a block are the ranks of its bytes in a list of the byte values in use, in which
// each byte is then moved to the front. A rank other than 0 is the symbol one above it. A run of
// rank 0 is written as its length in binary with the digits 1 and 2, the least significant first,
// which are the symbols 0 and 1. The greatest symbol ends the block.
const maxSymbols = 256 + 2

// appendSymbols appends the symbols of block, whose bytes are those in set. It also returns the
// number of different symbols that there may be.
func appendSymbols(symbols []uint16, block []byte, set *byteSet) (_ []uint16, alphabet int) {
	var list [256]byte
	n := 0
	for c, used := range set {
		if used {
			list[n] = byte(c)
			n++
		}
	}
	run := 0
	for _, c := range block {
		if c == list[0] {
			run++
			continue
		}
		symbols = appendRun(symbols, run)
		run = 0
		rank := uint8(0)
		for moved := c; ; rank++ {
			moved, list[rank] = list[rank], moved
			if moved == c {
				break
			}
		}
		symbols = append(symbols, uint16(rank)+1)
	}
	symbols = appendRun(symbols, run)
	return append(symbols, uint16(n+1)), n + 2
}

// appendRun appends the symbols of a run of n. They are the digits of n+1 in ordinary binary,
// without the leading one.
func appendRun(symbols []uint16, n int) []uint16 {
	for n++; n > 1; n >>= 1 {
		symbols = append(symbols, uint16(n&1))
	}
	return symbols
}
