// Package serve serves HTTP until a command ends.
package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-smslink/smslink/cmd/internal/cli"
)

// Address returns the value of a flag: the address and the port to listen on.
func Address(address *string) *cli.Value {
	return &cli.Value{Kind: "ADDRESS", Given: *address, Read: func(given string) error {
		_, port, err := net.SplitHostPort(given)
		if err == nil {
			_, err = net.LookupPort("tcp", port)
		}
		if err != nil {
			return errors.New("write an address and a port, such as 127.0.0.1:8050")
		}
		*address = given
		return nil
	}}
}

// Webhooks serves what the gateway calls until ctx is done, within the bounds that a server on the
// internet needs.
func Webhooks(ctx context.Context, handler http.Handler, listener net.Listener, logger *slog.Logger) error {
	return Until(ctx, &http.Server{
		Handler: handler, MaxHeaderBytes: 64 << 10,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute,
		ErrorLog:    slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}, listener)
}

// Until serves until ctx is done, and then ends within seconds.
func Until(ctx context.Context, server *http.Server, listener net.Listener) error {
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if server.Shutdown(soon) != nil {
		_ = server.Close() // whatever has not ended
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
