package inbox

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func (h *Handler) showInbox(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, "inbox", func(p *page, s smslinktest.Snapshot) bool {
		for _, c := range choices {
			count := 0
			for at := max(len(s.Messages)-searchable, 0); at < len(s.Messages); at++ {
				if c.has(&s.Messages[at]) {
					count++
				}
			}
			if count > 0 {
				p.Overview = append(p.Overview, total{c.Words, grouped(count), "/?status=" + c.Value})
			}
		}
		return true
	})
}

func (h *Handler) showControls(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, "controls", func(p *page, _ smslinktest.Snapshot) bool {
		p.Title, p.Detail, p.FaultProposal = "Controls", true, proposals()
		return true
	})
}

func (h *Handler) showPhone(w http.ResponseWriter, r *http.Request) {
	number := r.PathValue("number")
	inE164, err := smslink.E164(number)
	unsubscribed := err == nil && slices.Contains(h.gateway.Blacklist(), inE164)
	h.show(w, r, "inbox", func(p *page, s smslinktest.Snapshot) bool {
		skip := numbered(r, "from")
		indexes, count := h.ledger.messagesOf(number, skip, perPage)
		if count == 0 {
			return false
		}
		c := &conversation{Number: number, Total: count, Unsubscribed: unsubscribed}
		for _, at := range slices.Backward(indexes) {
			c.Messages = append(c.Messages, h.ledger.view(&s.Messages[at], textShown))
		}
		if skip+len(indexes) < count {
			c.Older = linked(r.URL.Path, r, "from", strconv.Itoa(skip+perPage))
		}
		if skip > 0 {
			c.Newer = linked(r.URL.Path, r, "from", strconv.Itoa(max(skip-perPage, 0)))
		}
		p.Title, p.Detail, p.Conversation = shownNumber(number), true, c
		for i := range p.Rows {
			p.Rows[i].Current = p.Rows[i].Number == number
		}
		return true
	})
}

func (h *Handler) showUploads(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, "uploads", func(p *page, s smslinktest.Snapshot) bool {
		p.Title, p.Overview = "Uploads", uploadTotals(s.Uploads)
		return true
	})
}

func uploadTotals(uploads []smslinktest.Upload) []total {
	taken, rejected, lost, plain, packed := 0, 0, 0, 0, 0
	for i := range uploads {
		switch u := &uploads[i]; {
		case u.PackageID != "":
			taken, plain, packed = taken+1, plain+u.SizePlain, packed+u.SizeCompressed
		case u.Rejection != "":
			rejected++
		default:
			lost++
		}
	}
	return []total{
		{"accepted", grouped(taken), ""},
		{"rejected with an ERROR", grouped(rejected), ""},
		{"ended by a fault", grouped(lost), ""},
		{"bytes of the messages in them", grouped(plain), ""},
		{"bytes uploaded for these", grouped(packed), ""},
	}
}

func (h *Handler) showUpload(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, "uploads", func(p *page, s smslinktest.Snapshot) bool {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n < 1 || n > len(s.Uploads) {
			return false
		}
		view := h.ledger.viewUpload(&s.Uploads[n-1], n)
		if parcel := h.ledger.packages[view.PackageID]; parcel != nil {
			for i := range min(parcel.messages(), 20) {
				view.Messages = append(view.Messages, h.ledger.view(&s.Messages[parcel.first+i], snippetShown))
			}
		}
		p.Title, p.Detail, p.Upload = "Upload "+strconv.Itoa(n), true, &view
		for i := range p.UploadRows {
			p.UploadRows[i].Current = p.UploadRows[i].Number == n
		}
		return true
	})
}

// show writes a page: what all have in common, and what fill adds. If fill returns false, there is
// no such page.
func (h *Handler) show(w http.ResponseWriter, r *http.Request, tab string, fill func(*page, smslinktest.Snapshot) bool) {
	p := &page{Title: "Inbox", Tab: tab, Usage: h.usage, Filter: filterOf(r), Choices: choices}
	h.fill(p, r, fill)
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

// faultName returns a fault's name, and "none" for one that lets an upload through.
func faultName(f smslinktest.Fault) string { return cmp.Or(f.Name, "none") }

func (h *Handler) fill(p *page, r *http.Request, fill func(*page, smslinktest.Snapshot) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p.Notice = h.notices.numbered(numbered(r, "notice"))
	p.Credit = "unlimited"
	if credit := h.gateway.Credit(); credit != smslinktest.Unlimited {
		p.Credit, p.NoCredit = grouped(credit), credit == 0
	}
	h.gateway.Inspect(func(s smslinktest.Snapshot) {
		h.ledger.sync(s)
		p.Messages, p.Uploads, p.Phones = len(s.Messages), len(s.Uploads), len(h.ledger.byNumber)
		const shown = 20
		for _, fault := range s.Faults[:min(len(s.Faults), shown)] {
			p.Faults = append(p.Faults, clipped(faultName(fault), fieldShown))
		}
		p.MoreFaults = max(len(s.Faults)-shown, 0)
		h.list(p, r, s)
		if !fill(p, s) {
			p.Title, p.Detail, p.Gone = "Not here any more", true, true
		}
	})
}

// list fills the list beside the main pane.
func (h *Handler) list(p *page, r *http.Request, s smslinktest.Snapshot) {
	skip := numbered(r, "skip")
	path, count := "/", 0
	switch p.Tab {
	case "controls":
		return
	case "uploads":
		path, count = "/uploads", len(s.Uploads)
		for at := count - 1 - skip; at >= 0 && len(p.UploadRows) < perPage; at-- {
			p.UploadRows = append(p.UploadRows, h.ledger.viewUpload(&s.Uploads[at], at+1))
		}
	default:
		count = h.listMessages(p, r, s, skip)
	}
	p.AllPackages, p.Back = linked(path, r, "package", ""), linked(path, r, "from", "")
	if skip+perPage < count {
		p.Older = linked(path, r, "skip", strconv.Itoa(skip+perPage))
	}
	if skip > 0 {
		p.Newer = linked(path, r, "skip", strconv.Itoa(max(skip-perPage, 0)))
	}
}

// listMessages lists the phones whose number contains the digits that are searched for, or else
// the messages that pass the filter. It returns how many there are.
func (h *Handler) listMessages(p *page, r *http.Request, s smslinktest.Snapshot, skip int) int {
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

func (h *Handler) row(m *smslinktest.Message, r *http.Request, count int) row {
	view := h.ledger.view(m, snippetShown)
	return row{Number: view.Number, Count: count, Message: view, Link: linked(view.Link, r, "from", "")}
}
