package smslink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// answer is the response to an upload, and how far the upload was read.
type answer struct {
	statusCode  int    // of HTTP; 0 if there was no response
	body        string // as far as it was read
	mayBeCut    bool   // the body ends with its connection
	encoded     bool   // the body has a Content-Encoding, so it is not text
	err         error  // why there is no response, or not all of its body
	touched     bool   // the first byte of the upload was read, or may have been
	whole       bool   // its last byte was read, or may have been
	connections int    // that the transport got for the upload
}

// response returns the Response to a package. If the answer has none, response returns an error
// with the outcome that the answer proves.
func (a *answer) response(ctx context.Context, p *Package) (*Response, *SendError) {
	reply, failure := a.reply(ctx)
	if failure != nil {
		return nil, failure
	}
	response, err := newResponse(p, reply)
	if err != nil {
		return nil, a.failure(OutcomeInDoubt, err)
	}
	return response, nil
}

// reply returns the answer's MESSAGE, or an error with the outcome that the answer proves.
func (a *answer) reply(ctx context.Context) (wire.Reply, *SendError) {
	reply, ok := wire.ParseReply(a.body)
	reply.MayBeCut = a.mayBeCut && !wire.EndsField(a.body)
	if outcome, why := a.outcome(ctx, reply, ok); why != nil {
		return wire.Reply{}, a.failure(outcome, why)
	}
	return reply, nil
}

// outcome reads the answer, first its status, then its body, which is a reply if readable is true.
// The error is nil if a gateway took the upload.
func (a *answer) outcome(ctx context.Context, reply wire.Reply, readable bool) (Outcome, error) {
	var rejection *GatewayError // an ERROR that was read to its end
	if readable && !reply.Accepted && a.err == nil {
		rejection = newGatewayError(reply.Code, reply.Text)
	}
	mayBeTaken := a.encoded || wire.MayHoldMessage(a.body, a.err != nil || reply.MayBeCut)

	switch status := httpStatusError(a.statusCode); {
	case a.statusCode == 0 && a.err != nil && !a.touched && quotesAnswer(a.err):
		return OutcomeNotSent, &redacted{errMayQuote.Error(), a.err}
	case a.statusCode == 0 && a.err != nil && !a.touched:
		return OutcomeNotSent, &redacted{printable(a.err.Error()), a.err}
	case a.statusCode == 0 && a.err != nil:
		return OutcomeInDoubt, redact(ctx, a.err)
	case status >= 500 && rejection != nil:
		return OutcomeInDoubt, fmt.Errorf("%w: %w", status, rejection)
	case status < 200, status >= 500:
		return OutcomeInDoubt, status
	case status >= 300 && mayBeTaken: // the status may be a proxy's
		return OutcomeInDoubt,
			fmt.Errorf("%w with a MESSAGE reply, or the start of one, or a body that is not text", status)
	case status >= 300 && rejection != nil:
		return OutcomeRejected, rejection
	case status == 400, status == 404, status == 405, status == 410:
		return OutcomeRejected, fmt.Errorf("%w; check Options.Endpoint", status)
	case status >= 400:
		return OutcomeRejected, status
	case status >= 300:
		return OutcomeRejected, fmt.Errorf("%w, a redirect, which is not followed since the request holds "+
			"the password; check Options.Endpoint", status)
	case a.err == errReplyTooLarge: //nolint:errorlint // our own, not one that a server has caused
		return OutcomeInDoubt, a.err
	case a.err != nil:
		return OutcomeInDoubt, redact(ctx, a.err)
	case !readable && isWebPage(a.body):
		return OutcomeInDoubt, errWebPage
	case !readable, wire.HoldsAnotherMessage(a.body), rejection != nil && mayBeTaken:
		return OutcomeInDoubt, ErrUnreadableReply
	case rejection != nil:
		return OutcomeRejected, rejection
	case !a.whole:
		return OutcomeInDoubt, errEarly
	}
	return OutcomeAccepted, nil
}

// errEarly is the error of a MESSAGE that may not be the reply to the upload.
var errEarly = errors.New("a MESSAGE came before the end of the upload was read, so that it may be the reply to " +
	"another one")

// failure returns the error of an upload. The outcome also depends on how far the upload was read.
func (a *answer) failure(outcome Outcome, cause error) *SendError {
	switch {
	case outcome == OutcomeInDoubt && !a.touched:
		outcome = OutcomeNotSent
		cause = fmt.Errorf("%w, and no byte of the upload had been read", cause)
	case outcome == OutcomeRejected && a.connections > 1:
		outcome = OutcomeInDoubt
		cause = fmt.Errorf("%w; but the transport had begun the upload on another connection before, and it may "+
			"have been accepted there", cause)
	}
	return &SendError{Outcome: outcome, StatusCode: a.statusCode, Reply: []byte(a.body), Err: cause}
}

