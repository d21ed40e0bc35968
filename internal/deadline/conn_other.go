//go:build !unix

package deadline

import (
	"net"
	"time"
)

func (c *Conn) write(p []byte, deadline time.Time) (int, error) { return c.writePieces(p, deadline) }

func boundUnacknowledged(net.Conn, time.Duration) {}
