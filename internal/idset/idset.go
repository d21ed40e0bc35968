// Package idset has a set of ids that takes little memory if the ids lie close together, as a
// table's keys do.
package idset

// Set has a bit for each id, in words of 64 neighbors. The zero value is an empty set to which
// nothing can be added: create it like a map.
type Set map[int64]uint64

func place(id int64) (word int64, bit uint64) { return id >> 6, 1 << (id & 63) }

// Has reports whether id is in the set.
func (s Set) Has(id int64) bool {
	word, bit := place(id)
	return s[word]&bit != 0
}

// Add puts id into the set and reports whether it was not there.
func (s Set) Add(id int64) bool {
	word, bit := place(id)
	held := s[word]
	if held&bit != 0 {
		return false
	}
	s[word] = held | bit
	return true
}

// Remove takes id out of the set.
func (s Set) Remove(id int64) {
	word, bit := place(id)
	switch held := s[word]; {
	case held&bit == 0:
	case held == bit:
		delete(s, word)
	default:
		s[word] = held &^ bit
	}
}
