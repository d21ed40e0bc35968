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
	"sync"
	"time"

	"github.com/go-smslink/smslink/internal/deadline"
)

// upload is a request body that knows how far it was read. A package's has the form's head, the
// compressed bytes, which stand once in memory, in one piece or several, and the form's tail.
type upload struct {
	target      url.URL
	contentType string
	parts       [][]byte
	size        int64       // bytes of all parts
	deadline    time.Time   // of its context; zero if there is none
	mayBegin    func() bool // asked just before the transport gets it; nil means that it may

	// inMemory means that the upload is one part, which no one else uses, for the client's own
	// transport. That writes a bytes.Reader with the headers if both fit in 4 kB, and reads it only
	// after connecting.
	inMemory bool

	first [1][]byte             // of parts, so that one takes no memory of its own
	trace httptrace.ClientTrace // counts conns

	mu      sync.Mutex
	closed  bool           // nothing may read it any more
	current *body          // the only one that may be read
	touched bool           // a byte was read
	spent   bool           // the last byte was read
	conns   int            // connections that the transport got for it
	conn    *deadline.Conn // the last one; nil if it is not NewTransport's
}

// add appends parts.
func (u *upload) add(parts ...[]byte) {
	if u.parts == nil {
		u.parts = u.first[:0]
	}
	u.parts = append(u.parts, parts...)
	for _, part := range parts {
		u.size += int64(len(part))
	}
}

// post sends the upload once and reads the answer, whose body has a size for that many messages.
// Nothing reads the upload after post has returned.
func (u *upload) post(ctx context.Context, c *Client, messages int) answer {
	defer u.close() // if the transport panics
	if u.mayBegin != nil && !u.mayBegin() {
		return answer{err: errNotBegun}
	}
	var a answer
	resp, err := c.transport.do(u.request(ctx, c.agent))
	if err != nil {
		a.err = err
	} else {
		defer resp.Body.Close()
		a.statusCode = resp.StatusCode
		a.mayBeCut = !isFramed(resp)
		a.encoded = isEncoded(resp)
		if resp.StatusCode >= 200 { // after 101 Switching Protocols the body may never end
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
	header := [...]string{u.contentType, agent}
	u.trace.GotConn, u.trace.PutIdleConn = u.gotConn, u.putIdleConn
	u.deadline, _ = ctx.Deadline()
	req := (&http.Request{
		Method: http.MethodPost,
		URL:    &u.target,
		Host:   u.target.Host,
		Header: http.Header{"Content-Type": header[0:1:1], "User-Agent": header[1:2:2]},
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: u.size,
		GetBody:       u.again,
	}).WithContext(httptrace.WithClientTrace(ctx, &u.trace))
	req.Body, _ = u.again()
	return req
}

// gotConn counts the connections that the upload gets. If it gets a second one, it may have been
// sent twice, by a transport that buffers bodies and retries. A connection of [NewTransport] gets
// the upload's deadline.
func (u *upload) gotConn(info httptrace.GotConnInfo) {
	conn := deadline.Of(info.Conn)
	if conn != nil {
		conn.SetUpload(&u.deadline)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.conns++
	u.conn = conn
}

// putIdleConn lets a kept connection go on after the upload's deadline.
func (u *upload) putIdleConn(error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conn != nil {
		u.conn.Reuse(&u.deadline)
	}
}

// again returns a new reader of the whole form, which takes the place of any before it, unless a
// transport may have sent a whole one. HTTP/1.1 retries only if a kept connection did not take even
// the headers. HTTP/2 also retries if the server has read it all and says that it did not process
// it.
func (u *upload) again() (io.ReadCloser, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.closed:
		return nil, errClosed
	case u.inMemory:
		return io.NopCloser(bytes.NewReader(u.parts[0])), nil
	case u.spent:
		return nil, errReadWhole
	}
	u.current = &body{upload: u, rest: u.parts}
	return u.current, nil
}

// close ends all reading of the upload, unless it is in memory of its own, and returns whether its
// first and its last byte may have been read, and the number of connections it got. A transport may
// go on reading a body, or ask for a new one, after it has answered or failed, when the memory is
// the caller's again.
func (u *upload) close() (touched, whole bool, conns int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed, u.current = true, nil
	if u.inMemory {
		return u.conns > 0, u.conns > 0, u.conns
	}
	return u.touched, u.spent, u.conns
}

type body struct {
	upload *upload
	rest   [][]byte // parts that are not read to their end
	read   int      // bytes of the first of them
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
	switch given := t.http.Transport.(type) {
	case nil:
		own := NewTransport()
		own.DisableKeepAlives = !opts.ReuseConnections
		t.http.Transport, t.own = own, true
	case *http.Transport:
		if err := checkTransport(given); err != nil {
			return transport{}, err
		}
	}
	if opts.ReuseConnections && !t.own {
		return transport{}, errors.New("ReuseConnections is for the client's own transport; " +
			"set DisableKeepAlives of the given one to false instead")
	}
	t.http.Transport = &noRedirects{t.http.Transport}
	return t, nil
}

// do sends a request as http.Client does. If the transport is the client's own, and there is
// neither a cookie jar nor a time-out, all that http.Client adds is its wording of errors.
func (t *transport) do(req *http.Request) (*http.Response, error) {
	if !t.own || t.http.Jar != nil || t.http.Timeout != 0 {
		return t.http.Do(req)
	}
	resp, err := t.http.Transport.RoundTrip(req)
	if err == nil {
		return resp, nil
	}
	var header tls.RecordHeaderError
	if errors.As(err, &header) && string(header.RecordHeader[:]) == "HTTP/" {
		err = http.ErrSchemeMismatch
	}
	return nil, &url.Error{Op: "Post", URL: req.URL.String(), Err: err}
}

// NewTransport returns the transport that a client makes for itself if [Options.HTTPClient] has
// none. Use it as the base of a RoundTripper that wraps it, for tracing or logging, in place of
// [http.DefaultTransport]:
//
//	client := &http.Client{Transport: otelhttp.NewTransport(smslink.NewTransport())}
//
// The transport
//
//   - speaks HTTP/1.1, and TLS 1.2 or later;
//   - gives each request a connection of its own, and resumes TLS sessions;
//   - takes the proxy from the environment;
//   - bounds dialing and the TLS handshake to 10 seconds each, and a reply's headers to 64 KiB;
//   - sends no byte of an upload past the deadline of its context, by the monotonic clock or the
//     wall clock, even if the process was frozen or the machine was suspended in between.
//
// The deadline check works only with the DialContext that NewTransport sets. Any other transport
// may still send when a frozen process wakes.
//
// Its settings must not change while it is in use. Setting DisableKeepAlives to false has the risks
// of [Options.ReuseConnections].
func NewTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // HTTP/2's transport sends a refused stream again on its own
	return &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: deadline.Dialer((&net.Dialer{Timeout: 10 * time.Second}).DialContext),
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
		},
		TLSHandshakeTimeout: 10 * time.Second,
		DisableKeepAlives:   true,
		IdleConnTimeout:     2 * time.Second, // if connections are kept: many servers close them after 5
		MaxIdleConnsPerHost: 32,
		DisableCompression:  true, // the reply is bounded by what arrives
		Protocols:           protocols,

		MaxResponseHeaderBytes: 64 << 10,
		OnProxyConnectResponse: proxyAnswered,
	}
}

