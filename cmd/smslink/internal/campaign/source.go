package campaign

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode"
)

// newSource begins to read a file: CSV, or JSON lines if the first byte that is not blank is a
// brace. No error of a source quotes a value of the file.
func newSource(f *file, _ Options) (source, error) {
	r := bufio.NewReader(f.in)
	if start, _ := r.Peek(3); string(start) == "\ufeff" {
		_, _ = r.Discard(3)
	}
	header := firstLine(r)
	switch {
	case bytes.HasPrefix(header, []byte("\xff\xfe")) || bytes.HasPrefix(header, []byte("\xfe\xff")):
		return nil, errors.New("line 1: the file is UTF-16; save it as CSV in UTF-8")
	case bytes.HasPrefix(header, []byte("[")):
		return nil, errors.New("line 1: the file is a JSON array; write JSON lines, one object on each line, without brackets or commas between them")
	case bytes.HasPrefix(header, []byte("{")):
		return &jsonLines{in: r}, nil
	}
	// Excel writes semicolons where the comma is the decimal sign.
	separator := ','
	for _, other := range ";\t" {
		if bytes.Count(header, []byte(string(other))) > bytes.Count(header, []byte(string(separator))) {
			separator = other
		}
	}
	return newCSV(r, separator)
}

// firstLine returns the first line that is not blank, as far as the buffer can hold it. It is left
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

// next begins a row at that offset, and reports whether the one before lacks its line end.
func (r *rowReader) next(offset int64) (unended bool) {
	r.began = offset
	return offset == r.read && r.last != '\n'
}
