package smslink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"unicode"

	"github.com/go-smslink/smslink/internal/wire"
)

// Why a package is not sent. [Client.Send] wraps them in a [*SendError].
var (
	// ErrEmptyPackage means that the package holds no message.
	ErrEmptyPackage = errors.New("smslink: the package is empty; add a message first")
	// ErrCodecMethod means that the package's Codec has a Method other than 0 to 3.
	ErrCodecMethod = errors.New("smslink: the package's codec has a method that the gateway does not know; it knows 0 to 3")

	errNilContext = errors.New("smslink: the context is nil")
)

// ErrSealed means that the package was sent before and was accepted, or may have been; the error's
// text says which. [Client.Send] wraps it in a [*SendError], and [Package.Add] returns it. Its
// outcome is [OutcomeInDoubt]: this call did nothing, and only the error or the Response of the
// earlier Send says what became of the messages.
var ErrSealed error = sealedError("smslink: the package is sealed")

type sealedError string

const (
	errSending        sealedError = "smslink: the package is being sent by another call"
	errSealedAccepted sealedError = "smslink: the package was accepted before; Reset it for new messages, or Reopen it to send the same ones twice"
	errSealedInDoubt  sealedError = "smslink: the package was sent before and may have been accepted; find out, then Reset it, or Reopen it to risk sending it twice"
)

// Error says why the package is sealed.
func (e sealedError) Error() string { return string(e) }

func (e sealedError) outcome() Outcome { return OutcomeInDoubt }

// Is reports whether target is ErrSealed or the sentinel of the outcome.
func (e sealedError) Is(target error) bool { return target == ErrSealed || target == ErrUnknown }

// Why a reply is inconclusive. [Client.Send] and [Client.Balance] wrap them in a [*SendError],
// whose Reply holds what was read.
var (
	// ErrUnreadableReply means that the reply is neither a MESSAGE nor an ERROR with its fields, or
	// has a MESSAGE behind the first of these, or is about other messages than the package's, or
	// lacks a balance's two numbers.
	ErrUnreadableReply = errors.New("smslink: the gateway's reply can't be read")
	// ErrReplyTooLarge means that the reply is longer than any reply to this request should be:
	// 64 KiB plus 128 bytes a message.
	ErrReplyTooLarge = errors.New("smslink: the gateway's reply is longer than a reply to this request can be")
)

// SendError is the error of every failed call that talks to the gateway. With [errors.Is] it
// matches the sentinel of its outcome, such as [ErrNotSent], and what Err matches. Its text holds
// no password, receiver or message text, nothing of the reply, and no control character.
type SendError struct {
	// Outcome is what became of the package; never OutcomeAccepted. For a Balance, which spends
	// nothing, it says how far the question got.
	Outcome Outcome
	// StatusCode is the HTTP status, or 0 if none was received.
	StatusCode int
	// Reply is the body as far as it was read, at most 64 KiB plus 128 bytes a message. It is
	// kept out of this error's text and JSON since a server may quote the request in it.
	Reply []byte `json:"-"`
	// Err is the cause, never nil: a sentinel of this package, a [*GatewayError], the context's
	// error, or an error of net/http.
	Err error
}

// Error returns the outcome and its cause.
func (e *SendError) Error() string {
	cause := strings.ReplaceAll(fmt.Sprint(e.Err), "smslink: ", "") // the prefix of the whole
	switch {
	case errors.Is(e.Err, ErrSealed):
		return "smslink: not sent again: " + printable(cause)
	case e.Outcome == OutcomeNotSent:
		return "smslink: not sent: " + printable(cause)
	case e.Outcome == OutcomeRejected:
		return "smslink: rejected: " + printable(cause)
	}
	return "smslink: in doubt: " + printable(cause)
}

// printable returns text with a question mark in place of each character that a terminal would
// not show but obey: control characters, line ends and marks of direction.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}

func (e *SendError) outcome() Outcome { return e.Outcome }

// Is reports whether target is the sentinel of the outcome.
func (e *SendError) Is(target error) bool { return target == sentinel(e.Outcome) }

// isNetworks reports whether the package was not sent for want of a connection or of time, and
// not because of what it is itself.
func (e *SendError) isNetworks() bool {
	return e.StatusCode != 0 || errors.As(e.Err, new(*url.Error)) ||
		errors.Is(e.Err, context.DeadlineExceeded) || errors.Is(e.Err, context.Canceled)
}

// Unwrap returns Err.
func (e *SendError) Unwrap() error { return e.Err }

// attrs returns what a log shows of the error.
func (e *SendError) attrs() []any {
	return []any{"outcome", e.Outcome.String(), "http_status", e.StatusCode, "error", e.Error()}
}

