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
	err := b.readPart(name, "sst", func(p *part, e xml.StartElement) error {
		if e.Name.Local != "si" {
			return p.skip()
		}
		text, err := p.richText()
		if err != nil {
			return err
		}
		return b.texts.add(text)
	})
	b.texts.flush()
	return err
}

// texts are strings that stand in blocks of memory, so that short ones take little.
type texts struct {
	list  []string
	size  int
	block []byte // of those that are not in list yet
	ends  []int  // of each of them in block
}

func (t *texts) add(text string) error {
	const (
		blockSize = 64 << 10
		overhead  = 16
	)
	if t.size += len(text) + overhead; t.size > maxStrings {
		return errTooLarge
	}
	if len(t.block)+len(text) > blockSize {
		t.flush()
	}
	t.block = append(t.block, text...)
	t.ends = append(t.ends, len(t.block))
	return nil
}

// flush puts what was added into list.
func (t *texts) flush() {
	block, start := string(t.block), 0
	for _, end := range t.ends {
		t.list = append(t.list, block[start:end])
		start = end
	}
	t.block, t.ends = t.block[:0], t.ends[:0]
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
