package terminal

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Writer passes on what it is given, except control characters: it writes each as an escape such
// as \u001b, which is also how JSON writes it. Line ends and tabs stay. Control characters are
// those of Unicode, those that change the direction of a line, and bytes that are not UTF-8.
//
// A character may be split over two calls to Write. Goroutines may share a Writer.
type Writer struct {
	mu   sync.Mutex
	out  io.Writer
	rest []byte // the start of a character whose end has not come yet
	wrap bool
	line []byte // if it wraps: a line that has not ended yet
}

// NewWriter returns a Writer that writes to out. If that is a terminal, lines are wrapped to its
// width as Wrap does, and written once they have ended; Flush writes one that has not.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out, wrap: Of(out) != nil} }

// Verbatim returns a Writer to the same writer that does not wrap lines, so that they can be
// copied.
func Verbatim(out io.Writer) *Writer { return &Writer{out: Unwrap(out)} }

// Unwrap returns the writer behind out if out is a Writer, and out otherwise. Use it to find out
// what the writer is, or to control a terminal.
func Unwrap(out io.Writer) io.Writer {
	if w, ok := out.(*Writer); ok {
		return w.out
	}
	return out
}

// Write writes p, escaped. If the writer behind it fails, Write returns its error and about how
// much of p was written, which is 0 only if nothing was.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := p
	if len(w.rest) > 0 {
		text = slices.Concat(w.rest, p)
		w.rest = nil
	}
	if len(text) > 0 && !isPlain(text) {
		if cut := startOfSplit(text); cut < len(text) {
			w.rest = append([]byte{}, text[cut:]...)
			text = text[:cut]
		}
		text = appendEscaped(nil, text)
	}
	if w.wrap {
		w.line = append(w.line, text...)
		whole := bytes.LastIndexByte(w.line, '\n') + 1
		text, w.line = []byte(Wrap(string(w.line[:whole]), Columns(w.out))), append([]byte{}, w.line[whole:]...)
	}
	if len(text) == 0 {
		return len(p), nil
	}
	if n, err := w.out.Write(text); err != nil {
		return min(n, len(p)), err
	}
	return len(p), nil
}

// Flush writes the line that a Writer holds because it has not ended.
func Flush(out io.Writer) {
	w, ok := out.(*Writer)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.line) > 0 {
		_, _ = io.WriteString(w.out, Wrap(string(w.line), Columns(w.out)))
		w.line = nil
	}
}

// isPlain reports whether text is printable ASCII, as nearly all is.
func isPlain(text []byte) bool {
	for _, b := range text {
		if (b < ' ' || b >= 0x7f) && b != '\n' && b != '\t' {
			return false
		}
	}
	return true
}

// startOfSplit returns the offset of a character at the end of text that lacks its last bytes.
func startOfSplit(text []byte) int {
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if start := len(text) - back; utf8.RuneStart(text[start]) {
			if !utf8.FullRune(text[start:]) {
				return start
			}
			break
		}
	}
	return len(text)
}

// Line returns text as one line. It escapes tabs and line ends, too, as a Writer escapes control
// characters.
func Line(text string) string {
	if isPlain([]byte(text)) && !strings.ContainsAny(text, "\n\t") {
		return text
	}
	return strings.NewReplacer("\n", `\u000a`, "\t", `\u0009`).Replace(string(appendEscaped(nil, []byte(text))))
}

// Text returns an error's text as one line, even if it quotes a server, and without the library's
// name in front: a command puts its own name there.
func Text(text string) string { return Line(strings.TrimPrefix(text, "smslink: ")) }

// Error returns an error that wraps err and has the Text of it. Error(nil) is nil.
func Error(err error) error {
	if err == nil {
		return nil
	}
	return &lineError{Text(err.Error()), err}
}

type lineError struct {
	text string
	err  error
}

func (e *lineError) Error() string { return e.text }
func (e *lineError) Unwrap() error { return e.err }

func appendEscaped(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			dst = fmt.Appendf(dst, `\x%02x`, text[0])
		case isControl(r):
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = append(dst, text[:size]...)
		}
		text = text[size:]
	}
	return dst
}

// isControl reports whether a terminal may act on r instead of showing it.
func isControl(r rune) bool {
	switch r {
	case '\n', '\t':
		return false
	case '\u2028', '\u2029':
		return true
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}

// Visible returns the character, or its code if it can't be seen.
func Visible(char rune) string {
	switch {
	case unicode.IsPrint(char):
		return string(char)
	case char > 0xffff:
		return fmt.Sprintf("\\U%08x", char)
	}
	return fmt.Sprintf("\\u%04x", char)
}
