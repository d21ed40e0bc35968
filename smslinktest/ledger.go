package smslinktest

import (
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/gsm7"
	"github.com/go-smslink/smslink/internal/wire"
)

// Upload is one upload, taken or not. One whose form could not be read has its
// Refusal, and of the form's fields those before the fault. One that met a fault
// before it was read is none.
type Upload struct {
	Time           time.Time
	Test           bool   // it asked for test mode
	Compression    int    // 0 none, 1 zlib, 2 bzip2, 3 LZF
	SizePlain      int    // bytes, as its form says
	SizeCompressed int    // bytes, as its form says
	Receivers      int    // messages, as its form says
	PackageID      string // empty where it was not taken
	Refusal        string // the ERROR's code and text; empty where it was taken or met a fault
	Fault          string // what it met, in the words of [ParseFault]; empty where it met none

	// Fields are the form's fields as they came, in order, but for the password and
	// the package: all, or those up to the one at fault.
	Fields []Field
}

// Field is one field of an upload's form.
type Field struct{ Name, Value string }

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

	Segments int // SMS that the text makes, as package gsm7 counts them

	Delivery *Delivery // what was last reported of it; nil = nothing yet
}

// Unlimited is the credit of a gateway that was told of none.
const Unlimited = math.MaxInt

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
	changed  chan struct{} // closed when any of this has changed, and replaced
	batch    *batch        // delivery reports
}

func newState(closing context.Context) state {
	return state{credit: Unlimited, changed: make(chan struct{}), batch: newBatch(closing)}
}

// Messages are the messages taken so far, whatever their status and in test mode
// or not, in the order in which they came.
func (g *Gateway) Messages() []Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.messages)
}

// Uploads are the uploads read so far, taken or not, in the order in which they
// were judged.
func (g *Gateway) Uploads() []Upload {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.uploads)
}

// Reset makes the gateway as it was when it started, but for its credit: it forgets
// the ledger, the wrong passwords, the faults injected but not yet met and the
// delivery reports still to come, and its ids and the numbers of uploads start anew.
func (g *Gateway) Reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.batch.cancel()
	fresh := newState(g.closing)
	fresh.credit = g.credit
	close(g.changed)
	g.state = fresh
}

// SetCredit sets how many SMS the account can still pay for; [Unlimited] is
// the default, and below 0 is 0. Each success spends one a segment,
// except in test mode. From the first message of a package that it does not cover,
// all have [smslink.StatusInsufficientCredit].
func (g *Gateway) SetCredit(segments int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.credit = max(segments, 0)
	g.notify()
}

// Credit is what SetCredit has set, less what was spent.
func (g *Gateway) Credit() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.credit
}

// take gives each message its status and ids, and keeps it.
func (g *Gateway) take(form form, messages []smslink.Message, fault Fault) wire.Reply {
	taken := make([]Message, len(messages))
	for i, m := range messages {
		taken[i] = Message{
			Status: g.judge(m), Test: form.Test, Segments: gsm7.Measure(m.Text).Segments,
			ID: m.ID, To: m.To, From: m.From, Text: m.Text, SendAt: m.SendAt,
		}
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	if !form.Test {
		g.spend(taken)
	}
	now := time.Now()
	packageID := strconv.Itoa(firstPackageID + g.packages)
	g.packages++
	upload := newUpload(form, now, fault)
	upload.PackageID = packageID
	g.uploads = append(g.uploads, upload)
	var entries []byte
	for i := range taken {
		m := &taken[i]
		m.Time, m.PackageID, m.RemoteID = now, packageID, strconv.Itoa(firstRemoteID+len(g.messages)+i)
		if m.Status == smslink.StatusUnreported {
			continue
		}
		if len(entries) > 0 {
			entries = append(entries, ',')
		}
		entries = wire.AppendEntry(entries, wire.Entry{ID: m.ID, RemoteID: m.RemoteID, Status: int(m.Status)})
	}
	g.messages = append(g.messages, taken...)
	g.schedule(taken)
	g.notify()
	return wire.Reply{Accepted: true, Code: "1", Text: "package accepted", PackageID: packageID, Entries: string(entries)}
}

// spend pays for the successes of one package while the credit lasts. The caller
// holds the mutex.
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

// keep keeps an upload that was not taken.
func (g *Gateway) keep(upload Upload) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.uploads = append(g.uploads, upload)
	g.notify()
}

func newUpload(form form, now time.Time, fault Fault) Upload {
	upload := Upload{
		Time: now, Test: form.Test, Compression: form.Compression,
		SizePlain: form.SizePlain, SizeCompressed: form.SizeCompressed, Receivers: form.Receivers,
		Fields: form.fields,
	}
	if fault.words != "" {
		upload.Fault = fault.String()
	}
	return upload
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
