// Package serve serves HTTP until a command ends.
package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Until serves until ctx is done, and then ends what is under way, soon.
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
