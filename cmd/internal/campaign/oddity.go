package campaign

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Oddity is a set of things in a text that may be mistakes.
type Oddity uint8

// The oddities.
const (
	Placeholder      Oddity = 1 << iota // such as {nume}, which nothing was filled in for
	Mojibake                            // such as BunÄƒ: UTF-8 that was read as another encoding
	LostCharacter                       // a ? in place of a letter, such as Bun? ziua
	NoValue                             // such as nan or NULL, as programs write a value that is missing
	SpreadsheetError                    // such as #N/A, inside a text
	Short                               // fewer than 3 characters
)

// oddities describes each of them: what texts hold, and what to do about it.
var oddities = []struct {
	is            Oddity
	in            func(text string) bool
	holds, remedy string
}{
	{Placeholder, holdsPlaceholder, "a placeholder, such as {nume}, that nothing was filled in for", "fill it in " +
		"with --text, or in the file"},
	{Mojibake, isMojibake, "letters in the wrong encoding, such as Äƒ for ă", "export the file as CSV UTF-8 again"},
	{LostCharacter, lostCharacter, "a ? where a letter may have been", "export the file as CSV UTF-8 again"},
	{NoValue, holdsNoValue, "nan, None or NULL, a program's word for an empty cell", "leave the row out, or " +
		"write a text"},
	{SpreadsheetError, holdsSpreadsheetError, "an error of a spreadsheet, such as #N/A", "fix the formula"},
	{Short, isShort, "fewer than 3 characters", "is it the column of the texts? --column text=NAME chooses another"},
}

// oddityOf returns what is odd about a text.
func oddityOf(text string) (odd Oddity) {
	for _, o := range oddities {
		if o.in(text) {
			odd |= o.is
		}
	}
	return odd
}

func isShort(text string) bool {
	return len(text) < 3*utf8.UTFMax && utf8.RuneCountInString(text) < 3
}

// holdsPlaceholder reports whether a text holds what programs fill in: {nume}, {{nume}}, ${nume},
// {0}, {% nume %}, <nume>, <<nume>>, «nume», %nume%, #nume# or, except at its start, [nume].
func holdsPlaceholder(text string) bool {
	for i := range len(text) {
		inside := text[i+1:]
		switch text[i] {
		case '{':
			if end := strings.IndexAny(inside, "}\n"); end >= 0 && end <= 80 && inside[end] == '}' {
				return true
			}
		case '<':
			if isName(strings.TrimLeft(inside, "< "), ">", true) {
				return true
			}
		case '[':
			if i > 0 && isName(strings.TrimLeft(inside, "[ "), "]", true) {
				return true
			}
		case '%', '#':
			if isName(inside, text[i:i+1], false) {
				return true
			}
		case "«"[0]:
			if name, ok := strings.CutPrefix(text[i:], "«"); ok && isName(name, "»", false) {
				return true
			}
		}
	}
	return false
}

// isName reports whether a text begins with a name that the closing sign follows.
func isName(text, closing string, spaces bool) bool {
	const longest = 60
	name, _, found := strings.Cut(text[:min(len(text), longest)], closing)
	if first, _ := utf8.DecodeRuneInString(name); !found || !unicode.IsLetter(first) {
		return false
	}
	for _, char := range name {
		if !isOfWord(char) && !strings.ContainsRune("_.-", char) && (char != ' ' || !spaces) {
			return false
		}
	}
	return true
}

// errorInside matches an error of a spreadsheet inside a text.
var errorInside = regexp.MustCompile(`#(N/A|N/D|GETTING_DATA|(NAME|NUME)\?|` +
	`(REF|DIV/0|VALUE|VALOARE|NUM|NULL|NUL|SPILL|CALC|FIELD|BLOCKED|CONNECT)!)`)

func holdsSpreadsheetError(text string) bool {
	return strings.IndexByte(text, '#') >= 0 && errorInside.MatchString(text)
}

