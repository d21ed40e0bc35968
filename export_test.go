package smslink

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// Fix gives a client a clock that stands still and a boundary that is known, for
// a golden of what it sends.
func (c *Client) Fix(now time.Time, boundary string) {
	c.now = func() time.Time { return now }
	c.boundary = func() string { return boundary }
}

// Timeout is what bounds a call whose context has no deadline.
func (c *Client) Timeout() time.Duration { return c.timeout }

// ReadReply judges a reply's body as Send does.
func ReadReply(p *Package, body string) (*Response, error) {
	var response *Response
	err := readReply(context.Background(), &http.Response{
		StatusCode: http.StatusOK, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}, p.Len(), func(reply wire.Reply) (err error) {
		response, err = newResponse(p.unreported(), p.form.finder(), reply)
		return err
	})
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
