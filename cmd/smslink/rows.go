package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/gsm7"
)

// row is one message of a file, or what is wrong with it.
type row struct {
	file    string
	line    int    // where it starts, from 1
	id      string // as it stands in the file
	message smslink.Message
	unended bool // a CSV row without a line end, the last one: it may have been cut off
	err     error

	sent string           // the text as it is sent
	size gsm7.Measurement // of that
}

// columns are the names that a header may hold and an object's keys may be.
var columns = []string{"id", "to", "from", "text", "send_at"}

// needed are those that it must hold.
var needed = []string{"id", "to", "text"}

const wantHeader = "start the file with the header id,to,from,text,send_at, or write JSON lines"

// readRows reads CSV, or JSON lines where the first byte that is not blank is a
// brace. An error is the whole file's, names the line, and ends it: past a broken
// quote no row can be trusted. None quotes a value of the file.
func readRows(in io.Reader) iter.Seq2[row, error] {
	r := bufio.NewReader(in)
	if start, _ := r.Peek(3); string(start) == "\ufeff" {
		_, _ = r.Discard(3)
	}
	header := firstLine(r)
	switch {
	case bytes.HasPrefix(header, []byte("\xff\xfe")) || bytes.HasPrefix(header, []byte("\xfe\xff")):
		return fault(errors.New("line 1: the file is UTF-16; save it as CSV in UTF-8"))
	case bytes.HasPrefix(header, []byte("[")):
		return fault(errors.New("line 1: the file is a JSON array; write JSON lines, one object on each line, without brackets or commas between them"))
	case bytes.HasPrefix(header, []byte("{")):
		return jsonRows(r)
	}
	// Excel writes semicolons where the comma is the decimal sign.
	separator := ','
	for _, other := range ";\t" {
		if bytes.Count(header, []byte(string(other))) > bytes.Count(header, []byte(string(separator))) {
			separator = other
		}
	}
	return csvRows(r, separator)
}

// firstLine is the first line that is not blank, as far as the buffer can hold it. It is left
// to be read, and nothing behind it is waited for: a producer may be slow.
func firstLine(r *bufio.Reader) []byte {
	for n := 1; ; n = r.Buffered() + 1 {
		_, err := r.Peek(n)
		seen, _ := r.Peek(r.Buffered())
		line, _, whole := bytes.Cut(bytes.TrimLeftFunc(seen, unicode.IsSpace), []byte("\n"))
		if whole || err != nil {
			return line
		}
	}
}

// fault is a file that can't be used at all.
func fault(err error) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) { yield(row{}, err) }
}

// longestRow is how many bytes a row may have, with its line end. No SMS comes near it, and
// without it a quote that is not closed would take the rest of a file into memory.
const longestRow = 1 << 20

var errLongRow = errors.New("the row has more than 1 MiB; is a quote not closed?")

// rowReader refuses to read on once a row is longer than longestRow.
type rowReader struct {
	in    io.Reader
	began int64 // the offset where the row began
	read  int64 // the offset that has been read to
	last  byte
}

func (r *rowReader) Read(p []byte) (int, error) {
	left := longestRow - (r.read - r.began)
	if left <= 0 {
		return 0, errLongRow
	}
	n, err := r.in.Read(p[:min(int64(len(p)), left)])
	if n > 0 {
		r.read += int64(n)
		r.last = p[n-1]
	}
	return n, err
}

// next begins a row at that offset, and tells whether the one before lacks its line end.
func (r *rowReader) next(offset int64) (unended bool) {
	r.began = offset
	return offset == r.read && r.last != '\n'
}

func csvRows(in io.Reader, separator rune) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		limited := &rowReader{in: in}
		r := csv.NewReader(limited)
		r.Comma = separator
		r.FieldsPerRecord = -1
		r.ReuseRecord = true

		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			yield(row{}, errors.New("line 1: the file is empty; "+wantHeader))
			return
		}
		if err != nil {
			yield(row{}, csvFault(err, 1))
			return
		}
		header, err := parseHeader(record)
		if err != nil {
			line, _ := r.FieldPos(0)
			yield(row{}, fmt.Errorf("line %d: %w", line, err))
			return
		}
		limited.next(r.InputOffset())
		for {
			last := len(record) - 1
			end, _ := r.FieldPos(last)
			end += strings.Count(record[last], "\n")

			record, err = r.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(row{}, csvFault(err, end+1))
				return
			}
			line, _ := r.FieldPos(0)
			row := csvRow(line, header, record, separator)
			row.unended = limited.next(r.InputOffset())
			if !yield(row, nil) {
				return
			}
		}
	}
}

