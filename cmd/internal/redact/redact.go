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

// Number masks a phone number except its first four and last two characters, or all of it if it has
// fewer than 10. It drops punctuation.
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

// Reply returns, quoted, the start of the gateway's error text or of a reply that was not
// understood. Numbers and the password are masked. It returns "" if there is neither.
func Reply(err error, password string) string {
	var gatewayErr *smslink.GatewayError
	var sendErr *smslink.SendError
	switch {
	case errors.As(err, &gatewayErr) && gatewayErr.Text != "":
		return shown(gatewayErr.Text, password)
	case errors.As(err, &sendErr) && len(sendErr.Reply) > 0:
		return shown(string(sendErr.Reply), password)
	}
	return ""
}

func shown(text, password string) string {
	const limit = 300
	return strconv.Quote(Cut(Numbers(Password(text, password)), limit))
}

var longNumber = regexp.MustCompile(`[0-9]{7,}`)

// Numbers masks what may be phone numbers in a text: seven digits and more.
func Numbers(text string) string { return longNumber.ReplaceAllStringFunc(text, Number) }

// Mask stands for a password.
const Mask = "***"

// Password masks the password in what a server said: as it is, escaped as in HTML, a URL or a
// quoted string, and in part, if an ERROR's ; or the reply's end has cut it.
func Password(text, password string) string {
	if password == "" {
		return text
	}
	text = strings.ReplaceAll(text, password, Mask)
	for _, space := range []string{"+", " "} { // a form writes a space as +
		if plain := unescaped(strings.ReplaceAll(text, "+", space)); quotesPassword(plain, password) {
			text = plain
		}
	}
	text = strings.ReplaceAll(text, password, Mask)
	for part := range strings.SplitSeq(password, ";") {
		if len(part) >= 3 { // shorter ones stand in any text
			text = strings.ReplaceAll(text, part, Mask)
		}
	}
	if start := cutPassword(text, password); start != "" {
		text = strings.TrimSuffix(text, start) + Mask
	}
	return text
}

// quotesPassword reports whether the text holds the password or a part of it between its ; signs,
// or ends in the start of it.
func quotesPassword(text, password string) bool {
	for part := range strings.SplitSeq(password, ";") {
		if len(part) >= 3 && strings.Contains(text, part) {
			return true
		}
	}
	return strings.Contains(text, password) || cutPassword(text, password) != ""
}

// cutPassword returns the start of the password that the text ends in: up to a ;, however short,
// or 3 bytes and more.
func cutPassword(text, password string) string {
	for n := len(password) - 1; n > 0; n-- {
		if (n >= 3 || password[n] == ';') && strings.HasSuffix(text, password[:n]) {
			return password[:n]
		}
	}
	return ""
}

var percentEscape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

var backslashes = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\'`, `'`, `\/`, `/`)

// unescaped takes the escapes of HTML, URLs and quoted strings out of text, even if they were
// escaped twice.
func unescaped(text string) string {
	for range 3 {
		plain := backslashes.Replace(html.UnescapeString(text))
		plain = percentEscape.ReplaceAllStringFunc(plain, func(escape string) string {
			b, _ := strconv.ParseUint(escape[1:], 16, 8)
			return string([]byte{byte(b)})
		})
		if plain == text {
			break
		}
		text = plain
	}
	return text
}

// Cut returns text, or its first limit characters and … if it is longer.
func Cut(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}
