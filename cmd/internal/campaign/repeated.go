package campaign

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Repeated finds the receivers that several good rows have. It takes 8 bytes for each row with a
// Romanian mobile number, and 24 for any other. Its zero value is empty.
type Repeated struct {
	files    []repeatedFile
	last     int      // the highest line, counted through all files
	romanian []uint64 // number, line and form; see pack
	others   []entry
	sorted   bool
	count    int
}

// repeatedFile is a file of Repeated.
type repeatedFile struct {
	name   string
	before int // the highest line of the files before it, counted so, too
}

// entry is a row of Repeated.
type entry struct {
	number uint64 // in E.164, without the +
	line   int    // counted through all files
	form   form
}

// form is how a file writes a receiver.
type form uint64

const (
	formNational form = iota // 0712345678
	formPlus                 // +40712345678
	formZeros                // 0040712345678
	formBare                 // 712345678, as a spreadsheet keeps a number
	formBareCode             // 40712345678
)

// The bits of a packed entry, from the highest on: 27 for the 8 digits of a number after
// romanianBase, which sort first, then the line, so that the rows of a number stay in order, then
// the form.
const (
	formBits     = 3
	lineBits     = 34
	romanianBase = 40_700_000_000
)

func (e entry) pack() (packed uint64, ok bool) {
	national := e.number - romanianBase
	if e.number < romanianBase || national >= 1e8 {
		return 0, false
	}
	return (national<<lineBits|uint64(e.line))<<formBits | uint64(e.form), true
}

func unpack(packed uint64) entry {
	e := entry{form: form(packed & (1<<formBits - 1))}
	packed >>= formBits
	e.line = int(packed & (1<<lineBits - 1))
	e.number = packed>>lineBits + romanianBase
	return e
}

// Add adds a row.
func (r *Repeated) Add(row *Row) {
	if row.Bad != nil {
		return
	}
	if n := len(r.files); n == 0 || r.files[n-1].name != row.File {
		r.files = append(r.files, repeatedFile{row.File, r.last})
	}
	e := entry{number: row.Number(), line: r.files[len(r.files)-1].before + row.Line, form: formOf(row.To)}
	r.last = max(r.last, e.line)
	if packed, ok := e.pack(); ok {
		r.romanian = append(r.romanian, packed)
	} else {
		r.others = append(r.others, e)
	}
	r.sorted = false
}

func formOf(to string) form {
	digits := strings.TrimLeft(to, " \t\r\n\u00a0('\"=")
	switch {
	case strings.HasPrefix(digits, "+"):
		return formPlus
	case strings.HasPrefix(digits, "00"):
		return formZeros
	case strings.HasPrefix(digits, "0"):
		return formNational
	case strings.HasPrefix(digits, "7"):
		return formBare
	}
	return formBareCode
}

// Count returns how many rows go to a receiver of an earlier one.
func (r *Repeated) Count() int {
	r.sort()
	return r.count
}

// Receiver is one that several rows go to.
type Receiver struct {
	Number string // as the first of the rows has it, without punctuation
	Rows   []Place
}

// Place is a row of a file.
type Place struct {
	File string
	Line int
}

// Receivers returns the receivers of several rows with all their rows. Those with the most rows
// come first.
func (r *Repeated) Receivers() []Receiver {
	r.sort()
	var all []Receiver
	r.eachGroup(func(rows []entry) {
		repeated := Receiver{Number: rows[0].written()}
		for _, e := range rows {
			repeated.Rows = append(repeated.Rows, r.place(e.line))
		}
		all = append(all, repeated)
	})
	slices.SortStableFunc(all, func(a, b Receiver) int { return cmp.Compare(len(b.Rows), len(a.Rows)) })
	return all
}

// place returns the place of an entry's line.
func (r *Repeated) place(line int) Place {
	next, _ := slices.BinarySearchFunc(r.files, line, func(f repeatedFile, line int) int {
		return cmp.Compare(f.before, line)
	})
	f := r.files[next-1]
	return Place{f.name, line - f.before}
}

func (r *Repeated) sort() {
	if r.sorted {
		return
	}
	slices.Sort(r.romanian)
	slices.SortFunc(r.others, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.line, b.line))
	})
	r.sorted, r.count = true, 0
	r.eachGroup(func(rows []entry) { r.count += len(rows) - 1 })
}

// eachGroup calls use with the rows of each receiver that has more than one. They are valid until
// use returns.
func (r *Repeated) eachGroup(use func([]entry)) {
	var group []entry
	end := func() {
		if len(group) > 1 {
			use(group)
		}
		group = group[:0]
	}
	add := func(e entry) {
		if len(group) > 0 && group[0].number != e.number {
			end()
		}
		group = append(group, e)
	}
	for _, packed := range r.romanian {
		add(unpack(packed))
	}
	for _, e := range r.others {
		add(e)
	}
	end()
}

// written returns the number as the file has it.
func (e entry) written() string {
	number := strconv.FormatUint(e.number, 10)
	switch national, ok := strings.CutPrefix(number, "40"); {
	case e.form == formPlus:
		return "+" + number
	case e.form == formZeros:
		return "00" + number
	case e.form == formNational && ok:
		return "0" + national
	case e.form == formBare && ok:
		return national
	}
	return number
}
