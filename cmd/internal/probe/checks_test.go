package probe

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// pipes is a listener without a network.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return new(net.TCPAddr) }

func TestKeepAlive(t *testing.T) {
	for _, c := range []struct {
		keeps, watched time.Duration
		seen           string
		verdict        verdict
	}{
		{300 * time.Millisecond, time.Minute, "an idle connection is closed after 300ms", deviates},
		{2 * time.Second, time.Minute, "an idle connection is closed after 2s", deviates},
		{5 * time.Second, time.Minute, "an idle connection is closed after 5s", holds},
		{time.Hour, time.Minute, "it is kept for 1m0s and longer", holds},
		{time.Hour, 2 * time.Second, "it was not watched for more than 2s", unclear},
	} {
		synctest.Test(t, func(t *testing.T) {
			listener := &pipes{make(chan net.Conn), make(chan struct{})}
			server := &http.Server{IdleTimeout: c.keeps, Handler: http.NotFoundHandler()}
			ended := make(chan error, 1)
			go func() { ended <- server.Serve(listener) }()
			s := &session{opts: options{
				endpoint: "http://gateway.example/", timeout: time.Minute, idleWait: c.watched,
				transport: &http.Transport{DialContext: listener.dial},
			}}
			seen, v := askKeepAlive(t.Context(), s)
			require.Equal(t, c.seen, seen)
			require.Equal(t, c.verdict, v)
			require.NoError(t, server.Close())
			require.ErrorIs(t, <-ended, http.ErrServerClosed)
		})
	}
}
