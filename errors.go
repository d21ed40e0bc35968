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
)

// Errors that a program may want to tell apart with [errors.Is].
var (
	// ErrReceiver means that a receiver is not certainly one phone number. The errors that match it
	// say why, and do not quote it.
	ErrReceiver = errors.New("is not a phone number")

	// ErrStopped means that a stream stopped before it had read its whole source, and tried and
	// recorded every package. Errors that match it wrap the reason.
	ErrStopped = errors.New("the stream stopped")

	// ErrUnreadableReply means that the reply
	//   - is neither a MESSAGE nor an ERROR, or lacks the code or the text that follow that word;
	//   - has a second MESSAGE, or is an ERROR that may have one;
	//   - is about other messages only, or has too many entries that decide no result;
	//   - is a balance without its two numbers;
	//   - is longer than 64 KiB plus 128 bytes a message, and was not read to its end.
	//
	// [SendError.Reply] has what was read of it.
	ErrUnreadableReply = errors.New("the gateway's reply can't be read")
)

// errRepeatedID means that another message has the id, and may have been sent.
var errRepeatedID = errors.New("is repeated")

// prefix starts the text of each error that a caller gets. The errors that it wraps have none.
const prefix = "smslink: "

// textOf returns an error's text without the prefix.
func textOf(err error) string {
	if e, ok := err.(interface{ text() string }); ok {
		return e.text()
	}
	return fmt.Sprint(err)
}

// SendError is the error of a failed [Client.Send] or [Client.Balance]. Its text holds no password,
// receiver or message text, no control character, and nothing of the reply but an ERROR's code. But
// it shows the caller's own errors: the cause of a context, and what a Codec, a Limiter, a Journal
// or the source of a stream returned.
type SendError struct {
	// Outcome is the package's: OutcomeInDoubt, OutcomeNotSent or OutcomeRejected. After
	// [Client.Balance] it is that of the request, which spends nothing.
	Outcome Outcome
	// StatusCode is the HTTP status, or 0 if none was received.
	StatusCode int
	// Reply is the body as far as it was read, at most 64 KiB plus 128 bytes a message. A server
	// may quote the request in it, so this error's text and JSON leave it out.
	Reply []byte `json:"-"`
	// Err is the cause, never nil. It may match [ErrStopped], [ErrUnreadableReply], a
	// [*GatewayError], the context's error or one of net/http. It also matches what the cause of
	// the context wraps, which may be about another package or account.
	Err error
}

// Error returns the outcome and its cause.
func (e *SendError) Error() string { return prefix + e.text() }

func (e *SendError) text() string {
	why := printable(textOf(e.Err))
	if _, ok := e.Err.(sealedError); ok { //nolint:errorlint // then the outcome is not this call's
		return why
	}
	return e.verdict().outcome.String() + ": " + why
}

func (e *SendError) verdict() verdict {
	if e != nil && (e.Outcome == OutcomeNotSent || e.Outcome == OutcomeRejected) {
		return verdict{e.Outcome, true}
	}
	return verdict{}
}

// isNetworkError reports whether the cause is an answer, the network, a timeout or a cancellation,
// rather than a mistake of this program.
func (e *SendError) isNetworkError() bool {
	return e.StatusCode != 0 || errors.As(e.Err, new(*url.Error)) ||
		errors.Is(e.Err, context.DeadlineExceeded) || errors.Is(e.Err, context.Canceled)
}

// rejection returns the ERROR reply that caused the error, or nil.
func (e *SendError) rejection() *GatewayError {
	var rejection *GatewayError
	if e == nil || errors.As(e.Err, new(*redacted)) || !errors.As(e.Err, &rejection) {
		return nil
	}
	return rejection
}

