package integration_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between a client and a server on loopback, and applies a plan to each connection,
// exact to the byte. It passes TLS on unchanged.
type proxy struct {
	upstream string
	plan     func() plan // asked once a connection, in the order they come

	address  string
	mu       sync.Mutex
	socket   net.Listener // nil while down
	accepted int          // connections so far
	conns    sync.WaitGroup
}

// plan is what happens to one connection. The zero plan lets everything through.
type plan struct {
	request, reply leg
}

// leg is one direction of a connection.
type leg struct {
	cut   cut
	after *atomic.Int64 // bytes still let through before the cut; nil or negative = no cut
	hold  time.Duration // before the first byte is passed on
	piece int           // bytes passed on at a time; 0 = as they come
}

// cutAfter is a leg that is cut once n bytes went through.
func cutAfter(n int64, cut cut) leg {
	l := leg{cut: cut, after: new(atomic.Int64)}
	l.after.Store(n)
	return l
}

// cut ends a connection. The bytes came from one side, and the last of them went to the other.
type cut func(from, to *net.TCPConn)

// hangUp ends both sides in order.
func hangUp(from, to *net.TCPConn) {
	_ = from.CloseWrite()
	_ = to.CloseWrite()
	// Closing with bytes unread would make a reset of it.
	_ = from.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.Copy(io.Discard, from)
	from.Close()
	to.Close()
}

// reset ends both sides by TCP resets.
func reset(from, to *net.TCPConn) {
	for _, conn := range []*net.TCPConn{from, to} {
		_ = conn.SetLinger(0)
		conn.Close()
	}
}

// halfClose ends the direction to the receiver, and leaves the other one open.
func halfClose(_, to *net.TCPConn) { _ = to.CloseWrite() }

// newProxy starts a proxy; it ends with the test, once all its connections have.
func newProxy(t testing.TB, upstream string, planned func() plan) *proxy {
	t.Helper()
	p := &proxy{upstream: upstream, plan: planned}
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p.address = socket.Addr().String()
	p.listen(socket)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) listen(socket net.Listener) {
	p.mu.Lock()
	p.socket = socket
	p.mu.Unlock()
	p.conns.Go(func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			planned := p.plan()
			p.accepted++
			p.mu.Unlock()
			p.conns.Go(func() { p.serve(conn.(*net.TCPConn), planned) })
		}
	})
}

// down refuses connections until up is called.
func (p *proxy) down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.socket != nil {
		p.socket.Close()
		p.socket = nil
	}
}

// up listens again. If a connection has taken the port for its own end, up waits until it is
// closed.
func (p *proxy) up() (err error) {
	for range 1200 { // a minute
		var socket net.Listener
		if socket, err = net.Listen("tcp", p.address); err == nil {
			p.listen(socket)
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// connections returns how many were accepted so far.
func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

func (p *proxy) close() {
	p.down()
	p.conns.Wait()
}

// longest bounds the life of a connection. Those of the tests are shorter.
const longest = time.Minute

func (p *proxy) serve(client *net.TCPConn, planned plan) {
	defer client.Close()
	conn, err := net.Dial("tcp", p.upstream)
	if err != nil {
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	_ = client.SetDeadline(time.Now().Add(longest))
	_ = server.SetDeadline(time.Now().Add(longest))

	var legs sync.WaitGroup
	legs.Go(func() {
		planned.request.carry(client, server)
		_, _ = io.Copy(io.Discard, client) // what is being sent back must get through
	})
	legs.Go(func() {
		planned.reply.carry(server, client)
		server.Close()
	})
	legs.Wait()
}

// carry passes bytes on until one side ends or the cut comes.
func (l leg) carry(from, to *net.TCPConn) {
	buf := make([]byte, 32<<10)
	if l.piece > 0 {
		buf = buf[:l.piece]
	}
	for first := true; ; first = false {
		n, err := from.Read(buf)
		if first {
			time.Sleep(l.hold)
		}
		if l.after != nil {
			if left := l.after.Load(); left >= 0 && int64(n) > left {
				_, _ = to.Write(buf[:left])
				l.cut(from, to)
				return
			} else if left >= 0 {
				l.after.Add(int64(-n))
			}
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
		switch {
		case errors.Is(err, io.EOF):
			_ = to.CloseWrite()
			return
		case err != nil:
			_ = to.SetLinger(0)
			to.Close()
			return
		}
		if l.piece > 0 {
			time.Sleep(10 * time.Microsecond)
		}
	}
}
