package bzip2

import "slices"

// sortSuffixes sets sa to the starts of the suffixes of text in lexical order. It takes linear
// time. The text is not empty, sa is as long, and room, which is scratch space, at least as long.
// The symbols of text are less than half of len(buckets).
//
// The algorithm is SA-IS (Nong, Zhang and Chan, 2009). A suffix is of type S if it is less than
// the suffix that starts one symbol later, and of type L if it is greater. The end of the text is
// less than anything. An LMS position is the start of an S suffix whose predecessor is of type L,
// and its LMS substring ends with the next LMS position. In sa, the suffixes with the same first
// symbol form a bucket, which starts with those of type L.
//
//  1. Sort the LMS substrings by induction.
//  2. Replace each by its rank, which makes a text of at most half the length.
//  3. If some ranks are equal, sort the suffixes of that text, which puts the LMS suffixes in
//     order.
//  4. Sort all suffixes, by induction from the LMS suffixes.
func sortSuffixes[T byte | int32](text []T, sa, room, buckets []int32) {
	counts, next := buckets[:len(buckets)/2], buckets[len(buckets)/2:]
	clear(counts)
	for _, c := range text {
		counts[c]++
	}

	lms, room := lmsPositions(text, room)
	m := len(lms)
	clear(sa)
	bucketEnds(next, counts)
	for _, j := range lms {
		next[text[j]]--
		sa[next[text[j]]] = j
	}
	if m > 1 {
		induce(text, sa, counts, next, keepLMS)
		sorted, ranks := sa[:m], sa[len(sa)-m:]
		if n := rankSubstrings(text, sa, lms); n < m {
			spare := sa[m : len(sa)-m]
			if len(spare) < 2*n {
				spare = make([]int32, 2*n)
			}
			sortSuffixes(ranks, sorted, room, spare[:2*n])
			for i, k := range sorted {
				sorted[i] = lms[k]
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

// lmsPositions returns the LMS positions of text in order. It puts them at the end of room and
// returns what is left of room.
func lmsPositions[T byte | int32](text []T, room []int32) (lms, rest []int32) {
	at := len(room)
	after := text[len(text)-1]
	s := 0 // 1 if the suffix at i+1 is of type S
	for i := len(text) - 2; i >= 0; i-- {
		c := text[i]
		less, greater := 0, 0
		if c < after {
			less = 1
		}
		if c > after {
			greater = 1
		}
		room[at-1] = int32(i + 1) // stays if it is LMS; a branch would be mispredicted too often
		at -= s & greater
		s = s&^greater | less
		after = c
	}
	return room[at:], room[:at]
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
// if the suffix before it is not for this pass. With keepAll, sa is the suffix array in the end.
// With keepLMS, the LMS positions remain, complemented, among zeros.
func induce[T byte | int32](text []T, sa, counts, next []int32, keep int32) {
	bucketStarts(next, counts)
	put := func(j int32) {
		c := text[j]
		before := c
		if j > 0 {
			before = text[j-1]
		}
		if before < c { // of type S
			j = ^j
		}
		sa[next[c]] = j
		next[c]++
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
			before := c
			if j > 0 {
				before = text[j-1]
			}
			if before > c { // of type L, and so j is LMS
				j = ^j
			}
			next[c]--
			sa[next[c]] = j
		} else if j < 0 {
			sa[i] = j ^ keep
		}
	}
}

// rankSubstrings ranks the LMS substrings, given their positions as induce leaves them in sa, and
// in order. It moves the former to the start of sa, and puts the ranks, from 0 and in the order of
// the text, to the end of sa. It returns the number of different ranks.
func rankSubstrings[T byte | int32](text []T, sa, lms []int32) int {
	m := len(lms)
	sorted, notes := sa[:m], sa[m:]
	k := 0
	for _, j := range sa {
		if j < 0 {
			sorted[k] = ^j
			k++
		}
	}

	// LMS positions are never adjacent, so there is room for a note about each at half of it: the
	// length of its substring, and then its rank.
	for i, j := range lms[:m-1] {
		notes[j/2] = lms[i+1] + 1 - j
	}
	notes[lms[m-1]/2] = int32(len(text)) + 1 // ends with the text, so it equals no other
	rank := int32(-1)
	var before, length int32
	for _, j := range sorted {
		n := notes[j/2]
		if n != length || !slices.Equal(text[j:j+n], text[before:before+n]) {
			rank++
		}
		notes[j/2] = rank
		before, length = j, n
	}

	ranks := sa[len(sa)-m:]
	for k := m - 1; k >= 0; k-- { // no rank moves to the left
		ranks[k] = notes[lms[k]/2]
	}
	return int(rank) + 1
}
