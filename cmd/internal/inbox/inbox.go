// Package inbox is the sandbox's web page: the phones that received a test gateway's messages, its
// uploads, and buttons for what a tester wants to happen.
//
// The server renders the pages. A page shows some dozens of rows and the start of long texts,
// however many messages there are and however long they are. A little JavaScript asks for a page
// again when the gateway changes. Without JavaScript everything works by links and forms, except
// copying.
package inbox

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/fault"
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

// handler serves the pages. Goroutines may share it.
type handler struct {
	gateway *smslinktest.Gateway
	usage   Usage
	pages   *template.Template

	mu      sync.Mutex
	ledger  ledger
	notices notices
}

// New returns the handler of the pages and of the gateway's own endpoints. Only the page's own
// button may reset the gateway.
func New(gateway *smslinktest.Gateway, usage Usage) http.Handler {
	h := &handler{gateway: gateway, usage: usage, ledger: newLedger()}
	h.pages = template.Must(template.New("").Funcs(template.FuncMap{
		"clock": clock, "date": date, "stamp": stamp, "number": grouped, "plural": plural, "shown": shownNumber,
		"searchable": func() int { return searchable },
		"words":      func(command string) []string { return strings.Split(command, " ") },
	}).ParseFS(files, "pages/*.html"))

	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", h.showInbox)
	pages.HandleFunc("GET /controls", h.showControls)
	pages.HandleFunc("GET /phones/{number}", h.showPhone)
	pages.HandleFunc("GET /uploads", h.showUploads)
	pages.HandleFunc("GET /uploads/{n}", h.showUpload)
	pages.Handle("GET /events", &events{gateway: gateway})
	pages.Handle("GET /static/", http.FileServerFS(files))
	pages.HandleFunc("POST /messages/{remote}/deliver", h.deliver(true))
	pages.HandleFunc("POST /messages/{remote}/fail", h.deliver(false))
	pages.HandleFunc("POST /phones/{number}/messages", h.receive)
	pages.HandleFunc("POST /credit", h.setCredit)
	pages.HandleFunc("POST /faults", h.injectFault)
	pages.HandleFunc("POST /clear", h.clear)

	routes := http.NewServeMux()
	for _, path := range []string{smslinktest.BulkPath, smslinktest.BalancePath, smslinktest.BlacklistPath} {
		routes.Handle(path, notFromPages(gateway))
	}
	routes.Handle("/", ownPagesOnly(pages))
	return routes
}

func (h *handler) showInbox(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, "inbox", func(p *page, s smslinktest.Snapshot) bool {
		for _, c := range choices {
			count := 0
			for at := max(len(s.Messages)-searchable, 0); at < len(s.Messages); at++ {
				if c.has(&s.Messages[at]) {
					count++
				}
			}
			if count > 0 {
				p.Overview = append(p.Overview, total{c.Label, grouped(count), "/?status=" + c.Value})
			}
		}
		return true
	})
}

func (h *handler) showControls(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, "controls", func(p *page, _ smslinktest.Snapshot) bool {
		p.Title, p.Detail, p.FaultProposals = "Controls", true, proposals
		return true
	})
}

func (h *handler) showPhone(w http.ResponseWriter, r *http.Request) {
	number := r.PathValue("number")
	inE164, err := smslink.E164(number)
	unsubscribed := err == nil && slices.Contains(h.gateway.Blacklist(), inE164)
	h.show(w, r, "inbox", func(p *page, s smslinktest.Snapshot) bool {
		skip := queryNumber(r, "from")
		indexes, count := h.ledger.messagesOf(number, skip, perPage)
		if count == 0 {
			return false
		}
		c := &conversation{Number: number, Total: count, Unsubscribed: unsubscribed}
		for _, at := range slices.Backward(indexes) {
			c.Messages = append(c.Messages, viewMessage(&h.ledger, &s.Messages[at], textShown))
		}
		c.Newer, c.Older = turns(r.URL.Path, r, "from", skip, count)
		p.Title, p.Detail, p.Conversation = shownNumber(number), true, c
		for i := range p.Rows {
			p.Rows[i].Current = p.Rows[i].Number == number
		}
		return true
	})
}

func (h *handler) showUploads(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, "uploads", func(p *page, s smslinktest.Snapshot) bool {
		p.Title, p.Overview = "Uploads", uploadTotals(s.Uploads)
		return true
	})
}

