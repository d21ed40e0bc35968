// Package gsm7 counts the SMS that a text takes, finds the characters that make it take more, and
// can replace them.
//
// If all characters of a text are in the GSM 7-bit default alphabet or its extension table (3GPP TS
// 23.038, formerly GSM 03.38), one SMS has up to 160 septets, or up to 153 in each segment of a
// longer text. One other character, such as ă or ș, turns the whole text into UCS-2: up to 70 units
// of 16 bits in one SMS, or up to 67 in each segment (3GPP TS 23.040, with the usual 8-bit
// reference). That reference allows 255 segments; this package also counts more.
//
// Each segment is billed as an SMS. How SMSLink itself counts is not published. Its delivery
// reports can carry its own count.
//
// National language shift tables are not used: it is not known whether the gateway has them.
//
// All functions may be called concurrently.
package gsm7

import (
	"fmt"
	"iter"
	"math/bits"
	"unicode/utf8"
)

// Alphabet is the character set in which a text is sent.
type Alphabet int

const (
	// GSM7 is the GSM 7-bit default alphabet with its extension table.
	GSM7 Alphabet = iota
	// UCS2 has units of 16 bits, for all other texts. A character above U+FFFF, as most emoji are,
	// takes two.
	UCS2
)

// String names the alphabet: GSM-7 or UCS-2.
func (a Alphabet) String() string {
	switch a {
	case GSM7:
		return "GSM-7"
	case UCS2:
		return "UCS-2"
	}
	return fmt.Sprintf("Alphabet(%d)", int(a))
}

// limits returns the most units of a text in one SMS, and of each segment of a longer text.
func (a Alphabet) limits() (single, segment int) {
	if a == GSM7 {
		return 160, 153
	}
	return 70, 67
}

// Measurement is the size of a text in SMS.
type Measurement struct {
	Alphabet  Alphabet
	Units     int // in GSM-7 septets, two for a character of the extension table; in UCS-2 units of UTF-16
	Segments  int // SMS that the text is sent as; 0 for an empty text
	Remaining int // units left in the last segment, as long as the alphabet stays the same
}

// Measure returns the size of the text in SMS. It allocates nothing. A byte that is not UTF-8
// counts as U+FFFD, which is not in the GSM alphabet.
//
// A character of two units is not split between segments, so a segment may end one unit short. Give
// Measure the text as the gateway gets it, trimmed and without tabs and carriage returns. smslink's
// Package.Messages yields texts in that form.
func Measure(text string) Measurement {
	m := Measurement{Alphabet: GSM7}
	size, runes, units := septets(text)
	if size < len(text) {
		m.Alphabet = UCS2
		n, u := utf16Units(text, size)
		units = runes + u // the alphabet has no surrogate pairs
		runes += n
	}
	single, segment := m.Alphabet.limits()
	m.Units = units
	switch {
	case units == 0:
		m.Remaining = single
	case units <= single:
		m.Segments, m.Remaining = 1, single-units
	case units == runes: // no pairs
		m.Segments = (units + segment - 1) / segment
		m.Remaining = m.Segments*segment - units
	default:
		m.Segments, m.Remaining = m.Alphabet.fill(text)
	}
	return m
}

// septets measures the characters of the alphabet that text starts with.
func septets(text string) (size, runes, units int) {
	for size < len(text) {
		bytes, n := leading(text[size:])
		size += bytes
		runes += bytes
		units += n
		if size == len(text) {
			break
		}
		r, bytes := utf8.DecodeRuneInString(text[size:])
		if n = septetsOf(r); n == 0 {
			break
		}
		size += bytes
		runes++
		units += n
	}
	return size, runes, units
}

// leading measures the alphabet's ASCII characters that text starts with.
func leading(text string) (bytes, units int) {
	i := 0
	for ; len(text)-i >= 8; i += 8 {
		t := text[i : i+8]
		sum := uint(ascii[t[0]]) + uint(ascii[t[1]]) + uint(ascii[t[2]]) + uint(ascii[t[3]]) +
			uint(ascii[t[4]]) + uint(ascii[t[5]]) + uint(ascii[t[6]]) + uint(ascii[t[7]])
		if sum < 8*inside {
			break
		}
		units += int(sum % inside)
	}
	for ; i < len(text) && ascii[text[i]] != 0; i++ {
		units += int(ascii[text[i]] % inside)
	}
	return i, units
}

// utf16Units measures text from offset at in UCS-2.
func utf16Units(text string, at int) (runes, units int) {
	for at < len(text) {
		size, n := shortRunes(text, at)
		at += size
		runes += n
		units += n
		if at == len(text) {
			break
		}
		r, size := utf8.DecodeRuneInString(text[at:])
		at += size
		runes++
		units += utf16UnitsOf(r)
	}
	return runes, units
}

