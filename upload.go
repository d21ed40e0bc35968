package smslink

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-smslink/smslink/internal/checktls"
	"github.com/go-smslink/smslink/internal/deadline"
)

// upload is a request whose body records how far it was read, unless it is untracked. The parts of
// a package's body are the form's head, the compressed bytes in one or several pieces, and the
// form's tail.
type upload struct {
	target      url.URL
	contentType string
	parts       [][]byte
	size        int64     // of all parts, in bytes
	deadline    time.Time // of its context; zero if there is none

	// untracked means that the body is a bytes.Reader, which records nothing: once the transport
	// has a connection, all of it counts as read. It is for one part that is not reused, and for
	// the client's own transport, which reads the body only after connecting. That writes a
	// bytes.Reader together with the headers if both fit in 4 kB.
	untracked bool

	trace httptrace.ClientTrace // counts conns

	mu      sync.Mutex
	closed  bool           // nothing may read the body any more
	current *body          // the only one that may be read
	touched bool           // a byte was read
	spent   bool           // the last byte was read
	conns   int            // connections that the transport got for the upload
	conn    *deadline.Conn // the last of them; nil if it is not NewTransport's
}

// add appends parts.
func (u *upload) add(parts ...[]byte) {
	u.parts = append(u.parts, parts...)
	for _, part := range parts {
		u.size += int64(len(part))
	}
}

// post sends the upload once and reads the answer, up to the limit for that many messages. It asks
// mayBegin, unless that is nil, just before the transport gets the upload. Unless the upload is
// untracked, nothing reads it after post has returned.
func (u *upload) post(ctx context.Context, c *Client, messages int, mayBegin func() bool) answer {
	defer u.close() // if the transport panics
	req := u.request(ctx, c.agent)
	if mayBegin != nil && !mayBegin() {
		return answer{err: errNotBegun}
	}
	var a answer
	resp, err := c.transport.do(req)
	if err != nil {
		a.err = err
	} else {
		defer resp.Body.Close()
		a.statusCode = resp.StatusCode
		a.mayBeCut = !isFramed(resp)
		a.encoded = isEncoded(resp)
		if resp.StatusCode >= 200 { // the body of 101 Switching Protocols may never end
			a.body, a.err = readCapped(resp, messages)
		}
	}
	a.touched, a.whole, a.connections = u.close()
	return a
}

// errNotBegun means that the transport did not get the upload.
var errNotBegun = errors.New("the upload may not begin any more")

// request returns the POST of the upload.
func (u *upload) request(ctx context.Context, agent string) *http.Request {
	u.trace.GotConn, u.trace.PutIdleConn = u.gotConn, u.putIdleConn
	u.deadline, _ = ctx.Deadline()
	req := (&http.Request{
		Method: http.MethodPost,
		URL:    &u.target,
		Host:   u.target.Host,
		Header: http.Header{"Content-Type": {u.contentType}, "User-Agent": {agent}},
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: u.size,
		GetBody:       u.again,
	}).WithContext(httptrace.WithClientTrace(ctx, &u.trace))
	req.Body, _ = u.again()
	return req
}

// gotConn counts the connections that the upload gets. After the second one it may have been sent
// twice, by a transport that buffers bodies and retries. A connection of [NewTransport] gets the
// upload's deadline.
func (u *upload) gotConn(info httptrace.GotConnInfo) {
	conn := deadline.Of(info.Conn)
	if conn != nil {
		conn.BeginUpload(&u.deadline)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.conns++
	u.conn = conn
}

// putIdleConn removes the upload's deadline from a connection that is kept.
func (u *upload) putIdleConn(error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conn != nil {
		u.conn.EndUpload(&u.deadline)
	}
}

// again returns a new reader of the whole body, which replaces any earlier one. It fails if the
// upload is over, or if a transport may have sent the whole body, unless it is untracked. HTTP/1.1
// retries only if a kept connection did not take even the headers. HTTP/2 also retries if the
// server has read all of the body and says that it did not process it.
func (u *upload) again() (io.ReadCloser, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.closed:
		return nil, errClosed
	case u.untracked:
		return io.NopCloser(bytes.NewReader(u.parts[0])), nil
	case u.spent:
		return nil, errReadWhole
	}
	u.current = &body{upload: u, rest: u.parts}
	return u.current, nil
}

// close ends all reading of the upload, unless it is untracked. It returns whether the first and
// the last byte may have been read, and the number of connections. A transport may go on reading a
// body, or ask for a new one, after it has answered or failed. After close the memory is the
// caller's again.
func (u *upload) close() (touched, whole bool, conns int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed, u.current = true, nil
	if u.untracked {
		return u.conns > 0, u.conns > 0, u.conns
	}
	return u.touched, u.spent, u.conns
}

type body struct {
	upload *upload
	rest   [][]byte // the parts that are not read to their end
	read   int      // how many bytes of the first of them are
}

