package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	errMissing        = errors.New("is missing or empty")
	errAmbiguous      = errors.New("has two different values")
	errNoUnixTime     = errors.New("is not a number of Unix seconds from 1 to the end of 9999")
	errNoPhone        = errors.New("is not 1 to 64 characters of printable ASCII")
	errTooLong        = errors.New("is longer than 16 KiB")
	errBrokenBody     = errors.New("ended early")
	errUnreadableBody = errors.New("can't be read")
)

const (
	maxCall     = 16 << 10        // bytes of a query, and of a body
	maxUnixTime = 253_402_300_799 // the last second of 9999, after which times have no RFC 3339 form
)

// fieldError returns the error of a parameter, or of the whole query or body. It quotes nothing of
// the request.
func fieldError(field string, rule error) error { return fmt.Errorf("%s %w", field, rule) }

// takeRequired removes a parameter that must be present, and returns it parsed. White space around
// it is trimmed. The parse function returns the zero value with an error.
func takeRequired[T any](values url.Values, name string, parse func(string) (T, error)) (value T, err error) {
	switch texts := values[name]; {
	case len(texts) > 0 && !alike(texts):
		err = errAmbiguous
	case strings.TrimSpace(values.Get(name)) == "":
		err = errMissing
	default:
		value, err = parse(strings.TrimSpace(texts[0]))
	}
	if err != nil {
		return value, fieldError(name, err)
	}
	delete(values, name)
	return value, nil
}

// alike reports whether there is at least one value and all are equal, except for surrounding white
// space.
func alike(values []string) bool {
	differs := func(v string) bool { return strings.TrimSpace(v) != strings.TrimSpace(values[0]) }
	return len(values) > 0 && !slices.ContainsFunc(values, differs)
}

// take removes a parameter that has one value, and returns the value. If it has several, take
// leaves it and returns "".
func take(values url.Values, name string) string {
	if !alike(values[name]) {
		return ""
	}
	value := values.Get(name)
	delete(values, name)
	return value
}

// unixTime parses a number of Unix seconds.
func unixTime(text string) (time.Time, error) {
	seconds, err := strconv.ParseUint(text, 10, 63)
	if err != nil || seconds == 0 || seconds > maxUnixTime {
		return time.Time{}, errNoUnixTime
	}
	return time.Unix(int64(seconds), 0).UTC(), nil
}

// takeTime removes the timestamp and returns it. If it is not a number of Unix seconds, takeTime
// leaves it and returns the zero Time.
func takeTime(values url.Values) time.Time {
	if !alike(values["timestamp"]) {
		return time.Time{}
	}
	at, err := unixTime(strings.TrimSpace(values.Get("timestamp")))
	if err == nil {
		delete(values, "timestamp")
	}
	return at
}

// phoneNumber parses a person's number. It restores the + of a Romanian mobile number: an unescaped
// one is a space in a query.
func phoneNumber(number string) (string, error) {
	notPrintable := func(c rune) bool { return c < ' ' || c > '~' }
	if len(number) > 64 || strings.ContainsFunc(number, notPrintable) {
		return "", errNoPhone
	}
	if len(number) == len("40712345678") && strings.HasPrefix(number, "407") && strings.Trim(number, "0123456789") == "" {
		number = "+" + number
	}
	return number, nil
}

// others returns the remaining parameters, or nil if there are none.
func others(values url.Values) url.Values {
	if len(values) == 0 {
		return nil
	}
	return values
}

// parameters returns the parameters of the request's query and form.
func parameters(r *http.Request) (url.Values, error) {
	if len(r.URL.RawQuery) > maxCall {
		return nil, fieldError("query", errTooLong)
	}
	values := readPairs(r.URL.RawQuery)
	if r.Method != http.MethodPost {
		return values, nil
	}
	form, rule := postedForm(r)
	if rule != nil {
		return nil, fieldError("body", rule)
	}
	join(values, form)
	return values, nil
}

// The media types of a body.
const (
	urlEncoded = "application/x-www-form-urlencoded"
	multiPart  = "multipart/form-data"
	inJSON     = "application/json"
)

// postedForm returns the form in the body, even if a middleware has called ParseForm.
func postedForm(r *http.Request) (url.Values, error) {
	kind, settings, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	// ParseForm leaves multipart and JSON bodies unread.
	unread := r.PostForm == nil || kind == inJSON || kind == multiPart && r.MultipartForm == nil
	if !unread || r.Body == nil || kind != urlEncoded && kind != multiPart && kind != inJSON {
		return r.PostForm, nil
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxCall+1))
	switch {
	case errors.As(err, new(*http.MaxBytesError)): // a middleware's limit, which the same report would exceed again
		return nil, errUnreadableBody
	case err != nil:
		return nil, errBrokenBody
	case len(raw) > maxCall:
		return nil, errTooLong
	case kind == urlEncoded:
		return readPairs(string(raw)), nil
	case kind == inJSON:
		return readObject(raw)
	}
	parts := multipart.NewReader(bytes.NewReader(raw), settings["boundary"])
	form, err := parts.ReadForm(maxCall) // a limit that keeps files in memory
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

// readPairs is like url.ParseQuery, but keeps pairs that can't be decoded, under the empty name.
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

// readObject reads a JSON object. A value that is not a string is kept as JSON.
func readObject(raw []byte) (url.Values, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if token, err := d.Token(); err != nil || token != json.Delim('{') || !utf8.Valid(raw) {
		return nil, errUnreadableBody
	}
	values := url.Values{}
	for d.More() {
		token, err := d.Token()
		name, isName := token.(string)
		var value json.RawMessage
		if err != nil || !isName || d.Decode(&value) != nil {
			return nil, errUnreadableBody
		}
		text := string(value)
		switch {
		case text == "null":
			text = ""
		case text[0] == '"':
			_ = json.Unmarshal(value, &text) // Decode has parsed it
		}
		values.Add(name, text)
	}
	if _, err := d.Token(); err != nil {
		return nil, errUnreadableBody
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errUnreadableBody
	}
	return values, nil
}
