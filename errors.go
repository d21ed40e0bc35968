package smslink

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-smslink/smslink/internal/wire"
)

// Outcome is what became of a whole package, as far as can be known from here.
// Only [OutcomeNotSent] and [OutcomeRejected] say that nothing was taken, so only
// they allow sending the same messages again without the risk of a second SMS.
type Outcome int

const (
	// OutcomeUnknown says that the gateway may have taken the package, or not. The
	// request, or part of it, left this process, and what came back (a time-out, a
	// reset, a 5xx, an unreadable reply) does not tell. The package is sealed. Look
	// into the account's reports before you [Package.Reopen] it.
	OutcomeUnknown Outcome = iota
	// OutcomeNotSent says that no byte of the request left this process. Sending
	// again is safe.
	OutcomeNotSent
	// OutcomeRejected says that the gateway, or a server before it, answered and
	// refused: an ERROR reply, a 3xx or a 4xx. Nothing was taken; sending the same
	// again will most likely be refused again.
	OutcomeRejected
	// OutcomeAccepted says that the gateway took the package and said what became of
	// each message. The package is sealed. Accepted is not delivered.
	OutcomeAccepted
)

// String names the outcome: unknown, not sent, rejected or accepted.
func (o Outcome) String() string {
	switch o {
	case OutcomeUnknown:
		return "unknown"
	case OutcomeNotSent:
		return "not sent"
	case OutcomeRejected:
		return "rejected"
	case OutcomeAccepted:
		return "accepted"
	}
	return fmt.Sprintf("Outcome(%d)", int(o))
}

// OutcomeOf tells what became of the package from the error of the [Client.Send]
// that sent it. A nil error is [OutcomeAccepted], and so is [ErrAlreadySent] or a
// [*ResultError], whose package was accepted even though that message was not. A
// [*MessageError] is [OutcomeNotSent]. Any error that is not this package's own is
// [OutcomeUnknown]. Only a nil error comes with a [Response].
func OutcomeOf(err error) Outcome {
	var sendErr *SendError
	var messageErr *MessageError
	switch {
	case err == nil:
		return OutcomeAccepted
	case errors.As(err, &sendErr):
		return sendErr.Outcome
	case errors.Is(err, ErrAlreadySent):
		return OutcomeAccepted
	case errors.Is(err, ErrOutcomeUnknown):
		return OutcomeUnknown
	case errors.As(err, &messageErr):
		return OutcomeNotSent
	case errors.As(err, new(*GatewayError)):
		return OutcomeRejected
	case errors.As(err, new(*ResultError)):
		return OutcomeAccepted
	}
	return OutcomeUnknown
}

// What keeps a whole package from being sent. [Client.Send] wraps them in a
// [*SendError]; [Package.Add] returns the last two as they are.
var (
	// ErrEmptyPackage says that the package holds no message.
	ErrEmptyPackage = errors.New("smslink: the package is empty; add a message first")
	// ErrCodecMethod says that the package's Codec has a Method other than 0 to 3.
	ErrCodecMethod = errors.New("smslink: the package's codec has a method that the gateway does not know; it knows 0 to 3")
	// ErrAlreadySent says that the gateway accepted this package before.
	ErrAlreadySent = errors.New("smslink: the package was accepted before; Reset it for new messages, or Reopen it to send the same ones twice")
	// ErrOutcomeUnknown says that this package is being sent, or was sent and may
	// have been accepted.
	ErrOutcomeUnknown = errors.New("smslink: the package was sent before and may have been accepted; find out, then Reset it, or Reopen it to risk sending it twice")
)

// Why a reply is inconclusive. [Client.Send] and [Client.Balance] wrap them in a
// [*SendError] whose Reply holds what was read.
var (
	// ErrUnreadableReply says that the reply is neither MESSAGE nor ERROR with its
	// fields, or a balance's without its two numbers.
	ErrUnreadableReply = errors.New("smslink: the gateway's reply can't be read")
	// ErrReplyTooLarge says that the reply is longer than any reply to this request
	// should be: 64 KiB plus 128 bytes per message.
	ErrReplyTooLarge = errors.New("smslink: the gateway's reply is longer than a reply to this request can be")
)