var errClosed = errors.New("the upload is over, or is read from its start again")

func (b *body) Read(p []byte) (int, error) {
	u := b.upload
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.current != b {
		return 0, errClosed
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

// transport carries a client's requests.
type transport struct {
	http http.Client
	own  bool // it was made by NewTransport for this client
}

func transportOf(opts *Options) (transport, error) {
	var t transport
	if opts.HTTPClient != nil {
		t.http = *opts.HTTPClient
	}
	if t.http.Transport == nil {
		own := NewTransport()
		own.DisableKeepAlives = !opts.ReuseConnections
		t.http.Transport, t.own = own, true
	}
	if err := checktls.Transport(t.http.Transport); err != nil {
		return transport{}, err
	}
	if opts.ReuseConnections && !t.own {
		return transport{}, errors.New("ReuseConnections is for the client's own transport; " +
			"set DisableKeepAlives of the given one to false instead")
	}
	t.http.Transport = &noRedirects{t.http.Transport}
	return t, nil
}

// do sends a request as http.Client does. If the transport is the client's own and there is neither
// a cookie jar nor a timeout, http.Client would add no more than its wording of errors, and about
// ten allocations.
func (t *transport) do(req *http.Request) (*http.Response, error) {
	if !t.own || t.http.Jar != nil || t.http.Timeout != 0 {
		return t.http.Do(req)
	}
	resp, err := t.http.Transport.RoundTrip(req)
	if err == nil {
		return resp, nil
	}
	header, ok := err.(tls.RecordHeaderError) //nolint:errorlint // the cause of the context may wrap another one
	if ok && string(header.RecordHeader[:]) == "HTTP/" {
		err = http.ErrSchemeMismatch
	}
	return nil, &url.Error{Op: "Post", URL: req.URL.String(), Err: err}
}

// NewTransport returns a transport like the one that a client makes if [Options.HTTPClient] has
// none. Use it in place of [http.DefaultTransport] as the base of a RoundTripper for tracing or
// logging:
//
//	client := &http.Client{Transport: otelhttp.NewTransport(smslink.NewTransport())}
//
// The transport
//
//   - speaks HTTP/1.1, and TLS 1.2 or later;
//   - gives each request a connection of its own, and resumes TLS sessions;
//   - takes the proxy from the environment;
//   - bounds dialing and the TLS handshake to 10 seconds each, and a reply's headers to 64 KiB;
//   - gives the operating system no byte of an upload past the deadline of its context, by the
//     monotonic clock or the wall clock, even if the process was frozen or the machine was
//     suspended in between.
//
// The operating system may still send what it got before the deadline. If the connection is closed
// past the deadline, the system drops what is left. If it is closed earlier, for example because
// the context was canceled, the system goes on sending. On Linux it gives up once the peer has
// acknowledged nothing for the time that was left until the deadline when the upload got its
// connection. On systems other than Unix, up to 16 KiB that wait in a Write at the deadline may
// still be sent.
//
// The deadline check needs the DialContext that NewTransport sets. Any other transport may still
// send when a frozen process wakes.
//
// Its settings must not change while it is in use. Setting DisableKeepAlives to false has the risks
// of [Options.ReuseConnections].
func NewTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // HTTP/2's transport retries a refused stream
	return &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: deadline.Dialer((&net.Dialer{Timeout: 10 * time.Second}).DialContext),
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
		},
		TLSHandshakeTimeout: 10 * time.Second,
		DisableKeepAlives:   true,
		IdleConnTimeout:     2 * time.Second, // many servers close kept connections after 5
		MaxIdleConnsPerHost: 32,
		DisableCompression:  true, // the limit on a reply is for the bytes that arrive
		Protocols:           protocols,

		MaxResponseHeaderBytes: 64 << 10,
		OnProxyConnectResponse: proxyAnswered,
	}
}

// proxyAnswered returns an error with nothing but a proxy's status: the rest of its answer may
// quote the credentials that it got.
func proxyAnswered(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("the proxy answered CONNECT with HTTP status %d", resp.StatusCode)
}

// quotesAnswer reports whether err is net/http's for an answer that it could not parse: before the
// upload, that of a proxy to CONNECT, for which it does not call proxyAnswered. Such errors quote
// the answer, and have no type of their own.
func quotesAnswer(err error) bool {
	text := err.Error()
	return strings.Contains(text, "malformed HTTP ") || strings.Contains(text, "malformed MIME ") ||
		strings.Contains(text, "Content-Length") || strings.Contains(text, "transfer encoding")
}

// noRedirects removes the Location from responses: http.Client returns a 3xx without one to its
// caller. CheckRedirect is not enough, since http.Client refuses a Location that can't be parsed
// before it asks.
type noRedirects struct{ http.RoundTripper }

func (t *noRedirects) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	if resp != nil {
		resp.Header.Del("Location")
	}
	return resp, err
}
