package smslinktest

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/wire"
)

// Upload is one upload that the gateway read to its end, taken or not.
type Upload struct {
	Time           time.Time
	Test           bool   // it asked for test mode
	Compression    int    // 0 none, 1 zlib, 2 bzip2, 3 LZF
	SizePlain      int    // bytes, as its form says
	SizeCompressed int    // bytes, as its form says
	Receivers      int    // messages, as its form says
	PackageID      string // empty where it was not taken
	Refusal        string // the ERROR's code and text; empty where it was taken or met a fault
}

// Message is one message that the gateway took, as it reads it.
type Message struct {
	Time      time.Time // when it was taken
	PackageID string
	RemoteID  string // also where the reply leaves the message out
	Status    smslink.Status
	Test      bool // the upload asked for test mode

	ID     int64     // the local message id
	To     string    // the receiver, in digits
	From   string    // the sender
	Text   string    // decoded, as the phone would show it
	SendAt time.Time // in UTC; zero = now
}

// Unlimited is the credit of a gateway that was told of none.
const Unlimited = -1

// Ids of the order that the live gateway's are seen to have [ref].
const (
	firstPackageID = 1_001
	firstRemoteID  = 220_000_001
)

// state is what a gateway remembers, under its mutex.
type state struct {
	uploads  []Upload
	messages []Message
	packages int
	credit   int
	wrong    int           // wrong passwords in a row
	faults   []Fault       // injected and not yet met
	requests int           // uploads begun
	changed  chan struct{} // closed when messages grow
	lost     []error       // delivery reports that failed
	pending  int           // delivery reports to come
}

func newState() state {
	return state{credit: Unlimited, changed: make(chan struct{})}
}

// Messages are the messages taken so far, whatever their status and in test mode
// or not, in the order in which they came.
func (g *Gateway) Messages() []Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.messages)
}

// WaitMessages waits until at least n messages are taken and returns them all, or
// what there is and the context's error.
func (g *Gateway) WaitMessages(ctx context.Context, n int) ([]Message, error) {
	err := g.wait(ctx, func() bool { return len(g.messages) >= n })
	return g.Messages(), err
}

// wait waits for what the state will say.
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
		}
	}
}

// notify wakes who waits. The caller holds the mutex.
func (g *Gateway) notify() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// Uploads are the uploads read so far, taken or not, in the order in which they
// were judged.
func (g *Gateway) Uploads() []Upload {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.uploads)
}

// Reset makes the gateway forget what it has taken and refused: the ledger, the
// wrong passwords, the faults injected but not yet met, and failed delivery reports.
// Its ids start anew. The credit stays, and so do delivery reports still to come.
func (g *Gateway) Reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	fresh := newState()
	fresh.credit, fresh.pending = g.credit, g.pending
	close(g.changed)
	g.state = fresh
}

// SetCredit sets how many messages the account can still pay for; [Unlimited] is
// the default. Each success spends one, except in test mode. From the first
// message of a package that it does not cover, all have [smslink.InsufficientCredit].
func (g *Gateway) SetCredit(messages int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.credit = max(messages, Unlimited)
}

// Credit is what SetCredit has set, less what was spent.
func (g *Gateway) Credit() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.credit
}

// take gives each message its status and ids, and keeps it.
func (g *Gateway) take(form wire.Form, messages []smslink.Message) wire.Reply {
	statuses := make([]smslink.Status, len(messages))
	for i, m := range messages {
		statuses[i] = g.judge(m)
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	if !form.Test {
		g.spend(statuses)
	}
	now := time.Now()
	packageID := strconv.Itoa(firstPackageID + g.packages)
	g.packages++
	g.uploads = append(g.uploads, newUpload(form, packageID, "", now))
	taken := make([]Message, len(messages))
	var entries []byte
	for i, m := range messages {
		taken[i] = Message{
			Time: now, PackageID: packageID, RemoteID: strconv.Itoa(firstRemoteID + len(g.messages) + i), Status: statuses[i], Test: form.Test,
			ID: m.ID, To: m.To, From: m.From, Text: m.Text, SendAt: m.SendAt,
		}
		if statuses[i] == smslink.StatusUnreported {
			continue
		}
		if len(entries) > 0 {
			entries = append(entries, ',')
		}
		entries = wire.AppendEntry(entries, wire.Entry{ID: m.ID, RemoteID: taken[i].RemoteID, Status: int(statuses[i])})
	}
	g.messages = append(g.messages, taken...)
	g.schedule(taken)
	g.notify()
	return wire.Reply{Accepted: true, Code: "1", Text: "package accepted", PackageID: packageID, Entries: string(entries)}
}

// spend pays for the successes of one package while the credit lasts. The caller
// holds the mutex.
func (g *Gateway) spend(statuses []smslink.Status) {
	if g.credit == Unlimited {
		return
	}
	exhausted := false
	for i, status := range statuses {
		exhausted = exhausted || status == smslink.Success && g.credit == 0
		switch {
		case exhausted:
			statuses[i] = smslink.InsufficientCredit
		case status == smslink.Success:
			g.credit--
		}
	}
}

// refuse keeps an upload that was not taken.
func (g *Gateway) refuse(form wire.Form, refusal string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.uploads = append(g.uploads, newUpload(form, "", refusal, time.Now()))
}

func newUpload(form wire.Form, packageID, refusal string, now time.Time) Upload {
	return Upload{
		Time: now, Test: form.Test, Compression: form.Compression,
		SizePlain: form.SizePlain, SizeCompressed: form.SizeCompressed, Receivers: form.Receivers,
		PackageID: packageID, Refusal: refusal,
	}
}

// admit checks the credentials, and counts wrong passwords.
func (g *Gateway) admit(connectionID, password string) *refusal {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.opts.BanAfter > 0 && g.wrong >= g.opts.BanAfter:
		return &refusal{codeBanned, "address banned after failed log-ins"}
	case !equal(connectionID, g.ConnectionID):
		return &refusal{codeConnectionID, "connection id not approved"}
	case !equal(password, g.Password):
		g.wrong++
		return &refusal{codePassword, "wrong password"}
	}
	g.wrong = 0
	return nil
}
