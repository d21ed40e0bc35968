package smslink

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink/internal/wire"
)

// The most bytes of a reply: in all, and a message. An entry takes at most 45 with ids of 20 digits.
const (
	replyBase       = 64 << 10
	replyPerMessage = 128
	replyLikely     = 24 // an entry's bytes, with ids as the gateway's are
)

// readReply judges the gateway's answer, its status first, then its body, and hands a MESSAGE to
// parse.
func readReply(ctx context.Context, resp *http.Response, messages int, parse func(wire.Reply) error) *SendError {
	if resp.StatusCode < 200 { // a switch of protocols, whose body need never end
		return &SendError{Outcome: OutcomeUnknown, StatusCode: resp.StatusCode, Err: httpStatusError(resp.StatusCode)}
	}
	body, readErr := readCapped(ctx, resp, messages)
	fail := func(outcome Outcome, cause error) *SendError {
		return &SendError{Outcome: outcome, StatusCode: resp.StatusCode, Reply: []byte(body), Err: cause}
	}
	reply, parseErr := wire.ParseReply(body)
	reply.MayBeCut = !isFramed(resp) && !wire.EndsField(body)
	refused := parseErr == nil && !reply.Accepted && readErr == nil

	switch status := resp.StatusCode; {
	case status >= 300 && status < 500:
		switch {
		case mayBeAccepted(body, readErr != nil || reply.MayBeCut): // whoever set the status
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
	}
	if err := parse(reply); err != nil {
		return fail(OutcomeUnknown, err)
	}
	return nil
}

// isFramed reports whether the body says itself where it ends. Otherwise its end is the
// connection's, and a body cut short can't be told from a whole one.
func isFramed(resp *http.Response) bool {
	return resp.ContentLength >= 0 || slices.Contains(resp.TransferEncoding, "chunked") || resp.ProtoMajor >= 2 || resp.Uncompressed
}

// mayBeAccepted reports whether a body has the gateway's word for a package that it took, or is
// cut so short that it may have had it.
func mayBeAccepted(body string, cut bool) bool {
	const word, mark = "MESSAGE;", "\ufeff"
	if strings.Contains(body, word) {
		return true
	}
	return cut && (strings.HasPrefix(word, wire.TrimReply(body)) || strings.HasPrefix(mark, strings.TrimSpace(body)))
}

type httpStatusError int

func (e httpStatusError) Error() string { return fmt.Sprintf("smslink: HTTP status %d", int(e)) }

// readCapped reads the body into a string, of which the results' remote ids will be parts.
func readCapped(ctx context.Context, resp *http.Response, messages int) (string, error) {
	limit := replyBase + replyPerMessage*int64(messages)
	likely := int64(replyLikely * messages)
	if size := resp.ContentLength; size > 0 && size <= limit {
		likely = size
	}
	var b strings.Builder
	b.Grow(int(likely))
	limited := io.LimitedReader{R: resp.Body, N: limit + 1}
	_, err := io.CopyBuffer(&b, &limited, make([]byte, min(likely+512, 32<<10)))
	switch body := b.String(); {
	case err != nil:
		return body, withoutQuotes(ctx, err)
	case int64(len(body)) > limit:
		return body[:limit], ErrReplyTooLarge
	default:
		return body, nil
	}
}

// errOtherReply is the error of a reply that may be another package's.
var errOtherReply = fmt.Errorf("%w as this package's: none of its entries is about one of the messages", ErrUnreadableReply)

// newResponse gives each line of the package the reply's entry for it. A message stays unreported if
// entries contradict each other about it, or if its entry may be cut: it may have been taken.
func newResponse(l *lines, reply wire.Reply) (*Response, error) {
	r := &Response{PackageID: reply.PackageID, Code: reply.Code, Text: reply.Text}
	r.Results = make([]Result, len(l.index))
	for i, line := range l.index {
		r.Results[i].ID = line.id
	}

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
	find := l.finder()
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
	if last >= 0 && reply.MayBeCut {
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
