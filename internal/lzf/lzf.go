// Package lzf reads and writes bare liblzf blocks: what PHP's lzf_compress and
// lzf_decompress exchange, with no header around them.
//
// A control byte c below 32 stands before c+1 literal bytes. Any other is a back
// reference: its length is (c>>5)+2, to which one further byte is added where
// c>>5 is 7; a last byte b completes the distance, ((c&31)<<8 | b) + 1.
//
// Goroutines may call its functions concurrently.
package lzf

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"sync"
)

// The limits of the form, in bytes.
const (
	maxLiteral  = 32
	minMatch    = 3
	maxMatch    = 264
	maxDistance = 8192
)

const tableBits = 16

// table maps the hash of four bytes to where they were last seen. An entry is
// only a hint: a stale or empty one fails the comparison that follows.
type table [1 << tableBits]uint32

var tables = sync.Pool{New: func() any { return new(table) }}

// maxChunk keeps positions within a table's entries, on any platform.
const maxChunk = 1 << 30

// AppendCompress appends src's compressed form to dst and returns it. It is
// never longer than src by more than one byte in 32, and empty for an empty src.
// dst and src must not overlap.
func AppendCompress(dst, src []byte) []byte {
	for len(src) > maxChunk {
		dst = appendChunk(dst, src[:maxChunk])
		src = src[maxChunk:]
	}
	return appendChunk(dst, src)
}

func appendChunk(dst, src []byte) []byte {
	seen := tables.Get().(*table)
	defer tables.Put(seen)
	// A short input needs, and pays for the clearing of, a part of the table only.
	hashBits := min(bits.Len(uint(len(src)))+1, tableBits)
	shift := 32 - hashBits
	clear(seen[:1<<hashBits])

	literal := 0 // where the bytes not yet written start
	last := len(src) - 4
	for at := 1; at <= last; {
		word := binary.LittleEndian.Uint32(src[at:])
		slot := &seen[hash(word, shift)]
		from := int(*slot)
		*slot = uint32(at)
		if at-from > maxDistance || (binary.LittleEndian.Uint32(src[from:])^word)<<8 != 0 {
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
		// The match's last positions are worth finding again; all of them would cost
		// more time than they save space.
		for back := max(at-4, at-length+1); back < at && back <= last; back++ {
			seen[hash(binary.LittleEndian.Uint32(src[back:]), shift)] = uint32(back)
		}
	}
	return appendLiterals(dst, src[literal:])
}

// hash mixes four bytes, although three make a match: one of three gains a byte or
// none, and looking for those takes longer and hides longer ones.
func hash(word uint32, shift int) uint16 {
	return uint16(word * 2654435761 >> (shift & 31))
}

// matchLength tells how many bytes at from and at at agree, of which the first
// three are known to.
func matchLength(src []byte, from, at int) int {
	limit := min(len(src)-at, maxMatch)
	ahead, behind := src[at:at+limit], src[from:from+limit]
	length := minMatch
	for ; length+8 <= limit; length += 8 {
		if diff := binary.LittleEndian.Uint64(ahead[length:]) ^ binary.LittleEndian.Uint64(behind[length:]); diff != 0 {
			return length + bits.TrailingZeros64(diff)/8
		}
	}
	for length < limit && behind[length] == ahead[length] {
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

// The errors of AppendDecompress.
var (
	ErrCorrupt  = errors.New("lzf: corrupt input")
	ErrTooLarge = errors.New("lzf: more than the allowed bytes")
)

// AppendDecompress appends src's plain form, of at most limit bytes, to dst and
// returns it. It fails with ErrCorrupt or ErrTooLarge, then returns dst as it
// was, and never grows dst past the limit on the way. dst and src must not
// overlap.
func AppendDecompress(dst, src []byte, limit int) ([]byte, error) {
	start := len(dst)
	for len(src) > 0 {
		control := int(src[0])
		src = src[1:]
		if control < maxLiteral {
			n := control + 1
			switch {
			case n > len(src):
				return dst[:start], ErrCorrupt
			case n > limit-(len(dst)-start):
				return dst[:start], ErrTooLarge
			}
			dst = append(dst, src[:n]...)
			src = src[n:]
			continue
		}

		length := control >> 5
		if length == 7 {
			if len(src) == 0 {
				return dst[:start], ErrCorrupt
			}
			length += int(src[0])
			src = src[1:]
		}
		length += minMatch - 1
		if len(src) == 0 {
			return dst[:start], ErrCorrupt
		}
		distance := ((control&31)<<8 | int(src[0])) + 1
		src = src[1:]
		switch {
		case distance > len(dst)-start:
			return dst[:start], ErrCorrupt
		case length > limit-(len(dst)-start):
			return dst[:start], ErrTooLarge
		}
		dst = appendMatch(dst, distance, length)
	}
	return dst, nil
}

// appendMatch repeats the length bytes that stand distance before dst's end. Where
// the two overlap, what it has just written is repeated in turn.
func appendMatch(dst []byte, distance, length int) []byte {
	from := len(dst) - distance
	for length > 0 {
		n := min(length, len(dst)-from)
		dst = append(dst, dst[from:from+n]...)
		length -= n
	}
	return dst
}
