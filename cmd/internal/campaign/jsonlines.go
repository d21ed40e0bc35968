package campaign

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// jsonLines reads one object per line. A bad line is a bad record and does not end the reading. The
// last line needs no line end: an object that was cut off lacks its brace.
type jsonLines struct {
	in   *bufio.Scanner
	line int
}

func newJSONLines(in io.Reader, before int) *jsonLines {
	s := &jsonLines{in: bufio.NewScanner(in), line: before}
	s.in.Buffer(nil, longestRow)
	return s
}

// cols returns nil: the keys of an object are its columns.
func (s *jsonLines) cols() *Columns { return nil }

func (s *jsonLines) next(r *record) error {
	for s.in.Scan() {
		s.line++
		if object := bytes.TrimSpace(s.in.Bytes()); len(object) > 0 {
			r.line = s.line
			r.bad = parseObject(r, object)
			return nil
		}
	}
	err := s.in.Err()
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("line %d: %w", s.line+1, errLongRow)
	case err != nil:
		return err
	}
	return io.EOF
}

// parseObject reads one flat object of strings and numbers. It also refuses what encoding/json
// accepts and changes: a repeated key, bytes that are not UTF-8, half of a surrogate pair.
func parseObject(r *record, object []byte) *Refusal {
	if !utf8.Valid(object) {
		return refuse("", "is not valid UTF-8")
	}
	notObject := refuse("", "is not one JSON object with the keys "+allColumns())
	var seen [columnCount]bool
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return notObject
	}
	for d.More() {
		token, err := d.Token()
		name, isKey := token.(string)
		if err != nil || !isKey {
			return notObject
		}
		name = strings.ToLower(name)
		column := slices.Index(columnNames[:], name)
		if column < 0 {
			return refuse("", "has an unknown key; the keys are "+allColumns())
		}
		if seen[column] {
			return refuse("", "key "+name+" appears twice")
		}
		seen[column] = true
		start := d.InputOffset()
		token, err = d.Token()
		if err != nil {
			return notObject
		}
		switch value := token.(type) {
		case string:
			if holdsLoneSurrogate(object[start:d.InputOffset()]) {
				return refuse("", "key "+name+" holds half of a surrogate pair")
			}
			r.fields[column] = value
		case json.Number:
			if column != columnID && column != columnSendAt {
				return refuse("", "key "+name+" is a number; put it in quotes")
			}
			r.fields[column] = value.String()
		case nil:
		default:
			return refuse("", "key "+name+" is neither a string nor a number")
		}
	}
	if _, err := d.Token(); err != nil {
		return notObject
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuse("", "holds more than one JSON object; write one a line")
	}
	for _, column := range []int{columnID, columnTo, columnText} {
		if !seen[column] {
			return refuse("", "key "+columnNames[column]+" is missing")
		}
	}
	return nil
}

// escapes matches an escape of a JSON string, or the two escapes of a surrogate pair.
var escapes = regexp.MustCompile(`(?i)\\ud[89ab]..\\ud[c-f]..|\\ud[89a-f]..|\\.`)

// holdsLoneSurrogate reports whether a JSON string escapes half of a surrogate pair, which
// encoding/json turns into U+FFFD.
func holdsLoneSurrogate(raw []byte) bool {
	if !bytes.Contains(raw, []byte(`\ud`)) && !bytes.Contains(raw, []byte(`\uD`)) { // nearly all
		return false
	}
	return slices.ContainsFunc(escapes.FindAll(raw, -1), func(escape []byte) bool { return len(escape) == len(`\ud800`) })
}
