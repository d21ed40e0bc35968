package smslink

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/go-smslink/smslink/internal/wire"
)

// The most bytes of a reply: in all, and a message. An entry takes at most 45 with ids of 20
// digits.
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
	case parseErr != nil, holdsAnother(body):
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
// connection's, and a body cut short looks like a whole one.
func isFramed(resp *http.Response) bool {
	return resp.ContentLength >= 0 || slices.Contains(resp.TransferEncoding, "chunked") || resp.ProtoMajor >= 2 || resp.Uncompressed
}

const acceptance = "MESSAGE;" // how a reply to a package that was taken starts

// holdsAnother reports whether a MESSAGE stands behind the start of the reply, which it may
// contradict.
func holdsAnother(body string) bool {
	return strings.Contains(strings.TrimPrefix(wire.TrimReply(body), acceptance), acceptance)
}

// mayBeAccepted reports whether a body has the gateway's word for a package that it took, or is
// cut so short that it may have had it.
func mayBeAccepted(body string, cut bool) bool {
	const mark = "\ufeff"
	if strings.Contains(body, acceptance) {
		return true
	}
	return cut && (strings.HasPrefix(acceptance, wire.TrimReply(body)) || strings.HasPrefix(mark, strings.TrimSpace(body)))
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
