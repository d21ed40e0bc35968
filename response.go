package smslink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// Response is the gateway's reply to an accepted package. It shares nothing with the package;
// goroutines may read it concurrently.
type Response struct {
	PackageID string        // the gateway's id of the package; may be empty
	Code      string        // the gateway's own code; its values are not documented
	Text      string        // the gateway's explanation; like PackageID and Unmatched, it may quote the upload
	Results   []Result      // one a message, in the package's order
	Unmatched []string      // entries of the reply that decide no Result, as they stood
	Elapsed   time.Duration // from the call of Send to the end of the reply

	sent *wire.Digest // of the package's plain form; nil if no Send made the Response
}

// Result is what the gateway said of one message.
type Result struct {
	ID       int64  // the local message id
	RemoteID string // the gateway's id, opaque, which delivery reports carry; may be empty
	Status   Status // StatusUnreported if the reply was silent, or contradicted itself
}

// newResponse returns the Response that a reply makes of a package's unreported results, which find
// looks up by id. A message stays unreported if entries contradict each other about it, or if its
// entry may be cut: it may have been taken.
func newResponse(unreported []Result, find func(id int64) (place int), reply wire.Reply) (*Response, error) {
	r := &Response{PackageID: reply.PackageID, Code: reply.Code, Text: reply.Text, Results: unreported}
	var garbled []string      // entries that can't be read
	var doubtful map[int]bool // by place; nil if there is none
	doubt := func(place int) {
		if doubtful == nil {
			doubtful = map[int]bool{}
		}
		doubtful[place] = true
		result := &r.Results[place]
		if result.Status != StatusUnreported {
			entry := wire.Entry{ID: result.ID, RemoteID: result.RemoteID, Status: int(result.Status)}
			r.Unmatched = append(r.Unmatched, string(wire.AppendEntry(nil, entry)))
			*result = Result{ID: result.ID}
		}
	}
	fits := false
	last := -1 // the place of the last entry's message; -1 if it has none
	for text := range reply.All() {
		entry, ok := wire.ParseEntry(text)
		if !ok {
			garbled = append(garbled, text)
		}
		if last = -1; ok {
			last = find(entry.ID)
		}
		fits = fits || last >= 0
		if last >= 0 && r.Results[last].Status == StatusUnreported && !doubtful[last] {
			r.Results[last].RemoteID, r.Results[last].Status = entry.RemoteID, Status(entry.Status)
			continue
		}
		r.Unmatched = append(r.Unmatched, text)
		if last >= 0 && r.Results[last].Status != Status(entry.Status) {
			doubt(last)
		}
	}
	switch onlyCut := reply.MayBeCut && len(garbled) == 1 && len(r.Unmatched) == 1; {
	case len(r.Unmatched) == 0 && !reply.MayBeCut:
		return r, nil
	case len(r.Unmatched) > 0 && !fits && !onlyCut:
		return nil, errOtherReply
	}
	if last >= 0 && reply.MayBeCut && r.Results[last].Status != StatusSuccess { // which is no cut refusal
		doubt(last)
	}
	if garbled != nil {
		mayBeTaken := r.namedBy(garbled)
		for place, result := range r.Results {
			if result.Status.refused() && mayBeTaken(result.ID) {
				doubt(place)
			}
		}
	}
	return r, nil
}

// errOtherReply is the error of a reply that may be another package's.
var errOtherReply = fmt.Errorf("%w as this package's: none of its entries is about one of the messages", ErrUnreadableReply)

// namedBy returns a function that reports whether an entry that can't be read is about a message,
// or may be. If the entry's id can't be read either, each number in it counts as one; if none of
// the package's ids stands in the id's place, the entry may be about any message.
func (r *Response) namedBy(garbled []string) func(id int64) bool {
	ids := make(map[int64]bool, len(r.Results))
	for _, result := range r.Results {
		ids[result.ID] = true
	}
	named := map[int64]bool{}
	for _, entry := range garbled {
		place, _, _ := strings.Cut(entry, ":")
		if id, err := strconv.ParseUint(strings.TrimSpace(place), 10, 63); err == nil {
			named[int64(id)] = true
			continue
		}
		if !slices.ContainsFunc(numbers(place), func(id int64) bool { return ids[id] }) {
			return func(int64) bool { return true }
		}
		for _, id := range numbers(entry) {
			named[id] = true
		}
	}
	return func(id int64) bool { return named[id] }
}

