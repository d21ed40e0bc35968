package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// LineEnd joins the lines of a package's plain form. It does not follow the last line.
const LineEnd = "\r\n"

// SenderNumeric is the sender that AppendRecord writes if Sender is empty.
const SenderNumeric = "numeric"

// The rules that a field of a record can break, each worded to follow the field's name.
var (
	ErrNegativeID       = errors.New("is negative; local message ids start at 0")
	ErrNoDigit          = errors.New("holds no digit, so it is not a phone number")
	ErrSeparator        = errors.New("holds a semicolon, which ends a field on the wire")
	ErrControlCharacter = errors.New("holds a control character, which would break the package or garble " +
		"the message; remove it")
	ErrInvalidUTF8   = errors.New("is not valid UTF-8; convert it before adding it")
	ErrEmptyText     = errors.New("is empty once the white space at its ends is trimmed")
	ErrLiteralEscape = errors.New("holds a literal %0A or %3B, which the gateway would read as a line end or a semicolon; " +
		"write the character itself")
	ErrBefore1970 = errors.New("lies before 1970; leave it zero to send at once")
)

// Record is one message of a package: for AppendRecord as the caller wrote it, and from ParseRecord
// as the gateway reads it.
type Record struct {
	ID       int64
	Receiver string
	Sender   string
	Text     string
	At       int64 // Unix seconds; 0 means now
}

// Time returns At in UTC, or the zero Time for now.
func (r Record) Time() time.Time {
	if r.At == 0 {
		return time.Time{}
	}
	return time.Unix(r.At, 0).UTC()
}

// The fields of a Record, by the root package's names for them.
const (
	FieldID     = "ID"
	FieldTo     = "To"
	FieldFrom   = "From"
	FieldText   = "Text"
	FieldSendAt = "SendAt"
)

// AppendRecord appends r as one line, without a line end. It changes a receiver and a text exactly
// as the reference client does. If r breaks a rule, it returns dst unchanged, the field and the
// rule.
func AppendRecord(dst []byte, r Record) (line []byte, field string, rule error) {
	switch {
	case r.ID < 0:
		return dst, FieldID, ErrNegativeID
	case r.At < 0:
		return dst, FieldSendAt, ErrBefore1970
	}
	line = strconv.AppendInt(dst, r.ID, 10)
	line = append(line, ';')
	if line, rule = appendReceiver(line, r.Receiver); rule != nil {
		return dst, FieldTo, rule
	}
	line = append(line, ';')
	if line, rule = appendSender(line, r.Sender); rule != nil {
		return dst, FieldFrom, rule
	}
	line = append(line, ';')
	if line, rule = appendEncodedText(line, r.Text); rule != nil {
		return dst, FieldText, rule
	}
	line = append(line, ';')
	return strconv.AppendInt(line, r.At, 10), "", nil
}

// appendReceiver writes every + as 00 and drops everything else that is not a digit.
func appendReceiver(dst []byte, receiver string) ([]byte, error) {
	digits := 0
	for i := range len(receiver) {
		switch c := receiver[i]; {
		case isDigit(c):
			dst = append(dst, c)
			digits++
		case c == '+':
			dst = append(dst, '0', '0')
		}
	}
	if digits == 0 {
		return dst, ErrNoDigit
	}
	return dst, nil
}

func appendSender(dst []byte, sender string) ([]byte, error) {
	switch {
	case sender == "", sender == SenderNumeric: // as in most messages
		return append(dst, SenderNumeric...), nil
	case !utf8.ValidString(sender):
		return dst, ErrInvalidUTF8
	case strings.Contains(sender, ";"):
		return dst, ErrSeparator
	case strings.ContainsFunc(sender, unicode.IsControl):
		return dst, ErrControlCharacter
	}
	return append(dst, sender...), nil
}

// trimmed has the bytes that PHP's trim removes from both ends of a text. Other white space, such
// as a no-break space, stays.
const trimmed = " \t\n\r\x00\x0b"

// appendEncodedText trims the text, writes a line feed as %0A and a semicolon as %3B, and drops
// tabs and carriage returns. The result is that of the reference's own steps: it replaces CRLF with
// a line feed first, which comes to the same.
func appendEncodedText(dst []byte, text string) ([]byte, error) {
	if text == "" || text[0] <= ' ' || text[len(text)-1] <= ' ' {
		if text = strings.Trim(text, trimmed); text == "" {
			return dst, ErrEmptyText
		}
	}
	start := len(dst)
	dst = append(dst, text...)
	plain, ascii := plainPrefix(dst[start:])
	if !ascii && !utf8.ValidString(text) {
		return dst, ErrInvalidUTF8
	}
	if plain == len(text) {
		return dst, nil
	}
	return appendEscaped(dst[:start+plain], text[plain:])
}

