package gsm7

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold replaces characters that are not in the GSM alphabet with similar ones that are:
//
//   - ă, â, î, ș and ț, and Latin letters with other marks, as one character or as a letter and
//     combining marks;
//   - typographic quotes, dashes, ellipses and bullets;
//   - non-breaking and other odd spaces, including a tab;
//   - some signs.
//
// Characters of no width are dropped. [FoldChanges] returns what Fold would change.
//
// # What stays
//
// Characters of the alphabet stay, such as é, ñ, ü and €. So do characters without a similar one,
// such as an emoji or a Cyrillic letter, which then still force UCS-2: see [Foreign]. A word with
// ://, www. or @, before or after folding, is not changed, since a changed link leads elsewhere.
// Other names and codes are not recognized. A text that is not UTF-8 is not changed.
//
// A folded text never takes more segments than before: if replacements such as three dots for an
// ellipsis would cost a segment, no character is replaced with a longer text. Folding a folded text
// changes nothing. Fold allocates nothing if there is nothing to replace.
func Fold(text string) string {
	folded, _ := fold(text)
	return folded
}

// FoldIfFewer returns the folded text if that takes fewer SMS, else the text unchanged: a text that
// fits in one SMS keeps its ă and ș. It measures the text as the gateway gets it, and returns a
// folded text in that form: see [AsSent].
func FoldIfFewer(text string) string {
	sent := AsSent(text)
	measured := Measure(sent)
	if measured.Segments <= 1 || measured.Alphabet == GSM7 {
		return text
	}
	if folded := AsSent(Fold(sent)); Measure(folded).Segments < measured.Segments {
		return folded
	}
	return text
}

// AsSent returns the text as the gateway gets it, without what the vendor's client drops [ref]:
// white space and NULs at both ends, tabs and carriage returns.
func AsSent(text string) string {
	text = strings.Trim(text, " \t\n\r\x00\v")
	if strings.ContainsAny(text, "\t\r") {
		text = strings.NewReplacer("\t", "", "\r", "").Replace(text)
	}
	return text
}

// fold returns the folded text, and whether characters may be replaced with several without costing
// a segment.
func fold(text string) (folded string, expand bool) {
	folded = apply(text, true)
	switch {
	case folded == text:
		return text, true
	case !utf8.ValidString(text):
		return text, false
	case Measure(folded).Segments > Measure(text).Segments:
		return apply(text, false), false
	}
	return folded, true
}

// Change is one replacement.
type Change struct {
	Offset int    // in bytes, in the text before folding
	From   string // a character, with marks that follow it, or only those
	To     string // may be empty
}

// FoldChanges returns the replacements that [Fold] makes in text, in order, or nil if there are
// none.
func FoldChanges(text string) []Change {
	folded, expand := fold(text)
	if folded == text {
		return nil
	}
	var changes []Change
	f := folder{text: text, expand: expand}
	for change, ok := f.next(); ok; change, ok = f.next() {
		changes = append(changes, change)
	}
	return changes
}

// apply makes all changes, or only those that make no character longer.
func apply(text string, expand bool) string {
	f := folder{text: text, expand: expand}
	return f.fold()
}

// folder finds the changes of a text, one after another.
type folder struct {
	text   string
	expand bool // also replace a character with several
	at     int
	begun  bool // the folded text has a character before at
	last   byte // its last byte
	word   int  // the end of the last word for which inLink was asked
	isLink bool // whether that word is a link
}

// fold makes all changes.
func (f *folder) fold() string {
	change, ok := f.next()
	if !ok {
		return f.text
	}
	var b strings.Builder
	b.Grow(len(f.text))
	done := 0
	for ; ok; change, ok = f.next() {
		b.WriteString(f.text[done:change.Offset])
		b.WriteString(change.To)
		done = change.Offset + len(change.From)
	}
	b.WriteString(f.text[done:])
	return b.String()
}

// next finds the next change.
func (f *folder) next() (change Change, ok bool) {
	for f.at < len(f.text) {
		f.skip()
		start := f.at
		r, size := utf8.DecodeRuneInString(f.text[start:])
		f.at += size
		to := f.text[start:f.at]
		if septetsOf(r) == 0 {
			if to, ok = f.replacement(r, start); !ok {
				f.keep(f.text[start:f.at])
				continue // it stays, and so do its marks
			}
		}
		for to != "" && f.at < len(f.text) && f.text[f.at] >= utf8.RuneSelf && !f.inLink(f.at) {
			mark, size := utf8.DecodeRuneInString(f.text[f.at:])
			if !clings(mark) {
				break
			}
			to = compose(to, mark)
			f.at += size
		}
		f.keep(to)
		from := f.text[start:f.at]
		if dropped, stays := strings.CutPrefix(from, to); stays && to != "" && dropped != "" {
			return Change{start + len(to), dropped, ""}, true
		}
		if from != to {
			return Change{start, from, to}, true
		}
	}
	return Change{}, false
}