// parseHeader tells what each field of a row is.
func parseHeader(record []string) ([]string, error) {
	header := make([]string, len(record))
	known := 0
	for i, name := range record {
		header[i] = strings.ToLower(strings.TrimSpace(name))
		if slices.Contains(columns, header[i]) {
			known++
		}
	}
	if known == 0 {
		return nil, errors.New("there is no header with a known column; " + wantHeader)
	}
	for i, name := range header {
		switch {
		case !slices.Contains(columns, name):
			return nil, fmt.Errorf("column %d is not known; the columns are %s; take it out or rename it", i+1, strings.Join(columns, ", "))
		case slices.Contains(header[:i], name):
			return nil, fmt.Errorf("column %s appears twice; take one out", name)
		}
	}
	for _, name := range needed {
		if !slices.Contains(header, name) {
			return nil, fmt.Errorf("column %s is missing; add it", name)
		}
	}
	return header, nil
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

func csvRow(line int, header, record []string, separator rune) row {
	if len(record) != len(header) {
		return row{line: line, err: fmt.Errorf("has %d fields, the header %d; a separator or line end inside a field needs quotes around it", len(record), len(header))}
	}
	fields := make(map[string]string, len(header))
	for i, name := range header {
		fields[name] = record[i]
		if swallowsRow(record[i], separator) {
			return row{line: line, err: fmt.Errorf("%s holds what looks like the next row: a quote that opens before it is not closed; if it is meant so, write JSON lines", name)}
		}
	}
	return newRow(line, fields)
}

// swallowsRow tells whether a line inside a field, behind its first, looks like a row: a number
// and something else beside it. Such a field is legal CSV, where a later quote happens to close
// it, and would show one customer's number to another.
func swallowsRow(field string, separator rune) bool {
	_, behind, ok := strings.Cut(field, "\n")
	if !ok {
		return false
	}
	for line := range strings.SplitSeq(behind, "\n") {
		parts := strings.Split(line, string(separator))
		if len(parts) > 1 && slices.ContainsFunc(parts, isReceiver) {
			return true
		}
	}
	return swallowedRow.MatchString(field)
}

func isReceiver(part string) bool {
	_, err := smslink.ParseReceiver(strings.Trim(part, "\" \t"))
	return err == nil
}

// swallowedRow is an id and what may be meant for a number, at the start of a line.
var swallowedRow = regexp.MustCompile(`\n[0-9]+[,;\t]"?[+0][0-9 ]{8}`)

// newRow makes a message of a row's fields, by name.
func newRow(line int, fields map[string]string) row {
	r := row{line: line, id: fields["id"]}
	id, err := strconv.ParseInt(strings.TrimSpace(r.id), 10, 64)
	if err != nil || id < 0 {
		r.err = errors.New("id is not a whole number from 0 on")
		return r
	}
	// Stricter than the library, which drops whatever is no digit as the reference
	// client does: in a file made by hand, "0712345678 / 0723456789" and "O712345678"
	// are mistakes that would reach nobody, or somebody else.
	if _, err := smslink.ParseReceiver(fields["to"]); err != nil {
		r.err = fmt.Errorf("to %w", smslink.ErrReceiver)
		return r
	}
	at, err := parseTime(strings.TrimSpace(fields["send_at"]))
	if err != nil {
		r.err = err
		return r
	}
	r.message = smslink.Message{ID: id, To: fields["to"], From: fields["from"], Text: fields["text"], SendAt: at}
	return r
}

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		return checkTime(time.Unix(seconds, 0).UTC())
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, errors.New("send_at is neither RFC 3339 with its zone, such as 2030-01-31T09:00:00+02:00, nor Unix seconds")
	}
	return checkTime(at)
}

// checkTime refuses what no campaign means.
func checkTime(at time.Time) (time.Time, error) {
	if at.Year() < 1970 || at.Year() >= 2100 {
		return time.Time{}, errors.New("send_at lies before 1970 or after 2099; as a number it is Unix seconds, not milliseconds")
	}
	return at, nil
}
