package smslink

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
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

// upload is a package ready to be posted: the form's head and tail around the
// compressed bytes, which stand once in memory.
type upload struct {
	head, packed, tail []byte
	boundary           string
	timestamp          int64

	mu       sync.Mutex
	released bool
}

func (u *upload) size() int64 {
	return int64(len(u.head)) + int64(len(u.packed)) + int64(len(u.tail))
}

// body is a new reader of the whole form.
func (u *upload) body() io.ReadCloser {
	return &body{u, [...][]byte{u.head, u.packed, u.tail}}
}

// release ends all reading of the upload. A transport may go on reading a body
// after it has answered or failed, and by then the memory is the caller's again.
func (u *upload) release() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.released = true
}

type body struct {
	upload *upload
	rest   [3][]byte
}

var errReleased = errors.New("smslink: the upload is over")

func (b *body) Read(p []byte) (int, error) {
	b.upload.mu.Lock()
	defer b.upload.mu.Unlock()
	if b.upload.released {
		return 0, errReleased
	}
	n := 0
	for i := range b.rest {
		copied := copy(p[n:], b.rest[i])
		b.rest[i] = b.rest[i][copied:]
		n += copied
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (b *body) Close() error { return nil }

// departure watches whether a request may have left this process. net/http's
// transport tells when it looks for a connection and when it has got one, always
// in that order and before it hands the request to the goroutine that writes;
// what that goroutine then does can race with a cancelled context, so a
// connection got counts as a request gone.
type departure struct{ looked, gone atomic.Bool }

func (d *departure) watch(ctx context.Context, ownTransport bool) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) {
			d.looked.Store(true)
			if ownTransport {
				// Looking again, the transport has found a kept connection closed
				// before it had written a byte to it: for a POST that is its only
				// reason to. A caller's transport may have others.
				d.gone.Store(false)
			}
		},
		GotConn:          func(httptrace.GotConnInfo) { d.gone.Store(true) },
		WroteHeaderField: func(string, []string) { d.gone.Store(true) },
		WroteHeaders:     func() { d.gone.Store(true) },
	})
}

// ruledOut tells whether surely nothing left. A transport of the caller's may
// not be net/http's, and send without a word: its silence proves nothing.
func (d *departure) ruledOut(ownTransport bool) bool {
	return !d.gone.Load() && (ownTransport || d.looked.Load())
}

// discreet keeps an error's words where they can't be the server's: the context's
// error or cause, and errors of the network. Any other, such as net/http's "malformed HTTP
// response", may quote a reply, and a reply may quote the request.
func discreet(ctx context.Context, err error) error {
	var netErr net.Error
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)),
		errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF),
		errors.As(err, new(*net.OpError)),
		errors.As(err, &netErr) && netErr.Timeout():
		return err
	}
	return &reservedError{err}
}

// reservedError keeps an error for errors.Is and errors.As, but not its words.
type reservedError struct{ err error }

func (e *reservedError) Error() string {
	return "smslink: the exchange broke off in a way whose description may quote the reply; errors.Unwrap gives it"
}
func (e *reservedError) GoString() string { return e.Error() }
func (e *reservedError) Unwrap() error    { return e.err }