// notSent returns the error of a call that uploads nothing.
func notSent(cause error) *SendError { return &SendError{Outcome: OutcomeNotSent, Err: cause} }

// isFramed reports whether the response says where its body ends. Otherwise the body ends with the
// connection, and one that was cut short looks whole. Over HTTP/1 a status line may claim HTTP/2;
// then Close is true if the body ends with the connection.
func isFramed(resp *http.Response) bool {
	return resp.ContentLength >= 0 || slices.Contains(resp.TransferEncoding, "chunked") || resp.Uncompressed ||
		resp.ProtoMajor >= 2 && !resp.Close
}

func isEncoded(resp *http.Response) bool {
	encoding := resp.Header.Get("Content-Encoding")
	return encoding != "" && !strings.EqualFold(encoding, "identity")
}

var (
	errWebPage = fmt.Errorf("%w: it is a web page; is Options.Endpoint the URL of bulk-v3.php?",
		ErrUnreadableReply)
	errReplyTooLarge = fmt.Errorf("%w: it is longer than a reply to this request can be", ErrUnreadableReply)
)

// isWebPage reports whether a body starts as HTML. A warning of PHP's has tags, too, but not these.
func isWebPage(body string) bool {
	body = wire.TrimReply(body)
	start := strings.ToLower(body[:min(len(body), len("<!doctype html"))])
	return start == "<!doctype html" || strings.HasPrefix(start, "<html")
}

type httpStatusError int

func (e httpStatusError) Error() string { return fmt.Sprintf("HTTP status %d", int(e)) }

// A reply to n messages has at most replyBase + n*replyPerMessage bytes. An entry with ids of 20
// digits has 45.
const (
	replyBase       = 64 << 10
	replyPerMessage = 128
	replyLikely     = 24 // bytes of an entry with ids like the gateway's
)

// readCapped reads the body into one string, which the results' remote ids share.
func readCapped(resp *http.Response, messages int) (string, error) {
	limit := replyBase + replyPerMessage*int64(messages)
	likely := int64(replyLikely * messages)
	if size := resp.ContentLength; size > 0 && size <= limit {
		likely = size
	}
	var b strings.Builder
	b.Grow(int(likely))
	limited := io.LimitedReader{R: resp.Body, N: limit + 1}
	_, err := io.CopyBuffer(&b, &limited, make([]byte, min(likely+512, 32<<10)))
	body := b.String()
	if err == nil && int64(len(body)) > limit {
		return body[:limit], errReplyTooLarge
	}
	return body, err
}

// Response is the gateway's reply to an accepted package. It does not share the package's memory.
// Goroutines may read it concurrently.
type Response struct {
	PackageID string        // the gateway's id of the package; may be empty
	Code      string        // the gateway's own code; its values are not documented
	Text      string        // the gateway's explanation; like PackageID and Unmatched, it may quote the upload
	Results   []Result      // one for each message, in the package's order
	Unmatched []string      // the text of the reply's entries that decide no Result
	Elapsed   time.Duration // from the call of Send to the end of the reply
}

// Result is the gateway's report on one message.
type Result struct {
	ID       int64  // the local message id
	RemoteID string // the gateway's opaque id, which delivery reports carry; may be empty
	Status   Status // StatusUnreported if the reply does not decide it
}

