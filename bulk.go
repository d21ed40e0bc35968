package smslink

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// DefaultEndpoint is the live gateway's URL [ref].
const DefaultEndpoint = "https://secure.smslink.ro/sms/gateway/communicate/bulk-v3.php"

// Options are a client's settings. Nil and zero fields mean the defaults.
type Options struct {
	// Codec compresses packages that have no Codec of their own. Nil means [CodecZlib], except that
	// a package of up to 128 bytes, such as one short message, is sent with [CodecNone]: zlib would
	// make it longer.
	Codec Codec

	// HTTPClient sends the requests. It is copied and never changed. If it is nil or has no
	// Transport, the client uses [NewTransport]. Its Timeout applies in addition to
	// [Options.Timeout]. Redirects are never followed, whatever its CheckRedirect says.
	//
	// Choose a transport with care:
	//   - For tracing or logging, wrap the transport of NewTransport. http.DefaultTransport keeps
	//     connections for 90 seconds: see ReuseConnections for what that risks.
	//   - A RoundTripper that buffers a request and sends it again on its own, such as
	//     hashicorp/go-retryablehttp's, sends SMS twice. The client can't prevent that.
	//   - An *http.Transport that turns TLS verification off, or allows TLS below 1.2, is an
	//     error. The client can't check any other RoundTripper.
	HTTPClient *http.Client

	// ReuseConnections lets the client's own transport keep a connection for 2 seconds, for the
	// next upload. By default each upload has a connection of its own, as with the reference
	// client. A kept connection saves a TLS handshake, which takes more than ten times the
	// processor time of a small upload. It risks three things:
	//   - Bytes that a server, or a proxy in front of it, writes after one reply can be taken for
	//     the reply to the next upload. Messages are then reported as rejected or failed although
	//     they were taken, as accepted although they were not, or with the remote ids of others.
	//   - net/http writes the start of such bytes to the standard logger of package log, unless
	//     they are taken for a reply. If they quote the upload, so does that log.
	//   - If a kept connection dies while it is used, the upload is in doubt.
	ReuseConnections bool

	// Endpoint is the URL of bulk-v3.php, without a user, a query or a fragment: [DefaultEndpoint]
	// (the default) or a test gateway's. Over plain http the password travels unencrypted.
	Endpoint string

	// TestMode makes every upload a dry run: the gateway checks the package, but sends and bills
	// nothing [ref]. For unit tests, use package smslinktest. A package accepted in test mode
	// is sealed like any other: call [Package.Reopen] to send it for real.
	TestMode bool

	// Timeout bounds a call whose context has no deadline; 0 means 5 minutes. If the context has
	// a deadline, Timeout is ignored, except by a [Stream], which lets no upload take longer.
	// A Send that runs out of time is most likely in doubt, so be generous.
	Timeout time.Duration

	// Cooldown is the pause after the gateway has rejected the account, with ERROR 1 to 7 or 14:
	// repeated wrong passwords get the IP address banned. During the pause packages are not sent,
	// and their errors wrap the [*GatewayError]. After the pause, one package is sent to find out
	// whether the account is accepted again. If it is rejected because of the account, too, the
	// pause doubles, up to an hour. 0 means 1 minute. A negative Cooldown means no pause.
	// [Client.Balance] neither starts a pause nor waits for one.
	Cooldown time.Duration

	// Logger receives counts, sizes, ids and times, and never a receiver, a text or a password,
	// unless an error of the caller's holds one: see [SendError]. Nil means no logging. Each upload
	// starts with an event at level debug. Each call ends with one event, at level
	//   - info if a package and all its messages were accepted and the reply had no other entry, or
	//     if a balance was read;
	//   - error if an upload leaves its package in doubt;
	//   - warn otherwise, also for a sealed package.
	Logger *slog.Logger

	// Tracer is called for each upload; nil means no tracing.
	Tracer Tracer

	// UserAgent is the request header, of visible ASCII and spaces; empty means "smslink-go".
	UserAgent string
}

const (
	defaultTimeout   = 5 * time.Minute
	defaultCooldown  = time.Minute
	longestCooldown  = time.Hour
	defaultUserAgent = "smslink-go"
)

