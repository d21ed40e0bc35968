package probe

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
)

// upload says how a package is uploaded. The zero value is the client's own way, without
// compression.
type upload struct {
	codec       smslink.Codec // nil means CodecNone
	lenient     bool          // the package takes any receiver
	change      func(f *form) // changes the form; may be nil
	noUserAgent bool
	chunked     bool // there is no Content-Length
}

// answer is what came back, as far as it was read. Its StatusCode is 0 if nothing came.
type answer struct {
	http.Response
	body bytes.Buffer
}

// start returns how the answer began, for people.
func (a *answer) start() string {
	if a.StatusCode == 0 {
		return ""
	}
	body := a.body.Bytes()
	body = body[:min(len(body), 500)]
	text := fmt.Sprintf("%s %d, %s\n%s", a.Proto, a.StatusCode, a.Header.Get("Content-Type"), body)
	return strings.ToValidUTF8(text, "?")
}

// exchange is an upload and its result.
type exchange struct {
	resp    *smslink.Response
	err     error
	answer  *answer
	elapsed time.Duration
}

// String returns what was seen, without the server's own text.
func (x exchange) String() string {
	if x.err != nil {
		return cause(x.err)
	}
	counts := map[smslink.Status]int{}
	for _, r := range x.resp.Results {
		counts[r.Status]++
	}
	var all []string
	for status, n := range counts {
		all = append(all, fmt.Sprintf("%d %s", n, status))
	}
	slices.Sort(all)
	return "MESSAGE; " + strings.Join(all, ", ")
}

// cause returns an error's text, without the URL that is the same in each request.
func cause(err error) string {
	var refusal *smslink.GatewayError
	if errors.As(err, &refusal) {
		return "ERROR " + refusal.Code
	}
	text := strings.TrimPrefix(err.Error(), "smslink: ")
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		text = strings.Replace(text, urlErr.Error(), urlErr.Err.Error(), 1)
	}
	return text
}

// accepted checks an upload whose messages are all assumed to be accepted.
func (x exchange) accepted() (seen string, v verdict) {
	return x.holdsIf(x.err == nil && x.resp.Count(smslink.StatusSuccess) == len(x.resp.Results))
}

// rejected checks an upload that is assumed to be rejected.
func (x exchange) rejected() (seen string, v verdict) {
	return x.holdsIf(smslink.OutcomeOf(x.err) == smslink.OutcomeRejected)
}

// second checks a package whose first message is assumed to be accepted, and its second one to have
// that status.
func (x exchange) second(status smslink.Status) (seen string, v verdict) {
	return x.holdsIf(x.err == nil && x.resp.Results[0].Status == smslink.StatusSuccess &&
		x.resp.Results[1].Status == status)
}

// holdsIf returns what was seen, and holds if it is as assumed. Without a final answer of the
// gateway it is unclear.
func (x exchange) holdsIf(asAssumed bool) (seen string, v verdict) {
	isFinal := x.err == nil || smslink.OutcomeOf(x.err) == smslink.OutcomeRejected ||
		errors.Is(x.err, smslink.ErrUnreadableReply)
	switch {
	case asAssumed:
		return x.String(), holds
	case isFinal:
		return x.String(), deviates
	}
	return x.String(), unclear
}

// entries returns the entries of a MESSAGE, local:remote:status, in the reply's order.
func (x exchange) entries() []string {
	fields := strings.SplitN(strings.TrimSpace(x.answer.body.String()), ";", 6)
	if len(fields) < 5 || fields[0] != "MESSAGE" {
		return nil
	}
	return strings.Split(strings.Trim(fields[4], ","), ",")
}
