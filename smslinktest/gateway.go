// Package smslinktest is an SMSLink gateway for tests and for trying things out,
// as net/http/httptest is for HTTP. It speaks to a real [smslink.Client] over real
// HTTP, on this machine only, and sends nothing.
//
// A [Gateway] takes an upload only if everything in it agrees: the fields and their
// order, the credentials, sizes, both MD5s, the compressed bytes, and each line of
// the package. It gives each message a status by its [Rule]s and its credit, keeps
// it for the test to look at ([Gateway.Messages]), and reports its delivery to a
// URL of the test's ([Reports]), by itself or when told to ([Gateway.Deliver]).
//
// An upload that does not agree it refuses: with ERROR 1 where the form is at fault,
// 2 for another connection id, 7 for another password and 6 after several of
// those, and 900, a code of its own, for a package that is not what its form says
// or is over 256 MiB, or 512 MiB when decoded. How the live gateway words these is
// unknown, and so is what it makes of a local id that a package repeats; this one
// takes both messages.
//
// It tells the account's balance, too: the credit, or 1,000,000 where it is
// [Unlimited].
//
// What can go wrong on the way is a [Fault]: [Gateway.Inject] one, and see what the
// program under test makes of it. Each fault's doc says which [smslink.Outcome] a
// correct client reports. "smslink sandbox" of cmd/smslink is this gateway with a web
// page.
//
// All that is here may be used by several goroutines concurrently.
package smslinktest

import (
	"context"
	"net/http"
	"net/http/httptest"
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

	// BanAfter is how many wrong passwords in a row get ERROR 6 for all that
	// follows, until [Gateway.Reset]; 0 means 5, and a negative number never. The
	// live gateway's number is unknown.
	BanAfter int

	// Rules say what becomes of each message of a package that is taken: the first
	// one that does not return [smslink.StatusSuccess] counts. Credit comes after them.
	Rules []Rule

	// Fault chooses what goes wrong with an upload for which none is injected; the
	// zero [Fault] means nothing. It is given the upload's number, of all that came
	// since the start or the last [Gateway.Reset], from 1. Goroutines call it
	// concurrently.
	Fault func(n int) Fault

	// Reports is where delivery reports go; nil means nowhere.
	Reports *Reports
}

// The paths of the live gateway's endpoints.
const (
	BulkPath    = "/sms/gateway/communicate/bulk-v3.php"
	BalancePath = "/sms/gateway/communicate/index.php"
)

// Gateway is a running test gateway. It is also an http.Handler, to be mounted on a
// server of the test's own, and answers on any path that ends in /bulk-v3.php or
// /index.php.
type Gateway struct {
	URL          string // of its bulk-v3.php: the client's Options.Endpoint
	ConnectionID string
	Password     string

	// Server is the server behind URL, for what NewUnstartedGateway is for.
	Server *httptest.Server

	opts       Options
	closing    context.Context // done once Close is called
	close      context.CancelFunc
	caller     *http.Client   // of delivery reports
	background sync.WaitGroup // delivery reports, and connections after a Raw

	mu sync.Mutex
	state
}

// NewGateway starts a gateway on a free port of 127.0.0.1. Call Close when done.
// It panics where there is no port to be had, as httptest.NewServer does.
func NewGateway(opts *Options) *Gateway {
	g := NewUnstartedGateway(opts)
	g.Start()
	return g
}

// NewUnstartedGateway makes a gateway whose Server can be changed (its Listener,
// its TLS settings) before Start or StartTLS is called.
func NewUnstartedGateway(opts *Options) *Gateway {
	if opts == nil {
		opts = &Options{}
	}
	g := &Gateway{ConnectionID: opts.ConnectionID, Password: opts.Password, opts: *opts}
	if g.ConnectionID == "" {
		g.ConnectionID = "test-connection"
	}
	if g.Password == "" {
		g.Password = "test-password"
	}
	if g.opts.BanAfter == 0 {
		g.opts.BanAfter = 5
	}
	g.caller = &http.Client{Transport: &http.Transport{}}
	if reports := g.opts.Reports; reports != nil && reports.Client != nil {
		g.caller = reports.Client
	}
	g.closing, g.close = context.WithCancel(context.Background())
	g.state = newState(g.closing)
	g.Server = httptest.NewUnstartedServer(g)
	return g
}

// Start starts a gateway from NewUnstartedGateway.
func (g *Gateway) Start() {
	g.Server.Start()
	g.URL = g.Server.URL + BulkPath
}

// StartTLS starts a gateway from NewUnstartedGateway with TLS, under httptest's
// certificate, which the clients of [Gateway.Client] trust.
func (g *Gateway) StartTLS() {
	g.Server.StartTLS()
	g.URL = g.Server.URL + BulkPath
}

// Close stops the gateway: faults that wait give up, uploads under way have a
// second to come to their end, and delivery reports not yet made are dropped.
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

// Client is a new client of the started gateway, with default options. For others,
// give [smslink.NewClient] the gateway's ConnectionID, Password and URL.
func (g *Gateway) Client() *smslink.Client {
	if g.URL == "" {
		panic("smslinktest: Client of a gateway that is not started") // it would be a client of the live one
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

// ServeHTTP answers a request, in HTTP 200 with MESSAGE or ERROR as the gateway
// does, or as a fault has it.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "only POST is allowed", http.StatusMethodNotAllowed)
	case strings.HasSuffix(r.URL.Path, "/bulk-v3.php"):
		g.serveBulk(w, r)
	case strings.HasSuffix(r.URL.Path, "/index.php"):
		g.serveBalance(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (g *Gateway) serveBulk(w http.ResponseWriter, r *http.Request) {
	// A client that stalls must not keep Close waiting.
	defer context.AfterFunc(g.closing, func() {
		conn, soon := http.NewResponseController(w), time.Now().Add(closingGrace)
		_ = conn.SetReadDeadline(soon)
		_ = conn.SetWriteDeadline(soon)
	})()

	turn := g.newTurn()
	if fault, ok := turn.before(); ok {
		fault.serve(g, w, r, nil)
		return
	}
	form, messages, refusal := g.read(w, r)
	if refusal != nil {
		upload := newUpload(form, time.Now(), Fault{})
		upload.Refusal = refusal.code + ";" + refusal.text
		g.keep(upload)
		writeReply(w, wire.AppendReply(nil, refusal.reply()))
		return
	}
	fault := turn.after()
	if fault.stage != afterTaking && fault.serve != nil {
		g.keep(newUpload(form, time.Now(), fault))
		fault.serve(g, w, r, nil)
		return
	}
	reply := g.take(form, messages, fault)
	if fault.edit != nil {
		reply.Entries = fault.edit(reply.Entries)
	}
	body := wire.AppendReply(nil, reply)
	if fault.serve != nil {
		fault.serve(g, w, r, body)
		return
	}
	writeReply(w, body)
}

// closingGrace is how long an upload under way may take once Close is called.
const closingGrace = time.Second

func writeReply(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(body) // a client gone away is no fault of the gateway's
}
