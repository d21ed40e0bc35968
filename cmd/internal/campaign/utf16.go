package campaign

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// utf16Reader reads UTF-16 as UTF-8. Half of a surrogate pair is an error: it would be another
// character.
type utf16Reader struct {
	in    *bufio.Reader
	order binary.ByteOrder
	rest  []byte // of a character that did not fit
}

var errUTF16 = errors.New("the file is UTF-16 and broken; save it as CSV in UTF-8")

func (r *utf16Reader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.rest) > 0 {
			copied := copy(p[n:], r.rest)
			n, r.rest = n+copied, r.rest[copied:]
			continue
		}
		if n > 0 && r.in.Buffered() < 4 {
			return n, nil // a producer may be slow
		}
		char, err := r.next()
		if err != nil {
			return n, err
		}
		r.rest = utf8.AppendRune(r.rest[:0], char)
	}
	return n, nil
}

func (r *utf16Reader) next() (rune, error) {
	char, err := r.unit()
	if err != nil || !utf16.IsSurrogate(char) {
		return char, err
	}
	second, err := r.unit()
	if err == nil {
		char = utf16.DecodeRune(char, second)
	}
	if err != nil || char == utf8.RuneError {
		return 0, errUTF16
	}
	return char, nil
}

func (r *utf16Reader) unit() (rune, error) {
	var unit [2]byte
	if _, err := io.ReadFull(r.in, unit[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, errUTF16
		}
		return 0, err
	}
	return rune(r.order.Uint16(unit[:])), nil
}