// plainPrefix returns how many bytes at the start of text need no escape: all, or a number that may
// be too small by up to seven. It also reports whether all of text is certainly ASCII.
//
// It tests eight bytes at once (SWAR): see "Determine if a word has a byte less than n" in
// https://graphics.stanford.edu/~seander/bithacks.html.
func plainPrefix(text []byte) (plain int, ascii bool) {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	zero := func(word uint64) uint64 { return (word - ones) &^ word } // has the high bit of each byte that is 0
	var all uint64
	for ; plain+8 <= len(text); plain += 8 {
		word := binary.LittleEndian.Uint64(text[plain:])
		all |= word
		below := (word - ones*' ') &^ word
		if (below|zero(word^ones*'%')|zero(word^ones*';')|zero(word^ones*0x7f))&highs != 0 {
			return plain, false
		}
	}
	for ; plain < len(text); plain++ {
		c := text[plain]
		all |= uint64(c)
		if c < ' ' || c == '%' || c == ';' || c == 0x7f {
			return plain, false
		}
	}
	return plain, all&highs == 0
}

// appendEscaped appends text, which is UTF-8.
func appendEscaped(dst []byte, text string) ([]byte, error) {
	copied := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '%' && c != ';' && c != 0x7f {
			continue
		}
		escape := ""
		switch c {
		case '\n':
			escape = "%0A"
		case ';':
			escape = "%3B"
		case '\t', '\r':
		case '%':
			if startsEscape(text[i:]) {
				return dst, ErrLiteralEscape
			}
			continue
		default:
			return dst, ErrControlCharacter
		}
		dst = append(dst, text[copied:i]...)
		dst = append(dst, escape...)
		copied = i + 1
	}
	return append(dst, text[copied:]...), nil
}

// startsEscape reports whether text, which starts with a %, starts with %0A or %3B without its tabs
// and carriage returns.
func startsEscape(text string) bool {
	escape := make([]byte, 0, 3)
	for i := 0; i < len(text) && len(escape) < 3; i++ {
		if c := text[i]; c != '\t' && c != '\r' {
			escape = append(escape, c)
		}
	}
	return string(escape) == "%0A" || string(escape) == "%3B"
}

// ParseRecord parses one line of a plain form, without its line end, and decodes its text. The
// error names the field at fault and quotes nothing of the line.
func ParseRecord(line string) (Record, error) {
	fields := strings.Split(line, ";")
	if len(fields) != 5 {
		return Record{}, fmt.Errorf("has %d fields, not 5", len(fields))
	}
	id, ok := parseNumber(fields[0])
	if !ok {
		return Record{}, errors.New("local id is not a whole number from 0")
	}
	receiver, sender, text := fields[1], fields[2], fields[3]
	if receiver == "" || strings.Trim(receiver, "0123456789") != "" {
		return Record{}, errors.New("receiver is not made of digits")
	}
	if sender == "" || !utf8.ValidString(sender) || strings.ContainsFunc(sender, unicode.IsControl) {
		return Record{}, errors.New("sender is empty or not printable")
	}
	if text == "" || strings.Trim(text, trimmed) != text {
		return Record{}, errors.New("text is empty or not trimmed")
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, isASCIIControl) {
		return Record{}, errors.New("text is not UTF-8 or holds a control character")
	}
	at, ok := parseNumber(fields[4])
	if !ok {
		return Record{}, errors.New("programmed time is not a whole number from 0")
	}
	return Record{ID: id, Receiver: receiver, Sender: sender, Text: decodeText(text), At: at}, nil
}

// AppendDecodedText appends the text of a line that AppendRecord has written, decoded.
func AppendDecodedText(dst, line []byte) []byte {
	for range 3 {
		line = line[bytes.IndexByte(line, ';')+1:]
	}
	return appendDecoded(dst, line[:bytes.LastIndexByte(line, ';')])
}

func appendDecoded(dst, text []byte) []byte {
	for {
		at := bytes.IndexByte(text, '%')
		if at < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:at]...)
		text = text[at:]
		switch {
		case bytes.HasPrefix(text, []byte("%0A")):
			dst, text = append(dst, '\n'), text[3:]
		case bytes.HasPrefix(text, []byte("%3B")):
			dst, text = append(dst, ';'), text[3:]
		default:
			dst, text = append(dst, '%'), text[1:]
		}
	}
}

func decodeText(text string) string {
	if strings.IndexByte(text, '%') < 0 {
		return text
	}
	return string(appendDecoded(nil, []byte(text)))
}

// parseNumber parses a whole number from 0, written as on the wire: decimal digits, no sign, no
// leading zero.
func parseNumber(s string) (int64, bool) {
	if s == "" || !isDigit(s[0]) || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	if len(s) > 18 { // it may overflow
		n, err := strconv.ParseInt(s, 10, 64)
		return n, err == nil
	}
	var n int64
	for i := range len(s) { // much faster than ParseInt, and replies are mostly numbers
		if !isDigit(s[i]) {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isASCIIControl returns false for U+0080 to U+009F, which the reference lets pass in a text.
func isASCIIControl(r rune) bool { return r < ' ' || r == 0x7f }
