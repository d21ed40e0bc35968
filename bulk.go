// Package smslink sends SMS through SMSLink's BULK gateway: thousands of
// messages in one upload, and for each of them what became of it.
//
// Fill a [Package], hand it to [Client.Send], read the [Response]. A Send that
// fails says which of three things happened: nothing left this process, the
// gateway refused, or nobody can tell; see [Outcome].
//
// Accepted is not delivered: package delivery takes the gateway's reports of what arrived.
//
// What is said of the gateway comes from the vendor's own PHP client, here called
// the reference ([ref]), or from what the vendor and others have published and
// nobody has confirmed ([public]).
package smslink

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// The gateway's bulk endpoints [ref].
const (
	EndpointHTTPS = "https://secure.smslink.ro/sms/gateway/communicate/bulk-v3.php"
	EndpointHTTP  = "http://www.smslink.ro/sms/gateway/communicate/bulk-v3.php" // the password travels in clear
)

// Options are a client's settings. Nil and zero fields mean the defaults.
type Options struct {
	// HTTPClient carries the requests. It is copied and never changed, and its
	// redirect policy is not asked, since redirects are never followed. Where it, or its Transport, is nil, the client makes its own
	// transport: HTTP/1.1, TLS 1.2 or later, time-outs for dialling and the TLS
	// handshake, the environment's proxy, and idle connections closed after 2 seconds,
	// before a server closes them under a request; one that keeps them longer than the
	// server does has an upload of unknown outcome now and then. Its Timeout counts
	// too, where it is shorter than the context's.
	//
	// An *http.Transport that turns TLS verification off, or allows TLS below 1.2,
	// is refused. Over HTTP/2 it sends an upload again by itself only where the server
	// has broken off before its end. Dialling by DialTLS or DialTLSContext, and
	// protocols that were registered with it, are the caller's to answer for, as is any
	// other RoundTripper: it can read an upload to its end once, but one that copies
	// it to send it twice breaks the promise that an SMS is sent once.
	HTTPClient *http.Client

	// Endpoint is the URL of bulk-v3.php: [EndpointHTTPS] (the default),
	// [EndpointHTTP] or a test gateway's. It has no user, query or fragment.
	Endpoint string

	// TestMode asks the gateway to check each package and to send and bill nothing. A
	// package accepted in test mode is sealed like any other: [Package.Reopen] it to
	// send it in earnest.
	TestMode bool

	// Timeout bounds a call whose context has no deadline; 0 means 5 minutes. A
	// context's own deadline, sooner or later than that, counts in its place, but in
	// [Client.SendAll], which lets no attempt take longer than this. A Send
	// that either ends most likely has an unknown outcome, so leave it room.
	Timeout time.Duration

	// Logger receives counts, sizes, ids and times, and never a receiver, a text or
	// a password. Each call ends in one event: info for an accepted package, warn
	// where messages of it failed or it was not sent or was rejected, error for an
	// unknown outcome; info for a balance, and warn where it could not be had. An upload
	// starts with one at debug. Nil means no logging.
	Logger *slog.Logger

	// UserAgent is the request header; empty means "smslink-go". Visible ASCII and
	// spaces only.
	UserAgent string
}

const (
	defaultTimeout   = 5 * time.Minute
	defaultUserAgent = "smslink-go"
)

// Client talks to the gateway as one account. Make it with [NewClient] and keep
// it: goroutines may use it concurrently.
type Client struct {
	login    func() (connectionID, password string) // a function, of which fmt can only print the address
	http     http.Client
	endpoint *url.URL
	testMode bool
	timeout  time.Duration
	logger   *slog.Logger
	agent    string

	provenance provenance // the transport's
	now        func() time.Time
	boundary   func() string
}

