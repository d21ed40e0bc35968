package campaign

import (
	"errors"
	"slices"
	"strings"
)

// Template is a text with names of columns in braces, which are filled in for each row.
type Template struct {
	parts []part
	plain bool // its literals hold nothing that looks like a placeholder
	size  int  // of a usual text, in bytes
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
	without := "" // the literals alone
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
		without += literal + "x"
		literal, rest = "", after
	}
	if literal != "" {
		t.parts = append(t.parts, part{literal: literal})
	}
	t.plain = !holdsPlaceholder(without + literal)
	const usual = 16 // bytes of a cell
	t.size = len(without) + len(literal) + usual*len(t.parts)/2
	return t, nil
}

// Fills reports whether the template names a column.
func (t *Template) Fills() bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.name != "" })
}

// bind finds the columns that the template names.
func (c *Columns) bind(t *Template) error {
	c.template = t
	for _, p := range t.parts {
		at := -1
		if p.name != "" {
			found := c.shownFirst(normalized(p.name))
			var err error
			if at, err = c.only(found, "{"+strings.TrimSpace(p.name)+"}", "--text"); err != nil {
				return err
			}
		}
		c.filled = append(c.filled, at)
	}
	return nil
}

// fills reports whether a column of the file is in the template.
func (c *Columns) fills(column int) bool { return slices.Contains(c.filled, column) }

// fill returns the text of a row. values are the row's, by the file's column.
func (c *Columns) fill(values []string) (string, *Refusal) {
	var b strings.Builder
	b.Grow(c.template.size)
	for i, p := range c.template.parts {
		at := c.filled[i]
		if at < 0 {
			b.WriteString(p.literal)
			continue
		}
		filled := strings.TrimSpace(values[at])
		switch {
		case isSpreadsheetError(filled):
			return "", refuse("text", "is filled from "+c.quoted(at)+", which holds an error of the spreadsheet, "+
				"such as #N/A; mend its formula")
		case filled == "" && !p.optional:
			return "", refuse("text", "is filled from "+c.quoted(at)+", which is empty; write what is to stand there "+
				"instead, such as {"+strings.TrimSpace(p.name)+"|…}")
		case filled == "":
			filled = p.fallback
		}
		b.WriteString(filled)
	}
	return b.String(), nil
}