func uploadTotals(uploads []smslinktest.Upload) []total {
	taken, rejected, ended, plain, packed := 0, 0, 0, 0, 0
	for i := range uploads {
		switch u := &uploads[i]; {
		case u.PackageID != "":
			taken, plain, packed = taken+1, plain+u.SizePlain, packed+u.SizeCompressed
		case u.Rejection != "":
			rejected++
		default:
			ended++
		}
	}
	return []total{
		{"accepted", grouped(taken), ""},
		{"rejected with an ERROR", grouped(rejected), ""},
		{"ended by a fault", grouped(ended), ""},
		{"bytes in accepted uploads, plain", grouped(plain), ""},
		{"bytes in accepted uploads, compressed", grouped(packed), ""},
	}
}

func (h *handler) showUpload(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, "uploads", func(p *page, s smslinktest.Snapshot) bool {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n < 1 || n > len(s.Uploads) {
			return false
		}
		view := viewUpload(&h.ledger, &s.Uploads[n-1], n)
		if parcel := h.ledger.packages[view.PackageID]; parcel != nil {
			for i := range min(parcel.messages(), 20) {
				view.Messages = append(view.Messages, viewMessage(&h.ledger, &s.Messages[parcel.first+i], snippetShown))
			}
		}
		p.Title, p.Detail, p.Upload = "Upload "+strconv.Itoa(n), true, &view
		for i := range p.UploadRows {
			p.UploadRows[i].Current = p.UploadRows[i].Number == n
		}
		return true
	})
}

// fill adds to a page what others do not have. It returns false if there is no such page.
type fill func(*page, smslinktest.Snapshot) bool

// show writes a page: what all have in common, and what fill adds.
func (h *handler) show(w http.ResponseWriter, r *http.Request, tab string, fill fill) {
	p := &page{Title: "Inbox", Tab: tab, Usage: h.usage, Filter: filterOf(r), Choices: choices}
	h.load(p, r, fill)
	var body bytes.Buffer
	if err := h.pages.ExecuteTemplate(&body, "page.html", p); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if p.Gone {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = body.WriteTo(w)
}

// load reads the state of the gateway into the page.
func (h *handler) load(p *page, r *http.Request, fill fill) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p.Notice = h.notices.get(queryNumber(r, "notice"))
	p.Credit = "unlimited"
	if credit := h.gateway.Credit(); credit != smslinktest.Unlimited {
		p.Credit, p.NoCredit = grouped(credit), credit == 0
	}
	h.gateway.Inspect(func(s smslinktest.Snapshot) {
		h.ledger.sync(s)
		p.Messages, p.Uploads, p.Phones = len(s.Messages), len(s.Uploads), len(h.ledger.byNumber)
		const most = 20
		for _, next := range s.Faults[:min(len(s.Faults), most)] {
			p.Faults = append(p.Faults, clipped(faultName(next), fieldShown))
		}
		p.MoreFaults = max(len(s.Faults)-most, 0)
		h.list(p, r, s)
		if !fill(p, s) {
			p.Title, p.Detail, p.Gone = "Not here any more", true, true
		}
	})
}

// list fills the list beside the main pane.
func (h *handler) list(p *page, r *http.Request, s smslinktest.Snapshot) {
	skip := queryNumber(r, "skip")
	path, count := "/", 0
	switch p.Tab {
	case "controls":
		return
	case "uploads":
		path, count = "/uploads", len(s.Uploads)
		for at := count - 1 - skip; at >= 0 && len(p.UploadRows) < perPage; at-- {
			p.UploadRows = append(p.UploadRows, viewUpload(&h.ledger, &s.Uploads[at], at+1))
		}
	default:
		count = h.listMessages(p, r, s, skip)
	}
	p.AllPackages, p.Back = linked(path, r, "package", ""), linked(path, r, "", "")
	p.Newer, p.Older = turns(path, r, "skip", skip, count)
}

// listMessages lists the phones whose number contains the digits that are searched for, or else
// the messages that pass the filter. It returns how many there are.
func (h *handler) listMessages(p *page, r *http.Request, s smslinktest.Snapshot, skip int) int {
	digits, isNumber := p.Filter.digits()
	if isNumber && p.Filter.Status == "" && p.Filter.Package == "" {
		found, count := h.ledger.phones(digits, skip, perPage)
		for _, phone := range found {
			p.Rows = append(p.Rows, h.row(&s.Messages[phone.last], r, int(phone.messages)))
		}
		if p.Filter.Query == "" {
			return count
		}
		if count > 0 {
			p.Hits = plural(count, "phone") + " found"
			return count
		}
	}
	found, count, cut := p.Filter.messages(&h.ledger, s, skip)
	for _, m := range found {
		p.Rows = append(p.Rows, h.row(m, r, 0))
	}
	p.Hits, p.OnlyNewest = plural(count, "message")+" found", cut
	return count
}

