package xlsx

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// scanner reads the XML of a part: what the format uses of it, strictly. It is written for speed,
// since encoding/xml takes most of the time of a large sheet.
type scanner struct {
	in    *bufio.Reader
	limit int    // bytes that may still be read before release is called
	long  []byte // what is longer than the buffer of in
	inTag bool   // a < was read
	empty bool   // the start that was read was an empty element, whose end comes next
	open  []string
	names map[string]string // of elements, so that each is allocated once

	// The token that was read.
	kind  token
	name  string // of an element, without its prefix
	tag   []byte // a start's attributes
	chars []byte // of text, not decoded
	cdata bool   // chars is a CDATA section
}

type token int

const (
	start token = iota
	end
	text
)

var errXML = errors.New("broken XML")

func newScanner(in io.Reader) *scanner {
	return &scanner{in: bufio.NewReaderSize(in, 64<<10), limit: maxElement, names: map[string]string{}}
}

// release says that what was read so far is no longer held.
func (s *scanner) release() { s.limit = maxElement }

// next reads a token. It returns io.EOF behind the last element.
func (s *scanner) next() error {
	if s.empty {
		s.empty, s.kind = false, end
		return s.pop(s.name)
	}
	for {
		if !s.inTag {
			chars, err := s.until('<')
			if errors.Is(err, io.EOF) {
				if len(s.open) > 0 || len(bytes.TrimSpace(chars)) > 0 {
					return errXML
				}
				return io.EOF
			}
			if err != nil {
				return err
			}
			s.inTag = true
			switch chars = chars[:len(chars)-1]; {
			case len(s.open) > 0 && len(chars) > 0:
				s.kind, s.chars, s.cdata = text, chars, false
				return nil
			case len(s.open) == 0 && len(bytes.TrimSpace(bytes.TrimPrefix(chars, []byte("\ufeff")))) > 0:
				return errXML
			}
		}
		s.inTag = false
		if is, err := s.markup(); is || err != nil {
			return err
		}
	}
}

// markup reads what follows a <, and reports whether it is a token.
func (s *scanner) markup() (is bool, err error) {
	tag, err := s.until('>')
	if err != nil {
		return false, broken(err)
	}
	tag = tag[:len(tag)-1]
	switch {
	case bytes.HasPrefix(tag, []byte("?")):
		_, err = s.complete(tag, "?")
		return false, err
	case bytes.HasPrefix(tag, []byte("!--")):
		_, err = s.complete(tag, "--")
		return false, err
	case bytes.HasPrefix(tag, []byte("![CDATA[")):
		tag, err = s.complete(tag, "]]")
		if err != nil || len(s.open) == 0 {
			return false, broken(err)
		}
		s.kind, s.chars, s.cdata = text, tag[len("![CDATA["):len(tag)-len("]]")], true
		return true, nil
	case bytes.HasPrefix(tag, []byte("!")) || len(tag) == 0:
		return false, errXML
	case tag[0] == '/':
		s.kind = end
		s.name = s.local(bytes.TrimRight(tag[1:], " \t\r\n"))
		return true, s.pop(s.name)
	}
	if tag, err = s.complete(tag, ""); err != nil {
		return false, err
	}
	s.empty = tag[len(tag)-1] == '/'
	tag = bytes.TrimSuffix(tag, []byte("/"))
	name, rest := tag, []byte(nil)
	if i := bytes.IndexAny(tag, " \t\r\n"); i >= 0 {
		name, rest = tag[:i], tag[i:]
	}
	s.kind, s.name, s.tag = start, s.local(name), rest
	if s.name == "" || len(s.open) > 100 {
		return false, errXML
	}
	s.open = append(s.open, s.name)
	return true, nil
}

// complete reads on until a tag, whose > was read, ends in ending, or else has no open quote.
func (s *scanner) complete(tag []byte, ending string) ([]byte, error) {
	for {
		if ending == "" && !hasOpenQuote(tag) || ending != "" && bytes.HasSuffix(tag, []byte(ending)) {
			return tag, nil
		}
		tag = append(bytes.Clone(tag), '>') // which the next read may overwrite
		more, err := s.until('>')
		if err != nil {
			return nil, broken(err)
		}
		tag = append(tag, more[:len(more)-1]...)
	}
}

func hasOpenQuote(tag []byte) bool {
	quote := byte(0)
	for _, c := range tag {
		switch {
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
	}
	return quote != 0
}

// until reads up to a delimiter, with it. The bytes are valid until the next call.
func (s *scanner) until(delimiter byte) ([]byte, error) {
	part, err := s.in.ReadSlice(delimiter)
	if s.limit -= len(part); s.limit < 0 {
		return nil, errTooLong
	}
	if !errors.Is(err, bufio.ErrBufferFull) {
		return part, err
	}
	s.long = s.long[:0]
	for errors.Is(err, bufio.ErrBufferFull) {
		s.long = append(s.long, part...)
		part, err = s.in.ReadSlice(delimiter)
		if s.limit -= len(part); s.limit < 0 {
			return nil, errTooLong
		}
	}
	s.long = append(s.long, part...)
	return s.long, err
}

// broken returns err, or errXML for an end where none may be.
func broken(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return errXML
	}
	return err
}

func (s *scanner) pop(name string) error {
	last := len(s.open) - 1
	if last < 0 || s.open[last] != name {
		return errXML
	}
	s.open = s.open[:last]
	return nil
}

// local returns a name without its prefix.
func (s *scanner) local(name []byte) string {
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	known, ok := s.names[string(name)]
	if !ok {
		known = string(name)
		if len(s.names) < 1000 {
			s.names[known] = known
		}
	}
	return known
}

// attribute returns the next attribute of the start that was read, without its prefix, or none at
// their end. The bytes are valid until next is called.
func (s *scanner) attribute() (name, value []byte, err error) {
	tag := bytes.TrimLeft(s.tag, " \t\r\n")
	if len(tag) == 0 {
		return nil, nil, nil
	}
	equals := bytes.IndexByte(tag, '=')
	if equals < 1 {
		return nil, nil, errXML
	}
	name = bytes.TrimRight(tag[:equals], " \t\r\n")
	if colon := bytes.IndexByte(name, ':'); colon >= 0 {
		name = name[colon+1:]
	}
	rest := bytes.TrimLeft(tag[equals+1:], " \t\r\n")
	if len(rest) < 2 || rest[0] != '"' && rest[0] != '\'' {
		return nil, nil, errXML
	}
	quote := bytes.IndexByte(rest[1:], rest[0])
	if quote < 0 {
		return nil, nil, errXML
	}
	s.tag = rest[quote+2:]
	return name, rest[1 : quote+1], nil
}

// skip reads to the end of the element whose start was read.
func (s *scanner) skip() error {
	for depth := len(s.open); len(s.open) >= depth; {
		if err := s.next(); err != nil {
			return broken(err)
		}
	}
	return nil
}
