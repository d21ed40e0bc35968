// Package lzf reads and writes bare liblzf blocks, without a header, like PHP's lzf_compress and
// lzf_decompress.
//
// A control byte c below 32 comes before c+1 literal bytes. Any other starts a back reference of
// length (c>>5)+2. If c>>5 is 7, the next byte is added to the length. The last byte b of the
// reference completes its distance, ((c&31)<<8 | b) + 1.
//
// Goroutines may call its functions concurrently.
package lzf

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"sync"

	"github.com/go-smslink/smslink/internal/parallel"
)

// The limits of the format, in bytes.
const (
	maxLiteral  = 32
	minMatch    = 3
	maxMatch    = 264
	maxDistance = 8192
)

// A long input is compressed in chunks, in parallel if it is longer than serialSize. Each chunk
// refers back to the end of the one before it, so little compression is lost.
const (
	chunkSize  = 256 << 10
	serialSize = 512 << 10
)

// AppendCompress appends the compressed form of the pieces, joined, to dst and returns it. The form
// is longer than the pieces by at most one byte in 32, and two bytes for each piece and each 256
// kB. It depends on how the pieces are cut, but not on the number of cores. dst and the pieces must
// not overlap. If there is an error, AppendCompress returns dst unchanged.
func AppendCompress(dst []byte, pieces ...[]byte) ([]byte, error) {
	size := 0
	for _, piece := range pieces {
		size += len(piece)
	}
	if size <= serialSize {
		for c := range chunks(pieces) {
			dst = c.appendTo(dst, pieces)
		}
		return dst, nil
	}
	all := slices.Collect(chunks(pieces))
	dst, err := parallel.Append(dst, len(all), func(dst []byte, i int) ([]byte, error) {
		c := all[i]
		return c.appendTo(slices.Grow(dst, (c.to-c.from)/3), pieces), nil
	})
	if err != nil {
		return dst, fmt.Errorf("lzf: %w", err)
	}
	return dst, nil
}

// chunk is the part [from, to) of a piece.
type chunk struct{ piece, from, to int }

func chunks(pieces [][]byte) iter.Seq[chunk] {
	return func(yield func(chunk) bool) {
		for i, piece := range pieces {
			for from := 0; from < len(piece); from += chunkSize {
				if !yield(chunk{i, from, min(from+chunkSize, len(piece))}) {
					return
				}
			}
		}
	}
}

func (c chunk) appendTo(dst []byte, pieces [][]byte) []byte {
	m := memories.Get().(*memory)
	defer memories.Put(m)
	piece := pieces[c.piece][:c.to]
	if c.from > 0 || c.piece == 0 {
		start := max(0, c.from-maxDistance)
		return m.table.append(dst, piece[start:], c.from-start)
	}
	// The first bytes may refer to earlier pieces, so they are compressed behind a copy of their
	// end.
	m.joined = appendEnd(m.joined[:0], pieces[:c.piece])
	before, first := len(m.joined), min(len(piece), maxDistance)
	m.joined = append(m.joined, piece[:first]...)
	dst = m.table.append(dst, m.joined, before)
	return m.table.append(dst, piece, first)
}

// appendEnd appends the last maxDistance bytes of pieces.
func appendEnd(dst []byte, pieces [][]byte) []byte {
	first, n := len(pieces), 0
	for first > 0 && n < maxDistance {
		first--
		n += len(pieces[first])
	}
	skip := max(0, n-maxDistance)
	for _, piece := range pieces[first:] {
		dst = append(dst, piece[skip:]...)
		skip = 0
	}
	return dst
}

// memory is the scratch space for compressing a chunk.
type memory struct {
	table  table
	joined []byte
}

var memories = sync.Pool{New: func() any { return new(memory) }}

const tableBits = 15

// table maps the hash of four bytes to where they were last seen. An entry is only a hint, since
// other bytes may have the same hash. An empty entry is 0.
type table [1 << tableBits]uint32

// append appends the compressed form of src[start:], which may refer to all of src.
func (t *table) append(dst, src []byte, start int) []byte {
	// A short input needs only a part of the table, and clears no more.
	hashBits := min(bits.Len(uint(len(src)))+1, tableBits)
	shift := 32 - hashBits
	clear(t[:1<<hashBits])
	t.learn(src[:start], shift)

	literal := start // where the bytes not yet written start
	last := len(src) - 4
	for at := max(start, 1); at <= last; {
		word := binary.LittleEndian.Uint32(src[at:])
		slot := &t[hash(word, shift)]
		from := int(*slot)
		*slot = uint32(at)
		if at-from > maxDistance || binary.LittleEndian.Uint32(src[from:]) != word {
			at++
			continue
		}
		length := matchLength(src, from, at)
		for at > literal && from > 0 && length < maxMatch && src[at-1] == src[from-1] {
			at, from, length = at-1, from-1, length+1
		}
		dst = appendLiterals(dst, src[literal:at])
		dst = appendReference(dst, at-from, length)
		at += length
		literal = at
		// Record the match's last positions. All of them would cost more time than they save space.
		for back := max(at-4, at-length+1); back < at && back <= last; back++ {
			t[hash(binary.LittleEndian.Uint32(src[back:]), shift)] = uint32(back)
		}
	}
	return appendLiterals(dst, src[literal:])
}

// learn records every other position of src. All would cost more time than they save space.
func (t *table) learn(src []byte, shift int) {
	for at := 1; at+4 <= len(src); at += 2 {
		t[hash(binary.LittleEndian.Uint32(src[at:]), shift)] = uint32(at)
	}
}

// hash takes four bytes, although a match may have three: a reference to three saves a byte at
// most, and looking for those takes longer and hides longer matches.
func hash(word uint32, shift int) uint16 {
	return uint16(word * 2654435761 >> (shift & 31))
}

// matchLength returns how many bytes are equal from the offsets from and at. The first four are.
func matchLength(src []byte, from, at int) int {
	length := 4
	if at+maxMatch <= len(src) {
		for ; length+8 <= maxMatch; length += 8 {
			here, there := binary.LittleEndian.Uint64(src[at+length:]), binary.LittleEndian.Uint64(src[from+length:])
			if diff := here ^ there; diff != 0 {
				return length + bits.TrailingZeros64(diff)/8
			}
		}
	}
	limit := min(len(src)-at, maxMatch)
	for length < limit && src[from+length] == src[at+length] {
		length++
	}
	return length
}

func appendLiterals(dst, literals []byte) []byte {
	for len(literals) > 0 {
		n := min(len(literals), maxLiteral)
		dst = append(dst, byte(n-1))
		dst = append(dst, literals[:n]...)
		literals = literals[n:]
	}
	return dst
}

func appendReference(dst []byte, distance, length int) []byte {
	distance--
	length -= minMatch - 1
	if length < 7 {
		return append(dst, byte(length<<5|distance>>8), byte(distance))
	}
	return append(dst, byte(7<<5|distance>>8), byte(length-7), byte(distance))
}
