package smslink

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// ErrReceiver says that a receiver is not in a form that the gateway is meant to be
// given: the rule that [ParseReceiver] and [Package].StrictReceivers hold it to.
var ErrReceiver = errors.New("is neither a Romanian mobile number, 07 and 8 digits, nor + or 00 and an international one of 7 to 15 digits")

// ParseReceiver reads a phone number as people write it and gives it as the gateway reads it:
// 07 and 8 digits for a Romanian mobile; or 00, the country code and the rest of the number, in all 7 to 15
// digits after the 00 as E.164 has it, of which those after 0040 must be a Romanian mobile's. A + in front is 00.
// Spaces, no-break spaces, hyphens, dots and round brackets may stand in it, but neither a bracketed (0), which
// is not dialled from abroad, nor a fraction of .0 at its end, as a spreadsheet writes it.
//
// The error matches [ErrReceiver] and does not quote the number. A number that passes
// need not exist: the gateway has the last word, [NumberFailed].
func ParseReceiver(number string) (string, error) {
	digits, ok := appendReceiver(nil, number)
	if !ok {
		return "", fmt.Errorf("smslink: the receiver %w", ErrReceiver)
	}
	return string(digits), nil
}

// isReceiver is ParseReceiver without a word.
func isReceiver(number string) bool {
	_, ok := appendReceiver(make([]byte, 0, longestReceiver), number)
	return ok
}

// longestReceiver is 00 and the 15 digits of E.164.
const longestReceiver = 17

func appendReceiver(dst []byte, number string) (digits []byte, ok bool) {
	if strings.HasSuffix(number, ".0") {
		return dst, false
	}
	digits = dst
	opened, plus := 0, false
	for _, r := range number {
		switch {
		case '0' <= r && r <= '9' && len(digits) < longestReceiver:
			digits = append(digits, byte(r))
		case r == '+' && len(digits) == 0:
			digits = append(digits, '0', '0')
			plus = true
		case r == '(':
			opened = len(digits)
		case r == ')':
			if string(digits[opened:]) == "0" && (plus || opened > 0) {
				return dst, false
			}
		case r == ' ', r == '\u00a0', r == '-', r == '.':
		default:
			return dst, false
		}
	}
	switch d := digits; {
	case bytes.HasPrefix(d, []byte("0040")):
		return d, len(d) == len("0040712345678") && d[4] == '7'
	case bytes.HasPrefix(d, []byte("00")):
		return d, len(d) >= len("001234567") && d[2] != '0'
	default:
		return d, len(d) == len("0712345678") && bytes.HasPrefix(d, []byte("07"))
	}
}
