package delivery

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	errMissing        = errors.New("is missing or empty")
	errAmbiguous      = errors.New("has two different values")
	errNoRemoteID     = errors.New("is not 1 to 128 characters of visible ASCII")
	errNoStatus       = errors.New("is neither 1, delivered, nor 0, undelivered")
	errNoUnixTime     = errors.New("is not a number of Unix seconds from 1 to the end of 9999")
	errLongReport     = errors.New("is longer than 16 KiB")
	errBrokenBody     = errors.New("ended early")
	errUnreadableBody = errors.New("can't be read")
)

const (
	maxReport   = 16 << 10        // bytes of a query, and of a body
	maxRemoteID = 128             // bytes
	maxUnixTime = 253_402_300_799 // the last second of 9999, after which times have no RFC 3339 form
)

// ParseRequest parses a delivery report, which the gateway sends by GET or as a form
// POST [public]. It checks no secret: see [NewHandler].
//
// Parameters are read from the query and, for a POST, from a body of type
// application/x-www-form-urlencoded or multipart/form-data, whose files are ignored.
// Query and body may be 16 KiB each. If r.PostForm was filled before, for example by a
// middleware that calls ParseForm, it is used in place of the body.
//
// The parameters message_id, status and timestamp are required. White space around
// them is trimmed. A parameter that is repeated with the same value counts once.
// Every other parameter is optional and never makes ParseRequest fail; pairs that
// cannot be decoded are kept in Other under the empty name.
//
// The error is a [*ParseError].
func ParseRequest(r *http.Request) (Report, error) {
	report, err := parse(r)
	if err != nil {
		return Report{}, err
	}
	return report, nil
}

// parse returns what it has read also with an error, so that the handler can log its remote id.
func parse(r *http.Request) (report Report, err error) {
	values, err := parameters(r)
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
			return report, &ParseError{Field: field.name, Err: err}
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

func (r *Report) setRemoteID(id string) error {
	if len(id) > maxRemoteID || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return errNoRemoteID // it ends up in terminals and files
	}
	r.RemoteID = id
	return nil
}

func (r *Report) setStatus(status string) error {
	if status != "0" && status != "1" {
		return errNoStatus
	}
	r.Delivered = status == "1"
	return nil
}

func (r *Report) setTime(timestamp string) error {
	seconds, err := strconv.ParseUint(timestamp, 10, 63)
	if err != nil || seconds == 0 || seconds > maxUnixTime {
		return errNoUnixTime
	}
	r.Time = time.Unix(int64(seconds), 0).UTC()
	return nil
}

// required returns the one value of a parameter that must be present.
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

// alike reports whether there is at least one value and all are equal, except for surrounding white
// space.
func alike(values []string) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) != strings.TrimSpace(values[0]) })
}

// parameters returns the parameters of the request's query and form.
func parameters(r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > maxReport {
		return nil, &ParseError{Field: "query", Err: errLongReport}
	}
	values := readPairs(r.URL.RawQuery)
	if r.Method != http.MethodPost {
		return values, nil
	}
	form, rule := postedForm(r)
	if rule != nil {
		return nil, &ParseError{Field: "body", Err: rule}
	}
	join(values, form)
	return values, nil
}

// The media types of a form.
const (
	urlEncoded = "application/x-www-form-urlencoded"
	multiPart  = "multipart/form-data"
)

// postedForm returns the form in the body, or the one that a middleware has parsed from it.
func postedForm(r *http.Request) (url.Values, error) {
	kind, settings, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	unread := r.PostForm == nil || kind == multiPart && r.MultipartForm == nil // ParseForm leaves a multipart body unread
	if !unread || r.Body == nil || kind != urlEncoded && kind != multiPart {
		return r.PostForm, nil
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxReport+1))
	switch {
	case errors.As(err, new(*http.MaxBytesError)): // a middleware's limit, which the same report would exceed again
		return nil, errUnreadableBody
	case err != nil:
		return nil, errBrokenBody
	case len(raw) > maxReport:
		return nil, errLongReport
	case kind == urlEncoded:
		return readPairs(string(raw)), nil
	}
	form, err := multipart.NewReader(bytes.NewReader(raw), settings["boundary"]).ReadForm(maxReport) // a limit that keeps files in memory
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

// readPairs is like url.ParseQuery, but keeps a pair that cannot be decoded, under the empty name.
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
