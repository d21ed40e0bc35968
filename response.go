package smslink

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// Response is what the gateway said of an accepted package. It shares nothing
// with the package; goroutines may read it concurrently.
type Response struct {
	PackageID string        // the gateway's id of the package; may be empty
	Code      string        // the gateway's own code; its values are not documented
	Text      string        // the gateway's own words, for people
	Results   []Result      // one a message, in the package's order
	Unmatched []string      // entries of the reply that fit no message, as they stood
	Elapsed   time.Duration // from the call of Send to the end of the reply

	sent *wire.Digest // of the package's plain form, nil where no Send made this; behind a pointer, of which fmt prints the address alone
}

// Result is what the gateway said of one message.
type Result struct {
	ID       int64  // the local message id
	RemoteID string // the gateway's id, opaque, which delivery reports carry; empty where there is none
	Status   Status // StatusUnreported where the reply was silent
	Segments int    // SMS that the text makes, as package gsm7 counts them; not known of those in [Batch].Earlier
}

// Err is nil for [StatusSuccess]; else a [*ResultError].
func (r Result) Err() error {
	if r.Status == StatusSuccess {
		return nil
	}
	return &ResultError{ID: r.ID, RemoteID: r.RemoteID, Status: r.Status}
}

// ResultError says that the package was accepted, but not this message of it or,
// with [StatusUnreported], that the reply does not tell. With [errors.Is] it
// matches the sentinel of its status, such as [ErrNumberFailed].
type ResultError struct {
	ID       int64
	RemoteID string
	Status   Status
}

// Error tells the message's id, its status and what to do about it.
func (e *ResultError) Error() string {
	if !e.Status.documented() {
		return fmt.Sprintf("smslink: message %d: %v is not documented; ask the vendor", e.ID, e.Status)
	}
	return fmt.Sprintf("smslink: message %d: %v: %s", e.ID, e.Unwrap(), e.Status.Advice())
}

