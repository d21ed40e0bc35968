package webhook

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// Report is one delivery report [public].
//
// It names its message only by the gateway's remote id. Store the remote ids of a Response beside
// your own ids, and the reports in a table of their own, which you join later: a report may come
// before the Send of its message has returned.
//
// The same report may come several times, reports of one message may come in any order, and a long
// message may have one for each segment. That is harmless if the table's key is the id, the time
// and the outcome:
//
//	CREATE TABLE report (
//		remote TEXT, at BIGINT, delivered BOOLEAN, PRIMARY KEY (remote, at, delivered));
//	INSERT INTO report VALUES (?, ?, ?) ON CONFLICT DO NOTHING;
//
// The latest row of a remote id says whether its message was delivered. If there are reports for
// each segment, look at all of its rows.
//
// A Report prints and logs as its remote id, whether the message was delivered, and the time, since
// all else is untrusted text. encoding/json writes all of it.
type Report struct {
	RemoteID  string    // the message's id at the gateway; opaque, visible ASCII, 1 to 128 bytes
	Delivered bool      // false if the message was undelivered or expired
	Time      time.Time // of the report, in UTC, to the second

	// The fields below are sent only if the account has them switched on; otherwise they are empty
	// or 0. Texts are unchanged: they may hold NUL or invalid UTF-8, which databases refuse, and
	// control characters, which act on a terminal.
	NetworkID    string // see Network
	NetworkType  string
	Text         string // the operator's
	ConnectionID string // the connection that the message was sent through, without surrounding white space
	Segments     int    // of the message

	// Other holds all other parameters unchanged: those of the URL itself, a message_count that is
	// not a number from 1, and a known parameter that has two different values. It is nil if there
	// are none.
	Other url.Values
}

// Network returns the name of the Romanian network with that NetworkID [public]: Vodafone (1),
// Orange (2), Telekom (3) or Digi (5). It returns the empty string for any other id.
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

// Format implements [fmt.Formatter]. Every verb prints the same text, which has no free text of the
// report.
func (r Report) Format(f fmt.State, _ rune) {
	said := "not delivered"
	if r.Delivered {
		said = "delivered"
	}
	fmt.Fprintf(f, "report of %s: %s, %s", wire.Numeric(r.RemoteID), said, r.Time.Format(time.RFC3339))
}

// LogValue implements [slog.LogValuer] with the parts that Format prints.
func (r Report) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("remote_id", wire.Numeric(r.RemoteID)),
		slog.Bool("delivered", r.Delivered),
		slog.Time("time", r.Time))
}

var (
	errNoRemoteID = errors.New("is not 1 to 128 characters of visible ASCII")
	errNoStatus   = errors.New("is neither 1, delivered, nor 0, undelivered")
)

const maxRemoteID = 128 // bytes

// parseReport parses a delivery report. The parameters message_id, status and timestamp are
// required. White space around them is trimmed, and a parameter that is repeated with the same
// value counts once. Every other parameter is optional and never makes it fail; pairs that cannot
// be decoded are kept in Other under the empty name. With an error it returns what it has read, so
// that its remote id can be logged.
func parseReport(values url.Values) (report Report, err error) {
	if report.RemoteID, err = takeRequired(values, "message_id", parseRemoteID); err != nil {
		return report, err
	}
	if report.Delivered, err = takeRequired(values, "status", parseStatus); err != nil {
		return report, err
	}
	if report.Time, err = takeRequired(values, "timestamp", unixTime); err != nil {
		return report, err
	}
	report.NetworkID, report.NetworkType = take(values, "network_id"), take(values, "network_type")
	report.Text, report.ConnectionID = take(values, "delivery_report"), take(values, "connection_id")
	report.ConnectionID = strings.TrimSpace(report.ConnectionID)
	if count := values["message_count"]; alike(count) {
		if n, err := strconv.ParseUint(strings.TrimSpace(count[0]), 10, 31); err == nil && n > 0 {
			report.Segments = int(n)
			delete(values, "message_count")
		}
	}
	report.Other = others(values)
	return report, nil
}

func parseRemoteID(id string) (string, error) {
	if len(id) > maxRemoteID || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", errNoRemoteID // since it is printed and stored
	}
	return id, nil
}

func parseStatus(status string) (delivered bool, err error) {
	if status != "0" && status != "1" {
		return false, errNoStatus
	}
	return status == "1", nil
}