// numbers returns the numbers in text that can be ids.
func numbers(text string) (all []int64) {
	for _, run := range strings.FieldsFunc(text, func(c rune) bool { return c < '0' || c > '9' }) {
		if n, err := strconv.ParseUint(run, 10, 63); err == nil {
			all = append(all, int64(n))
		}
	}
	return all
}

// Err returns nil for [StatusSuccess], else a [*ResultError].
func (r Result) Err() error {
	if r.Status == StatusSuccess {
		return nil
	}
	return &ResultError{ID: r.ID, RemoteID: r.RemoteID, Status: r.Status}
}

// ResultError is the error of a message that the gateway did not accept in a package that it took,
// or, with [StatusUnreported], that its reply did not decide. With [errors.Is] it matches the
// sentinel of its status, such as [ErrNumberFailed], and of its outcome. The outcome is
// [OutcomeRejected] for StatusSenderFailed, StatusNumberFailed and StatusInsufficientCredit, else
// [OutcomeInDoubt].
type ResultError struct {
	ID       int64
	RemoteID string
	Status   Status
}

// Error returns the message's id, its status and what to do about it.
func (e *ResultError) Error() string {
	if !e.Status.documented() {
		return fmt.Sprintf("smslink: message %d: %v is not documented; ask the vendor", e.ID, e.Status)
	}
	return fmt.Sprintf("smslink: message %d: %v: %s", e.ID, e.Unwrap(), e.Status.Advice())
}

func (e *ResultError) outcome() Outcome {
	if e.Status.refused() {
		return OutcomeRejected
	}
	return OutcomeInDoubt
}

// Is reports whether target is the sentinel of the outcome.
func (e *ResultError) Is(target error) bool { return target == sentinel(e.outcome()) }

// Format prints what Error returns, whatever the verb: the remote id is a server's own word.
func (e ResultError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }

// Unwrap returns the sentinel of the status.
func (e *ResultError) Unwrap() error { return e.Status.err() }

// Err returns nil if every message is a [StatusSuccess], else an error that wraps the
// [*ResultError] of each that is not, in the package's order. Its text names the first few. Its
// outcome is [OutcomeRejected] if the gateway certainly took no message of the package, else
// [OutcomeInDoubt].
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

// resultErrors joins the errors of a package's messages, of which there may be thousands.
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

