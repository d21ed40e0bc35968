package smslinktest

import (
	"context"
	"errors"
	"slices"
)

// WaitMessages waits until at least n messages are taken, and returns all messages. If ctx is done
// or the gateway is closed first, it returns the messages so far and an error: the cause of ctx, or
// that the gateway was closed.
func (g *Gateway) WaitMessages(ctx context.Context, n int) (messages []Message, err error) {
	err = g.wait(ctx, func() bool {
		messages = slices.Clone(g.messages)
		return len(messages) >= n
	})
	return messages, err
}

// Snapshot is what a gateway holds at one moment; see [Gateway.Inspect].
type Snapshot struct {
	Messages []Message // as [Gateway.Messages] returns them
	Uploads  []Upload  // as [Gateway.Uploads] returns them
	Faults   []Fault   // injected and not yet met

	// Changed is closed when any of these, a delivery or the credit next changes.
	Changed <-chan struct{}
}

// Inspect calls f with the gateway's own slices, for programs that poll a large ledger, as the
// sandbox's page does. The gateway does nothing else until f returns. The function f must not
// change or keep the slices, nor call the gateway.
func (g *Gateway) Inspect(f func(Snapshot)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(Snapshot{g.messages, g.uploads, g.faults, g.changed})
}

// wait waits until enough returns true. It calls enough with the mutex held after each change.
func (g *Gateway) wait(ctx context.Context, enough func() bool) error {
	for {
		g.mu.Lock()
		done, changed := enough(), g.changed
		g.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-g.closing.Done():
			return errors.New("smslink: test gateway: the gateway was closed")
		}
	}
}

// notify wakes all calls of wait. The caller holds the mutex.
func (g *Gateway) notify() {
	close(g.changed)
	g.changed = make(chan struct{})
}
