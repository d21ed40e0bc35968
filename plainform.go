package smslink

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-smslink/smslink/gsm7"
	"github.com/go-smslink/smslink/internal/idset"
	"github.com/go-smslink/smslink/internal/wire"
)

// plainForm is a package's plain form and an index of its lines. It is kept in blocks, so that a
// package of megabytes grows without being moved. Each line except the first starts with a line
// end, so the concatenated blocks are the form.
type plainForm struct {
	blocks [][]byte // those after the last are empty, and kept for later lines
	last   int      // the block that lines are appended to
	size   int      // of all blocks, in bytes
	index  []line
	maxID  int64
	seen   idset.Set // every id; nil while the ids only rise
}

type line struct {
	id         int64
	block, end int32 // where it ends
}

// blockSize is the size of a block in bytes. The first block grows up to it. A line of more than
// half a block may make its block larger.
const blockSize = 256 << 10

// maxField bounds a message's receiver, sender and text, each in bytes. It is far beyond any SMS,
// and keeps the end of a line within the index's 32 bits.
const maxField = 256 << 20

var (
	errTooLong   = errors.New("is longer than 256 MiB")
	errInPackage = fmt.Errorf("%w in this package; the reply is keyed by it", errRepeatedID)
)

func (f *plainForm) add(m Message) (field string, reason error) {
	switch {
	case len(m.To) > maxField:
		return wire.FieldTo, errTooLong
	case len(m.From) > maxField:
		return wire.FieldFrom, errTooLong
	case len(m.Text) > maxField:
		return wire.FieldText, errTooLong
	}
	record := wire.Record{ID: m.ID, Receiver: m.To, Sender: m.From, Text: m.Text}
	if !m.SendAt.IsZero() {
		record.At = m.SendAt.Unix()
	}
	f.makeRoom(m)
	block := f.blocks[f.last]
	plain := block
	if len(f.index) > 0 {
		plain = append(plain, wire.LineEnd...)
	}
	plain, field, rule := wire.AppendRecord(plain, record)
	if rule != nil {
		return field, rule
	}
	if !f.claim(m.ID) {
		return wire.FieldID, errInPackage
	}
	f.blocks[f.last] = plain
	f.size += len(plain) - len(block)
	if len(f.index) == cap(f.index) {
		f.index = slices.Grow(f.index, indexGrowth(len(f.index)))
	}
	f.index = append(f.index, line{m.ID, int32(f.last), int32(len(plain))})
	return "", nil
}

// indexGrowth returns the number of lines by which an index of n lines grows. Small indexes grow to
// four times their size, others to twice.
func indexGrowth(n int) int {
	switch {
	case n < 16:
		return 16
	case n < 1024:
		return 3 * n
	}
	return n
}

// makeRoom prepares the last block for m, or starts another one if m may not fit.
func (f *plainForm) makeRoom(m Message) {
	const fixed = len("\r\n9223372036854775807;;numeric;;9223372036854775807")
	longest := min(fixed+2*len(m.To)+len(m.From)+3*len(m.Text), blockSize/2)
	if len(f.blocks) == 0 {
		f.blocks = append(f.blocks, nil)
	}
	block := f.blocks[f.last]
	switch used := len(block); {
	case used < blockSize && cap(block)-used >= longest:
	case used+longest <= blockSize:
		f.blocks[f.last] = slices.Grow(block, min(max(longest, 3*used), blockSize-used))
	default:
		f.last++
		if f.last == len(f.blocks) {
			f.blocks = append(f.blocks, make([]byte, 0, blockSize))
		}
	}
}

// claim records an id and reports whether it was free. As long as the ids rise, no set is needed.
func (f *plainForm) claim(id int64) bool {
	if id <= f.maxID && f.seen == nil {
		f.seen = idset.Set{}
		for _, line := range f.index {
			f.seen.Add(line.id)
		}
	}
	f.maxID = max(f.maxID, id)
	return f.seen == nil || f.seen.Add(id)
}

func (f *plainForm) remove(id int64) bool {
	at := slices.IndexFunc(f.index, func(line line) bool { return line.id == id })
	if at < 0 {
		return false
	}
	removed := f.index[at]
	f.index = slices.Delete(f.index, at, at+1)
	f.cut(at, removed.block, f.before(at, removed.block), removed.end)
	if at == 0 && len(f.index) > 0 { // the line that is now the first starts with a line end
		f.cut(0, f.index[0].block, 0, int32(len(wire.LineEnd)))
	}
	f.seen.Remove(id)
	return true
}

// cut removes the bytes [from, to) of a block. Lines before at keep their place.
func (f *plainForm) cut(at int, block, from, to int32) {
	f.blocks[block] = slices.Delete(f.blocks[block], int(from), int(to))
	f.size -= int(to - from)
	for i := at; i < len(f.index) && f.index[i].block == block; i++ {
		f.index[i].end -= to - from
	}
}

// before returns where line i begins in its block, including the line end before it.
func (f *plainForm) before(i int, block int32) int32 {
	if i == 0 || f.index[i-1].block != block {
		return 0
	}
	return f.index[i-1].end
}

// countSegments calls count with the place of each message and the number of its segments.
func (f *plainForm) countSegments(count func(place, segments int)) {
	var decoded []byte
	var ends []int
	for first := 0; first < len(f.index); first += len(ends) {
		decoded, ends = decoded[:0], ends[:0]
		block := f.index[first].block
		for i := first; i < len(f.index) && f.index[i].block == block; i++ {
			decoded = wire.AppendDecodedText(decoded, f.blocks[block][f.before(i, block):f.index[i].end])
			ends = append(ends, len(decoded))
		}
		texts, start := string(decoded), 0 // one allocation a block
		for i, end := range ends {
			count(first+i, gsm7.Measure(texts[start:end]).Segments)
			start = end
		}
	}
}

// text returns line i.
func (f *plainForm) text(i int) string {
	line := f.index[i]
	return strings.TrimPrefix(string(f.blocks[line.block][f.before(i, line.block):line.end]), wire.LineEnd)
}

// finder returns a function that returns the place of an id in the package, or -1 if the package
// does not have it. Lookups in the package's order need no map; the first other one builds it.
func (f *plainForm) finder() func(id int64) (place int) {
	next := 0
	var places map[int64]int
	return func(id int64) int {
		if next < len(f.index) && f.index[next].id == id {
			next++
			return next - 1
		}
		if places == nil {
			places = make(map[int64]int, len(f.index))
			for i, line := range f.index {
				places[line.id] = i
			}
		}
		place, ok := places[id]
		if !ok {
			return -1
		}
		next = place + 1
		return place
	}
}