// Format prints what Error returns, whatever the verb, so that %+v and %#v do not show the reply.
// If the error stands in an unexported field of another struct, fmt prints it whole.
func (e SendError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// MessageError is the error of a message that [Package.Add] refused. It holds no receiver and no
// text. Its outcome is [OutcomeNotSent].
type MessageError struct {
	ID    int64
	Field string // of [Message]: ID, To, From, Text or SendAt
	Err   error  // the rule broken: one of the sentinels that Add names
}

// Error returns the message's id, the field and the rule.
func (e *MessageError) Error() string {
	return fmt.Sprintf("smslink: message %d: %s %v", e.ID, e.Field, e.Err)
}

func (e *MessageError) outcome() Outcome { return OutcomeNotSent }

// Is reports whether target is ErrNotSent.
func (e *MessageError) Is(target error) bool { return target == ErrNotSent }

// Unwrap returns Err.
func (e *MessageError) Unwrap() error { return e.Err }

// The rules that [Package.Add] holds a message to, worded to follow the field's name in a
// [MessageError].
var (
	ErrNegativeID       = wire.ErrNegativeID                                                 // ID: below 0
	ErrRepeatedID       = errors.New("is in this package already; the reply is keyed by it") // ID
	ErrNoDigit          = wire.ErrNoDigit                                                    // To, with LenientReceivers: none of 0 to 9 in it
	ErrSeparator        = wire.ErrSeparator                                                  // From: a semicolon
	ErrControlCharacter = wire.ErrControlCharacter                                           // From, Text: see Message
	ErrInvalidUTF8      = wire.ErrInvalidUTF8                                                // From, Text
	ErrEmptyText        = wire.ErrEmptyText                                                  // Text: empty once trimmed
	ErrTooLong          = errors.New("is longer than 256 MiB")                               // To, From, Text
	ErrLiteralEscape    = wire.ErrLiteralEscape                                              // Text: %0A or %3B
	ErrBefore1970       = wire.ErrBefore1970                                                 // SendAt
)

// withoutQuotes rewords an error of the exchange in words that can't be a server's or a
// RoundTripper's: those of the context or of the network. Any others, such as net/http's "malformed
// HTTP response", may quote the reply, and a reply may quote the request.
func withoutQuotes(ctx context.Context, err error) error {
	var words error
	var opErr *net.OpError
	switch cause := context.Cause(ctx); {
	case cause != nil && errors.Is(err, cause):
		words = cause
	case errors.Is(err, errSpent):
		words = errSpent
	case errors.As(err, &opErr):
		words = &net.OpError{Op: opErr.Op, Net: opErr.Net, Source: opErr.Source, Addr: opErr.Addr, Err: systemError(opErr.Err)}
	case errors.Is(err, context.DeadlineExceeded): // an http.Client's own time-out
		words = context.DeadlineExceeded
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		words = errNoMore
	default:
		words = errMayQuote
	}
	return &reworded{printable(words.Error()), aside{err}}
}

// systemError returns the operating system's part of a network error, whose words are its own.
func systemError(err error) error {
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded
	case errors.Is(err, net.ErrClosed):
		return net.ErrClosed
	}
	return errMayQuote
}

var (
	errSpent    = errors.New("smslink: the upload was read to its end, so that it may have arrived; it is not sent again")
	errNoMore   = errors.New("smslink: the connection ended before the reply did (EOF)")
	errMayQuote = errors.New("smslink: the exchange broke off with an error that may quote the reply; errors.Unwrap returns it")
)

// reworded keeps an error for errors.Is and errors.As, and shows other words.
type reworded struct {
	words string
	aside
}

func (e *reworded) Error() string { return e.words }

func (e *reworded) GoString() string { return e.words }

// aside is an error that is not about the messages at hand. It may be that of others: errgroup, for
// one, makes a lane's error the cause of the context of all lanes. errors.Is and errors.As find
// what it wraps, except for an outcome and ErrSealed.
type aside struct{ err error }

func (a aside) Is(target error) bool {
	_, isOutcome := target.(sentinel)
	return !isOutcome && target != ErrSealed && errors.Is(a.err, target)
}

func (a aside) As(target any) bool { return errors.As(a.err, target) }

// Unwrap returns nil if the error has an outcome, which errors.Is would find.
func (a aside) Unwrap() error {
	if _, found := outcomeIn(a.err); found {
		return nil
	}
	return a.err
}

// GatewayError is an ERROR reply of the gateway. It is the cause of a [*SendError], whose outcome
// is [OutcomeRejected], or [OutcomeInDoubt] if the HTTP status was a 5xx.
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
