package bzip2

import (
	"bytes"
	"slices"
)

// sorter does the Burrows-Wheeler transform. It is kept for its memory.
type sorter struct {
	text     []byte
	suffixes []int32
	room     []int32
}

// transform sorts the rotations of block, which is not empty, and replaces block by their last
// bytes. It returns the position of block itself among them.
//
// It sorts the suffixes of the least rotation instead. Their order is the same: if one suffix is a
// prefix of another, it comes first, and its rotation is not the greater one, since it goes on with
// the least rotation. Equal rotations may be in any order.
func (s *sorter) transform(block []byte) (position int) {
	n := len(block)
	start := leastRotation(block)
	s.text = append(append(s.text[:0], block[start:]...), block[:start]...)
	s.suffixes = slices.Grow(s.suffixes[:0], n)[:n]
	s.room = slices.Grow(s.room[:0], n)[:n]
	var buckets [2 * 256]int32
	sortSuffixes(s.text, s.suffixes, s.room, buckets[:])
	first := int32((n - start) % n) // where block starts in text
	for i, j := range s.suffixes {
		if j == first {
			position = i
		}
		if j == 0 {
			j = int32(n)
		}
		block[i] = s.text[j-1]
	}
	return position
}

// leastRotation returns the start of the least rotation of s, which is not empty. It takes linear
// time.
func leastRotation(s []byte) int {
	n := len(s)
	least := slices.Min(s)
	next := func(i int) int { // the first candidate from i on
		if i < n {
			if k := bytes.IndexByte(s[i:], least); k >= 0 {
				return i + k
			}
		}
		return n
	}
	// Two candidates are compared; all others before the greater of them have lost.
	i := next(0)
	j := next(i + 1)
	for i < n && j < n {
		k := 0
		for k < n && s[(i+k)%n] == s[(j+k)%n] {
			k++
		}
		if k == n {
			break
		}
		// If i loses by its byte at k, then so does each i+m, up to i+k, to j+m.
		if s[(i+k)%n] > s[(j+k)%n] {
			i = next(i + k + 1)
		} else {
			j = next(j + k + 1)
		}
		if i == j {
			j = next(j + 1)
		}
	}
	return min(i, j)
}
