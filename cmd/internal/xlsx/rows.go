package xlsx

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Kind is what kind of value a cell holds.
type Kind int

// The kinds.
const (
	Text    Kind = iota
	Digits       // a number that is shown as its digits, if it is whole
	Number       // any other number
	Date         // a date or a time, which is a number, too
	Boolean      // 1 or 0
	Error        // such as #N/A
	Formula      // whose result the file does not hold
)

// Cell is a cell that is not empty.
type Cell struct {
	Column int // from 0
	Kind   Kind
	Value  string // as the file has it: of a number its digits, perhaps with an exponent
}

// Rows reads the rows of a sheet that hold a cell, one after another, in the manner of
// bufio.Scanner.
type Rows struct {
	book   *Book
	file   io.Closer
	in     *scanner
	number int // from 1
	hidden bool
	cells  []Cell
	err    error
}

// Rows begins to read the sheet of that name, or the first one that is not hidden for "". Close it
// when done.
func (b *Book) Rows(name string) (*Rows, error) {
	for _, s := range b.sheets {
		if name == s.Name || name == "" && !s.isHidden() {
			file, err := b.open(s.part)
			if err != nil {
				return nil, err
			}
			return &Rows{book: b, file: file, in: newScanner(file)}, nil
		}
	}
	return nil, errors.New("the workbook has no such sheet")
}

// Close ends the reading.
func (r *Rows) Close() { _ = r.file.Close() }

// Number returns the row's number, from 1.
func (r *Rows) Number() int { return r.number }

// Hidden reports whether the sheet does not show the row, because of a filter perhaps.
func (r *Rows) Hidden() bool { return r.hidden }

// Cells returns the row's cells, from left to right. They are valid until the next call of Next.
func (r *Rows) Cells() []Cell { return r.cells }

// Err returns why Next returned false, or nil at the end of the sheet.
func (r *Rows) Err() error { return r.err }

// Next reads the next row, and reports whether there is one.
func (r *Rows) Next() bool {
	for r.err == nil {
		switch err := r.in.next(); {
		case errors.Is(err, io.EOF): // the whole part was read, so that nothing in it is broken
			return false
		case err != nil:
			r.err = damaged(err)
		case r.in.kind == start && r.in.name == "row":
			r.in.release()
			if r.err = r.row(); r.err == nil && len(r.cells) > 0 {
				return true
			}
		}
	}
	return false
}

func (r *Rows) row() error {
	r.cells, r.hidden = r.cells[:0], false
	number := r.number + 1
	for {
		name, value, err := r.in.attribute()
		if err != nil {
			return damaged(err)
		}
		if name == nil {
			break
		}
		switch string(name) {
		case "r":
			n, err := strconv.Atoi(string(value))
			if err != nil || n < number {
				return errors.New("the workbook is damaged (its rows are out of order)")
			}
			number = n
		case "hidden":
			r.hidden = string(value) == "1" || string(value) == "true"
		}
	}
	r.number = number
	column := 0
	for depth := len(r.in.open); ; {
		if err := r.in.next(); err != nil {
			return damaged(err)
		}
		switch {
		case len(r.in.open) < depth:
			return nil
		case r.in.kind != start:
		case r.in.name == "c":
			var err error
			if column, err = r.cell(column); err != nil {
				return err
			}
		default:
			if err := r.in.skip(); err != nil {
				return damaged(err)
			}
		}
	}
}

// cell reads the cell that was begun, in that column unless it says which, and returns the column
// that follows.
func (r *Rows) cell(column int) (int, error) {
	style, kind := 0, ""
	for {
		name, value, err := r.in.attribute()
		if err != nil {
			return 0, damaged(err)
		}
		if name == nil {
			break
		}
		switch string(name) {
		case "r":
			named, ok := columnOf(value)
			if !ok || named < column {
				return 0, fmt.Errorf("the workbook is damaged (the cells of row %d are out of order)", r.number)
			}
			column = named
		case "s":
			style, _ = strconv.Atoi(string(value))
		case "t":
			kind = r.in.local(value)
		}
	}
	cell := Cell{Column: column}
	formula, has := false, false
	for depth := len(r.in.open); len(r.in.open) >= depth; {
		if err := r.in.next(); err != nil {
			return 0, damaged(err)
		}
		if r.in.kind != start {
			continue
		}
		var err error
		switch r.in.name {
		case "v":
			has = true
			cell.Value, err = r.in.characters()
		case "is":
			has = true
			cell.Value, err = r.in.richText()
		case "f":
			formula = true
			err = r.in.skip()
		default:
			err = r.in.skip()
		}
		if err != nil {
			return 0, damaged(err)
		}
	}
	if !has && formula {
		cell.Kind = Formula
	} else if err := r.value(&cell, kind, style); err != nil {
		return 0, err
	}
	if cell.Value != "" || cell.Kind == Formula {
		r.cells = append(r.cells, cell)
	}
	return column + 1, nil
}

// value makes the cell's value what its kind and style say.
func (r *Rows) value(cell *Cell, kind string, style int) error {
	switch kind {
	case "s":
		if cell.Value == "" {
			return nil
		}
		n, err := strconv.Atoi(cell.Value)
		if err != nil || n < 0 || n >= len(r.book.strings) {
			return fmt.Errorf("the workbook is damaged (row %d has a text that is not there)", r.number)
		}
		cell.Value = r.book.strings[n]
	case "inlineStr":
	case "str":
		cell.Value = unescaped(cell.Value)
	case "b":
		cell.Kind = Boolean
	case "e":
		cell.Kind = Error
	case "d":
		cell.Kind = Date
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
		return fmt.Errorf("the workbook has a cell of an unknown kind in row %d", r.number)
	}
	return nil
}

// columnOf returns the column of a reference such as B17, from 0.
func columnOf(reference []byte) (column int, ok bool) {
	const last = 16384 // XFD
	for _, c := range reference {
		switch {
		case c >= 'A' && c <= 'Z':
			column = column*26 + int(c-'A') + 1
		case c >= '0' && c <= '9':
			return column - 1, column > 0
		default:
			return 0, false
		}
		if column > last {
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
