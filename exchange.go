package smslink

import (
	"context"
	"net/http"

	"github.com/go-smslink/smslink/internal/wire"
)

// bounded gives a call whose context has no deadline the client's time-out.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, bounded := ctx.Deadline(); bounded {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.timeout)
}

// post sends the upload once and reads a MESSAGE reply, of a size for that many
// messages and readable, where that is not nil. Everything else is an error with its
// outcome. Nothing reads the upload after it.
func (c *Client) post(ctx context.Context, u *upload, messages int, readable func(wire.Reply) bool) (wire.Reply, *SendError) {
	defer u.release()
	departure := departure{from: c.provenance}
	req, err := c.request(departure.watch(ctx), u)
	if err != nil {
		return wire.Reply{}, &SendError{Outcome: OutcomeNotSent, Err: err}
	}
	resp, err := c.http.Do(req)
	switch {
	case err == nil:
		defer resp.Body.Close()
		return readReply(ctx, resp, messages, readable)
	case departure.ruledOut(u, err):
		return wire.Reply{}, &SendError{Outcome: OutcomeNotSent, Err: err}
	default:
		return wire.Reply{}, &SendError{Outcome: OutcomeUnknown, Err: discreet(ctx, err)}
	}
}

// request is the POST of an upload, whose body can be read again.
func (c *Client) request(ctx context.Context, u *upload) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.target, u.body())
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", u.contentType)
	req.Header.Set("User-Agent", c.agent)
	req.ContentLength = u.size
	req.GetBody = u.again
	return req, nil
}