// NewClient makes a client for the connection id and password of an SMSLink
// "SMS Gateway (BULK)" connection. They may hold any bytes. It does no I/O: the
// first call checks them.
//
// The error names the argument or option at fault: an empty credential, an
// endpoint that is no plain http or https URL or ends in .php/, a negative Timeout, a
// UserAgent that is no header value, or a Transport that does not verify TLS or allows
// it below 1.2.
func NewClient(connectionID, password string, opts *Options) (*Client, error) {
	if opts == nil {
		opts = &Options{}
	}
	c := &Client{
		login:    func() (string, string) { return connectionID, password },
		testMode: opts.TestMode,
		timeout:  opts.Timeout,
		logger:   opts.Logger,
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
		c.http.Transport = newTransport()
		c.provenance = ours
	case *http.Transport:
		if t == nil {
			return nil, errors.New("smslink: the HTTP client's transport is a nil *http.Transport; leave it out for the client's own")
		}
		if skipsVerification(t.TLSClientConfig) {
			return nil, errors.New("smslink: the HTTP client turns TLS verification off; give its transport the server's certificate as RootCAs instead")
		}
		if allowsOldTLS(t.TLSClientConfig) {
			return nil, errors.New("smslink: the HTTP client allows TLS below 1.2; leave its transport's MinVersion at its default")
		}
		c.provenance = netHTTPs
	}
	c.http.Transport = &straight{c.http.Transport}
	return c, nil
}

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

// Send uploads the package and reads what the gateway says of each message. A
// nil error says that the gateway took the package, not that every message in it
// was accepted ([Response.Err] tells that) and not that any was delivered
// (delivery reports tell that).
//
// Every error is a [*SendError]; its Outcome, or [OutcomeOf], tells whether the
// messages may be sent again. Send itself never sends anything twice. In it may be
// [ErrEmptyPackage], [ErrCodecMethod] or the codec's own error (not sent),
// [ErrAlreadySent] or [ErrOutcomeUnknown] (sealed by an earlier Send), a
// [*GatewayError] (rejected, or unknown behind a 5xx), [ErrUnreadableReply] or [ErrReplyTooLarge]
// (unknown), the context's error or cause, or one of net/http's.
//
// The Response is nil exactly where the error is not.
//
// Where ctx has no deadline, [Options].Timeout bounds the call. The package must
// not be changed meanwhile; once Send has returned, nothing reads it any more. The
// compressed form is made in memory, and nothing is written to disk.
func (c *Client) Send(ctx context.Context, p *Package) (*Response, error) {
	start := c.now()
	if p == nil {
		return nil, c.failed(ctx, 0, &SendError{Outcome: OutcomeNotSent, Err: ErrEmptyPackage})
	}
	if err := p.seize("Send", busySending, false); err != nil {
		return nil, c.failed(ctx, 0, &SendError{Outcome: OutcomeOf(err), Err: err})
	}
	fate := fateUnknown
	defer func() { p.release(fate) }()
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	resp, sendErr := c.exchange(ctx, p)
	if sendErr != nil {
		fate = fateOf(sendErr.Outcome)
		return nil, c.failed(ctx, p.Len(), sendErr)
	}
	fate = fateAccepted
	resp.Elapsed = c.now().Sub(start)
	c.accepted(ctx, resp)
	return resp, nil
}

// exchange makes the upload and posts it. Segments are counted beside that.
func (c *Client) exchange(ctx context.Context, p *Package) (*Response, *SendError) {
	if p.Len() == 0 {
		return nil, &SendError{Outcome: OutcomeNotSent, Err: ErrEmptyPackage}
	}
	if err := ctx.Err(); err != nil {
		return nil, &SendError{Outcome: OutcomeNotSent, Err: err}
	}
	var segments []int32
	var counting sync.WaitGroup
	defer counting.Wait() // before the package is released, also where a codec or a transport panics
	counting.Go(func() { segments = p.segments() })

	u, sum, err := c.pack(p)
	if err != nil {
		return nil, &SendError{Outcome: OutcomeNotSent, Err: err}
	}
	c.logger.DebugContext(ctx, "smslink: uploading", "messages", p.Len(), "plain_bytes", p.Size(), "upload_bytes", u.size, "test", c.testMode)
	reply, sendErr := c.post(ctx, u, p.Len(), nil)
	if sendErr != nil {
		return nil, sendErr
	}
	resp := newResponse(p.lines, reply)
	resp.sent = &sum
	counting.Wait()
	for i, n := range segments {
		resp.Results[i].Segments = int(n)
	}
	return resp, nil
}

