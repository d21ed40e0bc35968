package smslinktest

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// Raw takes the package. Instead of an HTTP response it writes to the connection, in one write, the
// text that response returns. The function response gets the reply's body, such as "MESSAGE;1;…",
// and returns a status line, a header and a body. It is called concurrently. The outcome depends on
// the text:
//
//   - After the reply there may be a second response, which waits on the connection:
//     [smslink.OutcomeAccepted]. A client that keeps the connection takes the second response for
//     the reply to its next package.
//   - With the header line "Connection: close", a reply with neither Content-Length nor chunks ends
//     with the connection, so that a cut reply looks complete: [smslink.OutcomeAccepted]. The last
//     message is in doubt unless its status is 3.
//   - With that line, a body that is shorter than its Content-Length was cut:
//     [smslink.OutcomeInDoubt], or [smslink.OutcomeRejected] if the status is from 300 to 499 and
//     the body can't be the start of a MESSAGE.
//
// Without exactly that line the connection then serves further requests, and a client that reads to
// its end waits until its timeout. Over HTTP/2, Raw is [LoseReply].
func Raw(response func(reply string) string) Fault {
	return Fault{Name: "raw", serve: func(x *exchange) {
		_, _ = io.Copy(io.Discard, x.r.Body) // or the rest would be read as the next request
		conn, _, err := http.NewResponseController(x.w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		answer := response(string(x.reply))
		_, err = io.WriteString(conn, answer)
		server, _ := x.r.Context().Value(http.ServerContextKey).(*http.Server)
		if err != nil || server == nil || strings.Contains(answer, "\r\nConnection: close\r\n") {
			conn.Close()
			return
		}
		x.g.serveOn(conn, server)
	}}
}

// serveOn serves a hijacked connection like its server, until it ends or the gateway is closed.
func (g *Gateway) serveOn(conn net.Conn, as *http.Server) {
	var active atomic.Bool
	ended := make(chan struct{})
	server := &http.Server{Handler: as.Handler, IdleTimeout: as.IdleTimeout, ErrorLog: as.ErrorLog}
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		active.Store(state == http.StateActive)
		if state == http.StateClosed || state == http.StateHijacked {
			close(ended)
		}
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing.Err() != nil {
		conn.Close()
		return
	}
	g.background.Go(func() {
		defer context.AfterFunc(g.closing, func() {
			server.SetKeepAlivesEnabled(false)
			if !active.Load() {
				conn.Close()
			}
		})()
		_ = server.Serve(&listenerOfOne{Conn: conn})
		<-ended
	})
}

// listenerOfOne accepts one connection, which it has from the start.
type listenerOfOne struct {
	net.Conn
	accepted bool
}

func (l *listenerOfOne) Accept() (net.Conn, error) {
	if l.accepted {
		return nil, net.ErrClosed
	}
	l.accepted = true
	return l.Conn, nil
}

// Close leaves the connection to the server, which closes it.
func (l *listenerOfOne) Close() error { return nil }

func (l *listenerOfOne) Addr() net.Addr { return l.LocalAddr() }
