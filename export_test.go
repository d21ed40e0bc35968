package smslink

import "time"

// Fix gives a client a clock that stands still and a boundary that is known, for
// a golden of what it sends.
func (c *Client) Fix(now time.Time, boundary string) {
	c.now = func() time.Time { return now }
	c.boundary = func() string { return boundary }
}
