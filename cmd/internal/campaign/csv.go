package campaign

import (
	"bufio"
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
	separator byte
	columns   *Columns
	before    int // lines before the header, which the csv.Reader has not seen
	nextLine  int // the one after the last row
}

func newCSV(in *bufio.Reader, name string, header []byte, before int, opts *Options) (source, error) {
	s := &csvSource{before: before}
	if s.separator = declaredSeparator(header); s.separator != 0 {
		_, _ = in.ReadSlice('\n')
		s.before += 1 + skipBlankLines(in)
		header = firstLine(in)
		if err := checkText(header, s.before+1); err != nil {
			return nil, err
		}
	} else {
		s.separator = separatorOf(header)
	}
	s.limited = newRowReader(in, s.separator)
	s.in = csv.NewReader(s.limited)
	s.in.Comma = rune(s.separator)
	s.in.FieldsPerRecord = -1
	s.in.ReuseRecord = true

	for {
		fields, err := s.in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil, errors.New("line 1: the file is empty; " + opts.wantHeader())
		case err != nil:
			return nil, s.fault(err, s.before+1)
		}
		line := s.line(0)
		s.end(fields)
		if areBlank(fields) {
			continue
		}
		if s.columns, err = newColumns(fields, opts, func(int) bool { return false }); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		s.columns.file = name
		return s, nil
	}
}

func (s *csvSource) cols() *Columns { return s.columns }

// separators are the signs that may separate the fields of a header. Excel writes semicolons if the
// comma is the decimal sign.
const separators = ",;\t|"

// declaredSeparator returns the separator that a first line such as sep=; declares, or 0. Programs
// write such a line for Excel.
func declaredSeparator(firstLine []byte) byte {
	line := strings.Trim(strings.TrimRight(string(firstLine), "\r\n"), `"`)
	if len(line) != len("sep=;") || !strings.EqualFold(line[:4], "sep=") || strings.IndexByte(separators, line[4]) < 0 {
		return 0
	}
	return line[4]
}

// separatorOf returns the separator of a header: the most frequent one of the signs outside quotes.
func separatorOf(header []byte) byte {
	var counts [len(separators)]int
	quoted := false
	for _, c := range header {
		if c == '"' {
			quoted = !quoted
		} else if i := strings.IndexByte(separators, c); i >= 0 && !quoted {
			counts[i]++
		}
	}
	most := 0
	for i, n := range counts {
		if n > counts[most] {
			most = i
		}
	}
	return separators[most]
}

// line returns the line on which a field of the row starts.
func (s *csvSource) line(field int) int {
	line, _ := s.in.FieldPos(field)
	return line + s.before
}

// end notes where the row ends. It reports whether the row lacks its line end, and whether a line
// in it ends in a CR alone.
func (s *csvSource) end(fields []string) (unended, loneCR bool) {
	last := len(fields) - 1
	s.nextLine = s.line(last) + strings.Count(fields[last], "\n") + 1
	return s.limited.next(s.in.InputOffset())
}

// next reads the next row that is not blank. Spreadsheets write blank rows after the last one.
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
		unended, loneCR := s.end(fields)
		if areBlank(fields) {
			continue
		}
		if r.unended = unended; loneCR {
			r.bad = refuse("", "holds what looks like the next row: a line of it ends in CR alone; "+
				"save the file as CSV UTF-8 again")
		} else {
			s.fill(r, fields)
		}
		return nil
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
			r.bad = refuse(name, "holds what looks like the next row: a quote before it is not closed; "+
				"if this is intended, write JSON lines")
			return
		}
		if field != "" && i < len(columns) && columns[i] == columnIgnored && !s.columns.hasName(i) {
			r.bad = refuse("", "has a value in column "+xlsx.ColumnName(i)+", which has no name"+quoteIt)
			return
		}
	}
	if len(fields) > len(columns) && !areBlank(fields[len(columns):]) || s.isShort(len(fields)) {
		r.bad = refuse("", fmt.Sprintf("has %d fields, the header %d%s", len(fields), len(columns), quoteIt))
		return
	}
	for i := range fields {
		fields[i] = unformula(fields[i])
	}
	for i, column := range columns {
		if column != columnIgnored && i < len(fields) {
			r.fields[column] = fields[i]
		}
	}
	if s.columns.template != nil {
		r.fields[columnText], r.bad = s.columns.fill(fields)
	}
}

// isShort reports whether a row with so many fields lacks a column that is used.
func (s *csvSource) isShort(fields int) bool {
	for i := fields; i < len(s.columns.fields); i++ {
		if s.columns.uses(i) {
			return true
		}
	}
	return false
}

// unformula returns the text 0712 of the field ="0712", which makes a spreadsheet keep the text
// unchanged. It returns any other field as it stands.
func unformula(field string) string {
	if len(field) > 3 && strings.HasPrefix(field, `="`) && strings.HasSuffix(field, `"`) {
		return strings.ReplaceAll(field[2:len(field)-1], `""`, `"`)
	}
	return field
}

func areBlank(fields []string) bool {
	return !slices.ContainsFunc(fields, func(field string) bool { return strings.TrimSpace(field) != "" })
}