// Client talks to the gateway as one account. Make it with [NewClient] and keep it. Goroutines may
// use it concurrently.
type Client struct {
	login     func() (connectionID, password string) // a function, so that fmt prints an address
	endpoint  *url.URL
	transport transport
	agent     string
	codec     Codec // nil means the default for a package's size
	testMode  bool
	timeout   time.Duration
	logger    *slog.Logger
	tracer    Tracer
	account   *account

	now      func() time.Time
	boundary func() string
}

// NewClient returns a client for the connection id and password of an SMSLink "SMS Gateway (BULK)"
// connection. Both may hold any bytes. Nil options mean the defaults. NewClient does no I/O: the
// gateway checks the credentials at the first call.
//
// NewClient returns an error that names the argument or option at fault for
//
//   - an empty credential;
//   - a Codec with a method that the gateway does not know;
//   - a Codec or Tracer that is a nil pointer;
//   - an endpoint that is not a plain http or https URL, or that ends in .php/;
//   - a negative Timeout;
//   - a UserAgent with anything but visible ASCII and spaces;
//   - an HTTPClient whose Transport is a nil *http.Transport, does not verify TLS, or allows TLS
//     below 1.2;
//   - ReuseConnections with an HTTPClient that has a Transport.
func NewClient(connectionID, password string, opts *Options) (*Client, error) {
	if opts == nil {
		opts = &Options{}
	}
	c := &Client{
		login:    func() (string, string) { return connectionID, password },
		agent:    cmp.Or(opts.UserAgent, defaultUserAgent),
		codec:    opts.Codec,
		testMode: opts.TestMode,
		timeout:  cmp.Or(opts.Timeout, defaultTimeout),
		logger:   opts.Logger,
		tracer:   opts.Tracer,
		account:  &account{cooldown: cmp.Or(opts.Cooldown, defaultCooldown)},
		now:      time.Now,
		boundary: rand.Text,
	}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case connectionID == "":
		return nil, errors.New("smslink: the connection id is empty")
	case password == "":
		return nil, errors.New("smslink: the password is empty")
	case c.timeout < 0:
		return nil, fmt.Errorf("smslink: Options.Timeout is negative: %v", c.timeout)
	case strings.ContainsFunc(c.agent, func(r rune) bool { return r < ' ' || r > '~' }):
		return nil, errors.New("smslink: the user agent holds a character other than visible ASCII and spaces")
	case isNilPointer(c.codec):
		return nil, fmt.Errorf("smslink: Options.Codec is a nil %T", c.codec)
	case isNilPointer(c.tracer):
		return nil, fmt.Errorf("smslink: Options.Tracer is a nil %T", c.tracer)
	}
	if c.codec != nil {
		if err := checkMethod(c.codec); err != nil {
			return nil, fmt.Errorf("smslink: %w", err)
		}
	}
	var err error
	if c.endpoint, err = parseEndpoint(cmp.Or(opts.Endpoint, DefaultEndpoint)); err != nil {
		return nil, fmt.Errorf("smslink: %w", err)
	}
	if c.transport, err = transportOf(opts); err != nil {
		return nil, fmt.Errorf("smslink: %w", err)
	}
	return c, nil
}

// isNilPointer reports whether v holds a nil pointer, whose methods would most likely panic.
func isNilPointer(v any) bool {
	value := reflect.ValueOf(v)
	return value.Kind() == reflect.Pointer && value.IsNil()
}

// TestMode reports whether the client's uploads are dry runs: see [Options].
func (c *Client) TestMode() bool { return c != nil && c.testMode }

// parseEndpoint returns an error unless endpoint is a plain http or https URL. The error does not
// quote it, since it may hold a password.
func parseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("the endpoint is not an absolute URL, such as https://host/path/bulk-v3.php")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the endpoint is neither https nor http")
	case u.User != nil:
		return nil, errors.New("the endpoint holds a user or password; leave them out")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("the endpoint holds a query or a fragment; leave it out")
	case strings.HasSuffix(u.Path, ".php/"): // or Balance would ask bulk-v3.php/index.php
		return nil, errors.New("the endpoint has a slash after its .php; leave it out")
	}
	return u, nil
}

// bounded returns a context with the client's timeout, unless ctx has a deadline.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.timeout)
}