// shortRunes counts characters of one and two bytes from offset at, eight bytes at a time. It stops
// at any other character, at invalid UTF-8, and in texts of fewer than eight bytes. It counts all
// of a Romanian, Greek or Russian text.
func shortRunes(text string, at int) (size, runes int) {
	const (
		tops  = 0x8080808080808080 // the highest bit of each byte
		long  = 0x1e1e1e1e1e1e1e1e // bits of a first byte of two; in C0 and C1, which are not UTF-8, none is set
		carry = 0x7e7e7e7e7e7e7e7e // added to those bits, it carries any of them into the highest
	)
	for from := at; at < len(text) && len(text) >= 8; {
		start := min(at, len(text)-8)
		t := text[start : start+8]
		w := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
			uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		w >>= 8 * (at - start) & 63 // at the text's end: its last bytes, then zeros
		n := 8 - (at - start)
		if w&tops != 0 {
			first, second := w&(w<<1)&tops, w&^(w<<1)&tops // bytes of 11xxxxxx and of 10xxxxxx
			if second != first<<8 || first&(w<<2) != 0 || first&^(w&long+carry) != 0 {
				break
			}
			if first>>63 != 0 { // the last character goes on after these eight bytes
				n--
			}
			runes -= bits.OnesCount64(second)
		}
		at += n
		runes += n
		size = at - from
	}
	return size, runes
}

func utf16UnitsOf(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}

// fill distributes the characters of a long text over segments, and returns the number of segments
// and the units left in the last.
func (a Alphabet) fill(text string) (segments, left int) {
	_, segment := a.limits()
	widthOf := utf16UnitsOf
	if a == GSM7 {
		widthOf = septetsOf
	}
	for _, r := range text {
		n := widthOf(r)
		if n > left {
			segments++
			left = segment
		}
		left -= n
	}
	return segments, left
}

// Foreign iterates over the characters that are not in the GSM alphabet and force the text into
// UCS-2, each with its offset in bytes. A byte that is not UTF-8 is [utf8.RuneError].
func Foreign(text string) iter.Seq2[int, rune] {
	return func(yield func(int, rune) bool) {
		for i, r := range text {
			if septetsOf(r) == 0 && !yield(i, r) {
				return
			}
		}
	}
}

// septetsOf returns 1 for a character of the default alphabet, 2 for one of the extension
// table, and 0 for any other.
func septetsOf(r rune) int {
	if 0 <= r && r < utf8.RuneSelf {
		return int(ascii[r] % inside)
	}
	switch r {
	case '¡', '£', '¤', '¥', '§', '¿', 'Ä', 'Å', 'Æ', 'Ç', 'É', 'Ñ', 'Ö', 'Ø', 'Ü', 'ß',
		'à', 'ä', 'å', 'æ', 'è', 'é', 'ì', 'ñ', 'ò', 'ö', 'ø', 'ù', 'ü',
		'Γ', 'Δ', 'Θ', 'Λ', 'Ξ', 'Π', 'Σ', 'Φ', 'Ψ', 'Ω':
		return 1
	case '€':
		return 2
	}
	return 0
}

// ascii has the septets plus inside for each ASCII character of the alphabet, and 0 for all other
// bytes. So the sum of eight entries shows whether all eight bytes are in the alphabet, and how
// many septets they take.
var ascii = [256]uint16{
	'\n': one, '\r': one, ' ': one, '!': one, '"': one, '#': one, '$': one,
	'%': one, '&': one, '\'': one, '(': one, ')': one,
	'*': one, '+': one, ',': one, '-': one, '.': one,
	'/': one, ':': one, ';': one, '<': one, '=': one, '>': one, '?': one, '@': one, '_': one,
	'0': one, '1': one, '2': one, '3': one, '4': one, '5': one, '6': one, '7': one, '8': one, '9': one,
	'A': one, 'B': one, 'C': one, 'D': one, 'E': one, 'F': one, 'G': one,
	'H': one, 'I': one, 'J': one, 'K': one, 'L': one, 'M': one,
	'N': one, 'O': one, 'P': one, 'Q': one, 'R': one, 'S': one, 'T': one,
	'U': one, 'V': one, 'W': one, 'X': one, 'Y': one, 'Z': one,
	'a': one, 'b': one, 'c': one, 'd': one, 'e': one, 'f': one, 'g': one,
	'h': one, 'i': one, 'j': one, 'k': one, 'l': one, 'm': one,
	'n': one, 'o': one, 'p': one, 'q': one, 'r': one, 's': one, 't': one,
	'u': one, 'v': one, 'w': one, 'x': one, 'y': one, 'z': one,
	'\f': two, '[': two, '\\': two, ']': two, '^': two, '{': two, '|': two, '}': two, '~': two,
}

const (
	inside = 256
	one    = inside + 1
	two    = inside + 2
)
