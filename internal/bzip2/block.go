package bzip2

const blockMagic = 0x314159265359

// encoder compresses blocks. It is kept for its memory.
type encoder struct {
	block   []byte // its runs shortened
	crc     uint32 // of its bytes before their runs were shortened
	sorter  sorter
	symbols []uint16
	tables  [2]tables
	out     bitWriter
}

// encode writes the compressed form of e.block to e.out. It overwrites e.block.
func (e *encoder) encode() {
	e.out = bitWriter{dst: e.out.dst[:0]}
	e.out.writeMagic(blockMagic)
	e.out.write(e.crc, 32)
	e.out.write(0, 1) // a flag that is no longer in use
	e.out.write(uint32(e.sorter.transform(e.block)), 24)
	used := bytesIn(e.block)
	used.write(&e.out)
	var alphabet int
	e.symbols, alphabet = appendSymbols(e.symbols[:0], e.block, used)
	t := chooseTables(e.symbols, alphabet, &e.tables[0], &e.tables[1])
	t.write(&e.out)
	t.writeSymbols(&e.out, e.symbols)
}

// byteSet holds whether each byte value is in use.
type byteSet [256]bool

func bytesIn(block []byte) *byteSet {
	var set byteSet
	for _, c := range block {
		set[c] = true
	}
	return &set
}

// write writes 16 bits, one for each range of 16 byte values, set if any of them is in use. For
// each such range, it then writes 16 more bits, one for each value.
func (set *byteSet) write(w *bitWriter) {
	var ranges uint32
	var values [16]uint32
	for c, used := range set {
		if used {
			ranges |= 1 << (15 - c/16)
			values[c/16] |= 1 << (15 - c%16)
		}
	}
	w.write(ranges, 16)
	for _, v := range values {
		if v != 0 {
			w.write(v, 16)
		}
	}
}
