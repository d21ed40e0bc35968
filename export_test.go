package smslink

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// Fix gives a client a clock that stands still and a boundary that is known, for
// a golden of what it sends.
func (c *Client) Fix(now time.Time, boundary string) {
	c.now = func() time.Time { return now }
	c.boundary = func() string { return boundary }
}

// Timeout is what bounds a call whose context has no deadline.
func (c *Client) Timeout() time.Duration { return c.timeout }

// NewTransport is the client's own transport.
var NewTransport = newTransport

// Watch gives a context whose trace is watched, as for a client whose transport
// is its own or a caller's, and what then tells whether surely nothing left.
func Watch(own bool) (ctx context.Context, ruledOut func(error) bool) {
	d := &departure{from: netHTTPs}
	if own {
		d.from = ours
	}
	return d.watch(context.Background()), func(err error) bool { return d.ruledOut(&upload{}, err) }
}

// ReadReply judges a reply's body as Send does.
func ReadReply(p *Package, body string) (*Response, error) {
	reply, err := readReply(context.Background(), &http.Response{
		StatusCode: http.StatusOK, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}, p.Len(), nil)
	if err != nil {
		return nil, err
	}
	return newResponse(p.lines, reply), nil
}

// LargestBlock is the size of the largest block of the plain form, in bytes.
func (p *Package) LargestBlock() (size int) {
	for _, block := range p.plain() {
		size = max(size, len(block))
	}
	return size
}
