// Package smslinktest provides an SMSLink gateway for tests, as net/http/httptest provides a
// server. It speaks HTTP to a real [smslink.Client] on this machine, and sends nothing.
//
// # Uploads
//
// A [Gateway] takes an upload only if all of it is right: the fields and their order, the
// credentials, the sizes, both MD5s, the compressed bytes, and each line of the package. The rules
// ([Rule]), the approved senders, the receivers and the credit then decide each message's status.
// [Gateway.Messages] returns the messages.
//
// Other uploads are rejected:
//
//   - ERROR 1 if the form is wrong, or the package has over 32 MiB
//   - ERROR 2 for another connection id
//   - ERROR 7 for another password, and ERROR 6 after several of them
//   - ERROR 15 if a message is scheduled for a time in the past
//   - ERROR 900, a code of its own, for a package that does not match its form, has over 200,000
//     messages, or decodes to over 64 MiB
//
// The live gateway's wording is unknown. So is what it does if a package repeats a local id; this
// gateway takes both messages.
//
// # Faults
//
// A [Fault] is something that goes wrong with an upload. [Gateway.Inject] injects faults. The doc
// comment of each says which [smslink.Outcome] a correct client reports. To change the gateway's
// answers in any other way, wrap it in an http.Handler of your own; see the example of
// [NewUnstartedGateway].
//
// # Balance, delivery reports, unsubscriptions and replies
//
// The balance is the gateway's credit. Delivery reports go to a URL of the test ([Reports]), after
// a delay or when the test calls [Gateway.Deliver]. [Gateway.Unsubscribe] and [Gateway.Reply] act
// for a person who unsubscribes or replies.
//
// Everything in this package is safe for concurrent use. The command "smslink sandbox" is this
// gateway with a web page.
package smslinktest

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/wire"
)

// Options configures a gateway. Nil and zero fields mean the defaults.
type Options struct {
	// ConnectionID and Password are the account that the gateway accepts. The defaults are
	// "test-connection" and "test-password".
	ConnectionID string
	Password     string

	// BanAfter is the number of wrong passwords in a row after which every request is rejected
	// with ERROR 6, until [Gateway.Reset]. Uploads, balances and the blacklist count alike. 0
	// means 5; a negative number means never. The live gateway's number is unknown.
	BanAfter int

	// Senders are the senders that are approved for the account, besides
	// [smslink.SenderNumeric] and [smslink.SenderTest]. A message from another sender has
	// [smslink.StatusSenderFailed], unless [AnySender] is among them.
	Senders []string

	// Rules decide the status of each message of a package that is taken. The first rule that
	// does not return [smslink.StatusSuccess] decides. After the rules come the senders, then
	// the receivers: one that [smslink.ParseReceiver] refuses has
	// [smslink.StatusNumberFailed], and one that is on the blacklist, for example because it has
	// unsubscribed, has [smslink.StatusInternalOrBlacklisted]. The credit comes last.
	Rules []Rule

	// Fault returns the fault of an upload for which none is injected. The zero [Fault] means
	// none. Uploads are numbered from 1 since the start or the last [Gateway.Reset]. Fault is
	// called concurrently.
	Fault func(n int) Fault

	// Reports configures delivery reports. Nil means that none are made.
	Reports *Reports

	// Webhooks are the URLs that [Gateway.Unsubscribe] and [Gateway.Reply] call. Nil means
	// that nothing is called.
	Webhooks *Webhooks

	// ZeroTestIDs makes 0 the remote id of every message in test mode, as a user of the live
	// gateway has seen [public].
	ZeroTestIDs bool

	// Now returns the gateway's time: that of uploads, messages, callbacks and the balance. It
	// also decides whether a message is scheduled in the past. Nil means time.Now. It is called
	// concurrently and must not call the gateway.
	Now func() time.Time
}

// AnySender in [Options].Senders approves every sender.
const AnySender = "*"

// The paths of the live gateway's endpoints.
const (
	BulkPath      = "/sms/gateway/communicate/bulk-v3.php"
	BalancePath   = "/sms/gateway/communicate/index.php"
	BlacklistPath = "/sms/marketing/communicate/index.php" // of the Live Update API, with the same account here
)

// Gateway is a running test gateway. It is also an http.Handler for a server of your own, and
// answers on any path that ends in /bulk-v3.php or /index.php.
type Gateway struct {
	URL          string // of bulk-v3.php, for the client's Options.Endpoint
	ConnectionID string
	Password     string

	// Server serves URL. It can be changed before Start or StartTLS is called.
	Server *httptest.Server

	opts       Options
	closing    context.Context // done once Close is called
	close      context.CancelFunc
	caller     *http.Client   // makes the callbacks
	background sync.WaitGroup // of delivery reports, and connections after a Raw
	now        func() time.Time
	patience   patience // the default, except in tests of this package

	mu sync.Mutex
	state
}