// SendMessage sends one message. The error is nil only if the gateway accepted that message.
// Accepted does not mean delivered: only a delivery report, which carries the Result's RemoteID,
// says that.
//
// If the message is invalid, nothing is sent and the error is a [*MessageError]. If its package was
// not accepted, the error is a [*SendError], as from [Client.Send]. If the package was accepted but
// the message was not, the error is a [*ResultError]. [SafeToResend] reports whether the message
// can be sent again without the risk of a duplicate SMS.
//
// The message's ID may be 0. Do not pass the context of an HTTP request, which a browser may
// cancel: a Send that is cut off is in doubt. Derive one that outlives the request:
//
//	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
func (c *Client) SendMessage(ctx context.Context, m Message) (Result, error) {
	var p Package
	if err := p.Add(m); err != nil {
		return Result{ID: m.ID}, err
	}
	resp, err := c.Send(ctx, &p)
	if err != nil {
		return Result{ID: m.ID}, err
	}
	return resp.Results[0], resp.Results[0].Err()
}

// Send uploads the package and reads the gateway's reply. A nil error means that the gateway took
// the package. It does not mean that the gateway accepted every message in it: see [Response.Err].
// The Response is nil if the error is non-nil.
//
// Every error is a [*SendError] with the package's Outcome. [SafeToResend] reports whether the
// package can be sent again without the risk of a duplicate SMS. Send itself never sends anything
// twice. By outcome, the error wraps
//
//   - not sent: the error of the codec, the context or the network, such as a certificate that
//     can't be verified; during the pause of [Options.Cooldown], the [*GatewayError] that started
//     it; or an error that names a mistake, such as an empty package;
//   - rejected: a [*GatewayError], or an error naming the HTTP status;
//   - in doubt: [ErrUnreadableReply]; the error of the context, or its cause, or of the network; or
//     an error that says why the reply proves nothing, such as an HTTP status of 500 or more.
//
// Sending a sealed package does nothing, and returns an error with [OutcomeInDoubt]: see [Package].
//
// If ctx has no deadline, [Options.Timeout] bounds the call. The package must not be changed during
// the call, and nothing reads it afterwards. The compressed form is made in memory, and nothing is
// written to disk.
func (c *Client) Send(ctx context.Context, p *Package) (*Response, error) {
	return c.send(ctx, p, attempt{number: 1})
}

// attempt is one attempt to send a package. A stream may make several.
type attempt struct {
	number   int         // from 1
	mayBegin func() bool // asked just before the transport gets the upload; nil means that it may
}

