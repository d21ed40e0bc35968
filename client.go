package smslink

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The gateway's bulk endpoints [ref].
const (
	EndpointHTTPS = "https://secure.smslink.ro/sms/gateway/communicate/bulk-v3.php"
	EndpointHTTP  = "http://www.smslink.ro/sms/gateway/communicate/bulk-v3.php" // the password travels in clear
)

// Options are a client's settings. Nil and zero fields mean the defaults.
type Options struct {
	// HTTPClient carries the requests; nil, or one without a Transport, means that the client
	// makes a transport with [NewTransport]. The HTTP client is copied and never changed. Its
	// Timeout applies, too. Redirects are never followed, whatever its CheckRedirect says.
	//
	// Choose a transport with care:
	//   - For tracing or logging, wrap the transport of NewTransport. http.DefaultTransport keeps
	//     connections for 90 seconds: see ReuseConnections for what that risks.
	//   - A RoundTripper that buffers a request and sends it again by itself, such as
	//     hashicorp/go-retryablehttp's, sends SMS twice. The client can't prevent that.
	//   - An *http.Transport that turns TLS verification off, or allows TLS below 1.2, is
	//     refused. The client can't check any other RoundTripper.
	HTTPClient *http.Client

	// ReuseConnections lets the client's own transport keep a connection for 2 seconds, for the
	// next upload. By default each upload has a connection of its own, as with the reference
	// client. A kept connection saves a TLS handshake, which takes more than ten times the
	// processor time of a small upload. It risks two things:
	//   - Bytes that a server, or a proxy before it, writes behind one reply can be taken for the
	//     reply to the next upload. Messages are then called rejected although they were taken.
	//   - If a kept connection dies while it is used, the outcome of the upload is unknown.
	ReuseConnections bool

	// Endpoint is the URL of bulk-v3.php: [EndpointHTTPS] (the default), [EndpointHTTP] or a test
	// gateway's. It has no user, query or fragment.
	Endpoint string

	// TestMode asks the gateway to check each package, and to send and bill nothing [ref]. A
	// package accepted in test mode is sealed like any other: [Package.Reopen] it to send it in
	// earnest.
	TestMode bool

	// Timeout bounds a call whose context has no deadline; 0 means 5 minutes. If the context has
	// a deadline, Timeout is ignored, except by a [Stream], which lets no upload take longer.
	// A Send that runs out of time most likely has an unknown outcome, so leave it room.
	Timeout time.Duration

	// Logger receives counts, sizes, ids and times, and never a receiver, a text or a password;
	// nil means no logging. An upload begins with an event at debug. Each call ends with one:
	//   - for a package, info if it was accepted with all its messages, error if the outcome of
	//     its upload is unknown, else warn;
	//   - for a balance, info, or warn after an error.
	Logger *slog.Logger

	// Tracer is called for each upload; nil means no tracing.
	Tracer Tracer

	// UserAgent is the request header, of visible ASCII and spaces; empty means "smslink-go".
	UserAgent string
}

const (
	defaultTimeout   = 5 * time.Minute
	defaultUserAgent = "smslink-go"
)

// Client talks to the gateway as one account. Make it with [NewClient] and keep it. Goroutines may
// use it concurrently.
type Client struct {
	login    func() (connectionID, password string) // a function, so that fmt prints an address
	http     http.Client
	own      bool // the transport is the client's own
	endpoint *url.URL
	testMode bool
	timeout  time.Duration
	logger   *slog.Logger
	tracer   Tracer
	agent    string

	now      func() time.Time
	boundary func() string
}

// NewClient returns a client for the connection id and password of an SMSLink "SMS Gateway (BULK)"
// connection. Both may hold any bytes. Nil options mean the defaults. NewClient does no I/O: the
// gateway checks the credentials at the first call.
//
// The error names the argument or option at fault:
//
//   - an empty credential;
//   - an endpoint that is not a plain http or https URL, or that ends in .php/;
//   - a negative Timeout;
//   - a UserAgent that is not a header value;
//   - a Transport that does not verify TLS, or allows it below 1.2;
//   - ReuseConnections with a Transport.
func NewClient(connectionID, password string, opts *Options) (*Client, error) {
	if opts == nil {
		opts = &Options{}
	}
	c := &Client{
		login:    func() (string, string) { return connectionID, password },
		testMode: opts.TestMode,
		timeout:  opts.Timeout,
		logger:   opts.Logger,
		tracer:   opts.Tracer,
		agent:    opts.UserAgent,
		now:      time.Now,
		boundary: rand.Text,
	}
	if connectionID == "" {
		return nil, errors.New("smslink: the connection id is empty")
	}
	if password == "" {
		return nil, errors.New("smslink: the password is empty")
	}

	endpoint := opts.Endpoint
	if endpoint == "" {
		endpoint = EndpointHTTPS
	}
	var err error
	if c.endpoint, err = parseEndpoint(endpoint); err != nil {
		return nil, err
	}

	switch {
	case c.timeout < 0:
		return nil, fmt.Errorf("smslink: the time-out is negative: %v", c.timeout)
	case c.timeout == 0:
		c.timeout = defaultTimeout
	}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	if c.agent == "" {
		c.agent = defaultUserAgent
	}
	if strings.ContainsFunc(c.agent, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, errors.New("smslink: the user agent holds a character other than visible ASCII and spaces")
	}

	if opts.HTTPClient != nil {
		c.http = *opts.HTTPClient
	}
	switch t := c.http.Transport.(type) {
	case nil:
		own := NewTransport()
		own.DisableKeepAlives = !opts.ReuseConnections
		c.http.Transport, c.own = own, true
	case *http.Transport:
		if err := checkTransport(t); err != nil {
			return nil, err
		}
	}
	if opts.ReuseConnections && !c.own {
		return nil, errors.New("smslink: ReuseConnections is for the client's own transport; set DisableKeepAlives of the given one to false instead")
	}
	c.http.Transport = &noRedirects{c.http.Transport}
	return c, nil
}

// TestMode reports whether the client's packages are only checked: see [Options].
func (c *Client) TestMode() bool { return c.testMode }

// parseEndpoint refuses what a request could not be sent to as it is. Its errors
// don't quote the URL, which may hold a password.
func parseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, errors.New("smslink: the endpoint is not an absolute URL, such as https://host/path/bulk-v3.php")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("smslink: the endpoint is neither https nor http")
	case u.User != nil:
		return nil, errors.New("smslink: the endpoint holds a user or password; leave them out")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("smslink: the endpoint holds a query or a fragment; leave it out")
	case strings.HasSuffix(u.Path, ".php/"): // beside which there is no index.php
		return nil, errors.New("smslink: the endpoint has a slash after its .php; leave it out")
	}
	return u, nil
}

// bounded returns a context with the client's time-out, unless ctx has a deadline.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.timeout)
}
