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

// Changed is closed when anything that the gateway remembers next changes: its
// ledger, a delivery, the credit, the faults injected. Take it before you look, so
// that no change is missed.
func (g *Gateway) Changed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changed
}

// MessagesFrom are up to limit messages from the n-th on, n from 0, of those that
// Messages gives: for looking at a long ledger a part at a time.
func (g *Gateway) MessagesFrom(n, limit int) []Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	return part(g.messages, n, limit)
}

// UploadsFrom is for Uploads what MessagesFrom is for Messages.
func (g *Gateway) UploadsFrom(n, limit int) []Upload {
	g.mu.Lock()
	defer g.mu.Unlock()
	return part(g.uploads, n, limit)
}

func part[T any](all []T, n, limit int) []T {
	n = min(max(n, 0), len(all))
	return slices.Clone(all[n : n+min(max(limit, 0), len(all)-n)])
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