// fault describes an error of the csv.Reader in the row that starts at a line.
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
		return fmt.Errorf("line %d: a quote that opens here is broken (seen on line %d); "+
			"write a quote inside a quoted field twice, and close the field", parse.StartLine, parse.Line)
	}
	return fmt.Errorf("line %d: a quote is broken; write a quote inside a quoted field twice, and close "+
		"the field", parse.Line)
}

// holdsRow reports whether a line of a field, other than its first, looks like a row: it has a
// phone number and something else. Such a field is legal CSV if a later quote happens to close it,
// and would show one customer's number to another.
func (s *csvSource) holdsRow(field string) bool {
	if strings.IndexByte(field, '\n') < 0 && strings.IndexByte(field, '\r') < 0 { // nearly all
		return false
	}
	at := strings.IndexAny(field, "\r\n")
	for line := range strings.FieldsFuncSeq(field[at:], func(r rune) bool { return r == '\r' || r == '\n' }) {
		fields := strings.Split(line, string(s.separator))
		if len(fields) > 1 && slices.ContainsFunc(fields, looksLikeReceiver) {
			return true
		}
	}
	return rowInField.MatchString(field)
}

// looksLikeReceiver reports whether a field is a phone number, even one that a spreadsheet has
// rounded, or whose 0 or + it has dropped.
func looksLikeReceiver(field string) bool {
	field = strings.Trim(field, "=\"' \t")
	if _, err := smslink.ParseReceiver(field); err == nil {
		return true
	}
	return digits(field) >= 9 && bareNumber.MatchString(field) || rounded.MatchString(field)
}

var (
	bareNumber = regexp.MustCompile(`^[+(]?[0-9][0-9 ().-]{7,16}[0-9]$`)
	rounded    = regexp.MustCompile(`^[0-9]+([.,][0-9]+)?[eE]\+[0-9]+$`)
)

// rowInField matches an id at the start of a line, followed by what may be a phone number.
var rowInField = regexp.MustCompile(`[\r\n][0-9]+[,;\t|]"?[+0-9][0-9 ]{7}`)

// longestRow is how many bytes a row may have, with its line end. No SMS comes near it. Without the
// bound, a quote that is not closed would take the rest of a file into memory.
const longestRow = 1 << 20

var errLongRow = errors.New("the row has more than 1 MiB; is a quote not closed?")

// rowReader is what a csv.Reader reads from:
//   - It fails once a row is longer than longestRow. Blank lines before the row do not count.
//   - It passes ="0712", which makes a spreadsheet keep a text, as "0712".
//   - It notes where a line ends in a CR alone outside quotes, which a csv.Reader takes for a part
//     of the field.
type rowReader struct {
	in        *bufio.Reader
	separator byte

	began   int64 // the offset where the row began
	read    int64 // the offset that has been read to
	content int64 // the offset after the last byte that is not a line end
	last    byte

	quoted bool    // a quote is open
	start  bool    // a field begins here
	cr     bool    // the last byte is a CR outside quotes
	lone   []int64 // the offsets of CRs that stand alone, from the row on
}

func newRowReader(in *bufio.Reader, separator byte) *rowReader {
	return &rowReader{in: in, separator: separator, start: true}
}

func (r *rowReader) Read(p []byte) (int, error) {
	for {
		if r.content <= r.began { // only blank lines so far
			r.began = r.read
		}
		left := longestRow - (r.read - r.began)
		if left <= 0 {
			return 0, errLongRow
		}
		n, err := r.in.Read(p[:min(int64(len(p)), left)])
		if n = r.pass(p[:n]); n > 0 || err != nil {
			return n, err
		}
	}
}

// pass removes from p what the csv.Reader must not see, and returns the length of the rest.
func (r *rowReader) pass(p []byte) (n int) {
	for i, c := range p {
		switch c {
		case '=':
			if r.start && !r.quoted && r.follows(p[i+1:]) == '"' {
				continue
			}
			r.start = false
		case '"':
			r.quoted, r.start = !r.quoted, false
		case '\n', r.separator:
			r.start = !r.quoted
		case '\r':
		default:
			r.start = false
		}
		if c != '\r' {
			if r.cr && c != '\n' {
				r.lone = append(r.lone, r.read+int64(n)-1)
			}
			r.cr = false
		} else if !r.quoted {
			r.cr = true
		}
		p[n], r.last = c, c
		n++
		if c != '\n' && c != '\r' {
			r.content = r.read + int64(n)
		}
	}
	r.read += int64(n)
	return n
}

// follows returns the next byte, in rest or after it, or 0 at the end.
func (r *rowReader) follows(rest []byte) byte {
	if len(rest) == 0 {
		rest, _ = r.in.Peek(1)
	}
	if len(rest) == 0 {
		return 0
	}
	return rest[0]
}

// next begins a row at an offset. It reports whether the row before it lacks its line end, and
// whether a line in that row ends in a CR alone.
func (r *rowReader) next(offset int64) (unended, loneCR bool) {
	for len(r.lone) > 0 && r.lone[0] < offset { // the others are later rows'
		loneCR, r.lone = true, r.lone[1:]
	}
	r.began = offset
	return offset == r.read && r.last != '\n', loneCR
}
