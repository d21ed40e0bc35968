// Package inbox is the sandbox's web page: the phones that a test gateway's
// messages arrived at, its uploads, and buttons for what a tester wants to happen.
//
// The pages are made on the server and hold some dozens of rows, however many
// messages there are. A little JavaScript asks for a page anew when the gateway
// tells of a change; without it everything works by links and forms.
package inbox

import (
	"embed"
	"html/template"
	"net/http"
	"sync"
	"time"

	"github.com/go-smslink/smslink/smslinktest"
)

//go:embed pages static
var files embed.FS

// Usage is how to reach the sandbox, for its page to show.
type Usage struct {
	Endpoint     string // URL of its bulk-v3.php
	ConnectionID string
	Password     string // empty = not to be shown
	Callback     string // where delivery reports go; empty = nowhere
}

// Handler serves the pages and, behind them, the gateway's own endpoints. Several
// goroutines may use it. Only its own button may Reset the gateway.
type Handler struct {
	gateway *smslinktest.Gateway
	usage   Usage
	routes  http.Handler
	pages   *template.Template

	mu      sync.Mutex
	ledger  ledger
	notices notices
}

// New makes the page of a gateway. It panics where its own files are broken.
func New(gateway *smslinktest.Gateway, usage Usage) *Handler {
	h := &Handler{gateway: gateway, usage: usage, ledger: newLedger()}
	h.pages = template.Must(template.New("").Funcs(template.FuncMap{
		"clock": clock, "date": date, "stamp": stamp, "number": grouped, "plural": plural, "shown": shownNumber,
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
	pages.HandleFunc("POST /credit", h.setCredit)
	pages.HandleFunc("POST /faults", h.injectFault)
	pages.HandleFunc("POST /clear", h.clear)

	routes := http.NewServeMux()
	routes.Handle(smslinktest.BulkPath, notFromPages(gateway))
	routes.Handle(smslinktest.BalancePath, notFromPages(gateway))
	routes.Handle("/", ownPagesOnly(pages))
	h.routes = routes
	return h
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.routes.ServeHTTP(w, r) }

// A page's reader and writer have this long, so that none of them keeps a
// connection for ever.
const patience = 30 * time.Second
