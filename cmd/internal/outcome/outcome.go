// Package outcome describes, counts and writes the outcome of each row of a campaign.
package outcome

import (
	"errors"
	"time"

	"github.com/go-smslink/smslink"
)

// Row is a row of a campaign and its outcome.
type Row struct {
	File     string         `json:"file"`
	Line     int            `json:"line"`
	ID       string         `json:"id"`
	To       string         `json:"-"`                // as it stands in the file
	Status   smslink.Status `json:"status,omitempty"` // the gateway's, or 0
	Text     string         `json:"status_text"`
	RemoteID string         `json:"remote_id,omitempty"`
	Segments int            `json:"segments,omitempty"`
	Earlier  bool           `json:"earlier,omitempty"` // the journal knows it from an earlier run
	Note     string         `json:"note,omitempty"`    // why, and what to do
	Answered time.Time      `json:"-"`                 // when this run had the gateway's status; else zero
	Journal  string         `json:"-"`                 // the message's name in its journal; empty if it has none
	Kind     Kind           `json:"category"`
	Reason   string         `json:"-"` // Text and Note, the same for all rows with this outcome; empty if it was accepted
}

// Kind is the kind of an outcome.
type Kind int

// The kinds, in the order in which they are shown.
const (
	Accepted Kind = iota
	Failed        // the gateway says so of this message
	Bad           // the row is bad, or its message is invalid
	NotSent
	Rejected
	InDoubt  // it may have been taken
	Excluded // it was left out
	kinds
)

// String returns the kind's name.
func (k Kind) String() string {
	return [kinds]string{"accepted", "failed", "bad", "not sent", "rejected", "in doubt", "excluded"}[k]
}

// category returns the kind's name in results files and JSON.
func (k Kind) category() string {
	if k == Bad {
		return smslink.OutcomeInvalid.String()
	}
	return k.String()
}

// MarshalText returns the category, for JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.category()), nil }

// InTestMode says in the note that the status is of test mode.
func (r Row) InTestMode() Row { return r.trial("in test mode: ", "checked, and not sent") }

// InSandbox says in the note that the status is the sandbox's.
func (r Row) InSandbox() Row { return r.trial("in the sandbox: ", "nothing was sent") }

func (r Row) trial(where, accepted string) Row {
	if r.Kind == Accepted {
		r.Note = accepted
	}
	r.Note = where + r.Note
	return r
}

// Invalid adds why the row is bad.
func (r Row) Invalid(cause error) Row {
	r.Kind, r.Text, r.Note = Bad, "bad row", cause.Error()
	r.Reason = "bad row: " + r.Note
	return r
}

// Describe returns the outcome and, unless it is accepted, why.
func (r Row) Describe() string {
	if r.Reason == "" {
		return r.Kind.String()
	}
	return r.Reason
}

// LeftOut adds why the row is excluded.
func (r Row) LeftOut(why string) Row {
	r.Kind, r.Text, r.Note = Excluded, "excluded", why
	r.Reason = "excluded: " + why
	return r
}

// Replied adds the gateway's status.
func (r Row) Replied(result smslink.Result) Row {
	r.Status, r.Text, r.RemoteID = result.Status, result.Status.String(), result.RemoteID
	switch result.Status.Outcome() {
	case smslink.OutcomeAccepted:
		return r
	case smslink.OutcomeFailed:
		r.Kind = Failed
	default:
		r.Kind = InDoubt
	}
	r.Note = errors.Unwrap(result.Err()).Error()
	r.Reason = r.Text + ": " + r.Note
	return r
}

// Known adds the result of an earlier run, from the journal.
func (r Row) Known(result smslink.Result) Row {
	r = r.Replied(result)
	r.Earlier = true
	if r.Kind == InDoubt {
		r.Text, r.Note = "in doubt", "an earlier run may have sent it; look for it in the account's reports"
		r.Reason = r.Text + ": " + r.Note
	}
	return r
}

// Unsent adds the error of its package, which was not accepted.
func (r Row) Unsent(err error) Row {
	r.Text, r.Note = smslink.OutcomeOf(err).String(), Reason(err)
	r.Reason = r.Note
	switch {
	case !smslink.SafeToResend(err):
		r.Kind = InDoubt
	case smslink.OutcomeOf(err) == smslink.OutcomeRejected:
		r.Kind = Rejected
	default:
		r.Kind = NotSent
	}
	return r
}
