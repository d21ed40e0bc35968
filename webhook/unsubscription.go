package webhook

import (
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Unsubscription is the wish of a person to get no more messages [public]. The gateway itself puts
// the number on the account's blacklist, if Status says so. A program that sends in other ways, or
// keeps messages for later, must honor it whatever the Status.
//
// The same unsubscription may come three times, with the same ID. [smslink.E164] converts From to
// the form to compare.
//
// An Unsubscription prints and logs as its id, status and time, since all else is untrusted text or
// names a person. encoding/json writes all of it.
//
// All strings but From may hold NUL or invalid UTF-8, which databases refuse, and control
// characters, which act on a terminal. If the callback fails because of them, the unsubscription is
// lost after the third try. So record From in a transaction of its own, or replace such characters
// first.
//
// [smslink.E164]: https://pkg.go.dev/github.com/go-smslink/smslink#E164
type Unsubscription struct {
	ID string // the gateway's id of it, a UUID

	// From is the person's number, such as 0712345678: 1 to 64 characters of printable ASCII. It
	// is as it came, except that 407xxxxxxxx gets back the + that it lost in an unescaped query.
	From string

	To   string    // the short code that the message was sent to
	Text string    // of the message
	Time time.Time // of the message, in UTC, to the second; zero if it did not come as Unix seconds

	// Status is 1 if the number is blocked, -4 if the account has no blocking rule, -5 if its
	// service is not active, and 0 if the gateway sent none.
	Status        int
	StatusMessage string // the status as text
	ServiceIDs    string // of the services that the number is blocked for, unchanged

	NetworkID   string // as in a Report
	NetworkName string

	ResponseID   string // of the SMS that the gateway sent in response, if it sent one
	ResponseText string

	// Other holds all other parameters as they came, and a known one that comes with two
	// different values or can't be parsed. It is nil if there are none.
	Other url.Values
}

// Format implements [fmt.Formatter]. Every verb prints the same text, which has no free text of the
// unsubscription.
func (u Unsubscription) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "unsubscription %s: status %d, %s", uuid(u.ID), u.Status, u.Time.Format(time.RFC3339))
}

// LogValue implements [slog.LogValuer] with the parts that Format prints.
func (u Unsubscription) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", uuid(u.ID)), slog.Int("status", u.Status), slog.Time("time", u.Time))
}

// uuid returns id if it has the form of a UUID. Untrusted text is not logged.
func uuid(id string) string {
	if len(id) != 36 || strings.Count(id, "-") != 4 || strings.Trim(strings.ToLower(id), "0123456789abcdef-") != "" {
		return "(not a UUID)"
	}
	return id
}

// parseUnsubscription parses an unsubscription. The parameters unsubscribe_message_id and sender
// are required. A reply lacks the first.
func parseUnsubscription(values url.Values) (u Unsubscription, err error) {
	u.ID, err = takeRequired(values, "unsubscribe_message_id", func(id string) (string, error) { return id, nil })
	if err != nil {
		return u, err
	}
	if u.From, err = takeRequired(values, "sender", phoneNumber); err != nil {
		return u, err
	}
	u.To, u.Text, u.Time = take(values, "receiver"), take(values, "message"), takeTime(values)
	if status := values["unsubscribe_status_id"]; alike(status) {
		if n, err := strconv.Atoi(strings.TrimSpace(status[0])); err == nil {
			u.Status = n
			delete(values, "unsubscribe_status_id")
		}
	}
	u.StatusMessage, u.ServiceIDs = take(values, "unsubscribe_status_message"), take(values, "service_ids")
	u.NetworkID, u.NetworkName = take(values, "network_id"), take(values, "network_name")
	u.ResponseID, u.ResponseText = take(values, "response_message_id"), take(values, "response_message")
	u.Other = others(values)
	return u, nil
}
