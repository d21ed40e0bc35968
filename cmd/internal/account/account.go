// Package account makes the client of the user's account, which is in the environment or a file. It
// also has the commands account and balance.
package account

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/blacklist"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/smslinktest"
)

// The environment variables that hold the account. There are no flags for them: every user of the
// machine can see a command line.
const (
	EnvConnectionID = "SMSLINK_CONNECTION_ID"
	EnvPassword     = "SMSLINK_PASSWORD"

	// Those of a Live Update connection of the account, which has an id and a password of its own.
	EnvLiveUpdateID       = "SMSLINK_LIVE_UPDATE_ID"
	EnvLiveUpdatePassword = "SMSLINK_LIVE_UPDATE_PASSWORD"
)

// Help is the part of a command's help about the account.
const Help = `The account is read from the environment: ` + EnvConnectionID + ` and
` + EnvPassword + `. --account reads both from a file that only you may read
(mode 600), with a line NAME=VALUE for each. If neither names an account,
smslink/account in your configuration folder is read, such as
~/.config/smslink/account.`

// MaxConcurrency bounds --concurrency: each package that is being uploaded is in memory, and no
// account is known to take more at a time.
const MaxConcurrency = 64

// ErrNone means that the environment names no account.
var ErrNone = errors.New("set " + EnvConnectionID + " and " + EnvPassword + " to your account's")

// Options say which gateway a client uses, and how.
type Options struct {
	Endpoint string
	Sandbox  bool // a gateway in this process
	TestMode bool
	Timeout  time.Duration
	Codec    smslink.Codec
	Verbose  bool // log to standard error
	Tracer   smslink.Tracer
}

// Connect returns the client of the account in the environment, or of a gateway in this process.
// The caller calls closeGateway when it is done.
func Connect(c cli.Console, opts Options) (client *smslink.Client, closeGateway func(), err error) {
	settings := &smslink.Options{
		Endpoint: opts.Endpoint, TestMode: opts.TestMode, Timeout: opts.Timeout, Codec: opts.Codec,
		Tracer: opts.Tracer,
	}
	if opts.Verbose {
		settings.Logger = slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if opts.Sandbox {
		if opts.Endpoint != smslink.DefaultEndpoint {
			return nil, nil, errors.New("--sandbox and --endpoint exclude each other")
		}
		gateway := smslinktest.NewGateway(&smslinktest.Options{Senders: []string{smslinktest.AnySender}})
		settings.Endpoint = gateway.URL
		client, err = smslink.NewClient(gateway.ConnectionID, gateway.Password, settings)
		return client, gateway.Close, err
	}
	id, password := c.Getenv(EnvConnectionID), c.Getenv(EnvPassword)
	if id == "" || password == "" {
		return nil, nil, ErrNone
	}
	client, err = smslink.NewClient(id, password, settings)
	if err != nil {
		return nil, nil, fmt.Errorf("--endpoint: %w", terminal.Error(err))
	}
	WarnPlain(c, opts.Endpoint)
	return client, func() {}, nil
}

// WarnPlain warns if an endpoint is plain http and leads to another machine.
func WarnPlain(c cli.Console, endpoint string) {
	if u, err := url.Parse(endpoint); err == nil && u.Scheme == "http" && !IsLoopback(endpoint) {
		fmt.Fprintln(c.Err, "smslink: warning: --endpoint is plain http: "+
			"the password, the numbers and the texts travel unencrypted")
	}
}

// IsLoopback reports whether a URL leads to this machine.
func IsLoopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// Blacklist returns a client of the Live Update API, or nil if the environment names no connection
// of it. The API of a gateway other than the live one is on the same host.
func Blacklist(c cli.Console, endpoint string) (*blacklist.Client, error) {
	id, password := c.Getenv(EnvLiveUpdateID), c.Getenv(EnvLiveUpdatePassword)
	if id == "" && password == "" {
		return nil, nil
	}
	if id == "" || password == "" {
		return nil, fmt.Errorf("set both %s and %s, or neither", EnvLiveUpdateID, EnvLiveUpdatePassword)
	}
	opts := &blacklist.Options{}
	if endpoint != smslink.DefaultEndpoint {
		u, err := url.Parse(endpoint)
		if err != nil {
			return nil, errors.New("--endpoint is not a URL")
		}
		opts.Endpoint = u.ResolveReference(&url.URL{Path: smslinktest.BlacklistPath}).String()
	}
	return blacklist.NewClient(id, password, opts)
}