// pack compresses the package and builds the form around it. The digest is the plain
// form's.
func (c *Client) pack(p *Package) (*upload, wire.Digest, error) {
	codec := p.Codec
	if codec == nil {
		codec = CodecZlib
	}
	method := codec.Method()
	if method < 0 || method > 3 {
		return nil, wire.Digest{}, fmt.Errorf("%w (%s has %d)", ErrCodecMethod, codec, method)
	}

	connectionID, password := c.login()
	plain := p.plain()
	form := wire.Form{
		ConnectionID: connectionID,
		Password:     password,
		Test:         c.testMode,
		Compression:  method,
		SizePlain:    p.Size(),
		Timestamp:    c.now().Unix(),
		Receivers:    p.Len(),
	}
	packed := plain
	if codec == CodecNone {
		form.MD5Plain = digest(plain)
		form.MD5Compressed = form.MD5Plain
		form.SizeCompressed = form.SizePlain
	} else {
		whole, sum, err := compress(codec, plain, p.Size())
		if err != nil {
			return nil, wire.Digest{}, fmt.Errorf("smslink: codec %s: %w", codec, err)
		}
		packed = [][]byte{whole}
		form.MD5Plain = sum
		form.MD5Compressed = md5.Sum(whole)
		form.SizeCompressed = len(whole)
	}

	boundary := c.boundary()
	target := *c.endpoint
	target.RawQuery = "timestamp=" + strconv.FormatInt(form.Timestamp, 10)
	head, tail := form.AppendHead(nil, boundary), wire.AppendTail(nil, boundary)
	return &upload{
		target:      target.String(),
		contentType: "multipart/form-data; boundary=" + boundary,
		parts:       slices.Concat([][]byte{head}, packed, [][]byte{tail}),
		size:        int64(len(head) + form.SizeCompressed + len(tail)),
	}, form.MD5Plain, nil
}

// compress makes the plain form's digest beside the codec's work.
func compress(codec Codec, plain [][]byte, size int) (packed []byte, sum wire.Digest, err error) {
	var digesting sync.WaitGroup
	defer digesting.Wait() // even where the codec panics
	digesting.Go(func() { sum = digest(plain) })
	packed, err = appendPieces(codec, make([]byte, 0, size/3+64), plain)
	digesting.Wait()
	return packed, sum, err
}

func digest(pieces [][]byte) (sum wire.Digest) {
	h := md5.New()
	for _, piece := range pieces {
		h.Write(piece)
	}
	h.Sum(sum[:0])
	return sum
}

// failed logs the end of a Send of that many messages, or of 0 where the package is
// not this call's to look into.
func (c *Client) failed(ctx context.Context, messages int, err *SendError) error {
	level := slog.LevelWarn
	if err.Outcome == OutcomeUnknown {
		level = slog.LevelError
	}
	attrs := err.attrs()
	if messages > 0 {
		attrs = append(attrs, "messages", messages)
	}
	c.logger.Log(ctx, level, "smslink: package failed", attrs...)
	return err
}

func (c *Client) accepted(ctx context.Context, r *Response) {
	level := slog.LevelInfo
	succeeded := r.Count(StatusSuccess)
	if succeeded < len(r.Results) || len(r.Unmatched) > 0 {
		level = slog.LevelWarn
	}
	c.logger.Log(ctx, level, "smslink: package accepted", "package", numeric(r.PackageID), "messages", len(r.Results), "succeeded", succeeded, "unmatched", len(r.Unmatched), "elapsed", r.Elapsed)
}

// numeric is id if it is a number, as the gateway's are; a server's other words
// stay out of the log, and so do receivers, which start with 0.
func numeric(id string) string {
	if len(id) > 20 || strings.Trim(id, "0123456789") != "" || strings.HasPrefix(id, "0") {
		return "(not a number)"
	}
	return id
}
