// Package redact takes numbers and passwords out of what is shown.
package redact

import (
	"errors"
	"html"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink"
)

// Number shows enough of a number to recognise it and not enough to call it.
func Number(receiver string) string {
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

// Reply returns the start of what the server said in place of an answer,
// quoted, or nothing if it said nothing.
func Reply(err error, password string) string {
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

// LongNumber matches what may be a phone number.
var LongNumber = regexp.MustCompile(`[0-9]{7,}`)

// shown is the start of what a server said, without the numbers and the password
// that it may have quoted of the request.
func shown(words, password string) string {
	const limit = 300
	words = LongNumber.ReplaceAllStringFunc(Password(words, password), Number)
	return Cut(words, limit)
}

// Mask stands for a password.
const Mask = "***"

// Password masks the password in what a server said: as it stands, as HTML, a URL or a
// quoted string has it, and in part, if an ERROR's ; or the reply's end has cut it.
func Password(words, password string) string {
	if password == "" {
		return words
	}
	words = strings.ReplaceAll(words, password, Mask)
	if plain := unescaped(words); quotesPassword(plain, password) {
		words = plain
	}
	words = strings.ReplaceAll(words, password, Mask)
	for part := range strings.SplitSeq(password, ";") {
		if len(part) >= 3 { // shorter ones stand in any words
			words = strings.ReplaceAll(words, part, Mask)
		}
	}
	if start := cutPassword(words, password); start != "" {
		words = strings.TrimSuffix(words, start) + Mask
	}
	return words
}

// quotesPassword reports whether the words hold the password, a part of it between its ; signs, or
// its start at their end.
func quotesPassword(words, password string) bool {
	for part := range strings.SplitSeq(password, ";") {
		if len(part) >= 3 && strings.Contains(words, part) {
			return true
		}
	}
	return strings.Contains(words, password) || cutPassword(words, password) != ""
}

// cutPassword returns the start of the password that the words end in: up to a ;, however short,
// or 3 bytes and more.
func cutPassword(words, password string) string {
	for n := len(password) - 1; n > 0; n-- {
		if (n >= 3 || password[n] == ';') && strings.HasSuffix(words, password[:n]) {
			return password[:n]
		}
	}
	return ""
}

var percentEscape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

var backslashes = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\'`, `'`, `\/`, `/`)

// unescaped takes the escapes of HTML, URLs and quoted strings out of words, also if they were
// escaped twice.
func unescaped(words string) string {
	for range 3 {
		plain := backslashes.Replace(html.UnescapeString(words))
		plain = percentEscape.ReplaceAllStringFunc(plain, func(escape string) string {
			b, _ := strconv.ParseUint(escape[1:], 16, 8)
			return string([]byte{byte(b)})
		})
		if plain == words {
			break
		}
		words = plain
	}
	return words
}

// Cut leaves so many characters.
func Cut(words string, limit int) string {
	if runes := []rune(words); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return words
}
