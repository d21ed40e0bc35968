package smslink

import (
	"fmt"
	"io"
	"strings"
)

// GatewayError is an ERROR reply of the gateway. It is the cause of a [*SendError], whose outcome
// is [OutcomeRejected], or [OutcomeUnknown] if the HTTP status was a 5xx.
//
// The codes were published for the older single-message interface ([public]); that the bulk
// interface uses the same ones is unconfirmed:
//
//	1 too few arguments              9 bad number
//	2 connection id not approved    10 not a mobile number
//	3 user suspended                11 empty message
//	4 service not active            12 message too long
//	5 address not allowed           13 sender not allowed
//	6 address banned                14 unknown mode
//	7 wrong password                15 scheduled in the past or too near
//	8 no credit                     16 error while sending
//
// Few causes go away by themselves, and repeated wrong passwords get the address banned, so never
// send again in a loop.
type GatewayError struct {
	// Code is the gateway's, without surrounding spaces and leading zeros. It is empty if the
	// reply's was not a number of up to four digits; Text then starts with it.
	Code string
	// Text is the gateway's own words. They are kept out of this error's text and JSON since they
	// may quote the request.
	Text string `json:"-"`
}

// Error returns the code and, if it is in the published table, its meaning.
func (e *GatewayError) Error() string {
	if e.Code == "" {
		return "smslink: the gateway refused with an ERROR without a code; its Text says why"
	}
	meaning, known := gatewayCodes[e.Code]
	if !known {
		meaning = "its Text says why"
	}
	return fmt.Sprintf("smslink: the gateway refused with ERROR %s: %s", e.Code, meaning)
}

// Is reports whether target is a GatewayError of the same Code, so that
// errors.Is(err, &GatewayError{Code: "7"}) finds a wrong password. With code 8 it matches
// [ErrInsufficientCredit], too.
func (e *GatewayError) Is(target error) bool {
	other, ok := target.(*GatewayError)
	return ok && other.Code == e.Code || target == ErrInsufficientCredit && e.isCredit()
}

func (e *GatewayError) isCredit() bool { return e.Code == "8" }

// isAboutAccount reports whether the code is about the account or this program, and not about one
// package.
func (e *GatewayError) isAboutAccount() bool {
	switch e.Code {
	case "1", "2", "3", "4", "5", "6", "7", "14":
		return true
	}
	return false
}

// Format prints what Error returns, whatever the verb, so that %+v and %#v do not show the
// gateway's words.
func (e GatewayError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

func newGatewayError(code, text string) *GatewayError {
	number := strings.TrimSpace(code)
	if len(number) > 4 || strings.Trim(number, "0123456789") != "" {
		return &GatewayError{Text: code + ";" + text}
	}
	for len(number) > 1 && number[0] == '0' {
		number = number[1:]
	}
	return &GatewayError{Code: number, Text: text}
}

// gatewayCodes is the published table [public].
var gatewayCodes = map[string]string{
	"1":  "too few arguments",
	"2":  "the connection id is not approved",
	"3":  "the user is suspended",
	"4":  "the service is not active",
	"5":  "this machine's address is not allowed",
	"6":  "this machine's address is banned after failed log-ins",
	"7":  "wrong password; repeating it gets this machine's address banned",
	"8":  "no credit",
	"9":  "bad number",
	"10": "not a mobile number",
	"11": "empty message",
	"12": "message too long",
	"13": "sender not allowed",
	"14": "unknown mode",
	"15": "scheduled in the past or too near",
	"16": "error while sending",
}
