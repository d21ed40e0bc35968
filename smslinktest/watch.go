package smslinktest

import (
	"context"
	"errors"
	"slices"
)

// WaitMessages waits until at least n messages are taken and returns them all; or
// what there is, and the context's error or, where the gateway was closed, another.
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

// Inspect calls f with what the gateway holds, without a copy: for a program that looks at a long
// ledger again and again, as the sandbox's page does. Everything else that the gateway does waits
// until f returns. F must not change the slices, keep them, or call the gateway.
func (g *Gateway) Inspect(f func(Snapshot)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(Snapshot{g.messages, g.uploads, g.faults, g.changed})
}

// wait asks enough, under the mutex, until it is.
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
			return errors.New("smslinktest: the gateway was closed")
		}
	}
}

// notify wakes who waits. The caller holds the mutex.
func (g *Gateway) notify() {
	close(g.changed)
	g.changed = make(chan struct{})
}
