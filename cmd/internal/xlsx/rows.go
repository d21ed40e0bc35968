package xlsx

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Kind is what kind of value a cell holds.
type Kind int

// The kinds.
const (
	Text     Kind = iota
	Digits        // a number that is shown as its digits, if it is whole
	Number        // any other number
	Date          // a date or a time, which is a number, too
	ISODate       // a date or a time that is written out
	Boolean       // 1 or 0
	Error         // such as #N/A
	NoResult      // a formula whose result the file does not hold
	Outdated      // a formula whose result is to be calculated again
)

// Cell is a cell that is not empty.
type Cell struct {
	Column  int // from 0
	Kind    Kind
	Formula bool   // the value is the result of one
	Value   string // as the file has it: of a number its digits, perhaps with an exponent
}

// Rows reads the rows of a sheet that hold a cell, one after another, in the manner of
// bufio.Scanner.
type Rows struct {
	book   *Book
	in     *part
	within bool // sheetData was begun
	count  int
	number int // from 1
	hidden bool
	cells  []Cell
	bytes  int // of their values
	err    error

	hiddenColumns []bool
	arrays        []int // by column: the last row that an array formula fills
	arraysCost    int
}

// Rows begins to read the sheet of that name. Close it when done.
func (b *Book) Rows(name string) (*Rows, error) {
	for _, s := range b.sheets {
		if name == s.name {
			in, err := b.open(s.part, "worksheet")
			if err != nil {
				return nil, err
			}
			return &Rows{book: b, in: in}, nil
		}
	}
	return nil, errors.New("the workbook has no such sheet")
}

// Close ends the reading.
func (r *Rows) Close() { _ = r.in.file.Close() }

// Number returns the row's number, from 1.
func (r *Rows) Number() int { return r.number }

// Hidden reports whether the sheet does not show the row, because of a filter perhaps.
func (r *Rows) Hidden() bool { return r.hidden }

// HiddenColumn reports whether the sheet does not show a column. It is known once Next was called.
func (r *Rows) HiddenColumn(column int) bool {
	return column < len(r.hiddenColumns) && r.hiddenColumns[column]
}

// Cells returns the row's cells, from left to right. They are valid until the next call of Next.
func (r *Rows) Cells() []Cell { return r.cells }

// Err returns why Next returned false, or nil at the end of the sheet.
func (r *Rows) Err() error { return r.err }

// Next reads the next row, and reports whether there is one.
func (r *Rows) Next() bool {
	for r.err == nil {
		more, err := r.next()
		switch {
		case errors.Is(err, io.EOF) && r.in.rooted: // all of the part was read, so that nothing in it is broken
			return false
		case err != nil:
			r.fail(err)
		case more:
			return true
		}
	}
	return false
}

// errOrder is what a row or a cell out of order is refused with.
type errOrder string

func (e errOrder) Error() string { return string(e) }

func (r *Rows) fail(err error) {
	var order errOrder
	if r.err = damaged(err); errors.As(err, &order) {
		r.err = order
	}
}

// next reads a token of the sheet or, of the rows, a row, and reports whether that has cells.
func (r *Rows) next() (bool, error) {
	token, err := r.in.next()
	if err != nil {
		return false, err
	}
	e, begins := token.(xml.StartElement)
	switch _, ends := token.(xml.EndElement); {
	case ends && r.within:
		r.within = false
	case !begins || r.in.depth == 1:
	case r.within:
		if e.Name.Local != "row" {
			return false, r.in.skip()
		}
		return true, r.row(e)
	case e.Name.Local == "sheetData":
		r.within = true
	case e.Name.Local == "cols":
		return false, r.columns()
	default:
		return false, r.in.skip()
	}
	return false, nil
}

// columns reads which columns are hidden.
func (r *Rows) columns() error {
	count := 0
	return r.in.each(func(e xml.StartElement) error {
		if count++; count > maxColumns {
			return errTooMany
		}
		if isTrue(attribute(e, "hidden")) || isZero(attribute(e, "width")) {
			first, err1 := strconv.Atoi(attribute(e, "min"))
			last, err2 := strconv.Atoi(attribute(e, "max"))
			if err1 != nil || err2 != nil || first < 1 {
				return errXML
			}
			last = min(last, maxColumns)
			for len(r.hiddenColumns) < last {
				r.hiddenColumns = append(r.hiddenColumns, false)
			}
			for column := first; column <= last; column++ {
				r.hiddenColumns[column-1] = true
			}
		}
		return r.in.skip()
	})
}

// isZero reports whether a width or a height is 0.
func isZero(size string) bool {
	if size == "" {
		return false
	}
	n, err := strconv.ParseFloat(size, 64)
	return err == nil && n == 0
}

func (r *Rows) row(e xml.StartElement) error {
	r.cells, r.bytes, r.hidden = r.cells[:0], 0, false
	number := r.number + 1
	for _, a := range e.Attr {
		switch a.Name.Local {
		case "r":
			n, err := strconv.Atoi(a.Value)
			if err != nil || n < number {
				return errOrder("the workbook is damaged (its rows are out of order)")
			}
			number = n
		case "hidden":
			r.hidden = r.hidden || isTrue(a.Value)
		case "ht":
			r.hidden = r.hidden || isZero(a.Value)
		}
	}
	if r.count++; r.count > maxRows || number > maxRows {
		return errTooMany
	}
	r.number = number
	column := 0
	return r.in.each(func(e xml.StartElement) (err error) {
		if e.Name.Local != "c" {
			return r.in.skip()
		}
		column, err = r.cell(e, column)
		return err
	})
}

