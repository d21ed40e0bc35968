package smslinktest

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/go-smslink/smslink"
)

// Delivery is what was last reported of a message.
type Delivery struct {
	Time      time.Time // when the report was made
	Delivered bool      // else undelivered, or expired
	Err       error     // of the callback; nil if it was answered with a 2xx or there is no URL to call
}

// message returns the message with that remote id, and reports whether there is one.
func (g *Gateway) message(remoteID string) (Message, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m := g.find(remoteID); m != nil {
		return *m, true
	}
	return Message{}, false
}

// find returns the recorded message with that remote id, or nil. The caller holds the mutex.
func (g *Gateway) find(remoteID string) *Message {
	id, err := strconv.Atoi(remoteID)
	if at := id - firstRemoteID; err == nil && at >= 0 && at < len(g.messages) && g.messages[at].RemoteID == remoteID {
		return &g.messages[at]
	}
	return nil
}

// Deliver reports now that a message was delivered or was not, even if something was reported of it
// before. It calls the URL of [Options].Reports, if there is one, within 10 seconds, and records
// the Delivery. A report of the message that is still to come is dropped.
//
// It returns the error of the callback. It is an error if no message has that remote id, or if no
// report can be about the message: because its status is not [smslink.StatusSuccess], or in test
// mode.
func (g *Gateway) Deliver(ctx context.Context, remoteID string, delivered bool) error {
	g.mu.Lock()
	batch := g.batch
	g.mu.Unlock()
	m, ok := g.message(remoteID)
	switch {
	case !ok:
		return fmt.Errorf("smslinktest: no message has the remote id %q", remoteID)
	case !m.reportable():
		return fmt.Errorf("smslinktest: message %s was not accepted for sending, or in test mode", remoteID)
	}
	return g.deliver(ctx, batch, m, delivered)
}

func (m *Message) reportable() bool { return m.Status == smslink.StatusSuccess && !m.Test }

// deliver makes a report and records it, unless the gateway was reset meanwhile.
func (g *Gateway) deliver(ctx context.Context, batch *batch, m Message, delivered bool) error {
	err := g.report(ctx, m, delivered)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.batch == batch {
		g.find(m.RemoteID).Delivery = &Delivery{Time: time.Now(), Delivered: delivered, Err: err}
		g.notify()
	}
	return err
}
