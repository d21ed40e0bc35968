// Package blacklist queries and changes an account's blacklist, through the vendor's Live Update
// API. It tells the two meanings of [smslink.StatusInternalOrBlacklisted] apart. If the number is
// on the list, that is most likely why the message failed. This is strong evidence, not proof.
//
// Everything about this API is [public], and unconfirmed against the live gateway: "smslink probe"
// checks it. The API has a connection id and a password of its own, of a Live Update connection of
// the account.
package blacklist

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/checktls"
	"github.com/go-smslink/smslink/internal/wire"
)

// DefaultEndpoint is the URL of the Live Update API [public].
const DefaultEndpoint = "https://secure.smslink.ro/sms/marketing/communicate/index.php"

// ErrUnexpectedReply means that the API did not do what it was asked to do: it answered with an
// ERROR, a MESSAGE that Lookup does not know, an HTTP status other than 2xx, or something else.
var ErrUnexpectedReply = errors.New("unexpected reply")

// Options are the settings of a client. Nil and zero fields mean the defaults.
type Options struct {
	Endpoint string // the default is [DefaultEndpoint]

	// HTTPClient carries the requests; its CheckRedirect is ignored. The default transport is
	// [smslink.NewTransport]. An *http.Transport that turns TLS verification off, or allows TLS
	// below 1.2, is an error.
	HTTPClient *http.Client

	// Timeout bounds one request; Add may make two. 0 means HTTPClient's, or 30 seconds without
	// one.
	Timeout time.Duration
}

// Client is a client of the Live Update API. Goroutines may share it. It prints without its
// password.
type Client struct {
	http     *http.Client
	endpoint string
	login    func() (connectionID, password string) // a func, so that fmt prints no password
}

// NewClient returns a client with the connection id and the password of a Live Update connection.
// It sends nothing. Its error names the argument at fault.
func NewClient(connectionID, password string, opts *Options) (*Client, error) {
	if opts == nil {
		opts = &Options{}
	}
	c := &Client{endpoint: opts.Endpoint, login: func() (string, string) { return connectionID, password }}
	if c.endpoint == "" {
		c.endpoint = DefaultEndpoint
	}
	u, err := url.Parse(c.endpoint)
	switch {
	case connectionID == "" || password == "":
		return nil, errors.New("smslink: blacklist: the connection id or the password is empty")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("smslink: blacklist: the endpoint is not an http or https URL")
	case u.User != nil:
		return nil, errors.New("smslink: blacklist: the endpoint has a user; leave it out")
	}
	c.http = &http.Client{Timeout: 30 * time.Second}
	if opts.HTTPClient != nil {
		*c.http = *opts.HTTPClient
	}
	if c.http.Transport == nil {
		c.http.Transport = smslink.NewTransport()
	}
	if err := checktls.Transport(c.http.Transport); err != nil {
		return nil, fmt.Errorf("smslink: blacklist: %w", err)
	}
	if opts.Timeout > 0 {
		c.http.Timeout = opts.Timeout
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the body holds the password
	}
	return c, nil
}

// Listing says for which services a number is blocked.
type Listing struct {
	Blocked  bool   // for all services, or for some
	Services string // empty for all; otherwise the gateway's list of them, such as 1,9 (9 is BULK)
}

// Lookup asks whether a number is on the blacklist. The number may have any form that
// [smslink.ParseReceiver] takes. If the API does not say, the error matches [ErrUnexpectedReply].
func (c *Client) Lookup(ctx context.Context, number string) (Listing, error) {
	reply, err := c.ask(ctx, "blacklist-verify", number)
	switch {
	case err != nil:
		return Listing{}, err
	case reply.Accepted && reply.Code == "12":
		return Listing{Blocked: true}, nil
	case reply.Accepted && reply.Code == "13" && strings.TrimSpace(reply.PackageID) != "":
		// The services stand where the bulk API has a package id.
		return Listing{Blocked: true, Services: reply.PackageID}, nil
	case reply.Accepted && reply.Code == "14":
		return Listing{}, nil
	}
	return Listing{}, errorOf(reply)
}

