package campaign

import (
	"errors"
	"slices"
	"strings"
)

// Template is a text with names of columns in braces, which are filled in for each row.
type Template struct {
	parts        []part
	placeholders bool // its literals hold what looks like one
	size         int  // of a usual text, in bytes
}

// part is a name of a template, or the literal between two names.
type part struct {
	literal  string
	name     string // of a column; empty for a literal
	fallback string // for an empty cell
	optional bool   // there is a fallback
}

// ParseTemplate reads a text such as "Bună, {prenume|client}!". {{ and }} stand for braces.
func ParseTemplate(text string) (*Template, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("it is empty")
	}
	t := &Template{}
	literal := ""
	skeleton := "" // the text with x for each name
	for rest := text; rest != ""; {
		at := strings.IndexAny(rest, "{}")
		if at < 0 {
			literal += rest
			break
		}
		literal += rest[:at]
		if strings.HasPrefix(rest[at+1:], rest[at:at+1]) || rest[at] == '}' { // {{, }} or a lone }
			literal += rest[at : at+1]
			rest = strings.TrimPrefix(rest[at+1:], rest[at:at+1])
			continue
		}
		inside, after, closed := strings.Cut(rest[at+1:], "}")
		p := part{}
		p.name, p.fallback, p.optional = strings.Cut(inside, "|")
		switch {
		case !closed || strings.ContainsAny(inside, "{\n"):
			return nil, errors.New("a { is not closed; write {{ for a brace")
		case normalized(p.name) == "":
			return nil, errors.New("{} names no column; write {{ for a brace")
		}
		t.parts = append(t.parts, part{literal: literal}, p)
		skeleton += literal + "x"
		literal, rest = "", after
	}
	if literal != "" {
		t.parts = append(t.parts, part{literal: literal})
	}
	skeleton += literal
	t.placeholders = holdsPlaceholder(skeleton)
	const usual = 16 // bytes of a cell
	t.size = len(skeleton) + usual*len(t.parts)/2
	return t, nil
}

// Fills reports whether the template names a column.
func (t *Template) Fills() bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.name != "" })
}