func (h *handler) row(m *smslinktest.Message, r *http.Request, count int) row {
	view := viewMessage(&h.ledger, m, snippetShown)
	return row{Number: view.Number, Count: count, Message: view, Link: linked(view.Link, r, "", "")}
}

// done redirects to the page that the button is on, which shows the notice.
func (h *handler) done(w http.ResponseWriter, r *http.Request, text string, err error) {
	said := notice{Text: text}
	if err != nil {
		said = notice{strings.TrimPrefix(err.Error(), "smslink: test gateway: "), true}
	}
	h.mu.Lock()
	number := h.notices.add(said)
	h.mu.Unlock()
	back := &url.URL{Path: "/controls"}
	// Only a path of our own: whoever posts the form chooses the field's value.
	asked, err := url.Parse(r.PostFormValue("back"))
	if err == nil && strings.HasPrefix(asked.Path, "/") && !strings.HasPrefix(asked.Path, "//") {
		back = &url.URL{Path: asked.Path, RawQuery: asked.RawQuery}
	}
	query := back.Query()
	query.Set("notice", strconv.Itoa(number))
	back.RawQuery = query.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

func (h *handler) deliver(delivered bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		remoteID, state := r.PathValue("remote"), "delivered"
		if !delivered {
			state = "not delivered"
		}
		err := h.gateway.Deliver(r.Context(), remoteID, delivered)
		h.done(w, r, fmt.Sprintf("Message %s reported as %s.", remoteID, state), err)
	}
}

// receive takes a message that the phone sends: a reply, or that it wants no more messages.
func (h *handler) receive(w http.ResponseWriter, r *http.Request) {
	number, text := r.PathValue("number"), strings.TrimSpace(r.PostFormValue("text"))
	if r.PostFormValue("do") == "unsubscribe" {
		err := h.gateway.Unsubscribe(r.Context(), number, cmp.Or(text, "STOP"))
		done := shownNumber(number) + " unsubscribed: further messages fail with status 4"
		if h.usage.Unsubscriptions == "" {
			done += "; no program was called, since there is no --unsubscribe-callback"
		}
		h.done(w, r, done+".", err)
		return
	}
	if h.usage.Replies == "" {
		h.done(w, r, "", errors.New("no program takes replies; start the sandbox with --reply-callback URL"))
		return
	}
	answer, err := h.gateway.Reply(r.Context(), number, text)
	done := "The reply was taken, and answered with an empty body."
	if answer != "" {
		done = "The reply was taken. The live gateway may send the body of the answer back as an SMS, " +
			"and bill it: " + answer
	}
	h.done(w, r, done, err)
}

func (h *handler) setCredit(w http.ResponseWriter, r *http.Request) {
	what := r.PostFormValue("do")
	if what == "unlimited" {
		h.gateway.SetCredit(smslinktest.Unlimited)
		h.done(w, r, "The credit is unlimited.", nil)
		return
	}
	n, err := strconv.Atoi(strings.TrimSpace(r.PostFormValue("credit")))
	if err != nil || n < 0 || n > math.MaxInt32 {
		h.done(w, r, "", fmt.Errorf("a credit is a whole number from 0 to %s", grouped(math.MaxInt32)))
		return
	}
	if now := h.gateway.Credit(); what == "add" {
		if now == smslinktest.Unlimited {
			h.done(w, r, "The credit is unlimited already.", nil)
			return
		}
		n += now
	}
	h.gateway.SetCredit(n)
	h.done(w, r, "The credit is "+grouped(n)+" now.", nil)
}

func (h *handler) injectFault(w http.ResponseWriter, r *http.Request) {
	next, err := fault.Parse(cmp.Or(strings.TrimSpace(r.PostFormValue("words")), r.PostFormValue("fault")))
	if err == nil {
		h.gateway.Inject(next)
	}
	h.done(w, r, "Fault added: "+faultName(next)+".", err)
}

// clear empties the gateway and the page's index of it together.
func (h *handler) clear(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.gateway.Reset()
	h.ledger = newLedger()
	h.mu.Unlock()
	h.done(w, r, "Everything is cleared.", nil)
}