// Format prints what Error tells, whatever the verb: the remote id is a server's
// own word.
func (e ResultError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// Unwrap gives the status's sentinel.
func (e *ResultError) Unwrap() error { return e.Status.err() }

// Err is nil where every message is a [StatusSuccess]; else an error that wraps the
// [*ResultError] of each that is not, in the package's order. Its text names the
// first few.
func (r *Response) Err() error {
	var failed []error
	for _, result := range r.Results {
		if err := result.Err(); err != nil {
			failed = append(failed, err)
		}
	}
	if failed == nil {
		return nil
	}
	return &resultErrors{failed, len(r.Results)}
}

// resultErrors joins the errors of a package's messages. errors.Join would do,
// but for a text of a line a message, of which there may be thousands.
type resultErrors struct {
	errs     []error
	messages int // in the package
}

func (e *resultErrors) Error() string {
	const shown = 3
	var b strings.Builder
	fmt.Fprintf(&b, "smslink: %d of %d messages not reported as accepted: ", len(e.errs), e.messages)
	for i, err := range e.errs {
		if i == shown {
			fmt.Fprintf(&b, "; and %d more", len(e.errs)-shown)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(strings.TrimPrefix(err.Error(), "smslink: "))
	}
	return b.String()
}

func (e *resultErrors) Unwrap() []error { return e.errs }

// Count is the number of messages with that status.
func (r *Response) Count(s Status) int {
	n := 0
	for _, result := range r.Results {
		if result.Status == s {
			n++
		}
	}
	return n
}

// The reply to a package may have these many bytes, in all and a message. An
// entry takes 45 at the most with ids of 20 digits.
const (
	replyBase       = 64 << 10
	replyPerMessage = 128
	replyLikely     = 24 // an entry's bytes, as ids go
)

// readReply judges the gateway's answer: its status first, then its body.
func readReply(ctx context.Context, resp *http.Response, messages int, readable func(wire.Reply) bool) (wire.Reply, *SendError) {
	if resp.StatusCode < 200 { // a switch of protocols, whose body need never end
		return wire.Reply{}, &SendError{Outcome: OutcomeUnknown, StatusCode: resp.StatusCode, Err: httpStatusError(resp.StatusCode)}
	}
	body, readErr := readCapped(ctx, resp, messages)
	fail := func(outcome Outcome, cause error) (wire.Reply, *SendError) {
		return wire.Reply{}, &SendError{Outcome: outcome, StatusCode: resp.StatusCode, Reply: []byte(body), Err: cause}
	}
	reply, parseErr := wire.ParseReply(body)
	refused := parseErr == nil && !reply.Accepted && readErr == nil

	switch status := resp.StatusCode; {
	case status >= 300 && status < 500:
		switch {
		case mayBeAccepted(body, readErr): // whoever set the status, the gateway's own word is that it took it
			return fail(OutcomeUnknown, fmt.Errorf("%w with a MESSAGE reply, or the start of one", httpStatusError(status)))
		case refused:
			return fail(OutcomeRejected, newGatewayError(reply.Code, reply.Text))
		case status < 400:
			return fail(OutcomeRejected, fmt.Errorf("%w, a redirect, which is not followed since the request holds the password; check the endpoint", httpStatusError(status)))
		default:
			return fail(OutcomeRejected, httpStatusError(status))
		}
	case status >= 500 && refused:
		return fail(OutcomeUnknown, fmt.Errorf("%w: %w", httpStatusError(status), newGatewayError(reply.Code, reply.Text)))
	case status >= 500:
		return fail(OutcomeUnknown, httpStatusError(status))
	case readErr != nil:
		return fail(OutcomeUnknown, readErr)
	case parseErr != nil:
		return fail(OutcomeUnknown, ErrUnreadableReply)
	case refused:
		return fail(OutcomeRejected, newGatewayError(reply.Code, reply.Text))
	case readable != nil && !readable(reply):
		return fail(OutcomeUnknown, ErrUnreadableReply)
	}
	return reply, nil
}

// mayBeAccepted tells whether a body has the gateway's word for a package that
// it took, or is cut so short that it may have had it.
func mayBeAccepted(body string, readErr error) bool {
	const word = "MESSAGE;"
	return strings.Contains(body, word) || readErr != nil && strings.HasPrefix(word, body)
}

type httpStatusError int

func (e httpStatusError) Error() string { return fmt.Sprintf("smslink: HTTP status %d", int(e)) }

// readCapped reads the body into a string, of which the results' remote ids
// will be parts.
func readCapped(ctx context.Context, resp *http.Response, messages int) (string, error) {
	limit := replyBase + replyPerMessage*int64(messages)
	likely := int64(replyLikely * messages)
	if size := resp.ContentLength; size > 0 && size <= limit {
		likely = size
	}
	var b strings.Builder
	b.Grow(int(likely))
	_, err := io.CopyBuffer(&b, io.LimitReader(resp.Body, limit+1), make([]byte, min(likely+512, 32<<10)))
	switch body := b.String(); {
	case err != nil:
		return body, discreet(ctx, err)
	case int64(len(body)) > limit:
		return body[:limit], ErrReplyTooLarge
	default:
		return body, nil
	}
}

// newResponse gives each line of the package the reply's entry for it. Where an
// id stands in several entries, the first one counts.
func newResponse(l *lines, reply wire.Reply) *Response {
	r := &Response{PackageID: reply.PackageID, Code: reply.Code, Text: reply.Text}
	r.Results = make([]Result, len(l.index))
	for i, line := range l.index {
		r.Results[i].ID = line.id
	}

	find := l.finder()
	for text := range reply.All() {
		entry, ok := wire.ParseEntry(text)
		if ok {
			var at int
			at, ok = find(entry.ID)
			if ok && r.Results[at].Status == StatusUnreported {
				r.Results[at].RemoteID, r.Results[at].Status = entry.RemoteID, Status(entry.Status)
				continue
			}
		}
		r.Unmatched = append(r.Unmatched, text)
	}
	return r
}

// finder looks up where an id stands in the package. Ids asked for in the
// package's order cost a comparison each; the first one out of it makes a map.
func (l *lines) finder() func(id int64) (int, bool) {
	next := 0
	var places map[int64]int
	return func(id int64) (int, bool) {
		if next < len(l.index) && l.index[next].id == id {
			next++
			return next - 1, true
		}
		if places == nil {
			places = make(map[int64]int, len(l.index))
			for i, line := range l.index {
				places[line.id] = i
			}
		}
		at, ok := places[id]
		if ok {
			next = at + 1
		}
		return at, ok
	}
}
