// Package smslinktest is an SMSLink gateway for tests and for trying things out,
// as net/http/httptest is for HTTP. It speaks to a real [smslink.Client] over real
// HTTP, on this machine only, and sends nothing.
//
// A [Gateway] takes an upload only if everything in it agrees: the fields and their
// order, the credentials, sizes, both MD5s, the compressed bytes, and each line of
// the package. It then gives each message a status and keeps it for the test to
// look at.
//
// Any other upload it refuses: with ERROR 1 where the form is at fault, 2 for
// another connection id, 7 for another password, and 900, a code of its own, for
// a package that does not agree with its form. It checks neither senders nor
// numbers, and a client of a closed gateway gets [smslink.OutcomeNotSent].
package smslinktest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/wire"
)

// Options are a gateway's settings. Nil and zero fields mean the defaults.
type Options struct {
	// ConnectionID and Password are what the gateway wants to see; empty means
	// "test-connection" and "test-password".
	ConnectionID string
	Password     string

	// Status says what becomes of a message of a package that is taken; nil means
	// [smslink.Success]. [smslink.StatusUnreported] leaves the message out of the
	// reply; any other from 1 to 999 stands in it. The message is as the gateway reads
	// it. Goroutines call it concurrently.
	Status func(smslink.Message) smslink.Status
}

// Gateway is a running test gateway. It is also an http.Handler, which may be
// mounted on any path that ends in /bulk-v3.php, for TLS say. Goroutines may use it
// concurrently.
type Gateway struct {
	URL          string // of its bulk-v3.php: the client's Options.Endpoint
	ConnectionID string
	Password     string

	status func(smslink.Message) smslink.Status
	server *httptest.Server

	mu       sync.Mutex
	packages int
	messages []Message
}

// Message is one message that the gateway took, as it reads it.
type Message struct {
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

// BulkPath is the path of the bulk endpoint on every SMSLink host.
const BulkPath = "/sms/gateway/communicate/bulk-v3.php"

// NewGateway starts a gateway on a free port of 127.0.0.1. Call Close when done.
// It panics where there is no port to be had, as httptest.NewServer does.
func NewGateway(opts *Options) *Gateway {
	if opts == nil {
		opts = &Options{}
	}
	g := &Gateway{
		ConnectionID: opts.ConnectionID,
		Password:     opts.Password,
		status:       opts.Status,
	}
	if g.ConnectionID == "" {
		g.ConnectionID = "test-connection"
	}
	if g.Password == "" {
		g.Password = "test-password"
	}
	if g.status == nil {
		g.status = func(smslink.Message) smslink.Status { return smslink.Success }
	}
	g.server = httptest.NewServer(g)
	g.URL = g.server.URL + BulkPath
	return g
}

// Close stops the gateway, once the uploads under way have been answered.
func (g *Gateway) Close() { g.server.Close() }

// Client is a new client of this gateway, with default options.
func (g *Gateway) Client() *smslink.Client {
	client, err := smslink.NewClient(g.ConnectionID, g.Password, &smslink.Options{Endpoint: g.URL})
	if err != nil {
		panic(err) // the gateway's own settings; it would not have started
	}
	return client
}

// Messages are the messages taken so far, whatever their status and in test mode
// or not, in the order in which they came.
func (g *Gateway) Messages() []Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.messages)
}

// ServeHTTP answers one upload, as the gateway does: in HTTP 200, with MESSAGE or
// ERROR.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !strings.HasSuffix(r.URL.Path, "/bulk-v3.php"):
		http.NotFound(w, r)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "only POST is allowed", http.StatusMethodNotAllowed)
		return
	}
	form, messages, refusal := g.read(w, r)
	reply := wire.Reply{}
	if refusal != nil {
		reply.Code, reply.Text = refusal.code, refusal.text
	} else {
		reply = g.take(form.Test, messages)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(wire.AppendReply(nil, reply)) // a client gone away is no fault of the gateway's
}

// take gives each message its status and ids, and keeps it.
func (g *Gateway) take(test bool, messages []smslink.Message) wire.Reply {
	statuses := make([]smslink.Status, len(messages))
	for i, m := range messages {
		statuses[i] = g.status(m)
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	g.packages++
	packageID := strconv.Itoa(firstPackageID + g.packages)
	var entries []byte
	for i, m := range messages {
		remoteID := strconv.Itoa(firstRemoteID + len(g.messages))
		g.messages = append(g.messages, Message{
			PackageID: packageID, RemoteID: remoteID, Status: statuses[i], Test: test,
			ID: m.ID, To: m.To, From: m.From, Text: m.Text, SendAt: m.SendAt,
		})
		if statuses[i] == smslink.StatusUnreported {
			continue
		}
		if len(entries) > 0 {
			entries = append(entries, ',')
		}
		entries = wire.AppendEntry(entries, wire.Entry{ID: m.ID, RemoteID: remoteID, Status: int(statuses[i])})
	}
	return wire.Reply{Accepted: true, Code: "1", Text: "package accepted", PackageID: packageID, Entries: string(entries)}
}

// Ids of the order that the live gateway's are seen to have [ref].
const (
	firstPackageID = 1_000
	firstRemoteID  = 220_000_001
)