// newResponse returns the results of a package's messages from the reply's entries. A message stays
// unreported if entries contradict each other about it, or if its entry may be cut. An entry that
// can't be read may be about any message, so messages that failed are then unreported too.
func newResponse(p *Package, reply wire.Reply) (*Response, error) {
	r := &Response{PackageID: reply.PackageID, Code: reply.Code, Text: reply.Text, Results: p.emptyResults()}
	find := p.form.finder()
	var inDoubt map[int]bool // by place; nil if there is none
	doubt := func(place int) {
		if inDoubt == nil {
			inDoubt = map[int]bool{}
		}
		inDoubt[place] = true
		result := &r.Results[place]
		if result.Status != StatusUnreported {
			entry := wire.Entry{ID: result.ID, RemoteID: result.RemoteID, Status: int(result.Status)}
			r.Unmatched = append(r.Unmatched, string(wire.AppendEntry(nil, entry)))
			*result = Result{ID: result.ID}
		}
	}
	unreadable := 0 // entries
	fits := false   // an entry is about a message of the package
	last := -1      // the place of the last entry's message; -1 if it has none
	for text := range reply.All() {
		entry, readable := wire.ParseEntry(text)
		last = -1
		if readable {
			last = find(entry.ID)
		} else {
			unreadable++
		}
		fits = fits || last >= 0
		if last >= 0 && r.Results[last].Status == StatusUnreported && !inDoubt[last] {
			r.Results[last].RemoteID, r.Results[last].Status = entry.RemoteID, Status(entry.Status)
			continue
		}
		if len(r.Unmatched) >= len(r.Results)+spareEntries {
			return nil, errTooManyEntries
		}
		r.Unmatched = append(r.Unmatched, text)
		if last >= 0 && r.Results[last].Status != Status(entry.Status) {
			doubt(last)
		}
	}
	// If the only entry was cut, it may have been about any message.
	switch onlyCut := reply.MayBeCut && unreadable == 1 && len(r.Unmatched) == 1; {
	case len(r.Unmatched) == 0 && !reply.MayBeCut:
		return r, nil
	case len(r.Unmatched) > 0 && !fits && !onlyCut:
		return nil, errOtherReply
	}
	// A cut can't turn a failure into a success: no other documented status starts with a 3.
	if last >= 0 && reply.MayBeCut && r.Results[last].Status != StatusSuccess {
		doubt(last)
	}
	if unreadable > 0 {
		for place, result := range r.Results {
			if result.Status.Outcome() == OutcomeFailed {
				doubt(place)
			}
		}
	}
	return r, nil
}

// spareEntries is the number of entries that decide no result, beyond one for each message, from
// which on a reply is unreadable. They are kept in memory.
const spareEntries = 100

var errTooManyEntries = fmt.Errorf("%w: it has too many entries that decide no result", ErrUnreadableReply)

// errOtherReply is the error of a reply that may be to another package.
var errOtherReply = fmt.Errorf("%w as this package's: none of its entries is about one of the messages",
	ErrUnreadableReply)

// Err returns nil for [StatusSuccess], else a [*ResultError].
func (r Result) Err() error {
	if r.Status == StatusSuccess {
		return nil
	}
	return &ResultError{ID: r.ID, RemoteID: r.RemoteID, Status: r.Status}
}

// ResultError is the error of a message that was not accepted although its package was. It failed
// or is in doubt, as its Status says.
type ResultError struct {
	ID       int64
	RemoteID string
	Status   Status
}

// Error returns the message's id, its status and what to do about it.
func (e *ResultError) Error() string { return prefix + e.text() }

func (e *ResultError) text() string {
	return fmt.Sprintf("message %d: %v: %v", e.ID, e.Status, e.Unwrap())
}

func (e *ResultError) verdict() verdict {
	if e == nil || e.Status.Outcome() == OutcomeAccepted { // a ResultError of the caller's own making
		return verdict{}
	}
	return verdict{e.Status.Outcome(), e.Status.meaning().resend}
}

// Format prints what Error returns, whatever the verb: the remote id may be any text.
func (e ResultError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// Unwrap returns an error whose text says what to do.
func (e *ResultError) Unwrap() error {
	if e == nil {
		return nil
	}
	return errors.New(e.Status.meaning().advice)
}

// Err returns nil if every message has [StatusSuccess], else an error that wraps the [*ResultError]
// of each of the others, in the package's order. Its text names the first few. The error is about
// the whole package: [SafeToResend] is true only if no message was accepted, and all are safe to
// send again. For a single message, use [Result.Err].
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

// resultErrors joins the errors of a package's messages, perhaps thousands.
type resultErrors struct {
	errs     []error
	messages int // in the package
}

func (e *resultErrors) Error() string {
	const shown = 3
	var b strings.Builder
	fmt.Fprintf(&b, prefix+"%d of %d messages failed or are in doubt: ", len(e.errs), e.messages)
	for i, err := range e.errs {
		if i == shown {
			fmt.Fprintf(&b, "; and %d more", len(e.errs)-shown)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(textOf(err))
	}
	return b.String()
}

func (e *resultErrors) Unwrap() []error { return e.errs }

// verdict is in doubt if a part of the package was accepted, since no other outcome fits the whole.
func (e *resultErrors) verdict() verdict {
	if len(e.errs) < e.messages {
		return verdict{}
	}
	v, _ := verdictIn(errors.Join(e.errs...))
	return v
}

// Count returns the number of messages with that status.
func (r *Response) Count(s Status) int {
	n := 0
	for _, result := range r.Results {
		if result.Status == s {
			n++
		}
	}
	return n
}
