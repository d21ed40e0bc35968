package smslink

import (
	"errors"
	"fmt"
)

// Status is what the gateway said of one message. The values from 1 are the gateway's own [ref]; a
// value above 5 is kept as it came.
type Status int

const (
	// StatusUnreported means that the gateway accepted the package, but that its reply has no
	// status for the message, or several that contradict each other. It may have been taken.
	StatusUnreported Status = iota
	// StatusSenderFailed means that the account may not use the sender.
	StatusSenderFailed
	// StatusNumberFailed means that the gateway can't reach the receiver's number.
	StatusNumberFailed
	// StatusSuccess means that the gateway accepted the message for sending, not that it was
	// delivered. Delivery reports carry its remote id.
	StatusSuccess
	// StatusInternalOrBlacklisted means that the gateway had an internal error or that the
	// receiver is on the blacklist. The two can't be told apart.
	StatusInternalOrBlacklisted
	// StatusInsufficientCredit means that the account's credit ran out before this message.
	StatusInsufficientCredit
)

// A [*ResultError] matches the error of its status with [errors.Is].
var (
	ErrUnreported            = errors.New("the reply says nothing of it")
	ErrSenderFailed          = errors.New("sender failed")
	ErrNumberFailed          = errors.New("number failed")
	ErrInternalOrBlacklisted = errors.New("internal error or number blacklisted")
	ErrInsufficientCredit    = errors.New("insufficient credit")
	ErrUnknownStatus         = errors.New("a status that is not documented")
)

// statuses has a row for each documented status: its name, its error and what to do.
var statuses = [...]struct {
	name   string
	err    error
	advice string
}{
	StatusUnreported:            {"unreported", ErrUnreported, "it may have been taken; look for it in the account's reports before sending it again"},
	StatusSenderFailed:          {"sender failed", ErrSenderFailed, "check that the sender is approved for the account"},
	StatusNumberFailed:          {"number failed", ErrNumberFailed, "check the number"},
	StatusSuccess:               {"success", nil, ""},
	StatusInternalOrBlacklisted: {"internal error or blacklisted", ErrInternalOrBlacklisted, "look whether the number is on the account's blacklist; if not, try again later"},
	StatusInsufficientCredit:    {"insufficient credit", ErrInsufficientCredit, "top up the account"},
}

// refused reports whether the gateway certainly did not take a message of that status. A
// StatusInternalOrBlacklisted may hide an internal error after the message was taken.
func (s Status) refused() bool {
	return s == StatusSenderFailed || s == StatusNumberFailed || s == StatusInsufficientCredit
}

// isInDoubt reports whether a message of that status may have been taken.
func (s Status) isInDoubt() bool { return s == StatusUnreported || !s.documented() }

func (s Status) documented() bool { return 0 <= s && int(s) < len(statuses) }

// String returns the status's name in lower case, or its number if it is not documented.
func (s Status) String() string {
	if !s.documented() {
		return fmt.Sprintf("status %d", int(s))
	}
	return statuses[s].name
}

// Advice returns what the vendor advises [ref], as half a sentence. It is empty for StatusSuccess.
func (s Status) Advice() string {
	if !s.documented() {
		return "it is not documented; ask the vendor"
	}
	return statuses[s].advice
}

// err returns the status's sentinel; nil for StatusSuccess.
func (s Status) err() error {
	if !s.documented() {
		return ErrUnknownStatus
	}
	return statuses[s].err
}

// Outcome is what became of a whole package, as far as this process can know. Only [OutcomeNotSent]
// and [OutcomeRejected] allow sending the same messages again without the risk of a second SMS: see
// [SafeToResend].
type Outcome int