// Add puts a number on the blacklist, for all services. It is not an error if the number is there.
// If the API says that it is there, and lists it for some services only, the error matches
// [ErrUnexpectedReply]. The other errors are those of [Client.Lookup], which Add calls to find out.
func (c *Client) Add(ctx context.Context, number string) error {
	reply, err := c.ask(ctx, "blacklist-add", number)
	switch {
	case err != nil || reply.Accepted:
		return err
	case reply.Code != "14":
		return errorOf(reply)
	}
	listing, err := c.Lookup(ctx, number) // the reply does not say for which services
	if err == nil && listing != (Listing{Blocked: true}) {
		err = fmt.Errorf("smslink: blacklist: %w: the number is not blocked for all services", ErrUnexpectedReply)
	}
	return err
}

// Remove takes a number off the blacklist. It is not an error if the number is not there. The
// errors are those of [Client.Lookup].
func (c *Client) Remove(ctx context.Context, number string) error {
	reply, err := c.ask(ctx, "blacklist-remove", number)
	if err != nil || reply.Accepted || reply.Code == "12" { // not there
		return err
	}
	return errorOf(reply)
}

// ask posts a form and reads the reply. Its errors quote neither the number nor a server's text.
func (c *Client) ask(ctx context.Context, mode, number string) (wire.Reply, error) {
	receiver, err := smslink.ParseReceiver(number)
	if err != nil {
		return wire.Reply{}, err
	}
	connectionID, password := c.login()
	form := url.Values{
		"connection_id":   {connectionID},
		"password":        {password},
		"mode":            {mode},
		"receiver_number": {receiver},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return wire.Reply{}, fmt.Errorf("smslink: blacklist: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.http.Do(req)
	if err != nil {
		return wire.Reply{}, fmt.Errorf("smslink: blacklist: %w", withoutReply(ctx, err))
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	switch {
	case err != nil:
		return wire.Reply{}, fmt.Errorf("smslink: blacklist: %w", withoutReply(ctx, err))
	case resp.StatusCode/100 != 2:
		return wire.Reply{}, fmt.Errorf("smslink: blacklist: %w: HTTP status %d", ErrUnexpectedReply, resp.StatusCode)
	}
	reply, ok := wire.ParseReply(string(raw))
	if !ok {
		return wire.Reply{}, fmt.Errorf("smslink: blacklist: %w: neither MESSAGE nor ERROR", ErrUnexpectedReply)
	}
	return reply, nil
}

var errMayQuote = errors.New("the request failed with an error that may quote the reply")

// withoutReply returns the part of err that can't quote the reply, or errMayQuote. Some errors of
// net/http, such as "malformed HTTP response", quote the reply, which may quote the form.
func withoutReply(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause != nil && (errors.Is(err, cause) || errors.Is(err, ctx.Err())) {
		return cause // HTTP/2 returns the context's error instead
	}
	for _, safe := range []error{context.DeadlineExceeded, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, safe) {
			return safe
		}
	}
	var certificate *tls.CertificateVerificationError
	var network *net.OpError
	switch {
	case errors.As(err, &certificate):
		return certificate
	case errors.As(err, &network) &&
		(errors.As(network.Err, new(syscall.Errno)) || errors.As(network.Err, new(*net.DNSError))):
		return network
	}
	return errMayQuote
}

func errorOf(reply wire.Reply) error {
	kind, code := "ERROR", reply.Code
	if reply.Accepted {
		kind = "MESSAGE"
	}
	if len(code) > 4 || strings.Trim(code, "0123456789") != "" {
		code = "(not a number)"
	}
	return fmt.Errorf("smslink: blacklist: %w: %s %s", ErrUnexpectedReply, kind, code)
}
