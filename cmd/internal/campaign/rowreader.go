package campaign

import (
	"bufio"
	"errors"
)

// longestRow is how many bytes a row may have, with its line end. No SMS comes near it, and
// without it a quote that is not closed would take the rest of a file into memory.
const longestRow = 1 << 20

var errLongRow = errors.New("the row has more than 1 MiB; is a quote not closed?")

// rowReader is what a csv.Reader reads from. It refuses to read on once a row is longer than
// longestRow, blank lines aside. It passes ="0712", which makes a spreadsheet keep a text, as
// "0712". It notes where a line ends in a CR alone outside quotes, which a csv.Reader takes for a
// part of the field.
type rowReader struct {
	in        *bufio.Reader
	separator byte

	began   int64 // the offset where the row began
	read    int64 // the offset that has been read to
	content int64 // behind the last byte that is no line end
	last    byte

	quoted bool  // a quote is open
	start  bool  // a field begins here
	cr     bool  // the last byte is a CR outside quotes
	lone   int64 // the offset of the last CR that stands alone, or -1
}

func newRowReader(in *bufio.Reader, separator byte) *rowReader {
	return &rowReader{in: in, separator: separator, start: true, lone: -1}
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

// pass leaves in p what a csv.Reader is to see of it, and returns how much that is.
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
				r.lone = r.read + int64(n) - 1
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

// next begins a row at that offset. It reports whether the one before lacks its line end, and
// whether a CR in it stands alone.
func (r *rowReader) next(offset int64) (unended, loneCR bool) {
	loneCR = r.lone >= r.began
	if loneCR && r.lone >= offset { // a later row's
		loneCR = false
	}
	r.began = offset
	return offset == r.read && r.last != '\n', loneCR
}
