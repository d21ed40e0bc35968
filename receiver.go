package smslink

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ErrReceiver says that a receiver is no phone number of which it is certain whose: the rule
// of [ParseReceiver] and of [Package].StrictReceivers.
var ErrReceiver = errors.New("is neither 07 and 8 digits, nor + or 00 and 7 to 15 digits; after +40 it must be a mobile number, and with another country's code without a bracketed 0")

// ParseReceiver reads a phone number as people write it and gives it in the two forms that
// the gateway is meant to be given: 07 and 8 digits for a Romanian mobile, and for all others 00, the
// country code and the rest of the number, 7 to 15 digits after the 00 as E.164 has it. A + in front is 00. After 0040 there
// must be a Romanian mobile, with or without its own 0, and after 007 there must be 11 digits in all.
// Spaces, hyphens, dots and round brackets may stand in it, and so may a slash in a Romanian
// number; a bracket that starts with 0, which is not dialled from abroad, only in a Romanian one.
//
// The error matches [ErrReceiver] and does not quote the number. That a number passes does not say
// that it exists, nor that it is the one that was meant: +4 745 123 456, with a 0 lost, is a
// Norwegian one. A program that sends to Romania alone can look for 07 and 00407.
func ParseReceiver(number string) (string, error) {
	if canonical(number) {
		return number, nil
	}
	var digits [longestReceiver]byte
	n, ok := parseReceiver(&digits, number)
	if !ok {
		return "", fmt.Errorf("smslink: the receiver %w", ErrReceiver)
	}
	return string(digits[:n]), nil
}

// canonical tells whether a number is what most are, 07 and 8 digits.
func canonical(number string) bool {
	if len(number) != len("0712345678") || number[0] != '0' || number[1] != '7' {
		return false
	}
	for i := range len(number) {
		if number[i] < '0' || number[i] > '9' {
			return false
		}
	}
	return true
}

// longestReceiver is 00 and the 15 digits of E.164, and the 0 of a Romanian number.
const longestReceiver = 18

// parseReceiver writes the digits of the number, of which there are n.
func parseReceiver(digits *[longestReceiver]byte, number string) (n int, ok bool) {
	if strings.HasSuffix(number, ".0") { // a spreadsheet's fraction
		return 0, false
	}
	romanianOnly := false
	opened := -1 // where a bracket is
	for _, r := range number {
		switch {
		case '0' <= r && r <= '9':
			if n == len(digits) {
				return 0, false
			}
			romanianOnly = romanianOnly || r == '0' && n == opened && n > 0
			digits[n] = byte(r)
			n++
		case r == '+' && n == 0:
			digits[0], digits[1], n = '0', '0', 2
		case r == '(':
			opened = n
		case r == '/':
			romanianOnly = true
		case !parts(r):
			return 0, false
		}
	}
	switch d := string(digits[:n]); {
	case strings.HasPrefix(d, "004007"):
		copy(digits[4:], d[5:])
		return n - 1, n == len("00400712345678")
	case strings.HasPrefix(d, "0040"):
		return n, n == len("0040712345678") && d[4] == '7'
	case strings.HasPrefix(d, "007"):
		return n, n == len("0071234567890") && !romanianOnly
	case strings.HasPrefix(d, "00"):
		return n, n >= len("001234567") && n <= len("00123456789012345") && d[2] != '0' && !romanianOnly
	default:
		return n, n == len("0712345678") && strings.HasPrefix(d, "07")
	}
}

// parts tells whether r only parts groups of digits, or can't be seen at all, as
// what phones put around a copied number.
func parts(r rune) bool {
	return r == '.' || r == ')' || unicode.Is(unicode.Pd, r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
}
