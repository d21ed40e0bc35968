package smslink

import (
	"fmt"
	"slices"
)

// Status is what the gateway reported about one message. The values from 1 are the gateway's own
// [ref]. Values above 5 are not documented, and are kept.
type Status int

const (
	// StatusUnreported means that there is no status: the reply has none for the message, several
	// that contradict each other, or one that may be cut; or another entry that can't be read puts
	// a failure in doubt; or a [Journal] has recorded none. The message may have been taken.
	StatusUnreported Status = iota
	// StatusSenderFailed means that the account may not use the sender.
	StatusSenderFailed
	// StatusNumberFailed means that the gateway can't reach the receiver's number.
	StatusNumberFailed
	// StatusSuccess means that the gateway accepted the message for sending, not that it was
	// delivered. Delivery reports carry its remote id.
	StatusSuccess
	// StatusInternalOrBlacklisted means that the gateway had an internal error or that the
	// receiver is on the account's blacklist. It does not say which: see package blacklist.
	StatusInternalOrBlacklisted
	// StatusInsufficientCredit means that the account's credit ran out before this message.
	StatusInsufficientCredit
)

// meaning is all that follows from a status. No other code decides it.
type meaning struct {
	name    string
	outcome Outcome // of the message: accepted, failed or in doubt
	resend  bool    // safe to send again: the gateway certainly did not take the message
	advice  string  // what to do
}

// meanings has a row for StatusUnreported, and one for each documented status, with the vendor's
// advice [ref].
var meanings = [...]meaning{
	StatusUnreported: {"unreported", OutcomeInDoubt, false,
		"it may have been taken; look for it in the account's reports before sending it again"},
	StatusSenderFailed: {"sender failed", OutcomeFailed, true, "check that the sender is approved for the account"},
	StatusNumberFailed: {"number failed", OutcomeFailed, true, "check the number"},
	StatusSuccess:      {"success", OutcomeAccepted, false, ""},
	// It may hide an internal error after the message was taken.
	StatusInternalOrBlacklisted: {"internal error or blacklisted", OutcomeFailed, false,
		"check whether the number is on the account's blacklist; if not, try again later"},
	StatusInsufficientCredit: {"insufficient credit", OutcomeFailed, true, "top up the account"},
}

func (s Status) meaning() meaning {
	if s < 0 || int(s) >= len(meanings) {
		return meaning{fmt.Sprintf("status %d", int(s)), OutcomeInDoubt, false, "it is not documented; ask the vendor"}
	}
	return meanings[s]
}

// String returns the status's name in lower case, or its number if it is not documented.
func (s Status) String() string { return s.meaning().name }

// Outcome returns the outcome of a message with that status: [OutcomeAccepted] for StatusSuccess,
// [OutcomeFailed] for the other documented ones, and [OutcomeInDoubt] for StatusUnreported and
// every status that is not documented.
func (s Status) Outcome() Outcome { return s.meaning().outcome }

// Outcome is what is certain about a package or a message after a call. [SafeToResend] reports
// whether the message can be sent again without the risk of a duplicate SMS.
type Outcome int

const (
	// OutcomeInDoubt means that the package or message may have been taken. Either bytes of the
	// package were handed to a transport, and what came back (a timeout, a reset, a 5xx, an
	// unreadable reply) does not decide it. Or the reply does not say what happened to the message.
	// Check the account's reports before you send it again. A package in doubt is sealed: see
	// [Package].
	OutcomeInDoubt Outcome = iota
	// OutcomeNotSent means that no byte of the package was handed to any transport, so that no
	// server can have taken it.
	OutcomeNotSent
	// OutcomeRejected means that the gateway, or a server in front of it, rejected the package,
	// with an ERROR reply, a 3xx or a 4xx. Nothing was taken. The same package will most likely be
	// rejected again.
	OutcomeRejected
	// OutcomeAccepted means that the gateway took the package, or that it accepted the message for
	// sending. It is the outcome of a nil error only. An accepted package is sealed. Accepted is
	// not delivered.
	OutcomeAccepted
	// OutcomeFailed means that the gateway took the message's package but reported a failure for
	// this message: its [Status] is 1, 2, 4 or 5. With 4 it may have been sent nevertheless.
	OutcomeFailed
	// OutcomeInvalid means that the message was refused before it was put into a package.
	OutcomeInvalid
)

