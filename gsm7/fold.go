package gsm7

import (
	"strings"
	"unicode/utf8"
)

// Fold replaces characters that the GSM alphabet lacks by the nearest that it has: ă, â, î, ș and ț, and
// Latin letters with other marks, in one character or with the mark in one of its own; typographic
// quotes, dashes, ellipses and bullets; non-breaking and other odd spaces, a tab
// among them. Characters of no width are dropped. What the alphabet has stays, such as é, ñ, ü and €, and so does what has no near form,
// such as an emoji or a Cyrillic letter, which then still forces UCS-2: see [Foreign].
//
// A folded text never takes more segments than it did: where the three dots of an ellipsis and the like
// would cost one, what becomes longer stays as it is. Folding twice changes
// nothing more. It allocates nothing where it changes nothing.
func Fold(text string) string {
	folded, _ := fold(text)
	return folded
}

func fold(text string) (folded string, expand bool) {
	folded = apply(text, true)
	if folded != text && Measure(folded).Segments > Measure(text).Segments {
		return apply(text, false), false
	}
	return folded, true
}

// Change is one replacement.
type Change struct {
	Offset int    // in bytes, in the text before folding
	From   string // a character, with the marks that follow it
	To     string // may be empty
}

// FoldReport is [Fold], and tells what was changed, in order.
func FoldReport(text string) (folded string, changes []Change) {
	folded, expand := fold(text)
	f := folder{text: text, expand: expand}
	for change, ok := f.next(); ok; change, ok = f.next() {
		changes = append(changes, change)
	}
	return folded, changes
}

// apply makes all changes, or those that make nothing longer.
func apply(text string, expand bool) string {
	f := folder{text: text, expand: expand}
	change, ok := f.next()
	if !ok {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	done := 0
	for ; ok; change, ok = f.next() {
		b.WriteString(text[done:change.Offset])
		b.WriteString(change.To)
		done = change.Offset + len(change.From)
	}
	b.WriteString(text[done:])
	return b.String()
}

// folder finds the changes of a text, one after another.
type folder struct {
	text   string
	expand bool // into several characters, too
	at     int
}

func (f *folder) next() (change Change, ok bool) {
	for f.at < len(f.text) {
		f.skip()
		start := f.at
		r, size := utf8.DecodeRuneInString(f.text[start:])
		f.at += size
		to := f.text[start:f.at]
		if septetsOf(r) == 0 {
			if to, ok = nearest(r); !ok || !f.expand && utf8.RuneCountInString(to) > 1 {
				continue // it stays, and so does what clings to it
			}
		}
		for to != "" && f.at < len(f.text) && f.text[f.at] >= utf8.RuneSelf {
			mark, size := utf8.DecodeRuneInString(f.text[f.at:])
			if !clings(mark) {
				break
			}
			to = compose(to, mark)
			f.at += size
		}
		if from := f.text[start:f.at]; from != to {
			return Change{start, from, to}, true
		}
	}
	return Change{}, false
}

// skip passes over what surely stays: ASCII of the alphabet, but for its last character, to which
// something may cling.
func (f *folder) skip() {
	if bytes, _ := leading(f.text[f.at:]); bytes > 1 {
		f.at += bytes - 1
	}
}

// clings tells whether a character only changes how the one before it looks: a
// combining mark, a joiner, a variation selector, or one of no width.
func clings(r rune) bool {
	switch {
	case '\u0300' <= r && r <= '\u036f', '\u20d0' <= r && r <= '\u20f0', '\ufe00' <= r && r <= '\ufe0f', r == '\u200c', r == '\u200d':
		return true
	}
	to, ok := nearest(r)
	return ok && to == ""
}

// compose is the character that a mark makes of base, if the alphabet has it; else base.
func compose(base string, mark rune) string {
	switch base + string(mark) {
	case "a\u0300":
		return "à"
	case "e\u0300":
		return "è"
	case "i\u0300":
		return "ì"
	case "o\u0300":
		return "ò"
	case "u\u0300":
		return "ù"
	case "E\u0301":
		return "É"
	case "e\u0301":
		return "é"
	case "N\u0303":
		return "Ñ"
	case "n\u0303":
		return "ñ"
	case "A\u0308":
		return "Ä"
	case "O\u0308":
		return "Ö"
	case "U\u0308":
		return "Ü"
	case "a\u0308":
		return "ä"
	case "o\u0308":
		return "ö"
	case "u\u0308":
		return "ü"
	case "A\u030a":
		return "Å"
	case "a\u030a":
		return "å"
	case "C\u0327":
		return "Ç"
	}
	return base
}
