package campaign

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/xlsx"
)

// csvSource reads the rows that follow a header.
type csvSource struct {
	in        *csv.Reader
	limited   *rowReader
	separator string
	columns   *Columns
	before    int // lines before the header, which the csv.Reader has not seen
	nextLine  int // behind the last row
}

func newCSV(in *bufio.Reader, name string, firstLine []byte, opts Options) (source, error) {
	s := &csvSource{limited: &rowReader{in: in}, separator: separatorOf(firstLine)}
	if declared := declaredSeparator(firstLine); declared != "" {
		s.separator, s.before = declared, 1
		if _, err := in.ReadSlice('\n'); err != nil {
			return nil, errors.New("line 1: the file is empty; " + wantHeader)
		}
	}
	s.in = csv.NewReader(s.limited)
	s.in.Comma = []rune(s.separator)[0]
	s.in.FieldsPerRecord = -1
	s.in.ReuseRecord = true

	fields, err := s.in.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("line 1: the file is empty; " + wantHeader)
	case err != nil:
		return nil, s.fault(err, 1)
	}
	if s.columns, err = newColumns(fields, opts); err != nil {
		return nil, fmt.Errorf("line %d: %w", s.line(0), err)
	}
	s.columns.File = name
	s.end(fields)
	return s, nil
}

func (s *csvSource) cols() *Columns { return s.columns }

// declaredSeparator returns what a first line such as sep=; declares, as Excel reads and writes it.
func declaredSeparator(firstLine []byte) string {
	line := strings.Trim(strings.TrimRight(string(firstLine), "\r\n"), `"`)
	if len(line) != len("sep=;") || !strings.EqualFold(line[:4], "sep=") {
		return ""
	}
	switch separator := line[4:]; separator {
	case ",", ";", "\t", "|":
		return separator
	}
	return ""
}

// separatorOf returns the sign that separates the fields of a header. Excel writes semicolons if
// the comma is the decimal sign.
func separatorOf(header []byte) string {
	separator := ","
	for _, other := range []string{";", "\t"} {
		if bytes.Count(header, []byte(other)) > bytes.Count(header, []byte(separator)) {
			separator = other
		}
	}
	return separator
}

// line returns where a field starts.
func (s *csvSource) line(field int) int {
	line, _ := s.in.FieldPos(field)
	return line + s.before
}

// end notes where a row ends.
func (s *csvSource) end(fields []string) (unended bool) {
	last := len(fields) - 1
	s.nextLine = s.line(last) + strings.Count(fields[last], "\n") + 1
	return s.limited.next(s.in.InputOffset())
}

// next reads the next row that is not blank, as a spreadsheet writes those behind its last one.
func (s *csvSource) next(r *record) error {
	for {
		fields, err := s.in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return err
		case err != nil:
			return s.fault(err, s.nextLine)
		}
		r.line = s.line(0)
		r.unended = s.end(fields)
		if !areBlank(fields) {
			s.fill(r, fields)
			return nil
		}
	}
}

func (s *csvSource) fill(r *record, fields []string) {
	columns := s.columns.fields
	const quoteIt = "; a separator or line end inside a field needs quotes around it"
	for i, field := range fields {
		if s.holdsRow(field) {
			name := "column " + xlsx.ColumnName(i)
			if i < len(columns) && columns[i] != columnIgnored {
				name = columnNames[columns[i]]
			}
			r.bad = refuse(name, "holds what looks like the next row: a quote that opens before it is not closed; if it is meant so, write JSON lines")
			return
		}
		if i < len(columns) && columns[i] == columnIgnored && strings.TrimSpace(s.columns.names[i]) == "" && field != "" {
			r.bad = refuse("", "has a value in column "+xlsx.ColumnName(i)+", which has no name"+quoteIt)
			return
		}
	}
	missing := columns[min(len(fields), len(columns)):]
	if len(fields) > len(columns) && !areBlank(fields[len(columns):]) || slices.ContainsFunc(missing, func(column int) bool { return column != columnIgnored }) {
		r.bad = refuse("", fmt.Sprintf("has %d fields, the header %d%s", len(fields), len(columns), quoteIt))
		return
	}
	for i, column := range columns {
		if column != columnIgnored && i < len(fields) {
			r.fields[column] = fields[i]
		}
	}
}

func areBlank(fields []string) bool {
	for _, field := range fields {
		if strings.TrimSpace(field) != "" {
			return false
		}
	}
	return true
}

// fault words a *csv.ParseError, or an error of the file itself, for the row that starts at that
// line.
func (s *csvSource) fault(err error, line int) error {
	var parse *csv.ParseError
	if errors.Is(err, errLongRow) {
		return fmt.Errorf("line %d: %w", line, err)
	}
	if !errors.As(err, &parse) {
		return err
	}
	parse.StartLine, parse.Line = parse.StartLine+s.before, parse.Line+s.before
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
