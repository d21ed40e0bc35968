package xlsx

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// part reads the XML of a part of the workbook, from its start to its end.
type part struct {
	xml  *xml.Decoder
	in   *input
	root string // its outermost element

	open   []xml.Name // the elements that were begun
	rooted bool       // the outermost one was begun
	text   []byte     // memory for the text of an element
}

// Bounds of a workbook. They let pass what spreadsheets write, and stop a small file that was made
// to exhaust memory or time.
const (
	maxCell    = 1 << 20   // bytes of a cell's value, as of a CSV row, and of an element's start
	maxRow     = 16 << 20  // bytes of all values of a row
	maxDepth   = 50        // of elements
	maxRows    = 1 << 20   // of a sheet, as Excel has them
	maxColumns = 1 << 14   // up to XFD
	maxSheets  = 10_000    // and relations of a part
	maxStrings = 512 << 20 // bytes of the strings that cells share

	// How many bytes and tokens a workbook may unpack to in all: the free ones, and so many for
	// each byte of the file. The most repetitive campaigns take two thirds of these.
	freeBytes  = 16 << 20
	freeTokens = 1 << 20
	maxBytes   = 100
	maxTokens  = 3

	maxDirectory = 4 << 20 // bytes of the list of parts
)

// fault says what is wrong with a workbook.
type fault string

func (f fault) Error() string { return string(f) }

const (
	errXML      fault = "the workbook is damaged (its XML or its archive is broken)"
	errLongCell fault = "a cell or another element of the workbook has more than 1 MiB"
	errLongRow  fault = "a row of the workbook has more than 16 MiB"
	errTooMuch  fault = "the workbook unpacks to more than 100 times its size, like a file made to exhaust memory; " +
		"save it again in a spreadsheet program, or as CSV"
	errTooMany      fault = "the workbook has more rows, columns or sheets than a spreadsheet can have"
	errTooManyParts fault = "the workbook has more parts or array formulas than a spreadsheet program writes; " +
		"save it again in one, or as CSV"
	errTooLarge fault = "the workbook has more than 512 MiB of text"
)

// next returns the next start or end of an element, or text. It returns io.EOF at the end of the
// part, which has then been read whole and fits the archive's checksum.
func (p *part) next() (xml.Token, error) {
	for {
		p.in.token = 0
		token, err := p.xml.RawToken()
		var bound fault
		switch {
		case errors.Is(err, io.EOF) && len(p.open) == 0 && p.rooted:
			return nil, io.EOF
		case errors.As(err, &bound):
			return nil, bound
		case err != nil:
			return nil, errXML
		}
		if p.in.tokens--; p.in.tokens < 0 {
			return nil, errTooMuch
		}
		last := len(p.open) - 1
		switch t := token.(type) {
		case xml.StartElement:
			if last < 0 && (p.rooted || t.Name.Local != p.root) || len(p.open) == maxDepth {
				return nil, errXML
			}
			p.open, p.rooted = append(p.open, t.Name), true
			return token, nil
		case xml.EndElement:
			if last < 0 || p.open[last] != t.Name {
				return nil, errXML
			}
			p.open = p.open[:last]
			return token, nil
		case xml.CharData:
			if last < 0 && len(bytes.Trim(t, " \t\r\n\ufeff")) > 0 {
				return nil, errXML
			}
			return token, nil
		case xml.Directive: // which may define entities
			return nil, errXML
		}
	}
}

// all calls use with each element inside the outermost one, and reads the part to its end.
func (p *part) all(use func(xml.StartElement) error) error {
	for {
		token, err := p.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if _, begins := token.(xml.StartElement); begins {
			err = p.each(use)
		}
		if err != nil {
			return err
		}
	}
}

// each calls use with each element inside the one that was begun, up to its end. use must read the
// element to its end, by each, skip or appendText.
func (p *part) each(use func(xml.StartElement) error) error {
	for {
		token, err := p.next()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if err := use(token); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

// skip reads to the end of the element that was begun.
func (p *part) skip() error {
	for within := len(p.open); len(p.open) >= within; {
		if _, err := p.next(); err != nil {
			return err
		}
	}
	return nil
}

// appendText appends the text of the element that was begun, without the text of elements in it.
func (p *part) appendText(dst []byte) ([]byte, error) {
	for {
		token, err := p.next()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if err := p.skip(); err != nil {
				return nil, err
			}
		case xml.EndElement:
			return dst, nil
		case xml.CharData:
			if len(dst)+len(token) > maxCell {
				return nil, errLongCell
			}
			dst = append(dst, token...)
		}
	}
}

// richText returns the text of all runs of the element that was begun, except the phonetic ones.
func (p *part) richText() (string, error) {
	p.text = p.text[:0]
	if err := p.appendRuns(); err != nil {
		return "", err
	}
	return unescaped(string(p.text)), nil
}

func (p *part) appendRuns() error {
	return p.each(func(e xml.StartElement) (err error) {
		switch e.Name.Local {
		case "t":
			p.text, err = p.appendText(p.text)
			return err
		case "r":
			return p.appendRuns()
		}
		return p.skip()
	})
}

// escape matches a character that XML can't hold, as the format writes it.
var escape = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

func unescaped(text string) string {
	if !strings.Contains(text, "_x") {
		return text
	}
	return escape.ReplaceAllStringFunc(text, func(code string) string {
		n, _ := strconv.ParseUint(code[2:6], 16, 16)
		if utf16.IsSurrogate(rune(n)) {
			return code
		}
		return string(rune(n))
	})
}

// attribute returns an attribute of an element by its name without a prefix, or "".
func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func isTrue(value string) bool { return value == "1" || value == "true" }

// input is the unpacked bytes of a part, within the bounds of the workbook.
type input struct {
	unpacked io.Reader
	buffer   []byte
	at, end  int
	token    int // bytes that were unpacked for the current token
	*allowance
}

// allowance is what a workbook may still unpack to.
type allowance struct{ bytes, tokens int64 }

// ReadByte returns the next byte.
func (in *input) ReadByte() (byte, error) {
	if in.at == in.end {
		if err := in.fill(); err != nil {
			return 0, err
		}
	}
	b := in.buffer[in.at]
	in.at++
	return b, nil
}

func (in *input) fill() error {
	n, err := in.unpacked.Read(in.buffer)
	for n == 0 && err == nil {
		n, err = in.unpacked.Read(in.buffer)
	}
	if n == 0 {
		return err
	}
	in.at, in.end = 0, n
	in.token += n
	in.bytes -= int64(n)
	switch {
	case in.bytes < 0:
		return errTooMuch
	case in.token > maxCell+len(in.buffer):
		return errLongCell
	}
	return nil
}

// Read makes input an io.Reader, as xml.NewDecoder wants. The decoder calls only ReadByte.
func (in *input) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }
