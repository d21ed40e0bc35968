package xlsx

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// characters returns the text of the element whose start was read, up to its end.
func (s *scanner) characters() (string, error) {
	characters := ""
	for depth := len(s.open); len(s.open) >= depth; {
		if err := s.next(); err != nil {
			return "", broken(err)
		}
		switch s.kind {
		case text:
			decoded, err := s.decoded()
			if err != nil {
				return "", err
			}
			characters += decoded
		case start:
			if err := s.skip(); err != nil {
				return "", err
			}
		}
	}
	return characters, nil
}

// decoded returns the text that was read.
func (s *scanner) decoded() (string, error) {
	if !utf8.Valid(s.chars) {
		return "", errXML
	}
	decoded := string(s.chars)
	if strings.IndexByte(decoded, '\r') >= 0 {
		decoded = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(decoded)
	}
	if s.cdata || strings.IndexByte(decoded, '&') < 0 {
		return decoded, nil
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(decoded, "&")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, rest, found := strings.Cut(after, ";")
		r, ok := entity(name)
		if !found || !ok {
			return "", errXML
		}
		b.WriteRune(r)
		decoded = rest
	}
}

func entity(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	code, ok := strings.CutPrefix(name, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(code, "x"); isHex {
		code, base = hex, 16
	}
	n, err := strconv.ParseUint(code, base, 32)
	r := rune(n)
	return r, ok && err == nil && n <= utf8.MaxRune && utf8.ValidRune(r) && (r >= ' ' || r == '\t' || r == '\n' || r == '\r')
}