// send makes one attempt.
func (c *Client) send(ctx context.Context, p *Package, try attempt) (*Response, error) {
	if p == nil {
		return nil, c.failed(ctx, 0, notSent(errEmptyPackage))
	}
	if err := p.beginSend(); err != nil {
		return nil, c.failed(ctx, 0, &SendError{Outcome: OutcomeInDoubt, Err: err})
	}
	var x exchange // stays in doubt if a codec or a transport panics
	defer func() { p.endSend(x.outcome()) }()
	start, err := c.start(ctx, p)
	if err != nil {
		x.err = notSent(err)
		return nil, c.failed(ctx, p.Len(), x.err)
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	if c.tracer != nil {
		ctx = c.traceStart(ctx, p, try.number)
		defer func() { c.traceEnd(ctx, p, x) }()
	}
	x = c.exchange(ctx, p, try)
	c.account.note(start, c.now(), x.err)
	if x.err != nil {
		return nil, c.failed(ctx, p.Len(), x.err)
	}
	x.response.Elapsed = c.now().Sub(start)
	c.accepted(ctx, x.response)
	return x.response, nil
}

var (
	errNoClient     = errors.New("the Client was not made by NewClient")
	errNilContext   = errors.New("the context is nil")
	errEmptyPackage = errors.New("the package is empty; add a message first")
	errNilCodec     = errors.New("the package's Codec is a nil pointer; set it to nil to use the client's")
)

// start returns the time at which a Send starts, or why it can't.
func (c *Client) start(ctx context.Context, p *Package) (time.Time, error) {
	if err := c.usable(ctx); err != nil {
		return time.Time{}, err
	}
	if isNilPointer(p.Codec) {
		return time.Time{}, errNilCodec
	}
	now := c.now()
	return now, c.account.admit(now)
}

// usable returns why no call can be made, or nil.
func (c *Client) usable(ctx context.Context) error {
	switch {
	case c == nil || c.login == nil:
		return errNoClient
	case ctx == nil:
		return errNilContext
	}
	return nil
}

// account keeps a client from uploading again too soon after its account was rejected.
type account struct {
	cooldown time.Duration // the shortest pause; negative means that there are no pauses

	mu        sync.Mutex
	rejection *GatewayError // nil unless the account was rejected
	at        time.Time     // of the rejection
	pause     time.Duration // after it
	next      time.Time     // when a package may be uploaded again
}

// admit returns an error if no package may be uploaded yet. After a pause it admits one package. It
// admits the next one once the result of that one is noted, or after another pause.
func (a *account) admit(now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rejection == nil {
		return nil
	}
	if wait := a.next.Sub(now); wait > 0 {
		return fmt.Errorf("the account was rejected; the client uploads nothing for another %v: %w",
			max(wait.Round(time.Second), time.Second), a.rejection)
	}
	a.next = now.Add(a.pause)
	return nil
}

// note notes the result of a package whose upload began at start. It ignores packages that were
// under way when the account was rejected.
func (a *account) note(start, now time.Time, err *SendError) {
	rejection := err.rejection()
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.cooldown < 0, a.rejection != nil && start.Before(a.at):
	case rejection != nil && rejection.isAboutAccount():
		a.pause = max(min(2*a.pause, longestCooldown), a.cooldown)
		a.rejection, a.at, a.next = rejection, now, now.Add(a.pause)
	case rejection != nil, err == nil: // the gateway knows the account
		a.rejection, a.pause = nil, 0
	default:
		a.next = now
	}
}

// exchange is one upload and its Response or error.
type exchange struct {
	response   *Response
	err        *SendError
	bytes      int64 // of the request's body
	statusCode int   // of HTTP
}

func (x *exchange) outcome() Outcome {
	switch {
	case x.err != nil:
		return x.err.Outcome
	case x.response != nil:
		return OutcomeAccepted
	}
	return OutcomeInDoubt
}

// exchange makes the upload, posts it and reads the reply.
func (c *Client) exchange(ctx context.Context, p *Package, try attempt) exchange {
	if p.Len() == 0 {
		return exchange{err: notSent(errEmptyPackage)}
	}
	if err := ctx.Err(); err != nil {
		return exchange{err: notSent(err)}
	}
	u, err := c.pack(p)
	if err != nil {
		return exchange{err: notSent(err)}
	}
	c.logger.LogAttrs(ctx, slog.LevelDebug, "smslink: uploading", slog.Int("messages", p.Len()),
		slog.Int("plain_bytes", p.Size()), slog.Int64("upload_bytes", u.size), slog.Bool("test", c.testMode))
	answer := u.post(ctx, c, p.Len(), try.mayBegin)
	x := exchange{bytes: u.size, statusCode: answer.statusCode}
	x.response, x.err = answer.response(ctx, p)
	return x
}

// pack compresses the package and builds the form around it.
func (c *Client) pack(p *Package) (*upload, error) {
	codec := c.codecOf(p)
	if err := checkMethod(codec); err != nil {
		return nil, err
	}
	connectionID, password := c.login()
	plain := p.plain()
	form := wire.Form{
		ConnectionID: connectionID,
		Password:     password,
		Test:         c.testMode,
		Compression:  codec.Method(),
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
			return nil, fmt.Errorf("codec %s: %w", codec, err)
		}
		packed = [][]byte{whole}
		form.MD5Plain = sum
		form.MD5Compressed = md5.Sum(whole)
		form.SizeCompressed = len(whole)
	}

	boundary := c.boundary()
	u := &upload{
		target:      *c.endpoint,
		contentType: "multipart/form-data; boundary=" + boundary,
	}
	u.target.RawQuery = "timestamp=" + strconv.FormatInt(form.Timestamp, 10)
	const overhead = 2 << 10 // about as much as the form takes
	head := form.AppendHead(make([]byte, 0, overhead+min(form.SizeCompressed, smallUpload)), boundary)
	if form.SizeCompressed > smallUpload {
		u.add(head)
		u.add(packed...)
		u.add(wire.AppendTail(nil, boundary))
		return u, nil
	}
	for _, piece := range packed {
		head = append(head, piece...)
	}
	u.add(wire.AppendTail(head, boundary))
	u.untracked = c.transport.own
	return u, nil
}

