//go:build !unix

package deadline

import "time"

func (c *Conn) write(p []byte, deadline time.Time) (int, error) { return c.writePieces(p, deadline) }