// String returns the outcome's name: in doubt, not sent, rejected, accepted, failed or invalid.
func (o Outcome) String() string {
	if o < 0 || int(o) >= len(outcomeNames) {
		return fmt.Sprintf("Outcome(%d)", int(o))
	}
	return outcomeNames[o]
}

var outcomeNames = [...]string{
	OutcomeInDoubt:  "in doubt",
	OutcomeNotSent:  "not sent",
	OutcomeRejected: "rejected",
	OutcomeAccepted: "accepted",
	OutcomeFailed:   "failed",
	OutcomeInvalid:  "invalid",
}

// OutcomeOf returns the outcome of the messages that err is about:
//
//   - [OutcomeAccepted] if err is nil;
//   - the Outcome of a [*SendError];
//   - the outcome of a [*ResultError]'s Status: OutcomeFailed or OutcomeInDoubt;
//   - OutcomeInvalid for a [*MessageError];
//   - OutcomeInDoubt for every other error, such as what [Stream.Err] returns.
//
// If several errors are joined in err, OutcomeOf looks only at those of package smslink, and
// returns the most doubtful outcome: in doubt, then failed, rejected, not sent, and invalid. The
// error of [Response.Err] is in doubt if any message was accepted.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return OutcomeAccepted
	}
	v, _ := verdictIn(err)
	return v.outcome
}

// SafeToResend reports whether the messages that err is about can be sent again without the risk of
// a duplicate SMS, since the gateway certainly did not take them. It returns true for
//
//   - packages that were not sent or were rejected;
//   - messages that failed with status 1, 2 or 5;
//   - invalid messages, except one that repeats the id of another message, which may have been
//     sent.
//
// It returns false for nil, and for an error that holds none of these. If several errors are joined
// in err, all of those of package smslink must be safe; the others are ignored.
//
// Safe does not mean useful. Remove the cause first: repeated wrong passwords get this machine's IP
// address banned.
func SafeToResend(err error) bool {
	v, found := verdictIn(err)
	return found && v.resend
}

// verdict is what an error says about its messages. The zero value is in doubt.
type verdict struct {
	outcome Outcome
	resend  bool // they are safe to send again
}

// byDoubt has the outcomes of errors, the most doubtful first.
var byDoubt = []Outcome{OutcomeInDoubt, OutcomeFailed, OutcomeRejected, OutcomeNotSent, OutcomeInvalid}

// and returns the verdict on the messages of both.
func (v verdict) and(other verdict) verdict {
	worse := byDoubt[min(slices.Index(byDoubt, v.outcome), slices.Index(byDoubt, other.outcome))]
	return verdict{worse, v.resend && other.resend}
}

// verdictIn returns the verdict of all errors joined in err. errors.As would stop at the first.
func verdictIn(err error) (v verdict, found bool) {
	if e, ok := err.(interface{ verdict() verdict }); ok {
		v, found = e.verdict(), true
	}
	for _, joined := range wrappedIn(err) {
		switch other, ok := verdictIn(joined); {
		case ok && found:
			v = v.and(other)
		case ok:
			v, found = other, true
		}
	}
	return v, found
}

// wrappedIn returns the errors that err wraps, except those that an error of this package wraps.
// They are its reasons, and may be about other messages.
func wrappedIn(err error) []error {
	switch e := err.(type) { //nolint:errorlint // each branch is looked at in turn
	case *SendError, *MessageError, *ResultError, *resultErrors, *stopError, *redacted:
	case interface{ Unwrap() error }:
		return []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	}
	return nil
}
