// Package deadline has a connection that gives the operating system nothing past an upload's
// deadline, even if the process was frozen or the machine was suspended in between.
//
// A context or [net.Conn.SetWriteDeadline] can't promise that: a process that wakes may write
// before the deadline's timer runs, and timers do not count the time of a suspended machine.
package deadline

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// Conn is a connection whose Write checks the clocks each time before it gives bytes to the
// operating system. Until [Conn.BeginUpload] is called, it behaves like the connection that it
// wraps.
type Conn struct {
	net.Conn
	deadline atomic.Pointer[time.Time] // nil if there is none
}

// Dialer returns a dial function that wraps each connection of dial in a [*Conn].
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

// BeginUpload begins an upload with a deadline, after which Write fails. The zero time means no
// deadline. Linux also drops the connection, with what it has not sent, if the peer acknowledges
// nothing for as long as the upload may take.
func (c *Conn) BeginUpload(deadline *time.Time) {
	if deadline.IsZero() {
		c.deadline.Store(nil)
		return
	}
	c.deadline.Store(deadline)
	boundUnacknowledged(c.Conn, time.Until(*deadline))
}

// EndUpload ends the upload that BeginUpload has begun with the same pointer, unless another one
// has begun since.
func (c *Conn) EndUpload(deadline *time.Time) { c.deadline.CompareAndSwap(deadline, nil) }

// late reports whether a time has passed by the monotonic clock or by the wall clock. The monotonic
// clock is never set back; the wall clock counts the time of a suspended machine.
func late(deadline time.Time) bool {
	now := time.Now()
	return now.After(deadline) || now.Round(0).After(deadline.Round(0))
}

func (c *Conn) writeError(err error) error {
	return &net.OpError{Op: "write", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// Write writes p, and fails with [os.ErrDeadlineExceeded] once the upload's deadline has passed. If
// the operating system takes p in several pieces, Write checks the clocks before each.
func (c *Conn) Write(p []byte) (int, error) {
	deadline := c.deadline.Load()
	if deadline == nil {
		return c.Conn.Write(p)
	}
	return c.write(p, *deadline)
}

// Close closes the connection. Past the upload's deadline the operating system drops what it has
// not sent. Before the deadline it goes on sending, as after any Close.
func (c *Conn) Close() error {
	if deadline := c.deadline.Load(); deadline != nil && late(*deadline) {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	return c.Conn.Close()
}

// writePieces is write for connections without a file descriptor, and for systems other than Unix.
// Bytes that wait in a Write of the wrapped connection may still be sent past the deadline.
func (c *Conn) writePieces(p []byte, deadline time.Time) (n int, err error) {
	const piece = 16 << 10
	for n < len(p) {
		if late(deadline) {
			return n, c.writeError(os.ErrDeadlineExceeded)
		}
		m, err := c.Conn.Write(p[n:min(len(p), n+piece)])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
