package bzip2

import (
	"iter"
	"slices"
)

// sortSuffixes sets sa, which is as long as text, to the starts of the suffixes of text in
// lexical order. It takes linear time. The symbols of text are less than half of len(buckets).
//
// The algorithm is SA-IS (Nong, Zhang and Chan, 2009). A suffix is of type S if it is less than
// the suffix that starts one symbol later, and of type L if it is greater. The end of the text is
// less than anything. An LMS position is the start of an S suffix whose predecessor is of type L,
// and its LMS substring ends with the next LMS position. In sa, the suffixes with the same first
// symbol form a bucket, which starts with those of type L.
//
//  1. Sort the LMS substrings by induction.
//  2. Replace each by its rank, which makes a text of at most half the length.
//  3. If some ranks are equal, sort the suffixes of that text, which puts the LMS suffixes in order.
//  4. Sort all suffixes, by induction from the LMS suffixes.
func sortSuffixes[T byte | int32](text []T, sa, buckets []int32) {
	counts, next := buckets[:len(buckets)/2], buckets[len(buckets)/2:]
	clear(counts)
	for _, c := range text {
		counts[c]++
	}

	clear(sa)
	bucketEnds(next, counts)
	m := 0
	for j := range lmsPositions(text) {
		next[text[j]]--
		sa[next[text[j]]] = j
		m++
	}
	if m > 1 {
		induce(text, sa, counts, next, keepLMS)
		lms, ranks := sa[:m], sa[len(sa)-m:]
		if n := rankSubstrings(text, sa, m); n < m {
			spare := sa[m : len(sa)-m]
			if len(spare) < 2*n {
				spare = make([]int32, 2*n)
			}
			sortSuffixes(ranks, lms, spare[:2*n])
			positions := ranks // in the order of the text
			i := m
			for j := range lmsPositions(text) {
				i--
				positions[i] = j
			}
			for i, k := range lms {
				lms[i] = positions[k]
			}
		}
		clear(sa[m:])
		bucketEnds(next, counts)
		for i := m - 1; i >= 0; i-- { // no position moves to the left
			j := sa[i]
			sa[i] = 0
			next[text[j]]--
			sa[next[text[j]]] = j
		}
	}
	induce(text, sa, counts, next, keepAll)
}

// lmsPositions returns the LMS positions of text, from the last to the first.
func lmsPositions[T byte | int32](text []T) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		after := text[len(text)-1]
		s := false // whether the suffix at i+1 is of type S
		for i := len(text) - 2; i >= 0; i-- {
			c := text[i]
			if c < after {
				s = true
			} else if c > after {
				if s && !yield(int32(i+1)) {
					return
				}
				s = false
			}
			after = c
		}
	}
}

func bucketStarts(starts, counts []int32) {
	at := int32(0)
	for c, n := range counts {
		starts[c] = at
		at += n
	}
}

func bucketEnds(ends, counts []int32) {
	at := int32(0)
	for c, n := range counts {
		at += n
		ends[c] = at
	}
}

// The positions that induce keeps.
const (
	keepLMS int32 = 0
	keepAll int32 = -1
)

// induce sorts all suffixes, given the LMS positions in sa: in order, at the ends of their
// buckets, with 0 elsewhere. Given LMS positions in any order, it sorts them by their LMS
// substrings instead.
//
// Position j is put into its bucket when a pass over sa comes to j+1. The first pass, from left to
// right, is for type L, and the second, from right to left, for type S. A position is complemented
// if the suffix before it is not for this pass. With keepAll, sa is the suffix array in the end. With
// keepLMS, the LMS positions remain, complemented, among zeros.
func induce[T byte | int32](text []T, sa, counts, next []int32, keep int32) {
	bucketStarts(next, counts)
	put := func(j int32) {
		c := text[j]
		at := next[c]
		next[c] = at + 1
		if j > 0 && text[j-1] < c { // of type S
			j = ^j
		}
		sa[at] = j
	}
	put(int32(len(text) - 1))
	for i, j := range sa {
		if j > 0 {
			put(j - 1)
			sa[i] = ^j & keep
		} else if j < 0 {
			sa[i] = ^j
		}
	}

	bucketEnds(next, counts)
	for i := len(sa) - 1; i >= 0; i-- {
		j := sa[i]
		if j > 0 {
			sa[i] = j & keep
			j--
			c := text[j]
			at := next[c] - 1
			next[c] = at
			if j > 0 && text[j-1] > c { // of type L, and so j is LMS
				j = ^j
			}
			sa[at] = j
		} else if j < 0 {
			sa[i] = j ^ keep
		}
	}
}

// rankSubstrings ranks the m LMS substrings, given their positions as induce leaves them. It moves
// the positions to the start of sa, in the order of their substrings. It puts the ranks, from 0, to
// the end of sa, in the order of the text. It returns the number of different ranks.
func rankSubstrings[T byte | int32](text []T, sa []int32, m int) int {
	lms, notes := sa[:m], sa[m:]
	k := 0
	for _, j := range sa {
		if j < 0 {
			lms[k] = ^j
			k++
		}
	}

	// LMS positions are never adjacent, so there is room for a note about each at half of it: the
	// length of its substring, and then its rank, from 1.
	clear(notes)
	end := 2 * int32(len(text)) // the last one ends with the text and is longer than any
	for j := range lmsPositions(text) {
		notes[j/2] = end - j
		end = j + 1
	}
	var rank, before, length int32
	for _, j := range lms {
		n := notes[j/2]
		if n != length || !slices.Equal(text[j:j+n], text[before:before+n]) {
			rank++
		}
		notes[j/2] = rank
		before, length = j, n
	}

	at := len(sa)
	for i := len(sa) - 1; i >= m; i-- {
		if sa[i] > 0 {
			at--
			sa[at] = sa[i] - 1
		}
	}
	return int(rank)
}
