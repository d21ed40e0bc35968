package smslinktest

import (
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/wire"
)

// Upload is one upload, taken or not. If its form could not be read, it has a Rejection, and the
// fields after the first invalid one are empty. Uploads that meet a fault before they are read are
// not recorded.
type Upload struct {
	Time           time.Time
	Test           bool   // it asked for test mode
	Compression    int    // 0 none, 1 zlib, 2 bzip2, 3 LZF
	SizePlain      int    // bytes, as its form says
	SizeCompressed int    // bytes, as its form says
	Receivers      int    // messages, as its form says
	PackageID      string // empty if it was not taken
	Rejection      string // the ERROR's code and text; empty if it was taken or met a fault
	Fault          string // the Name of the fault that it met; empty if it met none

	// Fields are the form's fields as received, in order, without the password and the package, up
	// to and including the first invalid field.
	Fields []Field
}

// Field is one field of an upload's form.
type Field struct{ Name, Value string }

// Message is one message that the gateway took, as the gateway reads it.
type Message struct {
	Time      time.Time // when it was taken
	PackageID string
	RemoteID  string // set even if the reply omits the message; 0 in test mode with Options.ZeroTestIDs
	Status    smslink.Status
	Test      bool // the upload asked for test mode

	ID     int64     // the local message id
	To     string    // the receiver, in digits
	From   string    // the sender
	Text   string    // decoded, as the phone would show it
	SendAt time.Time // in UTC; zero means now

	Segments int // of the text, as package gsm7 counts them

	Delivery *Delivery // the last delivery report; nil means none yet
}

// Unlimited is the credit of a gateway until [Gateway.SetCredit] is called.
const Unlimited = math.MaxInt

// Ids of the live gateway's order of magnitude [ref].
const (
	firstPackageID = 1_001
	firstRemoteID  = 220_000_001
)

// state is what a gateway remembers, guarded by its mutex.
type state struct {
	uploads  []Upload
	messages []Message
	packages int
	credit   int
	wrong    int           // wrong passwords in a row
	faults   []Fault       // injected and not yet met
	requests int           // uploads begun
	changed  chan struct{} // closed and replaced when any of this changes
	reports  *reporting

	blacklist    map[string]bool // by the number in E.164
	unsubscribed int             // unsubscriptions so far
}

func newState(closing context.Context) state {
	return state{
		credit:    Unlimited,
		changed:   make(chan struct{}),
		reports:   newReporting(closing),
		blacklist: map[string]bool{},
	}
}

// Messages returns the messages taken so far, in order, with any status, in test mode or not.
func (g *Gateway) Messages() []Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.messages)
}

// Uploads returns the uploads read so far, taken or not, in the order in which the gateway decided.
func (g *Gateway) Uploads() []Upload {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.uploads)
}

// Reset returns the gateway to its state at the start, except for its credit. It forgets the
// messages and uploads, the wrong passwords, the blacklist, the injected faults and the delivery
// reports to come. Ids and the numbers of uploads start again.
func (g *Gateway) Reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reports.cancel()
	fresh := newState(g.closing)
	fresh.credit = g.credit
	close(g.changed)
	g.state = fresh
}

// SetCredit sets how many segments the account can pay for. The default is [Unlimited]; a negative
// number means 0. Each message accepted outside test mode spends its segments. From the first
// message of a package that the credit does not cover, all messages of the package have
// [smslink.StatusInsufficientCredit].
func (g *Gateway) SetCredit(segments int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.credit = max(segments, 0)
	g.notify()
}

// Credit returns what is left of the credit that SetCredit set.
func (g *Gateway) Credit() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.credit
}

// take gives each message its status and ids, and records it.
func (g *Gateway) take(form form, taken []Message, fault Fault) wire.Reply {
	for i := range taken {
		taken[i].Status = g.statusOf(&taken[i])
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	if !form.Test {
		g.spend(taken)
	}
	upload := g.newUpload(form, fault)
	upload.PackageID = strconv.Itoa(firstPackageID + g.packages)
	g.packages++
	g.uploads = append(g.uploads, upload)
	var entries []byte
	for i := range taken {
		m := &taken[i]
		m.Time, m.PackageID, m.RemoteID = upload.Time, upload.PackageID, strconv.Itoa(firstRemoteID+len(g.messages)+i)
		if m.Test && g.opts.ZeroTestIDs {
			m.RemoteID = "0"
		}
		if m.Status == smslink.StatusUnreported {
			continue
		}
		if len(entries) > 0 {
			entries = append(entries, ',')
		}
		entries = wire.AppendEntry(entries, wire.Entry{ID: m.ID, RemoteID: m.RemoteID, Status: int(m.Status)})
	}
	first := len(g.messages)
	g.messages = append(g.messages, taken...)
	g.schedule(first)
	g.notify()
	return wire.Reply{
		Accepted: true, Code: "1", Text: "package accepted",
		PackageID: upload.PackageID, Entries: string(entries),
	}
}

// spend pays for the accepted messages of one package while the credit lasts. The caller holds the
// mutex.
func (g *Gateway) spend(messages []Message) {
	if g.credit == Unlimited {
		return
	}
	exhausted := false
	for i := range messages {
		m := &messages[i]
		exhausted = exhausted || m.Status == smslink.StatusSuccess && g.credit < m.Segments
		switch {
		case exhausted:
			m.Status = smslink.StatusInsufficientCredit
		case m.Status == smslink.StatusSuccess:
			g.credit -= m.Segments
		}
	}
}

// keep records an upload that was not taken.
func (g *Gateway) keep(upload Upload) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.uploads = append(g.uploads, upload)
	g.notify()
}

func (g *Gateway) newUpload(form form, fault Fault) Upload {
	return Upload{
		Time: g.now(), Test: form.Test, Compression: form.Compression,
		SizePlain: form.SizePlain, SizeCompressed: form.SizeCompressed, Receivers: form.Receivers,
		Fault: fault.Name, Fields: form.fields,
	}
}

// admit checks the credentials, and counts wrong passwords.
func (g *Gateway) admit(connectionID, password string) *rejection {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.opts.BanAfter > 0 && g.wrong >= g.opts.BanAfter:
		return &rejection{codeBanned, "address banned after failed log-ins"}
	case connectionID != g.ConnectionID:
		return &rejection{codeConnectionID, "connection id not approved"}
	case password != g.Password:
		g.wrong++
		return &rejection{codePassword, "wrong password"}
	}
	g.wrong = 0
	return nil
}
