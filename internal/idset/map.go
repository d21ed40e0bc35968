package idset

import (
	"iter"
	"math"
	"math/bits"
	"slices"
)

// Map maps ids to numbers, in words of 64 neighbours. It takes about 5 bytes an id if ids lie close
// together and their numbers do, and at most 40 if they do not. Ids that are looked up or set in
// ascending order cost least. The zero value is an empty map. Goroutines may not share a Map, even
// to read it.
type Map struct {
	words map[int64]word
	pages []page
	free  []word // of pages that no word uses
	n     int

	// recent is the word that was used last. It is written to words when another one is used.
	recent    word
	recentKey int64
	changed   bool
}

// word is what a Map has of 64 neighbours: 0 for nothing, or a single id with a small number, which
// stands above the id's six bits, or the index of a page.
type word uint64

const (
	isPage   word = 1 << 63
	isSingle word = 1 << 62

	tooLarge = 1 << 56 // for a single id's number
)

func single(id int64, number uint64) word { return isSingle | word(number)<<6 | word(id&63) }

func (w word) number() uint64 { return uint64(w&^isSingle) >> 6 }

// page has a bit for each of its ids, and the numbers in the order of their ids: what they are more
// than base, or the numbers themselves if one of them is too far from base.
type page struct {
	ids  uint64
	base uint64
	near []uint32
	far  []uint64 // nil, or in place of near
}

// before counts the ids of the page that are less than bit's.
func (p *page) before(bit uint64) int { return bits.OnesCount64(p.ids & (bit - 1)) }

func (p *page) number(i int) uint64 {
	if p.far != nil {
		return p.far[i]
	}
	return p.base + uint64(p.near[i])
}

func (p *page) set(bit, number uint64) (added bool) {
	if p.ids == 0 {
		p.base, p.far = number-1<<31, nil // other numbers may be less, and it may wrap
	}
	if p.far == nil && number-p.base > math.MaxUint32 {
		far := make([]uint64, len(p.near), len(p.near)+1)
		for i := range far {
			far[i] = p.number(i)
		}
		p.near, p.far = p.near[:0], far
	}
	i := p.before(bit)
	added = p.ids&bit == 0
	p.ids |= bit
	if p.far != nil {
		p.far = put(p.far, i, number, added)
	} else {
		p.near = put(p.near, i, uint32(number-p.base), added)
	}
	return added
}

func put[N uint32 | uint64](numbers []N, i int, number N, added bool) []N {
	if added {
		return slices.Insert(numbers, i, number)
	}
	numbers[i] = number
	return numbers
}

func (p *page) remove(bit uint64) {
	i := p.before(bit)
	p.ids &^= bit
	if p.far != nil {
		p.far = slices.Delete(p.far, i, i+1)
	} else {
		p.near = slices.Delete(p.near, i, i+1)
	}
}

// use makes the word of id the recent one.
func (m *Map) use(id int64) {
	key, _ := place(id)
	if key != m.recentKey {
		m.flush()
		m.recent, m.recentKey = m.words[key], key
	}
}

func (m *Map) flush() {
	switch {
	case !m.changed:
		return
	case m.recent == 0:
		delete(m.words, m.recentKey)
	case m.words == nil:
		m.words = map[int64]word{m.recentKey: m.recent}
	default:
		m.words[m.recentKey] = m.recent
	}
	m.changed = false
}

func (m *Map) change(w word) { m.recent, m.changed = w, true }

// page returns the page of w, or nil.
func (m *Map) page(w word) *page {
	if w&isPage == 0 {
		return nil
	}
	return &m.pages[w&^isPage]
}

// Len returns the number of ids.
func (m *Map) Len() int { return m.n }

// Get returns the number of id, and reports whether id is in the map.
func (m *Map) Get(id int64) (number uint64, ok bool) {
	m.use(id)
	if p := m.page(m.recent); p != nil {
		if _, bit := place(id); p.ids&bit != 0 {
			return p.number(p.before(bit)), true
		}
		return 0, false
	}
	if number := m.recent.number(); m.recent == single(id, number) {
		return number, true
	}
	return 0, false
}

// Set puts id into the map, or changes its number.
func (m *Map) Set(id int64, number uint64) {
	m.use(id)
	was := m.recent
	if is := single(id, was.number()); number < tooLarge && (was == 0 || was == is) {
		m.change(single(id, number))
		if was == 0 {
			m.n++
		}
		return
	}
	if was&isPage == 0 {
		m.change(m.newPage())
		if was != 0 {
			_, bit := place(int64(was & 63))
			m.page(m.recent).set(bit, was.number())
		}
	}
	if _, bit := place(id); m.page(m.recent).set(bit, number) {
		m.n++
	}
}

func (m *Map) newPage() word {
	if last := len(m.free) - 1; last >= 0 {
		w := m.free[last]
		m.free = m.free[:last]
		return w
	}
	m.pages = append(m.pages, page{})
	return isPage | word(len(m.pages)-1)
}

// Delete takes id out of the map.
func (m *Map) Delete(id int64) {
	if _, ok := m.Get(id); !ok {
		return
	}
	m.n--
	p := m.page(m.recent)
	if p == nil {
		m.change(0)
		return
	}
	_, bit := place(id)
	p.remove(bit)
	if p.ids == 0 {
		m.free = append(m.free, m.recent)
		m.change(0)
	}
}

// All yields the ids and their numbers, in no particular order.
func (m *Map) All() iter.Seq2[int64, uint64] {
	return func(yield func(int64, uint64) bool) {
		m.flush()
		for key, w := range m.words {
			p := m.page(w)
			if p == nil {
				if !yield(key<<6|int64(w&63), w.number()) {
					return
				}
				continue
			}
			for i, ids := 0, p.ids; ids != 0; i, ids = i+1, ids&(ids-1) {
				if !yield(key<<6|int64(bits.TrailingZeros64(ids)), p.number(i)) {
					return
				}
			}
		}
	}
}
