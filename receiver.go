package smslink

import (
	"fmt"
	"strings"
	"unicode"
)

// receiverError is the reason why a receiver is invalid, worded to follow the field's name.
type receiverError string

const (
	errNoNumber receiverError = "is empty"
	errExponent receiverError = "is a number in scientific notation, as a spreadsheet writes it, " +
		"which has lost digits; format the column as text and enter it again"
	errFraction     receiverError = "ends in .0, as a spreadsheet writes numbers; format the column as text"
	errSeveral      receiverError = "holds more than one number, or an extension; give each message one number"
	errLetters      receiverError = "holds something other than the digits and punctuation of a phone number"
	errLostZero     receiverError = "lacks its leading 0, as numbers in a spreadsheet do; write 07 and 8 digits"
	errLandline     receiverError = "is a Romanian landline number, which takes no SMS"
	errLostPlus     receiverError = "lacks its +: write +40, 7 and 8 digits"
	errNoCountry    receiverError = "starts with neither 07, + nor 00; write the country code"
	errTooFewDigits receiverError = "has too few digits"
	errTooMany      receiverError = "has too many digits for one number"
	errNotMobile    receiverError = "is not a Romanian mobile number, which has 07 or +407 and 8 digits"
	errTrunkZero    receiverError = "has a bracketed 0, or a slash, which only Romanian numbers may have; leave it out"
	errCountryZero  receiverError = "has a country code that starts with 0"
)

func (e receiverError) Error() string { return string(e) }

// Is reports whether target is ErrReceiver.
func (e receiverError) Is(target error) bool { return target == ErrReceiver }

// ParseReceiver converts a phone number, as people write it, to one of the gateway's two forms
// [ref]:
//
//   - 07 and 8 digits for a Romanian mobile that was written without its country code;
//   - 00, the country code and the rest for any other number: 7 to 15 digits after the 00, as in
//     E.164.
//
// It takes
//
//   - a + in front for 00;
//   - a Romanian mobile after +40 or 0040, with or without its own 0;
//   - after +7 or 007, 10 digits;
//   - spaces, hyphens and dots anywhere, tabs and line ends around the number;
//   - brackets, unless one opens so late that it may hold an extension;
//   - in a Romanian number, a bracketed 0, and a slash unless it stands so late, too.
//
// The error matches [ErrReceiver], names the cause and does not quote the number.
//
// A nil error does not mean that the number exists, or is the intended one: +4 745 123 456, which
// has lost a 0, is a Norwegian number. A program that sends only to Romania can check that the
// result starts with 07 or 00407.
//
// Do not use the result as a key, since one phone can have two forms, 0712345678 and 0040712345678.
// To compare or store numbers, use [E164].
func ParseReceiver(number string) (string, error) {
	if canonical(number) {
		return number, nil
	}
	var buf receiverBuffer
	digits, err := parseReceiver(&buf, number)
	if err != nil {
		return "", fmt.Errorf("smslink: the receiver %w", err)
	}
	return string(digits), nil
}

// E164 converts a phone number to its E.164 form, such as +40712345678 for 0712345678,
// +40 712 345 678 and 0040712345678. Use it to compare receivers and as a key in a database. It
// takes what [ParseReceiver] takes and returns the same errors.
func E164(number string) (string, error) {
	digits, err := ParseReceiver(number)
	if err != nil {
		return "", err
	}
	if international, ok := strings.CutPrefix(digits, "00"); ok {
		return "+" + international, nil
	}
	return "+4" + digits, nil
}