// SendError is the error of every failed call that talks to the gateway. Its
// text holds no password, receiver or message text, and nothing of the reply.
type SendError struct {
	// Outcome is what became of the package. It is OutcomeAccepted only with
	// ErrAlreadySent, where it tells of the earlier Send. Of a Balance, which spends
	// nothing, it tells how far the question got; see there.
	Outcome Outcome
	// StatusCode is the HTTP status, or 0 where none was received.
	StatusCode int
	// Reply is the body as far as it was read, at most 64 KiB plus 128 bytes per
	// message. It is kept out of this error's text and JSON since a server may
	// quote the request in it.
	Reply []byte `json:"-"`
	// Err is the cause, never nil: a sentinel of this package, a [*GatewayError],
	// the context's error, or one of net/http's.
	Err error
}

// Error tells the outcome and its cause.
func (e *SendError) Error() string {
	cause := strings.ReplaceAll(fmt.Sprint(e.Err), "smslink: ", "") // which stands in front of all of it
	switch e.Outcome {
	case OutcomeNotSent:
		return "smslink: not sent: " + cause
	case OutcomeRejected:
		return "smslink: rejected: " + cause
	case OutcomeAccepted:
		return "smslink: not sent again: " + cause
	default:
		return "smslink: outcome unknown: " + cause
	}
}

// Unwrap gives Err.
func (e *SendError) Unwrap() error { return e.Err }

// attrs are what a log has of it.
func (e *SendError) attrs() []any {
	return []any{"outcome", e.Outcome.String(), "http_status", e.StatusCode, "error", e.Error()}
}

// Format prints what Error tells, whatever the verb: the reply stays out of %+v
// and %#v, of a value as of a pointer. From an unexported field of
// another struct fmt prints it whole.
func (e SendError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// GatewayError says that the gateway answered ERROR: it took nothing, unless that came
// with a 5xx, which makes the outcome unknown all the same. The codes, as
// published for the older single-message interface ([public]; that the bulk
// interface uses the same is unconfirmed):
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
// Few go away by themselves, and repeated wrong passwords get the address banned,
// so do not send again in a loop.
type GatewayError struct {
	// Code is the gateway's, without spaces around it and zeros in front. It is empty
	// where the reply's was not a number of up to four digits; Text then starts with it.
	Code string
	// Text is the gateway's own words. They are kept out of this error's text and
	// JSON, since they may quote the request.
	Text string `json:"-"`
}

// Error tells the code and, where the published table has one, its meaning.
func (e *GatewayError) Error() string {
	if e.Code == "" {
		return "smslink: the gateway refused with an ERROR of no number; its Text says why"
	}
	meaning, known := gatewayCodes[e.Code]
	if !known {
		meaning = "its Text says why"
	}
	return fmt.Sprintf("smslink: the gateway refused with ERROR %s: %s", e.Code, meaning)
}

// Is tells whether target is a GatewayError of the same Code, so that
// errors.Is(err, &GatewayError{Code: "7"}) finds a wrong password.
func (e *GatewayError) Is(target error) bool {
	other, ok := target.(*GatewayError)
	return ok && other.Code == e.Code
}

// Format prints what Error tells, whatever the verb: the gateway's words stay out
// of %+v and %#v, of a value as of a pointer.
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

// MessageError says why [Package.Add] refused a message. It holds no receiver
// and no text.
type MessageError struct {
	ID    int64
	Field string // of [Message]: ID, To, From, Text or SendAt
	Err   error  // the rule broken, one of the sentinels that Add names
}

// Error names the message, the field and the rule.
func (e *MessageError) Error() string {
	return fmt.Sprintf("smslink: message %d: %s %v", e.ID, e.Field, e.Err)
}

// Unwrap gives Err.
func (e *MessageError) Unwrap() error { return e.Err }

// The rules that [Package.Add] holds a message to, as [MessageError] words them
// after the field's name.
var (
	ErrNegativeID       = wire.ErrNegativeID                                                 // ID: below 0
	ErrRepeatedID       = errors.New("is in this package already; the reply is keyed by it") // ID
	ErrNoDigit          = wire.ErrNoDigit                                                    // To: none of 0 to 9 in it
	ErrSeparator        = wire.ErrSeparator                                                  // From: a semicolon
	ErrControlCharacter = wire.ErrControlCharacter                                           // From, Text: see Message
	ErrInvalidUTF8      = wire.ErrInvalidUTF8                                                // From, Text
	ErrEmptyText        = wire.ErrEmptyText                                                  // Text: empty once trimmed
	ErrTooLong          = errors.New("is longer than 256 MiB")                               // To, From, Text
	ErrLiteralEscape    = wire.ErrLiteralEscape                                              // Text: %0A or %3B
	ErrBefore1970       = wire.ErrBefore1970                                                 // SendAt
)
