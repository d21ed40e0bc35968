package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/smslink/internal/terminal"
	"github.com/go-smslink/smslink/smslinktest"
)

// The environment variables that hold the account. There are no flags for them:
// a command line is seen by every user of the machine.
const (
	envConnectionID = "SMSLINK_CONNECTION_ID"
	envPassword     = "SMSLINK_PASSWORD"
)

// connect makes the client: of the account in the environment, or of a gateway
// in this process.
func connect(c console, opts sendOptions) (client *smslink.Client, closeGateway func(), err error) {
	settings := &smslink.Options{Endpoint: opts.endpoint, TestMode: opts.testMode, Timeout: opts.timeout}
	if opts.verbose {
		settings.Logger = slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if opts.sandbox {
		if opts.endpoint != smslink.EndpointHTTPS {
			return nil, nil, errors.New("--sandbox and --endpoint exclude each other")
		}
		gateway := smslinktest.NewGateway(nil)
		settings.Endpoint = gateway.URL
		client, err = smslink.NewClient(gateway.ConnectionID, gateway.Password, settings)
		return client, gateway.Close, err
	}
	id, password := c.getenv(envConnectionID), c.getenv(envPassword)
	if id == "" || password == "" {
		return nil, nil, fmt.Errorf("set %s and %s to your account's, or try --sandbox, which needs none", envConnectionID, envPassword)
	}
	client, err = smslink.NewClient(id, password, settings)
	if err != nil {
		return nil, nil, fmt.Errorf("--endpoint: %w", terminal.Error(err))
	}
	return client, func() {}, nil
}