// canonical reports whether a number is 07 and 8 digits, as most are.
func canonical(number string) bool {
	if len(number) != len("0712345678") || number[0] != '0' || number[1] != '7' {
		return false
	}
	for i := range len(number) {
		if !isDigit(rune(number[i])) {
			return false
		}
	}
	return true
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

// receiverBuffer has room for 00, the 15 digits of E.164, and the extra 0 of a Romanian number.
type receiverBuffer [18]byte

// parseReceiver returns the digits of a number in one of the gateway's forms, in buf's memory.
func parseReceiver(buf *receiverBuffer, number string) ([]byte, error) {
	n, romanianOnly, err := readDigits(buf, number)
	if err != nil {
		return nil, err
	}
	switch digits := string(buf[:n]); {
	case n == 0:
		return nil, errNoNumber
	case strings.HasPrefix(digits, "0040"):
		if n == len("00400712345678") && digits[4] == '0' {
			n = len("0040") + copy(buf[len("0040"):], digits[len("00400"):])
		}
		if n != len("0040712345678") || buf[4] != '7' {
			return nil, errNotMobile
		}
		return buf[:n], nil
	case strings.HasPrefix(digits, "00"):
		switch {
		case romanianOnly:
			return nil, errTrunkZero
		case n < len("001234567"), strings.HasPrefix(digits, "007") && n < len("0071234567890"):
			return nil, errTooFewDigits
		case n > len("00123456789012345"), strings.HasPrefix(digits, "007") && n > len("0071234567890"):
			return nil, errTooMany
		case digits[2] == '0':
			return nil, errCountryZero
		}
		return buf[:n], nil
	case strings.HasPrefix(digits, "07"):
		switch {
		case n < len("0712345678"):
			return nil, errTooFewDigits
		case n > len("0712345678"):
			return nil, errTooMany
		}
		return buf[:n], nil
	case n == len("0212345678") && (digits[1] == '2' || digits[1] == '3') && digits[0] == '0':
		return nil, errLandline
	case n == len("712345678") && digits[0] == '7':
		return nil, errLostZero
	case n == len("40712345678") && strings.HasPrefix(digits, "407"):
		return nil, errLostPlus
	case n < len("1234567"):
		return nil, errTooFewDigits
	}
	return nil, errNoCountry
}

// readDigits writes the digits of a number to buf, with 00 for a + in front, and returns how many
// there are. romanianOnly means that only a Romanian number is written so.
func readDigits(buf *receiverBuffer, number string) (n int, romanianOnly bool, err error) {
	number = strings.TrimFunc(number, isInvisible)
	if isExponent(number) {
		return 0, false, errExponent
	}
	if strings.HasSuffix(number, ".0") || strings.HasSuffix(number, ".00") && strings.Count(number, ".") == 1 {
		return 0, false, errFraction
	}
	opened := -1    // the number of digits before the last opening bracket
	parted := false // the number is complete: further digits are an extension or another number
	for _, r := range number {
		switch {
		case isDigit(r):
			switch {
			case parted:
				return 0, false, errSeveral
			case n == len(buf):
				return 0, false, errTooMany
			}
			romanianOnly = romanianOnly || r == '0' && n == opened && n > 0
			buf[n] = byte(r)
			n++
		case r == '+' && n == 0:
			buf[0], buf[1], n = '0', '0', 2
		case r == '+', r == ',', r == ';', r == '|', strings.ContainsRune(separators, r):
			return 0, false, errSeveral
		case (r == '(' || r == '/') && n > len("00400712"): // an extension may begin here
			parted = true
		case r == '(':
			opened = n
		case r == '/':
			romanianOnly = true
		case !isPunctuation(r):
			if n > 0 && (r == 'x' || r == 'X' || r == '#') {
				return 0, false, errSeveral
			}
			return 0, false, errLetters
		}
	}
	return n, romanianOnly, nil
}

// isExponent reports whether a number is one in scientific notation, such as 4.07123E+10 or 7,1e8.
func isExponent(number string) bool {
	mantissa, exponent, ok := strings.Cut(strings.ToUpper(number), "E")
	exponent = strings.TrimLeft(exponent, "+-")
	return ok && mantissa != "" && exponent != "" &&
		strings.Trim(mantissa, "0123456789.,") == "" && strings.Trim(exponent, "0123456789") == ""
}

// separators end a line or a cell, so that another number may follow.
const separators = "\t\n\v\f\r\u0085\u2028\u2029"

// isPunctuation reports whether r only separates groups of digits.
func isPunctuation(r rune) bool {
	return r == '.' || r == ')' || unicode.Is(unicode.Pd, r) || isInvisible(r)
}

// isInvisible reports whether r is white space or a mark like those that phones put around a copied
// number.
func isInvisible(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }
