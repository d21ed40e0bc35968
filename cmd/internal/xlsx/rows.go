package xlsx

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind is what kind of value a cell holds.
type Kind uint8

// The kinds.
const (
	Text     Kind = iota
	Digits        // a number that the sheet shows by its digits, if it is whole
	Number        // any other number
	Date          // a date or a time, which is a number, too
	ISODate       // a date or a time that is written out
	Boolean       // 1 or 0
	Error         // such as #N/A
	NoResult      // a formula whose result the file does not hold
	Outdated      // a formula whose result must be calculated again
)

// Cell is a cell that is not empty.
type Cell struct {
	Column  int // from 0
	Kind    Kind
	Formula bool   // the value is the result of a formula
	Value   string // as the file has it: a number may have an exponent
}

// Row is a row of a sheet.
type Row struct {
	Number int    // from 1
	Hidden bool   // the sheet does not show it, perhaps because of a filter
	Cells  []Cell // from left to right
	sheet  *sheetReader
}

// HiddenColumn reports whether the sheet does not show a column.
func (r *Row) HiddenColumn(column int) bool {
	return slices.ContainsFunc(r.sheet.hidden, func(s span) bool { return s.first <= column && column <= s.last })
}

// sheetReader reads the rows of a sheet.
type sheetReader struct {
	*part
	book  *Book
	row   Row
	rows  int // how many were begun
	bytes int // of the row's values

	hidden     []span // columns
	arrays     []int  // by column: the last row that an array formula fills
	arraysCost int
}

// span is a range of columns.
type span struct{ first, last int }

// read reads an element of the sheet, and yields the rows in it that hold a cell.
func (s *sheetReader) read(e xml.StartElement, yield func(*Row, error) bool) error {
	switch e.Name.Local {
	case "cols":
		return s.readColumns()
	case "sheetData":
		return s.each(func(e xml.StartElement) error {
			if e.Name.Local != "row" {
				return s.skip()
			}
			if err := s.readRow(e); err != nil {
				return err
			}
			if len(s.row.Cells) > 0 && !yield(&s.row, nil) {
				return errStopped
			}
			return nil
		})
	}
	return s.skip()
}

// readColumns reads which columns are hidden.
func (s *sheetReader) readColumns() error {
	count := 0
	return s.each(func(e xml.StartElement) error {
		if count++; count > maxColumns {
			return errTooMany
		}
		if isTrue(attribute(e, "hidden")) || isZero(attribute(e, "width")) {
			first, err1 := strconv.Atoi(attribute(e, "min"))
			last, err2 := strconv.Atoi(attribute(e, "max"))
			if err1 != nil || err2 != nil || first < 1 {
				return errXML
			}
			s.hidden = append(s.hidden, span{first - 1, last - 1})
		}
		return s.skip()
	})
}

// isZero reports whether a width or a height is 0.
func isZero(size string) bool {
	n, err := strconv.ParseFloat(size, 64)
	return err == nil && n == 0
}

func (s *sheetReader) readRow(e xml.StartElement) error {
	number := s.row.Number + 1
	s.row.Cells, s.row.Hidden, s.bytes = s.row.Cells[:0], false, 0
	for _, a := range e.Attr {
		switch a.Name.Local {
		case "r":
			n, err := strconv.Atoi(a.Value)
			if err != nil || n < number {
				return fault("the workbook is damaged (its rows are out of order)")
			}
			number = n
		case "hidden":
			s.row.Hidden = s.row.Hidden || isTrue(a.Value)
		case "ht":
			s.row.Hidden = s.row.Hidden || isZero(a.Value)
		}
	}
	if s.rows++; s.rows > maxRows || number > maxRows {
		return errTooMany
	}
	s.row.Number = number
	column := 0
	return s.each(func(e xml.StartElement) (err error) {
		if e.Name.Local != "c" {
			return s.skip()
		}
		column, err = s.readCell(e, column)
		return err
	})
}

// readCell reads the cell that was begun, and returns the column after it. column is the cell's,
// unless it names another.
func (s *sheetReader) readCell(e xml.StartElement, column int) (int, error) {
	style, kind := 0, ""
	for _, a := range e.Attr {
		switch a.Name.Local {
		case "r":
			named, ok := columnOf(a.Value)
			if !ok || named < column {
				return 0, s.fault("the workbook is damaged (the cells of row %d are out of order)")
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
	cell := Cell{Column: column, Formula: column < len(s.arrays) && s.row.Number <= s.arrays[column]}
	empty := true // it has no value, not even an empty one
	err := s.each(func(e xml.StartElement) (err error) {
		switch e.Name.Local {
		case "v":
			empty = kind != "str" // in which an empty value is a text
			s.text, err = s.appendText(s.text[:0])
			cell.Value = string(s.text)
			return err
		case "is":
			cell.Value, err = s.richText()
			return err
		case "f":
			cell.Formula = true
			if kind := attribute(e, "t"); kind == "array" || kind == "dataTable" {
				if err := s.addArray(attribute(e, "ref")); err != nil {
					return err
				}
			}
		}
		return s.skip()
	})
	if err != nil {
		return 0, err
	}
	if err := s.interpret(&cell, kind, style, empty); err != nil {
		return 0, err
	}
	if s.bytes += len(cell.Value); s.bytes > maxRow {
		return 0, errLongRow
	}
	if cell.Value != "" || cell.Kind == NoResult || cell.Kind == Outdated {
		s.row.Cells = append(s.row.Cells, cell)
	}
	return column + 1, nil
}

// fault returns an error that names the row.
func (s *sheetReader) fault(format string) error { return fault(fmt.Sprintf(format, s.row.Number)) }

// addArray notes which cells an array formula fills, such as C2:C10. All but the first hold only
// its results.
func (s *sheetReader) addArray(reference string) error {
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
	if s.arraysCost += last + 1; s.arraysCost > most {
		return errTooManyParts
	}
	for len(s.arrays) <= last {
		s.arrays = append(s.arrays, 0)
	}
	for column := first; column <= last; column++ {
		s.arrays[column] = max(s.arrays[column], row)
	}
	return nil
}

// interpret sets the cell's kind and value from its type and style.
func (s *sheetReader) interpret(cell *Cell, kind string, style int, empty bool) error {
	switch {
	case cell.Formula && cell.Value == "" && empty:
		cell.Kind = NoResult
		return nil
	case cell.Formula && s.book.outdated:
		cell.Kind = Outdated
		return nil
	}
	switch kind {
	case "s":
		if cell.Value == "" {
			return nil
		}
		n, err := strconv.Atoi(cell.Value)
		if err != nil || n < 0 || n >= len(s.book.texts) {
			return s.fault("the workbook is damaged (row %d has a text that is not there)")
		}
		cell.Value = s.book.texts[n]
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
		cell.Kind = Number
		if style >= 0 && style < len(s.book.styles) {
			cell.Kind = s.book.styles[style]
		}
	default:
		return s.fault("the workbook has a cell of an unknown kind in row %d")
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
