//go:build unix

package deadline

import (
	"net"
	"os"
	"syscall"
	"time"
)

// write calls write(2) itself. After a wait for the peer, the runtime's own Write would go on
// without checking the wall clock.
func (c *Conn) write(p []byte, deadline time.Time) (n int, err error) {
	system, ok := c.Conn.(syscall.Conn)
	if !ok {
		return c.writePieces(p, deadline)
	}
	raw, err := system.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Write(func(fd uintptr) (done bool) {
		for n < len(p) {
			if late(deadline) {
				failed = c.timeout()
				return true
			}
			m, err := syscall.Write(int(fd), p[n:])
			n += max(m, 0)
			switch err {
			case nil, syscall.EINTR:
			case syscall.EAGAIN:
				return false // called again once the peer takes more
			default:
				failed = &net.OpError{
					Op: "write", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(),
					Err: os.NewSyscallError("write", err),
				}
				return true
			}
		}
		return true
	})
	if failed != nil {
		return n, failed
	}
	return n, err
}
