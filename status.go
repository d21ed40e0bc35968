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
