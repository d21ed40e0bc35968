package xlsx

import (
	"encoding/xml"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// readStrings reads the texts that cells share.
func (b *Book) readStrings(name string) error {
	const overhead = 32 // of a string in memory
	size := 0
	return b.readPart(name, "sst", func(p *part, e xml.StartElement) error {
		if e.Name.Local != "si" {
			return p.skip()
		}
		text, err := p.richText()
		if err != nil {
			return err
		}
		if size += len(text) + overhead; size > maxStrings {
			return errTooLarge
		}
		b.strings = append(b.strings, text)
		return nil
	})
}

// richText returns the text of the element that was begun: of all its runs, and without the
// phonetic ones.
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

// escape is a character that XML can't hold, as the format writes it.
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
