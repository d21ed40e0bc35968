//go:build unix

package integration

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between a worker and its database, and cuts connections.
type proxy struct {
	port   int
	target atomic.Int64 // the server's port
	deaf   atomic.Bool  // what the server answers does not come back

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// newProxy starts a proxy before a port. If life is not 0, each connection is cut after twice that
// at most: the answers first, the questions 30 ms later.
func newProxy(t *testing.T, port int, life time.Duration) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{port: l.Addr().(*net.TCPAddr).Port, conns: map[net.Conn]bool{}}
	p.target.Store(int64(port))
	t.Cleanup(func() {
		_ = l.Close()
		p.cut()
	})
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.target.Load()))
			if err != nil {
				_ = client.Close()
				continue
			}
			p.pass(client, server, life)
		}
	}()
	return p
}

func (p *proxy) pass(client, server net.Conn, life time.Duration) {
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	var deaf atomic.Bool
	if life > 0 {
		time.AfterFunc(time.Duration(rand.Int64N(int64(2*life))), func() {
			deaf.Store(true)
			time.AfterFunc(30*time.Millisecond, func() {
				_ = server.Close()
				_ = client.Close()
			})
		})
	}
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	go func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if !deaf.Load() && !p.deaf.Load() {
				_, _ = client.Write(buf[:n])
			}
			if err != nil {
				return
			}
		}
	}()
}

// cut cuts all connections, in both directions.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
	clear(p.conns)
}