const (
	// OutcomeInDoubt means that the gateway may or may not have taken the package: bytes of it
	// were handed to a transport, and what came back (a time-out, a reset, a 5xx, an unreadable
	// reply) does not decide it. The package is sealed. Look into the account's reports before
	// you call [Package.Reopen]. Errors of this outcome match [ErrUnknown].
	OutcomeInDoubt Outcome = iota
	// OutcomeNotSent means that no byte of the package was handed to any transport, so that no
	// server can have taken it. Errors of this outcome match [ErrNotSent].
	OutcomeNotSent
	// OutcomeRejected means that the gateway, or a server before it, refused: an ERROR reply, a
	// 3xx or a 4xx. Nothing was taken. Sending the same again will most likely be refused
	// again. Errors of this outcome match [ErrRejected].
	OutcomeRejected
	// OutcomeAccepted means that the gateway took the package and reported on its messages. It
	// is the outcome of a nil error only. The package is sealed. Accepted is not delivered.
	OutcomeAccepted
)

// String returns the outcome's name: in doubt, not sent, rejected or accepted.
func (o Outcome) String() string {
	switch o {
	case OutcomeInDoubt:
		return "in doubt"
	case OutcomeNotSent:
		return "not sent"
	case OutcomeRejected:
		return "rejected"
	case OutcomeAccepted:
		return "accepted"
	}
	return fmt.Sprintf("Outcome(%d)", int(o))
}

// An error that says what became of messages matches one of these with [errors.Is]: the one of its
// [OutcomeOf].
var (
	ErrUnknown  error = sentinel(OutcomeInDoubt)  // matched by errors of OutcomeInDoubt
	ErrNotSent  error = sentinel(OutcomeNotSent)  // matched by errors of OutcomeNotSent
	ErrRejected error = sentinel(OutcomeRejected) // matched by errors of OutcomeRejected
)

// sentinel is the error that errors of one outcome match.
type sentinel Outcome

// Error returns the outcome's name.
func (s sentinel) Error() string { return "smslink: the outcome is: " + Outcome(s).String() }

func (s sentinel) outcome() Outcome { return Outcome(s) }

// OutcomeOf returns what became of the messages that err is about:
//
//   - [OutcomeAccepted] if err is nil;
//   - the Outcome of a [*SendError];
//   - [OutcomeNotSent] for a [*MessageError];
//   - for a [*ResultError], [OutcomeRejected] if the gateway certainly did not take the message
//     (statuses 1, 2 and 5), else [OutcomeInDoubt];
//   - [OutcomeInDoubt] for every other error, such as [ErrSealed] and what [Stream.Err] returns.
//
// If several of them are joined in err, OutcomeOf returns the most doubtful one: in doubt before
// rejected, and rejected before not sent.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return OutcomeAccepted
	}
	outcome, found := outcomeIn(err)
	if !found {
		return OutcomeInDoubt
	}
	return outcome
}

// An outcomeError says what became of messages.
type outcomeError interface{ outcome() Outcome }

// outcomeIn returns the most doubtful outcome among the errors joined in err. It looks at every
// branch, as errors.As does not.
func outcomeIn(err error) (worst Outcome, found bool) {
	switch e := err.(type) { //nolint:errorlint // each branch of the tree is looked at in turn
	case outcomeError:
		return e.outcome(), true
	case interface{ Unwrap() error }:
		return outcomeIn(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, branch := range e.Unwrap() {
			outcome, ok := outcomeIn(branch)
			if ok && (!found || outcome == OutcomeInDoubt || worst == OutcomeNotSent) {
				worst, found = outcome, true
			}
		}
	}
	return worst, found
}

// SafeToResend reports whether the messages that err is about can be sent again without the risk
// of a second SMS: the gateway certainly did not take them. It is true for errors of
// [OutcomeNotSent] and [OutcomeRejected], and false for nil and for every other error, of this
// package or not.
//
// That resending is safe does not mean that it helps. After a rejection, remove the cause first:
// repeated wrong passwords get the sender's address banned. A message refused with [ErrRepeatedID]
// or [ErrRepeatedInStream] was not sent, but the one before it with the same id may have been.
func SafeToResend(err error) bool {
	outcome := OutcomeOf(err)
	return outcome == OutcomeNotSent || outcome == OutcomeRejected
}