// NewGateway starts a gateway on a free port of 127.0.0.1. Call Close when done. Like
// httptest.NewServer, it panics if it cannot listen.
func NewGateway(opts *Options) *Gateway {
	g := NewUnstartedGateway(opts)
	g.Start()
	return g
}

// NewUnstartedGateway returns a gateway whose Server can be changed, for example its Handler,
// Listener or TLS, before Start or StartTLS is called.
func NewUnstartedGateway(opts *Options) *Gateway {
	if opts == nil {
		opts = &Options{}
	}
	g := &Gateway{
		ConnectionID: cmp.Or(opts.ConnectionID, "test-connection"),
		Password:     cmp.Or(opts.Password, "test-password"),
		opts:         *opts,
		now:          opts.Now,
		patience:     defaultPatience,
		caller:       &http.Client{Transport: &http.Transport{}},
	}
	if g.now == nil {
		g.now = time.Now
	}
	g.opts.BanAfter = cmp.Or(g.opts.BanAfter, 5)
	if reports := g.opts.Reports; reports != nil && reports.Client != nil {
		g.caller = reports.Client
	}
	g.closing, g.close = context.WithCancel(context.Background())
	g.state = newState(g.closing)
	g.Server = httptest.NewUnstartedServer(g)
	return g
}

// Start starts a gateway that NewUnstartedGateway returned.
func (g *Gateway) Start() {
	g.Server.Start()
	g.URL = g.Server.URL + BulkPath
}

// StartTLS starts, with TLS, a gateway that NewUnstartedGateway returned. The clients of
// [Gateway.Client] trust its certificate, which is httptest's.
func (g *Gateway) StartTLS() {
	g.Server.StartTLS()
	g.URL = g.Server.URL + BulkPath
}

// Close stops the gateway. Faults that wait end at once, uploads in progress have a second to end,
// and delivery reports not yet made are dropped.
func (g *Gateway) Close() {
	g.mu.Lock() // so that no report is scheduled any more
	g.close()
	g.mu.Unlock()
	g.Server.Close()
	g.background.Wait()
	if g.opts.Reports == nil || g.opts.Reports.Client == nil {
		g.caller.CloseIdleConnections()
	}
}

// Client returns a new client of the gateway, which must be started, with default options. For
// other options, call [smslink.NewClient] with the gateway's ConnectionID, Password and URL.
func (g *Gateway) Client() *smslink.Client {
	if g.URL == "" {
		// An empty Endpoint would be the live gateway's.
		panic("smslink: test gateway: Client of a gateway that is not started")
	}
	opts := &smslink.Options{Endpoint: g.URL}
	if g.Server.TLS != nil {
		opts.HTTPClient = g.Server.Client()
	}
	client, err := smslink.NewClient(g.ConnectionID, g.Password, opts)
	if err != nil {
		panic(err) // the gateway's own settings
	}
	return client
}

// ServeHTTP answers a request with HTTP 200 and MESSAGE or ERROR, as the live gateway does, unless
// a fault says otherwise.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer g.guard(w, r)()
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "only POST is allowed", http.StatusMethodNotAllowed)
	case strings.HasSuffix(r.URL.Path, "/bulk-v3.php"):
		g.serveBulk(w, r)
	case strings.HasSuffix(r.URL.Path, BlacklistPath):
		g.serveBlacklist(w, r)
	case strings.HasSuffix(r.URL.Path, "/index.php"):
		g.serveBalance(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (g *Gateway) serveBulk(w http.ResponseWriter, r *http.Request) {
	turn := g.newTurn()
	if fault, ok := turn.before(); ok {
		fault.serve(&exchange{g, w, r, nil})
		return
	}
	form, messages, rejection := g.read(w, r)
	if rejection != nil {
		upload := g.newUpload(form, Fault{})
		upload.Rejection = rejection.Error()
		g.keep(upload)
		writeReply(w, wire.AppendReply(nil, rejection.reply()))
		return
	}
	fault := turn.after()
	if fault.stage != afterTaking && fault.serve != nil {
		g.keep(g.newUpload(form, fault))
		fault.serve(&exchange{g, w, r, nil})
		return
	}
	reply := g.take(form, messages, fault)
	if fault.edit != nil {
		reply.Entries = fault.edit(reply.Entries)
	}
	body := wire.AppendReply(nil, reply)
	if fault.serve != nil {
		fault.serve(&exchange{g, w, r, body})
		return
	}
	writeReply(w, body)
}

func writeReply(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(body) // it fails only if the client is gone
}
