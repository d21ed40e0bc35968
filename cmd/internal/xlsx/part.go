package xlsx

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
)

// part reads the XML of a part of the workbook, from its start to its end.
type part struct {
	xml  *xml.Decoder
	in   *input
	file io.Closer
	root string // its outermost element

	depth  int    // of the elements that were begun
	rooted bool   // the outermost one was
	text   []byte // memory for richText
}

// Bounds of what a workbook may be. They let pass what spreadsheets write, and stop a small file
// that was made to take all memory or time.
const (
	maxCell    = 1 << 20   // bytes of a cell's value, as of a CSV row, and of an element's start
	maxRow     = 16 << 20  // bytes of all values of a row
	maxDepth   = 50        // of elements
	maxRows    = 1 << 20   // of a sheet, as Excel has them
	maxColumns = 1 << 14   // up to XFD
	maxSheets  = 10_000    // and relations of a part
	maxStrings = 512 << 20 // bytes of the strings that cells share

	// What a workbook may unpack to in all, besides what is free: bytes and tokens for each byte of
	// the file. The most repetitive campaigns take two thirds of these.
	freeBytes  = 16 << 20
	freeTokens = 1 << 20
	maxBytes   = 100
	maxTokens  = 3

	maxDirectory = 4 << 20 // bytes of the list of parts
)

var (
	errXML      = errors.New("broken XML")
	errTooLong  = errors.New("a cell of the workbook has more than 1 MiB, or a row more than 16 MiB")
	errTooMuch  = errors.New("the workbook unpacks to more than 100 times its size, as a file does that is made to take all memory; save it again in a spreadsheet program, or as CSV")
	errTooMany  = errors.New("the workbook has more rows, columns or sheets than a spreadsheet can have")
	errTooLarge = errors.New("the workbook has more than 512 MiB of text")
)

// damaged describes an error in a part's XML or in its archive.
func damaged(err error) error {
	for _, bound := range []error{errTooLong, errTooMuch, errTooMany, errTooLarge} {
		if errors.Is(err, bound) {
			return bound
		}
	}
	return errors.New("the workbook is damaged (its XML or its archive is broken)")
}

// next returns the next start or end of an element, or text. It returns io.EOF at the end of the
// part, which has then been read whole and fits the archive's checksum.
func (p *part) next() (xml.Token, error) {
	for {
		p.in.token = 0
		token, err := p.xml.Token()
		if err != nil {
			return nil, err
		}
		if p.in.tokens--; p.in.tokens < 0 {
			return nil, errTooMuch
		}
		switch token := token.(type) {
		case xml.StartElement:
			p.depth++
			if p.depth == 1 && (p.rooted || token.Name.Local != p.root) || p.depth > maxDepth {
				return nil, errXML
			}
			p.rooted = true
			return token, nil
		case xml.EndElement:
			p.depth--
			return token, nil
		case xml.CharData:
			if p.depth == 0 && len(bytes.Trim(token, " \t\r\n\ufeff")) > 0 {
				return nil, errXML
			}
			return token, nil
		case xml.Directive: // which may define entities
			return nil, errXML
		}
	}
}

// each calls use with each element inside the one that was begun, up to its end. Use reads it to
// its end, by each, text or skip.
func (p *part) each(use func(xml.StartElement) error) error {
	for {
		token, err := p.next()
		if err != nil {
			return unexpected(err)
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

// all calls use with each element inside the outermost one, and reads the part to its end.
func (p *part) all(use func(xml.StartElement) error) error {
	token, err := p.next()
	for ; err == nil; token, err = p.next() {
		if _, ok := token.(xml.StartElement); ok {
			if err := p.each(use); err != nil {
				return err
			}
		}
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	if !p.rooted {
		return errXML
	}
	return nil
}

// skip reads to the end of the element that was begun.
func (p *part) skip() error {
	for depth := 1; depth > 0; {
		token, err := p.next()
		if err != nil {
			return unexpected(err)
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
	return nil
}

// appendText appends the text of the element that was begun, without that of elements in it.
func (p *part) appendText(dst []byte) ([]byte, error) {
	for {
		token, err := p.next()
		if err != nil {
			return nil, unexpected(err)
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
				return nil, errTooLong
			}
			dst = append(dst, token...)
		}
	}
}

// unexpected returns err, or errXML for an end where none may be.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return errXML
	}
	return err
}

// input is the unpacked bytes of a part, within the bounds of the workbook.
type input struct {
	unpacked io.Reader
	buffer   []byte
	at, end  int
	token    int // bytes that were unpacked for the token that is being read
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
		return errTooLong
	}
	return nil
}

// Read is there because xml.NewDecoder takes a reader. It calls ReadByte.
func (in *input) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }
