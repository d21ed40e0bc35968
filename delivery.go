package smslink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DeliveryReport is what the gateway tells of one message after it was accepted
// [public]. It names the message by its remote id alone: keep those of a [Response]
// beside your own ids.
//
// It prints and logs as its remote id, whether it was delivered and when;
// encoding/json writes it whole, as it does a [Message].
type DeliveryReport struct {
	RemoteID  string    // the message's, as [Result] has it: opaque, visible ASCII, 1 to 128 bytes
	Delivered bool      // false = undelivered or expired
	Time      time.Time // of the report, in UTC, to the second

	// What an account may have switched on; empty or 0 where it is not told. The texts
	// are as they came and may hold anything, also NUL and what is not UTF-8, which
	// databases refuse: escape them where people read them.
	NetworkID    string // see Network
	NetworkType  string
	Text         string // the operator's words; maybe with NUL, maybe not UTF-8
	ConnectionID string // that the message was sent through; white space around it is dropped
	Segments     int    // that the message took

	// Other are all further parameters as they came, such as those of the URL itself,
	// a message_count that is no number from 1, and a known one with two different values.
	// Nil where there is none.
	Other url.Values
}

// Network is the published name of the Romanian network that NetworkID stands for
// [public]: Vodafone (1), Orange (2), Telekom (3) or Digi (5); empty for any other.
func (r DeliveryReport) Network() string {
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

// Format prints the remote id, whether the message was delivered and when, whatever
// the verb: everything else may be anybody's words.
func (r DeliveryReport) Format(f fmt.State, _ rune) {
	said := "not delivered"
	if r.Delivered {
		said = "delivered"
	}
	fmt.Fprintf(f, "report of %s: %s, %s", numeric(r.RemoteID), said, r.Time.Format(time.RFC3339))
}

// LogValue is what Format prints, for log/slog.
func (r DeliveryReport) LogValue() slog.Value {
	return slog.GroupValue(slog.String("remote_id", numeric(r.RemoteID)), slog.Bool("delivered", r.Delivered), slog.Time("time", r.Time))
}

// DeliveryReportError says why a request is no delivery report. It quotes nothing of it.
type DeliveryReportError struct {
	Field string // query or body, as a whole; else message_id, status or timestamp
	Err   error  // the rule broken, never nil
}

// Error names the field and the rule.
func (e *DeliveryReportError) Error() string {
	return fmt.Sprintf("smslink: delivery report: %s %v", e.Field, e.Err)
}

// Unwrap gives Err.
func (e *DeliveryReportError) Unwrap() error { return e.Err }

var (
	errMissing        = errors.New("is missing or empty")
	errAmbiguous      = errors.New("comes with two different values")
	errNoRemoteID     = errors.New("is not 1 to 128 characters of visible ASCII")
	errNoStatus       = errors.New("is neither 1, delivered, nor 0, undelivered")
	errNoUnixTime     = errors.New("is no number of Unix seconds from 1 to the year 9999")
	errLongReport     = errors.New("is longer than 16 KiB")
	errBrokenBody     = errors.New("broke off")
	errUnreadableBody = errors.New("can't be read")
)

const (
	maxReport   = 16 << 10        // bytes of a query, and of a body
	maxRemoteID = 128             // bytes
	maxUnixTime = 253_402_300_799 // the last second of 9999, after which times have no RFC 3339 form
)

// ParseDeliveryReport reads a delivery report, which the gateway sends by GET or as a
// form POST [public]: message_id, status and timestamp, and what else is switched on.
// Parameters of the query count in any case, and so do those of a POST's body of
// application/x-www-form-urlencoded or multipart/form-data, whose files are passed
// over. Query and body may have 16 KiB each. A PostForm that somebody has made before,
// such as a middleware that calls ParseForm, is taken for the body: how long that may be,
// and what is lost of it that can't be decoded, is then theirs to say. It checks no
// secret: see [DeliveryHandler].
//
// A parameter that comes several times with one value, but for white space around it,
// counts once. White space around a number and the remote id is dropped. What can't be
// decoded stays in Other as it came, under no name. Of the parameters, only those three
// can make it fail.
//
// The error is a [*DeliveryReportError].
func ParseDeliveryReport(r *http.Request) (DeliveryReport, error) {
	report, err := readReport(r)
	if err != nil {
		return DeliveryReport{}, err
	}
	return report, nil
}

// readReport gives what it has read also with an error.
func readReport(r *http.Request) (report DeliveryReport, err error) {
	values, err := reportValues(r)
	if err != nil {
		return report, err
	}
	for _, field := range []struct {
		name string
		set  func(value string) error
	}{
		{"message_id", report.setRemoteID}, {"status", report.setStatus}, {"timestamp", report.setTime},
	} {
		value, err := required(values[field.name])
		if err == nil {
			err = field.set(value)
		}
		if err != nil {
			return report, &DeliveryReportError{Field: field.name, Err: err}
		}
		delete(values, field.name)
	}
	for name, text := range map[string]*string{
		"network_id": &report.NetworkID, "network_type": &report.NetworkType,
		"delivery_report": &report.Text, "connection_id": &report.ConnectionID,
	} {
		if alike(values[name]) {
			*text = values.Get(name)
			delete(values, name)
		}
	}
	report.ConnectionID = strings.TrimSpace(report.ConnectionID)
	if count := values["message_count"]; alike(count) {
		if n, err := strconv.ParseUint(strings.TrimSpace(count[0]), 10, 31); err == nil && n > 0 {
			report.Segments = int(n)
			delete(values, "message_count")
		}
	}
	if len(values) > 0 {
		report.Other = values
	}
	return report, nil
}

func (r *DeliveryReport) setRemoteID(id string) error {
	if len(id) > maxRemoteID || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return errNoRemoteID // which ends up in terminals and files
	}
	r.RemoteID = id
	return nil
}