func (e *resultErrors) outcome() Outcome {
	for _, err := range e.errs {
		if !SafeToResend(err) {
			return OutcomeInDoubt
		}
	}
	if len(e.errs) < e.messages {
		return OutcomeInDoubt
	}
	return OutcomeRejected
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

var errOtherPackage = errors.New("smslink: the response is not this package's; their messages differ")

// Retryable returns a new package of the messages of p that the gateway certainly did not take:
// those whose [Result.Err] is [SafeToResend]. The new package has the settings of p, and is empty
// if there are no such messages. p must be the package that the response is for, not changed or
// sent again since. It is only read.
//
//   - Messages of [StatusInsufficientCredit] are in it as they are. Top up first, and mind that a
//     SendAt may have passed by then.
//   - Messages of [StatusSenderFailed] and [StatusNumberFailed] are in it as correct returns them,
//     unless it returns false; nil leaves them out. They are checked and folded as Add does.
//
// Two calls make two packages of the same messages: send only one. With a [Journal], give them to a
// [Stream] with the same Journal, each corrected one under a new id that no other message has, and
// never to [Client.Send], which does not use a Journal.
//
// The error means that p is another package or has other messages by now; or it is the
// [*MessageError] of a correction that Add refuses, or that takes the id of another message of p. A
// Response that no Send made, such as one read from JSON, knows p by its ids alone.
func (r *Response) Retryable(p *Package, correct func(Message, Status) (Message, bool)) (*Package, error) {
	if p == nil || p.Len() != len(r.Results) || r.sent != nil && *r.sent != digest(p.plain()) {
		return nil, errOtherPackage
	}
	ids := make(map[int64]bool, p.Len())
	for i, id := range p.ids() {
		if r.Results[i].ID != id {
			return nil, errOtherPackage
		}
		ids[id] = true
	}
	again := &Package{PackageOptions: p.PackageOptions}
	at := 0
	for m := range p.Messages() {
		result := r.Results[at]
		at++
		if !SafeToResend(result.Err()) {
			continue
		}
		asItIs := result.Status == StatusInsufficientCredit
		if !asItIs {
			if correct == nil {
				continue
			}
			var wanted bool
			if m, wanted = correct(m, result.Status); !wanted {
				continue
			}
		}
		if m.ID != result.ID && ids[m.ID] {
			return nil, &MessageError{ID: m.ID, Field: string(wire.FieldID), Err: ErrRepeatedID}
		}
		if asItIs { // the same bytes, whatever was set since the message was added
			again.Fold, again.LenientReceivers = false, true
		}
		err := again.Add(m)
		again.PackageOptions = p.PackageOptions
		if err != nil {
			return nil, err
		}
	}
	return again, nil
}

// The most bytes of a reply: in all, and a message. An entry takes at most 45 with ids of 20
// digits.
const (
	replyBase       = 64 << 10
	replyPerMessage = 128
	replyLikely     = 24 // an entry's bytes, with ids as the gateway's are
)

// reply returns the MESSAGE reply that the answer has. Any other answer is an error, whose outcome
// is what the answer proves.
func (a *answer) reply(ctx context.Context) (wire.Reply, *SendError) {
	reply, unreadable := wire.ParseReply(a.body)
	reply.MayBeCut = a.mayBeCut && !wire.EndsField(a.body)
	refused := unreadable == nil && !reply.Accepted && a.err == nil
	doubtful := a.encoded || mayHoldMessage(a.body, a.err != nil || reply.MayBeCut)
	status := httpStatusError(a.statusCode)
	switch {
	case a.statusCode == 0 && a.err != nil && !a.touched:
		return reply, a.failure(OutcomeNotSent, &reworded{printable(a.err.Error()), aside{a.err}})
	case a.statusCode == 0 && a.err != nil:
		return reply, a.failure(OutcomeInDoubt, withoutQuotes(ctx, a.err))
	case status >= 500 && refused:
		return reply, a.failure(OutcomeInDoubt, fmt.Errorf("%w: %w", status, newGatewayError(reply.Code, reply.Text)))
	case status < 200, status >= 500:
		return reply, a.failure(OutcomeInDoubt, status)
	case status >= 300 && doubtful: // whoever set the status
		return reply, a.failure(OutcomeInDoubt, fmt.Errorf("%w with a MESSAGE reply, or the start of one, or a body that is not text", status))
	case status >= 300 && refused:
		return reply, a.failure(OutcomeRejected, newGatewayError(reply.Code, reply.Text))
	case status >= 400:
		return reply, a.failure(OutcomeRejected, status)
	case status >= 300:
		return reply, a.failure(OutcomeRejected, fmt.Errorf("%w, a redirect, which is not followed since the request holds the password; check the endpoint", status))
	case a.err == ErrReplyTooLarge: //nolint:errorlint // our own, not one that a server has caused
		return reply, a.failure(OutcomeInDoubt, a.err)
	case a.err != nil:
		return reply, a.failure(OutcomeInDoubt, withoutQuotes(ctx, a.err))
	case unreadable != nil, holdsAnother(a.body), refused && doubtful:
		return reply, a.failure(OutcomeInDoubt, ErrUnreadableReply)
	case refused:
		return reply, a.failure(OutcomeRejected, newGatewayError(reply.Code, reply.Text))
	case !a.whole:
		return reply, a.failure(OutcomeInDoubt, errEarly)
	}
	return reply, nil
}

// errEarly is the error of a MESSAGE that can't be the reply to the upload.
var errEarly = errors.New("a MESSAGE came before the end of the upload was read, so that it may be the reply to another one")

// failure returns the error of an upload, whose outcome also depends on how far the upload was
// read.
func (a *answer) failure(outcome Outcome, cause error) *SendError {
	switch {
	case outcome == OutcomeInDoubt && !a.touched:
		outcome = OutcomeNotSent
		cause = fmt.Errorf("%w, and nothing of the upload was read before", cause)
	case outcome == OutcomeRejected && a.connections > 1:
		outcome = OutcomeInDoubt
		cause = fmt.Errorf("%w; but the transport used another connection for the upload before, on which it may have been accepted", cause)
	}
	return &SendError{Outcome: outcome, StatusCode: a.statusCode, Reply: []byte(a.body), Err: cause}
}

// notSent returns the error of a call that uploads nothing.
func notSent(cause error) *SendError { return (&answer{}).failure(OutcomeNotSent, cause) }

// isFramed reports whether the body says itself where it ends. Otherwise its end is the
// connection's, and a body cut short looks like a whole one. Over HTTP/1 a status line may claim
// HTTP/2; then Close is true if the connection's end is the body's.
func isFramed(resp *http.Response) bool {
	return resp.ContentLength >= 0 || slices.Contains(resp.TransferEncoding, "chunked") || resp.ProtoMajor >= 2 && !resp.Close || resp.Uncompressed
}

func isEncoded(resp *http.Response) bool {
	encoding := resp.Header.Get("Content-Encoding")
	return encoding != "" && !strings.EqualFold(encoding, "identity")
}

const acceptance = "MESSAGE;" // how a reply to a package that was taken starts

// holdsAnother reports whether a MESSAGE stands behind the start of the reply, which it may
// contradict.
func holdsAnother(body string) bool {
	return strings.Contains(strings.TrimPrefix(wire.TrimReply(body), acceptance), acceptance)
}

// mayHoldMessage reports whether a refusal may hold a MESSAGE, or may have held one before it was
// cut: it has one anywhere, in any case at the start of a line; or it is not text, but UTF-16 or
// gzip; or the last line of a cut one, or its end, may be the start of one.
func mayHoldMessage(body string, cut bool) bool {
	if strings.Contains(body, acceptance) || strings.ContainsRune(body, 0) || strings.HasPrefix(body, "\x1f\x8b") {
		return true
	}
	for len(body) > 0 {
		line := body
		end := strings.IndexAny(body, "\r\n")
		if end >= 0 {
			line, body = body[:end], body[end+1:]
		}
		line = wire.TrimReply(line)
		if len(line) >= len(acceptance) && strings.EqualFold(line[:len(acceptance)], acceptance) {
			return true
		}
		if end < 0 {
			break
		}
	}
	return cut && mayBeginMessage(body)
}

// mayBeginMessage reports whether a MESSAGE may go on behind the last line of a body.
func mayBeginMessage(last string) bool {
	const mark = "\ufeff"
	for n := range len(acceptance) {
		if n > 0 && strings.HasSuffix(last, acceptance[:n]) {
			return true
		}
	}
	start := wire.TrimReply(last)
	return len(start) < len(acceptance) && strings.EqualFold(start, acceptance[:len(start)]) || strings.HasPrefix(mark, strings.TrimSpace(last))
}

type httpStatusError int

func (e httpStatusError) Error() string { return fmt.Sprintf("smslink: HTTP status %d", int(e)) }

// readCapped reads the body into a string, of which the results' remote ids will be parts.
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
		return body[:limit], ErrReplyTooLarge
	}
	return body, err
}