// keep records the last byte of the folded text so far.
func (f *folder) keep(folded string) {
	if folded != "" {
		f.begun, f.last = true, folded[len(folded)-1]
	}
}

// replacement returns the replacement of r, which is at start.
func (f *folder) replacement(r rune, start int) (to string, ok bool) {
	switch {
	case !unicode.IsSpace(r) && f.inLink(start):
		return "", false
	case (r == '²' || r == '³') && isLetter(f.last): // m², but not 10²
		return string(r - '²' + '2'), true
	case !f.begun && isDirectionMark(r):
		return "", true
	}
	to, ok = nearest(r)
	return to, ok && (f.expand || utf8.RuneCountInString(to) <= 1)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// inLink reports whether the word around at is a link or an address, or would become one.
func (f *folder) inLink(at int) bool {
	if at < f.word {
		return f.isLink
	}
	start := 0
	if space := strings.LastIndexFunc(f.text[:at], unicode.IsSpace); space >= 0 {
		_, size := utf8.DecodeRuneInString(f.text[space:])
		start = space + size
	}
	f.word = len(f.text)
	if space := strings.IndexFunc(f.text[at:], unicode.IsSpace); space >= 0 {
		f.word = at + space
	}
	f.isLink = isLink(f.text[start:f.word])
	return f.isLink
}

// isLink reports whether the folded word has ://, www. in any letter case, or @. Folding never
// removes these, but may make one.
func isLink(word string) bool {
	if !strings.ContainsFunc(word, endsLinkMark) {
		return false
	}
	f := folder{text: word, expand: true, word: len(word) + 1} // so that inLink returns false
	folded := f.fold()
	return strings.Contains(folded, "://") || strings.Contains(strings.ToLower(folded), "www.") || strings.Contains(folded, "@")
}

// endsLinkMark reports whether the folded r has the last character of ://, www. or @.
func endsLinkMark(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '/' || r == '.' || r == '@'
	}
	to, _ := nearest(r)
	return strings.ContainsAny(to, "/.@")
}

// skip advances over ASCII characters of the alphabet, except the last, which combining marks may
// follow.
func (f *folder) skip() {
	if bytes, _ := leading(f.text[f.at:]); bytes > 1 {
		f.keep(f.text[f.at : f.at+bytes-1])
		f.at += bytes - 1
	}
}

// clings reports whether a character only changes the look of the one before it: a combining mark
// that does not strike it out, a joiner, a variation selector, or an invisible character.
func clings(r rune) bool {
	switch {
	case '\u0334' <= r && r <= '\u0338':
		return false
	case '\u0300' <= r && r <= '\u036f', '\ufe00' <= r && r <= '\ufe0f', r == '\u20e3', r == '\u200c', r == '\u200d':
		return true
	}
	to, ok := nearest(r)
	return ok && to == "" || isDirectionMark(r)
}

// isDirectionMark reports whether r is a mark of writing direction, such as phones put around a
// copied number, or U+180E. Next to right-to-left text it has a meaning, and stays.
func isDirectionMark(r rune) bool {
	return r == '\u061c' || r == '\u180e' || r == '\u200e' || r == '\u200f' ||
		'\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069'
}

// compose returns the character that a mark makes of base if the alphabet has it, else base.
func compose(base string, mark rune) string {
	if character, ok := composed[base+string(mark)]; ok {
		return character
	}
	return base
}

var composed = map[string]string{
	"a\u0300": "à", "e\u0300": "è", "i\u0300": "ì", "o\u0300": "ò", "u\u0300": "ù",
	"E\u0301": "É", "e\u0301": "é",
	"N\u0303": "Ñ", "n\u0303": "ñ",
	"A\u0308": "Ä", "O\u0308": "Ö", "U\u0308": "Ü", "a\u0308": "ä", "o\u0308": "ö", "u\u0308": "ü",
	"A\u030a": "Å", "a\u030a": "å",
	"C\u0327": "Ç",
}
