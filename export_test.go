package smslink

import (
	"context"
	"net/http"
	"time"
)

// Fix gives a client a fixed clock and boundary, for a golden of its uploads.
func (c *Client) Fix(now time.Time, boundary string) {
	c.now = func() time.Time { return now }
	c.boundary = func() string { return boundary }
}

// Timeout returns Options.Timeout or its default.
func (c *Client) Timeout() time.Duration { return c.timeout }

// ReadReply reads a reply's body as Send does.
func ReadReply(p *Package, body string) (*Response, error) {
	answer := answer{statusCode: http.StatusOK, body: body, touched: true, whole: true, connections: 1}
	response, err := answer.response(context.Background(), p)
	if err != nil {
		return nil, err
	}
	return response, nil
}

// LargestBlock is the size of the largest block of the plain form, in bytes.
func (p *Package) LargestBlock() (size int) {
	for _, block := range p.plain() {
		size = max(size, len(block))
	}
	return size
}
