// Package delivery takes the gateway's delivery reports.
//
// SMSLink calls a URL of yours once it knows whether a message was delivered
// [public]. [NewHandler] returns an [http.Handler] for that URL, and
// [ParseRequest] parses one such request for programs that route and
// authenticate on their own.
//
// # Keeping reports
//
// A report names its message by the gateway's remote id alone. Keep the remote
// ids of a Response beside your own ids, and join the two when you read them:
// a report may come before the Send of its message has returned.
//
// The same report may come several times, and reports of one message may come
// in any order. A table that is keyed by the report makes both harmless:
//
//	CREATE TABLE report (
//		remote TEXT, at BIGINT, delivered BOOLEAN, PRIMARY KEY (remote, at, delivered));
//	INSERT INTO report VALUES (?, ?, ?) ON CONFLICT DO NOTHING;
//
// The latest row of a remote id then says what became of its message.
package delivery

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"
)

// Report is one delivery report [public].
//
// It prints and logs as its remote id, whether the message was delivered, and the
// time: everything else may be anybody's words. encoding/json writes it whole.
type Report struct {
	RemoteID  string    // the message's id at the gateway; opaque, visible ASCII, 1 to 128 bytes
	Delivered bool      // false if the message was undelivered or expired
	Time      time.Time // of the report, in UTC, to the second

	// The fields below are sent only if the account has them switched on; otherwise
	// they are empty or 0. Texts are kept as they came: they may hold NUL or invalid
	// UTF-8, which databases refuse, and control characters, which terminals obey.
	NetworkID    string // see Network
	NetworkType  string
	Text         string // the operator's words
	ConnectionID string // the connection that the message was sent through, without surrounding white space
	Segments     int    // how many SMS the message took

	// Other holds all other parameters as they came: those of the URL itself, a
	// message_count that is not a number from 1, and a known parameter that comes
	// with two different values. It is nil if there are none.
	Other url.Values
}

// Network returns the published name of the Romanian network that NetworkID stands
// for [public]: Vodafone (1), Orange (2), Telekom (3) or Digi (5). It returns the
// empty string for any other id.
func (r Report) Network() string {
	switch r.NetworkID {
	case "1":
		return "Vodafone"
	case "2":
		return "Orange"
	case "3":
		return "Telekom"
	case "5":
		return "Digi"
	}
	return ""
}

// Format implements [fmt.Formatter]. Every verb prints the same text, which has no
// free text of the report.
func (r Report) Format(f fmt.State, _ rune) {
	said := "not delivered"
	if r.Delivered {
		said = "delivered"
	}
	fmt.Fprintf(f, "report of %s: %s, %s", numeric(r.RemoteID), said, r.Time.Format(time.RFC3339))
}

// LogValue implements [slog.LogValuer] with the parts that Format prints.
func (r Report) LogValue() slog.Value {
	return slog.GroupValue(slog.String("remote_id", numeric(r.RemoteID)), slog.Bool("delivered", r.Delivered), slog.Time("time", r.Time))
}

// numeric returns id if it is a number, as the gateway's ids are. Anybody's other words
// stay out of logs, and so do phone numbers, which start with 0.
func numeric(id string) string {
	if len(id) > 20 || strings.Trim(id, "0123456789") != "" || strings.HasPrefix(id, "0") {
		return "(not a number)"
	}
	return id
}

// ParseError is the error of [ParseRequest]. It quotes nothing of the request.
type ParseError struct {
	Field string // message_id, status or timestamp; or query or body if the whole of it is at fault
	Err   error  // the rule that was broken, never nil
}

// Error returns the field and the rule.
func (e *ParseError) Error() string {
	return fmt.Sprintf("smslink: delivery report: %s %v", e.Field, e.Err)
}

// Unwrap returns e.Err.
func (e *ParseError) Unwrap() error { return e.Err }
