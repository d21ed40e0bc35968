package deadline

import (
	"net"
	"syscall"
	"time"
)

const tcpUserTimeout = 0x12 // TCP_USER_TIMEOUT of linux/tcp.h

// boundUnacknowledged makes the kernel drop a connection, with what it has not sent, once the peer
// has acknowledged nothing for d. By default the kernel tries for about 15 minutes.
func boundUnacknowledged(conn net.Conn, d time.Duration) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
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
