package inbox

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink/smslinktest"
)

const (
	perPage    = 50
	searchable = 100_000 // messages whose texts a search looks at, the newest
)

func (h *Handler) showInbox(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, "inbox", nil)
}

func (h *Handler) showControls(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, "controls", func(p *page) bool { p.Title, p.Detail = "Controls", true; return true })
}

func (h *Handler) showPhone(w http.ResponseWriter, r *http.Request) {
	number := r.PathValue("number")
	h.show(w, r, "inbox", func(p *page) bool {
		skip := numbered(r, "from")
		places, total := h.ledger.messagesOf(number, skip, perPage)
		if total == 0 {
			return false
		}
		c := &conversation{Number: number, Total: total}
		for _, place := range slices.Backward(places) {
			for _, m := range h.gateway.MessagesFrom(place, 1) {
				c.Messages = append(c.Messages, h.ledger.view(m))
			}
		}
		if skip+len(places) < total {
			c.Older = linked(r.URL.Path, r, "from", skip+perPage)
		}
		if skip > 0 {
			c.Newer = linked(r.URL.Path, r, "from", max(skip-perPage, 0))
		}
		p.Title, p.Detail, p.Conversation = shownNumber(number), true, c
		for i := range p.Rows {
			p.Rows[i].Current = p.Rows[i].Number == number
		}
		return true
	})
}

func (h *Handler) showUploads(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, "uploads", func(p *page) bool { p.Title = "Uploads"; return true })
}

func (h *Handler) showUpload(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, "uploads", func(p *page) bool {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n < 1 {
			return false
		}
		for _, u := range h.gateway.UploadsFrom(n-1, 1) {
			view := viewUpload(u, n)
			if u.PackageID != "" {
				for _, m := range h.gateway.MessagesFrom(h.ledger.packages[u.PackageID].first, min(u.Receivers, 20)) {
					view.Messages = append(view.Messages, h.ledger.view(m))
				}
			}
			p.Title, p.Detail, p.Upload = "Upload "+strconv.Itoa(n), true, &view
		}
		for i := range p.UploadRows {
			p.UploadRows[i].Current = p.UploadRows[i].Number == n
		}
		return p.Upload != nil
	})
}

// show writes a page: what all have in common, and what fill adds; where that
// returns false there is no such page.
func (h *Handler) show(w http.ResponseWriter, r *http.Request, tab string, fill func(*page) bool) {
	p := &page{Title: "Inbox", Tab: tab, Usage: h.usage, Query: strings.TrimSpace(r.URL.Query().Get("q")), FaultProposal: proposals()}
	found := h.fill(p, r, fill)
	var body bytes.Buffer
	if !found {
		w.WriteHeader(http.StatusNotFound)
		p = &page{Title: "Not here any more", Tab: tab, Detail: true, Usage: h.usage}
	}
	if err := h.pages.ExecuteTemplate(&body, "page.html", p); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = body.WriteTo(w)
}

func (h *Handler) fill(p *page, r *http.Request, fill func(*page) bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ledger.sync(h.gateway)
	p.Messages, p.Uploads, p.Phones = len(h.ledger.before), h.ledger.uploads, len(h.ledger.byNumber)
	p.Notice = h.notices.numbered(numbered(r, "notice"))
	p.Credit = "unlimited"
	if credit := h.gateway.Credit(); credit != smslinktest.Unlimited {
		p.Credit = grouped(credit)
	}
	for _, fault := range h.gateway.Faults() {
		p.Faults = append(p.Faults, fault.String())
	}
	skip := numbered(r, "skip")
	var more bool
	if p.Tab == "uploads" {
		more = h.listUploads(p, skip)
	} else {
		more = h.listPhones(p, r, skip)
	}
	list := "/"
	if p.Tab == "uploads" {
		list = "/uploads"
	}
	if more {
		p.Older = linked(list, r, "skip", skip+perPage)
	}
	if skip > 0 {
		p.Newer = linked(list, r, "skip", max(skip-perPage, 0))
	}
	return fill == nil || fill(p)
}

func (h *Handler) listUploads(p *page, skip int) (more bool) {
	end := max(h.ledger.uploads-skip, 0)
	start := max(end-perPage, 0)
	for i, u := range slices.Backward(h.gateway.UploadsFrom(start, end-start)) {
		p.UploadRows = append(p.UploadRows, viewUpload(u, start+i+1))
	}
	return start > 0
}

// listPhones lists the phones whose number holds the digits that are searched, or
// else the messages that hold its words.
func (h *Handler) listPhones(p *page, r *http.Request, skip int) (more bool) {
	digits, isNumber := searchedNumber(p.Query)
	if isNumber {
		var found []phone
		found, more = h.ledger.find(digits, skip, perPage)
		for _, phone := range found {
			for _, m := range h.gateway.MessagesFrom(int(phone.last), 1) {
				p.Rows = append(p.Rows, h.row(m, r, int(phone.messages)))
			}
		}
		if len(p.Rows) > 0 || p.Query == "" {
			return more
		}
	}
	messages, more := h.searchTexts(p.Query, skip)
	for _, m := range messages {
		p.Rows = append(p.Rows, h.row(m, r, 0))
	}
	p.OnlyNewest = len(h.ledger.before) > searchable
	return more
}

func (h *Handler) row(m smslinktest.Message, r *http.Request, count int) row {
	view := h.ledger.view(m)
	return row{Number: view.Number, Count: count, Message: view, Link: linked(view.Link, r, "from", 0)}
}

// searchedNumber tells whether a search is for a number, and for which digits.
func searchedNumber(query string) (digits string, ok bool) {
	return numberOf(query), strings.Trim(query, "+0123456789 -.()/") == ""
}

// searchTexts gives up to a page of messages that hold the words, the newest first.
func (h *Handler) searchTexts(words string, skip int) (found []smslinktest.Message, more bool) {
	words = strings.ToLower(words)
	const some = 1000
	lowest := max(len(h.ledger.before)-searchable, 0)
	for end := len(h.ledger.before); end > lowest; end -= some {
		start := max(end-some, lowest)
		for _, m := range slices.Backward(h.gateway.MessagesFrom(start, end-start)) {
			switch {
			case !strings.Contains(strings.ToLower(m.Text), words) && !strings.Contains(strings.ToLower(m.From), words):
			case skip > 0:
				skip--
			case len(found) == perPage:
				return found, true
			default:
				found = append(found, m)
			}
		}
	}
	return found, false
}

// numbered is a whole number from 0 of a page's query, or 0.
func numbered(r *http.Request, name string) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// linked is a link to path that keeps what is searched and how far the list was
// turned, with one of them changed.
func linked(path string, r *http.Request, name string, value int) string {
	query := url.Values{}
	for _, kept := range []string{"q", "skip"} {
		if v := r.URL.Query().Get(kept); v != "" {
			query.Set(kept, v)
		}
	}
	query.Set(name, strconv.Itoa(value))
	if value == 0 {
		query.Del(name)
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}
