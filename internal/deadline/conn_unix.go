//go:build unix

package deadline

import (
	"net"
	"os"
	"runtime"
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
				failed = c.writeError(os.ErrDeadlineExceeded)
				return true
			}
			m, err := syscall.Write(int(fd), p[n:])
			n += max(m, 0)
			switch err {
			case nil, syscall.EINTR:
			case syscall.EAGAIN:
				return false // called again once the peer takes more
			default:
				failed = c.writeError(os.NewSyscallError("write", err))
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

const tcpUserTimeout = 0x12 // TCP_USER_TIMEOUT of linux/tcp.h

// boundUnacknowledged makes Linux drop a connection, with what it has not sent, once the peer has
// acknowledged nothing for d. By default it tries for about 15 minutes. Other systems have no such
// option.
func boundUnacknowledged(conn net.Conn, d time.Duration) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok || runtime.GOOS != "linux" {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	milliseconds := min(max(d.Milliseconds(), 1), 1<<31-1)
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(milliseconds))
	})
}
