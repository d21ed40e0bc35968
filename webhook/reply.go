package webhook

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"
)

// Reply is a message that a person sent to the account's number, through the vendor's 2-Way SMS
// service [public].
//
// The same reply may come three times. It has no id: a repeat has the same From, To, Text and Time,
// and so do two replies with the same text within one second.
//
// A Reply prints and logs as its time, since all else is untrusted text or names a person.
// encoding/json writes all of it.
//
// All strings but From may hold NUL or invalid UTF-8, which databases refuse, and control
// characters, which act on a terminal. If the callback fails because of them, the reply is lost
// after the third try. So replace such characters before you store a reply.
type Reply struct {
	From string    // the person's number, as in an Unsubscription
	To   string    // the number that the message was sent to
	Text string    // of the message; may be empty
	Time time.Time // of the message, in UTC, to the second; zero if it did not come as Unix seconds

	NetworkID   string // as in a Report
	NetworkName string

	// Other holds all other parameters as they came, and a known one that comes with two
	// different values or can't be parsed. It is nil if there are none.
	Other url.Values
}

// Format implements [fmt.Formatter]. Every verb prints the same text, which has no free text of the
// reply.
func (r Reply) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "reply of %s", r.Time.Format(time.RFC3339))
}

// LogValue implements [slog.LogValuer] with the time alone.
func (r Reply) LogValue() slog.Value { return slog.GroupValue(slog.Time("time", r.Time)) }

var errUnsubscription = errors.New("belongs to an unsubscription; set the URL of an Unsubscriptions handler for those")

// parseReply parses a reply. The parameter sender is required. An unsubscription is an error, so
// that it is not mistaken for a reply.
func parseReply(values url.Values) (Reply, error) {
	var r Reply
	if values.Has("unsubscribe_message_id") {
		return r, fieldError("unsubscribe_message_id", errUnsubscription)
	}
	from, err := takeRequired(values, "sender", phoneNumber)
	if err != nil {
		return r, err
	}
	r = Reply{From: from, To: take(values, "receiver"), Text: take(values, "message"), Time: takeTime(values)}
	r.NetworkID, r.NetworkName = take(values, "network_id"), take(values, "network_name")
	r.Other = others(values)
	return r, nil
}
