package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonRows reads one object a line. What is wrong with a line is its row's error,
// since the next line is sound all the same. A line without an end is none: an object that was
// cut off lacks its brace.
func jsonRows(r *bufio.Reader) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		for line := 1; ; line++ {
			raw, err := readLine(r)
			if errors.Is(err, errLongRow) {
				err = fmt.Errorf("line %d: %w", line, err)
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(row{}, err)
				return
			}
			if object := bytes.TrimSpace(raw); len(object) > 0 && !yield(jsonRow(line, object), nil) {
				return
			}
			if err != nil {
				return
			}
		}
	}
}

// readLine reads a line with its end, if it has one, of longestRow bytes at the most.
func readLine(r *bufio.Reader) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > longestRow {
			return nil, errLongRow
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

func jsonRow(line int, object []byte) row {
	fields, err := parseObject(object)
	if err != nil {
		return row{line: line, err: err}
	}
	for _, name := range needed {
		if _, ok := fields[name]; !ok {
			return row{line: line, id: fields["id"], err: fmt.Errorf("key %s is missing", name)}
		}
	}
	return newRow(line, fields)
}

// parseObject reads one flat object of strings and numbers. It refuses what
// encoding/json would mend or pass over in silence: a key that stands twice, bytes
// that are not UTF-8, half of a surrogate pair.
func parseObject(object []byte) (map[string]string, error) {
	errNotObject := errors.New("is not one JSON object with the keys " + strings.Join(columns, ", "))
	if !utf8.Valid(object) {
		return nil, errors.New("is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, errNotObject
	}
	fields := make(map[string]string, len(columns))
	for d.More() {
		token, err := d.Token()
		name, isKey := token.(string)
		if err != nil || !isKey {
			return nil, errNotObject
		}
		name = strings.ToLower(name)
		if !slices.Contains(columns, name) {
			return nil, fmt.Errorf("has an unknown key; the keys are %s", strings.Join(columns, ", "))
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("key %s appears twice", name)
		}
		start := d.InputOffset()
		token, err = d.Token()
		if err != nil {
			return nil, errNotObject
		}
		switch value := token.(type) {
		case string:
			if holdsLoneSurrogate(object[start:d.InputOffset()]) {
				return nil, fmt.Errorf("key %s holds half of a surrogate pair", name)
			}
			fields[name] = value
		case json.Number:
			if name != "id" && name != "send_at" {
				return nil, fmt.Errorf("key %s is a number; put it in quotes", name)
			}
			fields[name] = value.String()
		case nil:
			fields[name] = ""
		default:
			return nil, fmt.Errorf("key %s is neither a string nor a number", name)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, errNotObject
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("holds more than one JSON object; write one a line")
	}
	return fields, nil
}

// holdsLoneSurrogate tells whether a JSON string escapes half of a surrogate pair,
// which encoding/json turns into U+FFFD.
func holdsLoneSurrogate(raw []byte) bool {
	for {
		at := bytes.IndexByte(raw, '\\')
		if at < 0 {
			return false
		}
		raw = raw[at:]
		first, escaped := unicodeEscape(raw)
		switch {
		case !escaped:
			raw = raw[2:]
		case !utf16.IsSurrogate(first):
			raw = raw[6:]
		default:
			second, _ := unicodeEscape(raw[6:])
			if utf16.DecodeRune(first, second) == utf8.RuneError {
				return true
			}
			raw = raw[12:]
		}
	}
}

// unicodeEscape reads an escape such as \u0219 at the start of raw, if there is one.
func unicodeEscape(raw []byte) (rune, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return rune(unit), err == nil
}
