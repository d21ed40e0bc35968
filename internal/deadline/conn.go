// Package deadline has a connection that sends nothing past an upload's deadline, even if the
// process was frozen or the machine was suspended in between.
//
// A context or [net.Conn.SetWriteDeadline] can't promise that: a process that wakes may write
// before the timer that its deadline hangs on has run, and timers do not count the time of a
// suspended machine.
package deadline

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// Conn is a connection whose Write looks at the clocks each time before it hands bytes to the
// operating system. Until [Conn.SetUpload] it is the connection that it wraps.
type Conn struct {
	net.Conn
	upload atomic.Pointer[time.Time]
}

// Dialer returns dial with its connections wrapped in a [*Conn].
func Dialer(
	dial func(ctx context.Context, network, address string) (net.Conn, error),
) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &Conn{Conn: conn}, nil
	}
}

// Of returns the Conn under a connection such as a *tls.Conn, or nil.
func Of(conn net.Conn) *Conn {
	for {
		switch c := conn.(type) {
		case *Conn:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}

// SetUpload begins an upload with a deadline, after which Write fails. The zero time means no
// deadline. Linux also drops what it holds of the upload if the peer takes nothing of it for as long
// as the upload may take.
func (c *Conn) SetUpload(deadline *time.Time) {
	if deadline.IsZero() {
		c.upload.Store(nil)
		return
	}
	c.upload.Store(deadline)
	boundUnacknowledged(c.Conn, time.Until(*deadline))
}

// Reuse ends the upload that SetUpload was called for with the same pointer, if no other has begun.
func (c *Conn) Reuse(deadline *time.Time) { c.upload.CompareAndSwap(deadline, nil) }

// late reports whether a time has passed by the monotonic clock or by the wall clock. The first is
// not set back, and the second counts the time of a suspended machine.
func late(deadline time.Time) bool {
	now := time.Now()
	return now.After(deadline) || now.Round(0).After(deadline.Round(0))
}

func (c *Conn) timeout() error {
	return &net.OpError{
		Op: "write", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.ErrDeadlineExceeded,
	}
}

// Write writes p, and fails with [os.ErrDeadlineExceeded] once the upload's deadline has passed. If
// p is longer than the operating system takes at a time, the clocks are looked at before each
// piece.
func (c *Conn) Write(p []byte) (int, error) {
	deadline := c.upload.Load()
	if deadline == nil {
		return c.Conn.Write(p)
	}
	return c.write(p, *deadline)
}

// Close closes the connection. Past the upload's deadline the operating system drops what it has
// not sent.
func (c *Conn) Close() error {
	if deadline := c.upload.Load(); deadline != nil && late(*deadline) {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	return c.Conn.Close()
}

// writePieces is write if the system's own calls can't be made: bytes that wait within one Write of
// the wrapped connection may still be sent past the deadline.
func (c *Conn) writePieces(p []byte, deadline time.Time) (n int, err error) {
	const piece = 16 << 10
	for n < len(p) {
		if late(deadline) {
			return n, c.timeout()
		}
		m, err := c.Conn.Write(p[n:min(len(p), n+piece)])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