// isMojibake reports whether a text holds a character that was written in UTF-8 and read in another
// encoding.
func isMojibake(text string) bool {
	for i := range len(text) {
		if text[i] < 0xc3 || i+2 >= len(text) || text[i+2] < 0x80 {
			continue // the letters below take two or three bytes, and are not followed by ASCII
		}
		switch lead, size := utf8.DecodeRuneInString(text[i:]); lead {
		case 'Â', 'Ã', 'Ä', 'Å', 'È', 'ð', 'Ă', 'Ĺ', 'Č', 'đ', '┬', '├', '─', '┼', '╚', 'Ô':
		case 'â': // which is Romanian, too
			if next, _ := utf8.DecodeRuneInString(text[i+size:]); next != '€' && next != '\u0080' {
				continue
			}
		default:
			continue
		}
		for _, encoding := range []*charmap.Charmap{charmap.Windows1252, charmap.Windows1250, charmap.CodePage852} {
			if isMisread(text[i:], encoding) {
				return true
			}
		}
	}
	return false
}

// isMisread reports whether text begins with a character of several bytes in UTF-8 that was read in
// that encoding. Only characters that an SMS may well hold count.
func isMisread(text string, encoding *charmap.Charmap) bool {
	first, _ := utf8.DecodeRuneInString(text)
	var bytes [utf8.UTFMax]byte
	n := 0
	for i, char := range text {
		b, ok := encoding.EncodeRune(char)
		if !ok && char >= 0x80 && char < 0xa0 { // control characters in Latin-1, and others in Windows
			b, ok = byte(char), true
		}
		if !ok || n > 0 && utf8.RuneStart(b) {
			break
		}
		if n == 1 && strings.ContainsRune("ÂĂâ", first) && strings.ContainsRune("„”“’‘…–—«»", char) {
			return false // such as CINĂ” at the end of a quotation
		}
		bytes[n] = b
		n++
		if n == utf8.UTFMax || i > 0 && utf8.FullRune(bytes[:n]) {
			break
		}
	}
	char, size := utf8.DecodeRune(bytes[:n])
	isLatin := char >= 0xa0 && char < 0x180 || char >= 0x218 && char <= 0x21b
	isSign := char >= 0x2000 && char < 0x2300 || char >= 0x1f000 // a quote, a dash or an emoji
	return size > 1 && (isLatin || isSign)
}

// lostCharacter reports whether a text has a ? where an encoding may have lost a letter: between
// letters, before a word, or after a word within a sentence. A ? in a link does not count.
func lostCharacter(text string) bool {
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '?')
		if i < 0 {
			return false
		}
		i += at
		at = i + 1
		word := text[strings.LastIndexAny(text[:i], " \n\t")+1 : i]
		if strings.ContainsAny(word, "/.=") {
			continue
		}
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, size := utf8.DecodeRuneInString(text[at:])
		switch {
		case unicode.IsLetter(after) && (unicode.IsLetter(before) || word == ""):
			return true
		case after == ' ' && unicode.IsLetter(before):
			if next, _ := utf8.DecodeRuneInString(text[at+size:]); unicode.IsLower(next) {
				return true
			}
		}
	}
}

// holdsNoValue reports whether a text is what programs write for a missing value, or holds it as a
// word.
func holdsNoValue(text string) bool {
	if len(text) <= len("[object Object]") {
		switch strings.ToLower(text) {
		case "nan", "none", "null", "nil", "undefined", "n/a", "<na>", "nat", "na", "(null)", "\\n", "[object object]":
			return true
		}
	}
	for _, word := range []string{"undefined", "None", "NULL", "null", "NaN", "nan", "[object Object]"} {
		for end := 0; ; {
			at := strings.Index(text[end:], word)
			if at < 0 {
				break
			}
			before, _ := utf8.DecodeLastRuneInString(text[:end+at])
			end += at + len(word)
			after, _ := utf8.DecodeRuneInString(text[end:])
			if !isOfWord(before) && !isOfWord(after) {
				return true
			}
		}
	}
	return false
}

func isOfWord(char rune) bool { return unicode.IsLetter(char) || unicode.IsDigit(char) }
