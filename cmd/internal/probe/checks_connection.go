package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-smslink/smslink/cmd/internal/account"
)

// connectionChecks give no credentials: each is a GET of the endpoint.
var connectionChecks = []Check{
	{"tls", "The endpoint speaks TLS 1.2 or later, and its certificate verifies.", Unknown, func(ctx context.Context, s *session) (string, Verdict) {
		_, err := s.get(ctx, s.opts.Transport)
		state := s.last.tls
		switch {
		case isTLS(err):
			return words(err), Deviates
		case err != nil:
			return words(err), Unclear
		case state == nil && account.IsLoopback(s.opts.Endpoint):
			return "plain http, which does not leave this machine", Holds
		case state == nil:
			return "the endpoint is plain http: the password travels in clear", Deviates
		}
		return tls.VersionName(state.Version), Holds
	}},
	{"redirect", "The endpoint answers without a redirect.", Ref, func(ctx context.Context, s *session) (string, Verdict) {
		a, err := s.get(ctx, s.opts.Transport)
		switch {
		case err != nil:
			return words(err), Unclear
		case a.status >= 300 && a.status <= 399:
			return fmt.Sprintf("HTTP status %d, to %s", a.status, a.header.Get("Location")), Deviates
		}
		return fmt.Sprintf("HTTP status %d", a.status), Holds
	}},
	{"http-version", "The endpoint answers in HTTP/1.1.", Unknown, func(ctx context.Context, s *session) (string, Verdict) {
		a, err := s.get(ctx, s.opts.Transport)
		switch {
		case err != nil:
			return words(err), Unclear
		case a.proto != "HTTP/1.1":
			return a.proto, Deviates
		}
		return a.proto, Holds
	}},
	{"keep-alive", "A connection that is kept stays open for more than 2 seconds.", Unknown, keepAlive},
}

// get asks for the endpoint itself, and reads what it answers.
func (s *session) get(ctx context.Context, base http.RoundTripper) (answer, error) {
	if err := s.pause(ctx); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	sh := &shot{}
	req, err := http.NewRequestWithContext(sh.in(ctx), http.MethodGet, s.opts.Endpoint, nil)
	if err != nil {
		return answer{}, err
	}
	resp, err := transport{base}.RoundTrip(req)
	s.last = sh.answer
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
	s.last = sh.answer
	return sh.answer, err
}

// isTLS reports whether a connection failed for its TLS, and not for the network.
func isTLS(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &certificate) || errors.As(err, &record) || err != nil && strings.Contains(err.Error(), "tls: ")
}

// keptFor is how long the library's transport keeps an idle connection, if it keeps any.
const keptFor = 2 * time.Second

// keepAlive measures when the server closes an idle connection.
func keepAlive(ctx context.Context, s *session) (seen string, verdict Verdict) {
	base := s.opts.Transport.Clone()
	base.DisableKeepAlives, base.IdleConnTimeout = false, 0
	defer base.CloseIdleConnections()
	closed, dial := make(chan struct{}), base.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	var once sync.Once
	base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &watchedConn{conn, func() { once.Do(func() { close(closed) }) }}, nil
	}
	if _, err := s.get(ctx, base); err != nil {
		return words(err), Unclear
	}
	start := time.Now()
	select {
	case <-closed:
	case <-time.After(s.opts.IdleWait):
		if s.opts.IdleWait <= keptFor {
			return fmt.Sprintf("it was not watched for more than %v", s.opts.IdleWait), Unclear
		}
		return fmt.Sprintf("it is kept for %v and longer", s.opts.IdleWait), Holds
	case <-ctx.Done():
		return words(ctx.Err()), Unclear
	}
	switch kept := time.Since(start).Round(100 * time.Millisecond); {
	case s.last.closes || kept == 0:
		return "each connection is closed after its reply", Holds
	case kept <= keptFor:
		return fmt.Sprintf("an idle connection is closed after %v", kept), Deviates
	default:
		return fmt.Sprintf("an idle connection is closed after %v", kept), Holds
	}
}

// watchedConn is a connection that tells when it ends. Only the other side ends an idle one.
type watchedConn struct {
	net.Conn
	ended func()
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.ended()
	}
	return n, err
}

func (c *watchedConn) Close() error {
	c.ended()
	return c.Conn.Close()
}
