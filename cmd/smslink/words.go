package main

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-smslink/smslink"
)

// masked shows enough of a number to recognise it and not enough to call it.
func masked(receiver string) string {
	digits := strings.Map(func(r rune) rune {
		if r == '+' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, receiver)
	if len(digits) < 10 {
		return strings.Repeat("*", len(digits))
	}
	return digits[:4] + strings.Repeat("*", len(digits)-6) + digits[len(digits)-2:]
}

// serversWords are the start of what the server said in place of an answer,
// quoted; empty where it said nothing.
func serversWords(err error, password string) string {
	var gatewayErr *smslink.GatewayError
	var sendErr *smslink.SendError
	switch {
	case errors.As(err, &gatewayErr) && gatewayErr.Text != "":
		return strconv.Quote(shown(gatewayErr.Text, password))
	case errors.As(err, &sendErr) && len(sendErr.Reply) > 0:
		return strconv.Quote(shown(string(sendErr.Reply), password))
	}
	return ""
}

var longNumber = regexp.MustCompile(`[0-9]{7,}`)

// shown is the start of what a server said, without the numbers and the password
// that it may have quoted of the request.
func shown(words, password string) string {
	const limit = 300
	if password != "" {
		words = strings.ReplaceAll(words, password, "***")
	}
	words = longNumber.ReplaceAllStringFunc(words, masked)
	return cut(printable(words), limit)
}

// cut leaves so many characters.
func cut(words string, limit int) string {
	if runes := []rune(words); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return words
}

// printable takes out what a terminal would obey.
func printable(words string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, words)
}

// unprefixed takes the package's name off an error that this command prefixes
// with its own.
func unprefixed(err error) error {
	if err == nil {
		return nil
	}
	return &wordedError{strings.TrimPrefix(err.Error(), "smslink: "), err}
}

type wordedError struct {
	words string
	err   error
}

func (e *wordedError) Error() string { return e.words }
func (e *wordedError) Unwrap() error { return e.err }
