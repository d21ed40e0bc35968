package bzip2

import (
	"encoding/binary"
	"slices"
)

// bitWriter appends bits to dst, the most significant first.
type bitWriter struct {
	dst  []byte
	held uint64 // its low n bits are to be appended next; those above were appended before
	n    int    // less than 32
}

// write appends the low n bits of value, at most 32. The others must be zero.
func (w *bitWriter) write(value uint32, n int) {
	w.held = w.held<<n | uint64(value)
	if w.n += n; w.n >= 32 {
		w.n -= 32
		w.dst = binary.BigEndian.AppendUint32(w.dst, uint32(w.held>>w.n))
	}
}

// writeMagic appends a number of 48 bits.
func (w *bitWriter) writeMagic(magic uint64) {
	w.write(uint32(magic>>32), 16)
	w.write(uint32(magic), 32)
}

// append appends all bits of other. The dst of other began empty, so its length is a multiple of
// four bytes.
func (w *bitWriter) append(other *bitWriter) {
	w.dst = slices.Grow(w.dst, len(other.dst)+8)
	for src := other.dst; len(src) > 0; src = src[4:] {
		w.write(binary.BigEndian.Uint32(src), 32)
	}
	w.write(uint32(other.held)&(1<<other.n-1), other.n)
}

// flush pads the bits with zeros to a whole byte and returns dst.
func (w *bitWriter) flush() []byte {
	end := len(w.dst) + (w.n+7)/8
	w.write(0, 32-w.n)
	return w.dst[:end]
}

func (w *bitWriter) clone() *bitWriter {
	return &bitWriter{slices.Clone(w.dst), w.held, w.n}
}