// proxyAnswered returns an error with a proxy's status alone: the rest of its answer may quote the
// credentials that it was given.
func proxyAnswered(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("the proxy answered CONNECT with HTTP status %d", resp.StatusCode)
}

// checkTransport returns an error for a transport that does not verify TLS.
func checkTransport(t *http.Transport) error {
	switch {
	case t == nil:
		return errors.New("the HTTP client's transport is a nil *http.Transport; leave it out for the client's own")
	case skipsVerification(t.TLSClientConfig):
		return errors.New("the HTTP client turns TLS verification off; " +
			"give its transport the server's certificate as RootCAs instead")
	case allowsOldTLS(t.TLSClientConfig):
		return errors.New("the HTTP client allows TLS below 1.2; leave its transport's MinVersion at its default")
	}
	return nil
}

func skipsVerification(config *tls.Config) bool {
	return config != nil && config.InsecureSkipVerify &&
		config.VerifyConnection == nil && config.VerifyPeerCertificate == nil
}

func allowsOldTLS(config *tls.Config) bool {
	return config != nil && config.MinVersion != 0 && config.MinVersion < tls.VersionTLS12
}

// noRedirects is a transport whose redirects lead nowhere: without a Location, http.Client hands a
// 3xx to its caller. CheckRedirect would do the same, except for a Location that can't be parsed.
type noRedirects struct{ http.RoundTripper }

func (t *noRedirects) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	if resp != nil {
		resp.Header.Del("Location")
	}
	return resp, err
}
