package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/go-smslink/smslink/smslinktest"
)

// serveUnderLoad serves /metrics at an address while the shop is busy, until ctx is done.
func serveUnderLoad(ctx context.Context, out io.Writer, address string, metrics http.Handler, s *shop, gateway *smslinktest.Gateway) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", metrics)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	defer func() { _ = server.Close() }()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Fprintf(out, "http://%s/metrics\n", listener.Addr())
	return load(ctx, failed, s, gateway)
}

// load takes up to 50 orders a second, until ctx is done or something fails. Every 1000 orders, the
// gateway loses a reply, so that a package is in doubt. In between it is slow for 3 seconds, so
// that the queue grows and shrinks.
func load(ctx context.Context, failed <-chan error, s *shop, gateway *smslinktest.Gateway) error {
	last, err := s.last(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		switch i % 1000 {
		case 0:
			gateway.Inject(smslinktest.LoseReply())
		case 500:
			gateway.Inject(smslinktest.Delay(3*time.Second), smslinktest.Delay(3*time.Second)) // one for each worker
		}
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		number := last + 1 + i
		err := s.take(ctx, order{number, fmt.Sprintf("07%08d", number)}, func() error { return nil })
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