// Unwrap returns Err.
func (e *SendError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// attrs returns what a log shows of the error.
func (e *SendError) attrs() []any {
	return []any{"outcome", e.Outcome.String(), "http_status", e.StatusCode, "error", e.Error()}
}

// Format prints what Error returns, whatever the verb, so that %+v and %#v do not show the reply.
// If the error stands in an unexported field of another struct, fmt prints it whole.
func (e SendError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// MessageError is the error of an invalid message, which [Package.Add] or a [Stream] refused. It
// holds no receiver and no text.
type MessageError struct {
	ID    int64
	Field string // of [Message]: ID, To, From, Text or SendAt
	Err   error  // the reason, worded to follow the field's name; it may match ErrReceiver
}

// Error returns the message's id, the field and the reason.
func (e *MessageError) Error() string { return prefix + e.text() }

func (e *MessageError) text() string { return fmt.Sprintf("message %d: %s %v", e.ID, e.Field, e.Err) }

func (e *MessageError) verdict() verdict {
	if e == nil {
		return verdict{}
	}
	return verdict{OutcomeInvalid, !errors.Is(e.Err, errRepeatedID)}
}

// Unwrap returns Err.
func (e *MessageError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// GatewayError is an ERROR reply of the gateway. It is the cause of a [*SendError], whose Outcome
// is [OutcomeRejected]; or [OutcomeInDoubt] if the HTTP status was a 5xx or the upload had used two
// connections; or [OutcomeNotSent] during [Options.Cooldown], or if it came with a 5xx before any
// byte of the upload was read.
//
// The codes were published for the older single-message interface [public]. It is unconfirmed that
// the bulk interface uses the same ones:
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
// Few causes go away on their own, and repeated wrong passwords get the IP address banned. Never
// retry in a loop.
type GatewayError struct {
	// Code is the gateway's code without surrounding spaces and leading zeros. If it is anything
	// but a number of up to four digits, Code is empty and Text starts with it.
	Code string
	// Text is what the gateway wrote. It may quote the request, so this error's text and JSON leave
	// it out.
	Text string `json:"-"`
}

// Error returns the code and, if it is in the published table, its meaning.
func (e *GatewayError) Error() string {
	if e.Code == "" {
		return "the gateway answered with an ERROR without a code; its Text says why"
	}
	meaning, published := gatewayCodes[e.Code]
	if !published {
		meaning = "its Text says why"
	}
	return fmt.Sprintf("the gateway answered with ERROR %s: %s", e.Code, meaning)
}

// Is reports whether target is a GatewayError of the same Code, so that
// errors.Is(err, &GatewayError{Code: "7"}) finds a wrong password.
func (e *GatewayError) Is(target error) bool {
	other, ok := target.(*GatewayError)
	return ok && other != nil && other.Code == e.Code
}

// isAboutAccount reports whether the code is about the account or this program, and not about one
// package.
func (e *GatewayError) isAboutAccount() bool {
	switch e.Code {
	case "1", "2", "3", "4", "5", "6", "7", "14":
		return true
	}
	return false
}

// stopsAll reports whether every other package would be rejected, too.
func (e *GatewayError) stopsAll() bool { return e.isAboutAccount() || e.Code == "8" }

// Format prints what Error returns, whatever the verb, so that %+v and %#v do not show the
// gateway's Text.
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
	"6":  "this machine's address is banned after failed logins",
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

// stopError is ErrStopped with its reason. It says nothing about any one message: the stream may
// have sent some.
type stopError struct{ reason error }

func (e *stopError) Error() string { return printable(ErrStopped.Error() + ": " + textOf(e.reason)) }

// Is reports whether target is ErrStopped.
func (e *stopError) Is(target error) bool { return target == ErrStopped }

// Unwrap returns the reason, which may be the error of a message or a package.
func (e *stopError) Unwrap() error { return e.reason }

func (e *stopError) verdict() verdict { return verdict{} }

// # Redaction
//
// What a server, a proxy or a RoundTripper writes may quote the request, which holds the password,
// and may hold characters that act on a terminal.

// redacted hides the text of err behind another one. verdictIn and rejection do not look into err,
// which may be about other messages or another account: errgroup, for example, makes the first
// error of its goroutines the cause of its context.
type redacted struct {
	shown string
	err   error
}

func (e *redacted) Error() string { return e.shown }

func (e *redacted) GoString() string { return e.shown }

func (e *redacted) Unwrap() error { return e.err }

// redact replaces the text of err unless it comes from the context or the operating system. Other
// texts, such as net/http's "malformed HTTP response", may quote the reply, which may quote the
// request.
func redact(ctx context.Context, err error) error {
	var text error
	var opErr *net.OpError
	switch reason := context.Cause(ctx); {
	case reason != nil && errors.Is(err, reason):
		text = reason
	case reason != nil && errors.Is(err, ctx.Err()): // HTTP/2 returns it instead of the cause
		text, err = reason, fmt.Errorf("%w: %w", reason, err)
	case errors.Is(err, errReadWhole):
		text = errReadWhole
	case errors.As(err, &opErr):
		text = &net.OpError{Op: opErr.Op, Net: opErr.Net, Source: opErr.Source, Addr: opErr.Addr,
			Err: systemError(opErr.Err)}
	case errors.Is(err, context.DeadlineExceeded): // an http.Client's own timeout
		text = context.DeadlineExceeded
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		text = errReplyEnded
	default:
		text = errMayQuote
	}
	return &redacted{printable(textOf(text)), err}
}

// systemError returns the operating system's part of a network error.
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
	errReadWhole  = errors.New("the upload was read to its end, so that it may have arrived; it is not sent again")
	errReplyEnded = errors.New("the connection ended before the reply did (EOF)")
	errMayQuote   = errors.New("the exchange broke off with an error that may quote the reply; " +
		"to see it, unwrap SendError.Err")
)

// printable returns text with a question mark in place of each character that may act on a
// terminal: control characters, line ends and marks of direction.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