func (r *DeliveryReport) setStatus(status string) error {
	if status != "0" && status != "1" {
		return errNoStatus
	}
	r.Delivered = status == "1"
	return nil
}

func (r *DeliveryReport) setTime(timestamp string) error {
	seconds, err := strconv.ParseUint(timestamp, 10, 63)
	if err != nil || seconds == 0 || seconds > maxUnixTime {
		return errNoUnixTime
	}
	r.Time = time.Unix(int64(seconds), 0).UTC()
	return nil
}

// required is the one value of a parameter that may not be left out.
func required(values []string) (string, error) {
	switch {
	case len(values) == 0:
		return "", errMissing
	case !alike(values):
		return "", errAmbiguous
	}
	value := strings.TrimSpace(values[0])
	if value == "" {
		return "", errMissing
	}
	return value, nil
}

// alike tells whether there is a value, and no second one, but for white space around it.
func alike(values []string) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) != strings.TrimSpace(values[0]) })
}

// reportValues are the request's parameters, of its query and of its form.
func reportValues(r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > maxReport {
		return nil, &DeliveryReportError{Field: "query", Err: errLongReport}
	}
	values := readPairs(r.URL.RawQuery)
	if r.Method != http.MethodPost {
		return values, nil
	}
	form, rule := postedForm(r)
	if rule != nil {
		return nil, &DeliveryReportError{Field: "body", Err: rule}
	}
	join(values, form)
	return values, nil
}

// The types of a form's body.
const (
	urlEncoded = "application/x-www-form-urlencoded"
	multiPart  = "multipart/form-data"
)

// postedForm is the body's, as it is or as somebody has read it before.
func postedForm(r *http.Request) (url.Values, error) {
	kind, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	unread := r.PostForm == nil || kind == multiPart && r.MultipartForm == nil // which ParseForm makes empty
	if !unread || r.Body == nil || kind != urlEncoded && kind != multiPart {
		return r.PostForm, nil
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxReport+1))
	switch {
	case errors.As(err, new(*http.MaxBytesError)): // a middleware's bound, which it will pass the next time, too
		return nil, errUnreadableBody
	case err != nil:
		return nil, errBrokenBody
	case len(raw) > maxReport:
		return nil, errLongReport
	case kind == urlEncoded:
		return readPairs(string(raw)), nil
	}
	form, err := multipart.NewReader(bytes.NewReader(raw), parameters["boundary"]).ReadForm(maxReport) // so that no file goes to disk
	if err != nil {
		return nil, errUnreadableBody
	}
	return form.Value, nil
}

func join(values, more url.Values) {
	for name, texts := range more {
		values[name] = append(values[name], texts...)
	}
}

// readPairs is url.ParseQuery, but loses nothing: a pair that can't be decoded is kept
// whole, under no name.
func readPairs(encoded string) url.Values {
	values := url.Values{}
	for pair := range strings.SplitSeq(encoded, "&") {
		decoded, err := url.ParseQuery(pair)
		if err != nil {
			decoded = url.Values{"": {pair}}
		}
		join(values, decoded)
	}
	return values
}
