//go:build !linux

package deadline

import (
	"net"
	"time"
)

func boundUnacknowledged(net.Conn, time.Duration) {}
