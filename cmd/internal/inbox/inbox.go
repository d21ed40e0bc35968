// Package inbox is the sandbox's web page: the phones that received a test gateway's messages, its
// uploads, and buttons for what a tester wants to happen.
//
// The server makes the pages. A page shows some dozens of rows and the start of long texts, however
// many messages there are and however long they are. A little JavaScript asks for a page again when
// the gateway changes. Without JavaScript everything works by links and forms, except copying.
package inbox

import (
	"embed"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-smslink/smslink/smslinktest"
)

//go:embed pages static
var files embed.FS

// Usage says how to reach the sandbox, for its page to show.
type Usage struct {
	Endpoint     string // URL of its bulk-v3.php
	ConnectionID string
	Password     string // empty if it must not be shown
	Export       string // the shell command that sets the account; empty if the shell has it
	Command      string // a shell command that sends a first message
	Callback     string // URL that delivery reports go to; empty if they go nowhere

	Unsubscriptions, Replies string // URLs that these go to; empty if they go nowhere
}

// Handler serves the pages and the gateway's own endpoints. It is safe for concurrent use. Only its
// own button may reset the gateway.
type Handler struct {
	gateway *smslinktest.Gateway
	usage   Usage
	routes  http.Handler
	pages   *template.Template
	streams streams

	mu      sync.Mutex
	ledger  ledger
	notices notices
}

// New returns the page of a gateway.
func New(gateway *smslinktest.Gateway, usage Usage) *Handler {
	h := &Handler{gateway: gateway, usage: usage, ledger: newLedger()}
	h.pages = template.Must(template.New("").Funcs(template.FuncMap{
		"clock": clock, "date": date, "stamp": stamp, "number": grouped, "plural": plural, "shown": shownNumber,
		"words": func(command string) []string { return strings.Split(command, " ") },
	}).ParseFS(files, "pages/*.html"))

	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", h.showInbox)
	pages.HandleFunc("GET /controls", h.showControls)
	pages.HandleFunc("GET /phones/{number}", h.showPhone)
	pages.HandleFunc("GET /uploads", h.showUploads)
	pages.HandleFunc("GET /uploads/{n}", h.showUpload)
	pages.HandleFunc("GET /events", h.serveEvents)
	pages.Handle("GET /static/", http.FileServerFS(files))
	pages.HandleFunc("POST /messages/{remote}/deliver", h.deliver(true))
	pages.HandleFunc("POST /messages/{remote}/fail", h.deliver(false))
	pages.HandleFunc("POST /phones/{number}/messages", h.receive)
	pages.HandleFunc("POST /credit", h.setCredit)
	pages.HandleFunc("POST /faults", h.injectFault)
	pages.HandleFunc("POST /clear", h.clear)

	routes := http.NewServeMux()
	routes.Handle(smslinktest.BulkPath, notFromPages(gateway))
	routes.Handle(smslinktest.BalancePath, notFromPages(gateway))
	routes.Handle(smslinktest.BlacklistPath, notFromPages(gateway))
	routes.Handle("/", ownPagesOnly(pages))
	h.routes = routes
	return h
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.routes.ServeHTTP(w, r) }

// pageTimeout is how long a page's request may take to read or write, so that no client keeps a
// connection for ever.
const pageTimeout = 30 * time.Second