// smallUpload is the largest compressed form, in bytes, that is uploaded in one buffer with the
// rest of its form.
const smallUpload = 32 << 10

// codecOf returns the package's codec, the client's, or the default for the package's size.
func (c *Client) codecOf(p *Package) Codec {
	switch {
	case p.Codec != nil:
		return p.Codec
	case c.codec != nil:
		return c.codec
	case p.Size() <= tinyPackage:
		return CodecNone
	}
	return CodecZlib
}

// failed logs the error of a Send and returns it. messages is 0 if there is no package, or if it
// was sealed.
func (c *Client) failed(ctx context.Context, messages int, err *SendError) error {
	if c.usable(ctx) != nil {
		return err
	}
	level := slog.LevelWarn
	if err.Outcome == OutcomeInDoubt && messages > 0 {
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
	c.logger.LogAttrs(ctx, level, "smslink: package accepted", slog.String("package", wire.Numeric(r.PackageID)),
		slog.Int("messages", len(r.Results)), slog.Int("succeeded", succeeded),
		slog.Int("unmatched", len(r.Unmatched)), slog.Duration("elapsed", r.Elapsed))
}

// traceStart calls the tracer before an upload.
func (c *Client) traceStart(ctx context.Context, p *Package, attempt int) context.Context {
	return c.tracer.TraceUploadStart(ctx, UploadStart{
		Messages: p.Len(),
		Bytes:    p.Size(),
		Codec:    c.codecOf(p).String(),
		TestMode: c.testMode,
		Attempt:  attempt,
	})
}

// traceEnd calls the tracer after an upload.
func (c *Client) traceEnd(ctx context.Context, p *Package, x exchange) {
	end := UploadEnd{Outcome: x.outcome(), StatusCode: x.statusCode, Bytes: x.bytes}
	if x.err != nil {
		end.Err = x.err
	}
	if x.response != nil {
		end.Statuses = map[Status]int{}
		for _, result := range x.response.Results {
			end.Statuses[result.Status]++
		}
		end.Segments = p.acceptedSegments(x.response)
	}
	c.tracer.TraceUploadEnd(ctx, end)
}

// Stream returns a stream that sends the messages. Nil options mean the defaults. The stream starts
// when its Batches are ranged over. A non-nil error in the sequence stops it; the message that
// comes with the error is ignored.
func (c *Client) Stream(messages iter.Seq2[Message, error], opts *StreamOptions) *Stream {
	if opts == nil {
		opts = &StreamOptions{}
	}
	s := &Stream{client: c, source: messages, opts: opts.withDefaults(), needsIDs: opts.Journal != nil}
	if c.TestMode() {
		s.opts.Journal = nil
	}
	return s
}

// Balance asks index.php beside the client's endpoint how many SMS the account has left [public].
// The password travels in the body of a form POST. Timeouts and redirects are treated as by
// [Client.Send]; test mode changes nothing.
//
// Every error is a [*SendError] with the same causes as a Send's. The error of a reply without two
// whole numbers matches [ErrUnreadableReply], and SendError.Reply has the reply.
//
// Asking spends nothing, so it is safe whatever the Outcome. But never ask in a loop after a
// rejection: repeated wrong passwords get the IP address banned, and [Options.Cooldown] neither
// delays Balance nor counts its rejections, so that a person can check whether the account works
// again.
func (c *Client) Balance(ctx context.Context) (Balance, error) {
	if err := c.usable(ctx); err != nil {
		return Balance{}, notSent(err)
	}
	start := c.now()
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	balance, err := askBalance(ctx, c)
	if err != nil {
		c.logger.WarnContext(ctx, "smslink: balance failed", err.attrs()...)
		return Balance{}, err
	}
	c.logger.LogAttrs(ctx, slog.LevelInfo, "smslink: balance", slog.Int64("national", balance.National),
		slog.Int64("international", balance.International), slog.Duration("elapsed", c.now().Sub(start)))
	return balance, nil
}
