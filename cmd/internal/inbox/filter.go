package inbox

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

const (
	perPage    = 50
	searchable = 100_000 // messages that a search or a filter looks at, the newest
	searched   = 10_000  // bytes of a text that a search looks at, the first
)

// filter is which messages a list shows.
type filter struct {
	Query   string // digits of a number, or part of a text or sender
	Status  string // a choice's Value
	Package string // a package id
}

// choice is a group of messages that a filter can show.
type choice struct {
	Value, Label string
	has          func(m *smslinktest.Message) bool
}

var choices = []choice{
	{"accepted", "accepted", func(m *smslinktest.Message) bool { return m.Status == smslink.StatusSuccess }},
	{"waiting", "accepted, no report yet", func(m *smslinktest.Message) bool {
		return m.Status == smslink.StatusSuccess && !m.Test && m.Delivery == nil
	}},
	{"delivered", "delivered", func(m *smslinktest.Message) bool {
		return m.Delivery != nil && m.Delivery.Delivered
	}},
	{"undelivered", "not delivered", func(m *smslinktest.Message) bool {
		return m.Delivery != nil && !m.Delivery.Delivered
	}},
	{"failed", "failed", func(m *smslinktest.Message) bool {
		return m.Status != smslink.StatusSuccess && !isInDoubt(m.Status)
	}},
	{"doubt", "in doubt", func(m *smslinktest.Message) bool { return isInDoubt(m.Status) }},
	{"test", "test mode", func(m *smslinktest.Message) bool { return m.Test }},
}

func filterOf(r *http.Request) filter {
	query := r.URL.Query()
	return filter{
		Query:   clipped(strings.TrimSpace(query.Get("q")), fieldShown),
		Status:  query.Get("status"),
		Package: clipped(query.Get("package"), fieldShown),
	}
}

// digits returns the digits that are searched for, and reports whether the query is a number.
func (f filter) digits() (string, bool) {
	return numberOf(f.Query), strings.Trim(f.Query, "+0123456789 -.()/") == ""
}

// matcher returns a function that reports whether a message passes the filter.
func (f filter) matcher() func(m *smslinktest.Message) bool {
	text := strings.ToLower(f.Query)
	digits, isNumber := f.digits()
	chosen := slices.IndexFunc(choices, func(c choice) bool { return c.Value == f.Status })
	return func(m *smslinktest.Message) bool {
		switch {
		case f.Package != "" && m.PackageID != f.Package, chosen >= 0 && !choices[chosen].has(m):
			return false
		case f.Query == "", isNumber && strings.Contains(numberOf(m.To), digits):
			return true
		}
		return contains(m.Text, text) || contains(m.From, text)
	}
}

// contains reports whether the start of a text has part in it, in any case of letters.
func contains(text, part string) bool {
	return strings.Contains(strings.ToLower(text[:min(len(text), searched)]), part)
}

// messages returns a page of the messages that pass, after the first skip, the newest first; how
// many pass; and whether older ones were not looked at.
func (f filter) messages(
	l *ledger, s smslinktest.Snapshot, skip int,
) (found []*smslinktest.Message, total int, cut bool) {
	start, end := max(len(s.Messages)-searchable, 0), len(s.Messages)
	cut = start > 0
	if f.Package != "" {
		start, end, cut = 0, 0, false
		if p := l.packages[f.Package]; p != nil {
			start, end = p.first, p.first+p.messages()
		}
	}
	passes := f.matcher()
	for at := end - 1; at >= start; at-- {
		m := &s.Messages[at]
		if !passes(m) {
			continue
		}
		if total >= skip && len(found) < perPage {
			found = append(found, m)
		}
		total++
	}
	return found, total, cut
}

// queryNumber returns a whole number from 0 of a request's query, or 0.
func queryNumber(r *http.Request, name string) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// linked returns a link to path that keeps the filter and how far the list was turned, with one
// parameter changed. An empty name changes none; an empty value, or 0, removes the parameter.
func linked(path string, r *http.Request, name, value string) string {
	query := url.Values{}
	for _, kept := range []string{"q", "status", "package", "skip"} {
		if v := r.URL.Query().Get(kept); v != "" {
			query.Set(kept, v)
		}
	}
	query.Set(name, value)
	if value == "" || value == "0" {
		query.Del(name)
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// turns returns links to the pages of newer and of older entries. A link is "" if there is no such
// page. The page that is shown skips the first skip entries.
func turns(path string, r *http.Request, name string, skip, count int) (newer, older string) {
	if skip > 0 {
		newer = linked(path, r, name, strconv.Itoa(max(skip-perPage, 0)))
	}
	if skip+perPage < count {
		older = linked(path, r, name, strconv.Itoa(skip+perPage))
	}
	return newer, older
}

// packageLink returns a link to a package's messages with that status, or to all of them.
func packageLink(id, status string) string {
	query := url.Values{"package": {id}}
	if status != "" {
		query.Set("status", status)
	}
	return "/?" + query.Encode()
}