// cell reads the cell that was begun, in that column unless it says which, and returns the column
// that follows.
func (r *Rows) cell(e xml.StartElement, column int) (int, error) {
	style, kind := 0, ""
	for _, a := range e.Attr {
		switch a.Name.Local {
		case "r":
			named, ok := columnOf(a.Value)
			if !ok || named < column {
				return 0, errOrder(fmt.Sprintf("the workbook is damaged (the cells of row %d are out of order)", r.number))
			}
			column = named
		case "s":
			style, _ = strconv.Atoi(a.Value)
		case "t":
			kind = a.Value
		}
	}
	if column >= maxColumns {
		return 0, errTooMany
	}
	cell := Cell{Column: column, Formula: column < len(r.arrays) && r.number <= r.arrays[column]}
	empty := true // it has no value, not even an empty one
	err := r.in.each(func(e xml.StartElement) (err error) {
		switch e.Name.Local {
		case "v":
			empty = kind != "str" // in which an empty value is a text
			r.in.text, err = r.in.appendText(r.in.text[:0])
			cell.Value = string(r.in.text)
		case "is":
			cell.Value, err = r.in.richText()
		case "f":
			cell.Formula = true
			if kind := attribute(e, "t"); kind == "array" || kind == "dataTable" {
				if err := r.array(attribute(e, "ref")); err != nil {
					return err
				}
			}
			return r.in.skip()
		default:
			return r.in.skip()
		}
		return err
	})
	if err == nil {
		err = r.value(&cell, kind, style, empty)
	}
	if err != nil {
		return 0, err
	}
	if r.bytes += len(cell.Value); r.bytes > maxRow {
		return 0, errTooLong
	}
	if cell.Value != "" || cell.Kind == NoResult || cell.Kind == Outdated {
		r.cells = append(r.cells, cell)
	}
	return column + 1, nil
}

// array notes which cells the formula of the current one fills, such as C2:C10: the others hold
// results, and no formula.
func (r *Rows) array(reference string) error {
	const most = 1 << 24
	_, end, ok := strings.Cut(reference, ":")
	if !ok {
		return nil
	}
	first, ok1 := columnOf(reference)
	last, ok2 := columnOf(end)
	row, err := strconv.Atoi(strings.TrimLeft(end, "$ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	if !ok1 || !ok2 || err != nil {
		return errXML
	}
	if r.arraysCost += last + 1; r.arraysCost > most {
		return errTooMany
	}
	for len(r.arrays) <= last {
		r.arrays = append(r.arrays, 0)
	}
	for column := first; column <= last; column++ {
		r.arrays[column] = max(r.arrays[column], row)
	}
	return nil
}

// value makes the cell's value what its kind and style say.
func (r *Rows) value(cell *Cell, kind string, style int, empty bool) error {
	switch {
	case cell.Formula && cell.Value == "" && empty:
		cell.Kind = NoResult
		return nil
	case cell.Formula && r.book.outdated:
		cell.Kind = Outdated
		return nil
	}
	switch kind {
	case "s":
		if cell.Value == "" {
			return nil
		}
		n, err := strconv.Atoi(cell.Value)
		if err != nil || n < 0 || n >= len(r.book.texts.list) {
			return errOrder(fmt.Sprintf("the workbook is damaged (row %d has a text that is not there)", r.number))
		}
		cell.Value = r.book.texts.list[n]
	case "inlineStr":
	case "str":
		cell.Value = unescaped(cell.Value)
	case "b":
		cell.Kind = Boolean
	case "e":
		cell.Kind = Error
	case "d":
		cell.Kind = ISODate
	case "n", "":
		switch {
		case style >= 0 && style < len(r.book.dates) && r.book.dates[style]:
			cell.Kind = Date
		case style == 0 && len(r.book.general) == 0 || style >= 0 && style < len(r.book.general) && r.book.general[style]:
			cell.Kind = Digits
		default:
			cell.Kind = Number
		}
	default:
		return errOrder(fmt.Sprintf("the workbook has a cell of an unknown kind in row %d", r.number))
	}
	return nil
}

// columnOf returns the column of a reference such as B17, from 0.
func columnOf(reference string) (column int, ok bool) {
	for i := range len(reference) {
		switch c := reference[i]; {
		case c == '$':
		case c >= 'A' && c <= 'Z':
			column = column*26 + int(c-'A') + 1
		case c >= '0' && c <= '9':
			return column - 1, column > 0
		default:
			return 0, false
		}
		if column > maxColumns {
			return 0, false
		}
	}
	return 0, false
}

// ColumnName returns the letters of a column, from 0: A, B, …, Z, AA.
func ColumnName(column int) string {
	name := ""
	for column++; column > 0; column = (column - 1) / 26 {
		name = string(rune('A'+(column-1)%26)) + name
	}
	return name
}
