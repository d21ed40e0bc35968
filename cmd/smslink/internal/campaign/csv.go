package campaign

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/go-smslink/smslink"
)

// csvSource reads the rows that follow a header.
type csvSource struct {
	in        *csv.Reader
	limited   *rowReader
	separator string
	header    []int // the column of each field
	nextLine  int   // behind the last row
}

func newCSV(in io.Reader, separator rune) (source, error) {
	s := &csvSource{limited: &rowReader{in: in}, separator: string(separator)}
	s.in = csv.NewReader(s.limited)
	s.in.Comma = separator
	s.in.FieldsPerRecord = -1
	s.in.ReuseRecord = true

	fields, err := s.in.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("line 1: the file is empty; " + wantHeader)
	case err != nil:
		return nil, csvFault(err, 1)
	}
	if s.header, err = parseHeader(fields); err != nil {
		line, _ := s.in.FieldPos(0)
		return nil, fmt.Errorf("line %d: %w", line, err)
	}
	s.end(fields)
	return s, nil
}

// end notes where a row ends.
func (s *csvSource) end(fields []string) (unended bool) {
	last := len(fields) - 1
	line, _ := s.in.FieldPos(last)
	s.nextLine = line + strings.Count(fields[last], "\n") + 1
	return s.limited.next(s.in.InputOffset())
}

func (s *csvSource) next(r *record) error {
	fields, err := s.in.Read()
	switch {
	case errors.Is(err, io.EOF):
		return err
	case err != nil:
		return csvFault(err, s.nextLine)
	}
	r.line, _ = s.in.FieldPos(0)
	r.unended = s.end(fields)
	if len(fields) != len(s.header) {
		r.bad = refuse("", fmt.Sprintf("has %d fields, the header %d; a separator or line end inside a field needs quotes around it", len(fields), len(s.header)))
		return nil
	}
	for i, column := range s.header {
		if s.holdsRow(fields[i]) {
			r.bad = refuse(columnNames[column], "holds what looks like the next row: a quote that opens before it is not closed; if it is meant so, write JSON lines")
			return nil
		}
		r.fields[column] = fields[i]
	}
	return nil
}

// csvFault words a *csv.ParseError, or an error of the file itself, for the row that starts
// at that line.
func csvFault(err error, line int) error {
	var parse *csv.ParseError
	if errors.Is(err, errLongRow) {
		return fmt.Errorf("line %d: %w", line, err)
	}
	if !errors.As(err, &parse) {
		return err
	}
	if parse.StartLine != parse.Line {
		return fmt.Errorf("line %d: a quote that opens here is broken (seen on line %d); write a quote inside a quoted field twice, and close the field", parse.StartLine, parse.Line)
	}
	return fmt.Errorf("line %d: a quote is broken; write a quote inside a quoted field twice, and close the field", parse.Line)
}

// holdsRow reports whether a line inside a field, behind its first, looks like a row: a number
// and something else beside it. Such a field is legal CSV, where a later quote happens to close
// it, and would show one customer's number to another.
func (s *csvSource) holdsRow(field string) bool {
	_, behind, ok := strings.Cut(field, "\n")
	if !ok {
		return false
	}
	for line := range strings.SplitSeq(behind, "\n") {
		fields := strings.Split(line, s.separator)
		if len(fields) > 1 && slices.ContainsFunc(fields, isReceiver) {
			return true
		}
	}
	return rowInField.MatchString(field)
}

func isReceiver(field string) bool {
	_, err := smslink.ParseReceiver(strings.Trim(field, "\" \t"))
	return err == nil
}

// rowInField is an id and what may be meant for a number, at the start of a line.
var rowInField = regexp.MustCompile(`\n[0-9]+[,;\t]"?[+0][0-9 ]{8}`)
