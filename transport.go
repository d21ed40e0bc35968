package smslink

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// newTransport speaks HTTP/1.1: a package is one request, for which HTTP/2 has
// nothing to offer, and HTTP/2's transport sends a refused stream again by
// itself.
func newTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     2 * time.Second, // many servers close after 5, by default
		MaxIdleConnsPerHost: 32,
		DisableCompression:  true, // the reply is capped by what arrives
		Protocols:           protocols,

		MaxResponseHeaderBytes: 64 << 10,
	}
}

func skipsVerification(config *tls.Config) bool {
	return config != nil && config.InsecureSkipVerify &&
		config.VerifyConnection == nil && config.VerifyPeerCertificate == nil
}

func allowsOldTLS(config *tls.Config) bool {
	return config != nil && config.MinVersion != 0 && config.MinVersion < tls.VersionTLS12
}

// straight is a transport whose redirects lead nowhere: without a Location,
// http.Client hands a 3xx to its caller. An http.Client's CheckRedirect would do
// the same but for a Location that can't be parsed.
type straight struct{ http.RoundTripper }

func (s *straight) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := s.RoundTripper.RoundTrip(req)
	if resp != nil {
		resp.Header.Del("Location")
	}
	return resp, err
}

// upload is a form ready to be posted. A package's is the form's head, the compressed
// bytes, which stand once in memory, in one piece or several, and the form's tail.
type upload struct {
	target      string // a URL
	contentType string
	parts       [][]byte
	size        int64 // of all of them

	mu      sync.Mutex
	current *body // the only one that may be read; nil once the upload is over
	touched bool  // any byte of it was read
	spent   bool  // all of it was read
}

// body is a new reader of the whole form, which takes the place of any before it.
func (u *upload) body() io.ReadCloser {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.current = &body{upload: u, rest: u.parts}
	return u.current
}

// again is a new body for a transport that wants to begin anew, and that gets none
// once it may have sent a whole one. net/http's does so over HTTP/1.1 where a kept
// connection did not even take the headers, but over HTTP/2 also where the server,
// having read all of it, says that it did not process it; and what another
// RoundTripper takes for a reason is unknown.
func (u *upload) again() (io.ReadCloser, error) {
	if _, spent := u.read(); spent {
		return nil, errSpent
	}
	return u.body(), nil
}

// read tells whether some of it, and whether all of it, was read.
func (u *upload) read() (touched, spent bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.touched, u.spent
}

// release ends all reading of the upload. A transport may go on reading a body
// after it has answered or failed, and by then the memory is the caller's again.
func (u *upload) release() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.current = nil
}

type body struct {
	upload *upload
	rest   [][]byte // parts that are not read to their end
	read   int      // bytes of the first of them
}

var (
	errReleased = errors.New("smslink: the upload is over, or is read from its start again")
	errSpent    = errors.New("smslink: the upload was read to its end, so that it may have arrived; it is not sent again")
)

func (b *body) Read(p []byte) (int, error) {
	u := b.upload
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.current != b {
		return 0, errReleased
	}
	n := 0
	for len(b.rest) > 0 {
		copied := copy(p[n:], b.rest[0][b.read:])
		n += copied
		b.read += copied
		if b.read < len(b.rest[0]) {
			break
		}
		b.rest, b.read = b.rest[1:], 0
	}
	u.touched = u.touched || n > 0
	u.spent = u.spent || len(b.rest) == 0
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (b *body) Close() error { return nil }

// provenance is whose transport a client has, and so how far its word goes.
type provenance int

const (
	foreign  provenance = iota // any RoundTripper: it may send by ways of its own
	netHTTPs                   // a caller's *http.Transport
	ours                       // newTransport's
)

// departure watches whether a request may have left this process. net/http's
// transport tells when it looks for a connection and when it has got one, always
// in that order and before it hands the request to the goroutine that writes;
// what that goroutine then does can race with a cancelled context, so a
// connection got counts as a request gone.
type departure struct {
	from         provenance
	looked, gone atomic.Bool
}

func (d *departure) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) {
			d.looked.Store(true)
			if d.from == ours {
				// Looking again, our transport has found a kept connection closed
				// before it had written a byte to it: for a POST over HTTP/1.1 that is
				// its only reason to.
				d.gone.Store(false)
			}
		},
		GotConn: func(httptrace.GotConnInfo) { d.gone.Store(true) },
	})
}

// ruledOut tells whether surely nothing left before that error. The silence of a
// RoundTripper that is not net/http's proves nothing, and even where one was heard
// to look for a connection, it must be for want of that connection that it failed.
// A body that was touched may have gone by a way that no trace tells of, such as a
// protocol registered with a caller's transport.
func (d *departure) ruledOut(u *upload, err error) bool {
	touched, _ := u.read()
	if d.gone.Load() || touched && d.from != ours {
		return false
	}
	switch d.from {
	case ours:
		return true
	case netHTTPs:
		return d.looked.Load()
	default:
		var opErr *net.OpError
		return d.looked.Load() && errors.As(err, &opErr) && opErr.Op == "dial"
	}
}

// discreet gives an error of the exchange words that can't be a server's or a
// RoundTripper's: those of the context, or of the network. Any others, such as
// net/http's "malformed HTTP response", may quote the reply, and a reply may quote
// the request.
func discreet(ctx context.Context, err error) error {
	var words error
	var opErr *net.OpError
	switch cause := context.Cause(ctx); {
	case cause != nil && errors.Is(err, cause):
		words = cause
	case errors.Is(err, errSpent):
		words = errSpent
	case errors.As(err, &opErr):
		words = &net.OpError{Op: opErr.Op, Net: opErr.Net, Source: opErr.Source, Addr: opErr.Addr, Err: plainCause(opErr.Err)}
	case errors.Is(err, context.DeadlineExceeded): // an http.Client's own time-out
		words = context.DeadlineExceeded
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		words = errNoMore
	default:
		words = errReserved
	}
	return &discreetError{words.Error(), err}
}

// plainCause is the operating system's part of a network error, whose words are
// its own.
func plainCause(err error) error {
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded
	case errors.Is(err, net.ErrClosed):
		return net.ErrClosed
	}
	return errReserved
}

var errNoMore = errors.New("smslink: the connection ended before the reply did (EOF)")

var errReserved = errors.New("smslink: the exchange broke off in a way whose description may quote the reply; errors.Unwrap gives it")

// discreetError keeps an error for errors.Is and errors.As, but not its words.
type discreetError struct {
	words string
	err   error
}

func (e *discreetError) Error() string    { return e.words }
func (e *discreetError) GoString() string { return e.words }
func (e *discreetError) Unwrap() error    { return e.err }
