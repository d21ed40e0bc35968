package xlsx

import (
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// maxStrings bounds the memory that the texts of a workbook may take.
const maxStrings = 512 << 20

// readStrings reads the texts that cells share.
func (b *Book) readStrings(name string) error {
	file, err := b.open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	in := newScanner(file)
	size := 0
	for {
		switch err := in.next(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return damaged(err)
		case in.kind != start || in.name != "si":
			continue
		}
		text, err := in.richText()
		if err != nil {
			return damaged(err)
		}
		if size += len(text); size > maxStrings {
			return errors.New("the workbook has more than 512 MiB of text")
		}
		b.strings = append(b.strings, text)
		in.release()
	}
}

// richText returns the text of the element whose start was read: of all its runs, and without the
// phonetic ones.
func (s *scanner) richText() (string, error) {
	text := ""
	for depth := len(s.open); len(s.open) >= depth; {
		if err := s.next(); err != nil {
			return "", broken(err)
		}
		if s.kind != start {
			continue
		}
		switch s.name {
		case "t":
			run, err := s.characters()
			if err != nil {
				return "", err
			}
			text += run
		case "rPh":
			if err := s.skip(); err != nil {
				return "", err
			}
		}
	}
	return unescaped(text), nil
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
