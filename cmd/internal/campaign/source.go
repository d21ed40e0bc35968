package campaign

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode"
)

// newSource begins to read a file: a workbook, JSON lines if the first byte that is not blank is a
// brace, and else CSV. No error of a source quotes a value of the file, other than a column's name.
func newSource(f *file, opts Options) (source, error) {
	r := bufio.NewReader(f.in)
	start, _ := r.Peek(4)
	switch {
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		if f.info == nil {
			return nil, errors.New("a workbook can't be read from a pipe; name the file")
		}
		return newWorkbook(f, opts)
	case bytes.HasPrefix(start, []byte("\xd0\xcf\x11\xe0")):
		return nil, errors.New("the file is an old .xls or has a password; save it as .xlsx without one, or as CSV")
	case bytes.HasPrefix(start, []byte("\ufeff")):
		_, _ = r.Discard(3)
	case bytes.HasPrefix(start, []byte("\xff\xfe")):
		r = newUTF16(r, binary.LittleEndian)
	case bytes.HasPrefix(start, []byte("\xfe\xff")):
		r = newUTF16(r, binary.BigEndian)
	}
	header := firstLine(r)
	switch isJSON := bytes.HasPrefix(header, []byte("{")); {
	case opts.Sheet != "":
		return nil, errors.New("--sheet is for workbooks, and the file is not one")
	case isJSON && len(opts.Columns) > 0:
		return nil, errors.New("--column is for files with a header, and JSON lines have none")
	case isJSON:
		return &jsonLines{in: r}, nil
	case bytes.HasPrefix(header, []byte("[")):
		return nil, errors.New("line 1: the file is a JSON array; write JSON lines, one object on each line, without brackets or commas between them")
	case bytes.IndexByte(header, 0) >= 0:
		return nil, errors.New("line 1: the file is no text in UTF-8; save it as CSV in UTF-8")
	}
	return newCSV(r, f.name, header, opts)
}

func newUTF16(in *bufio.Reader, order binary.ByteOrder) *bufio.Reader {
	_, _ = in.Discard(2)
	return bufio.NewReader(&utf16Reader{in: in, order: order})
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
