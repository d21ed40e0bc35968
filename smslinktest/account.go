package smslinktest

import (
	"maps"
	"net/http"
	"slices"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/wire"
)

// unlimitedBalance is the balance of an account without a limit.
const unlimitedBalance = 1_000_000

// serveBalance answers with the credit that is left, for national and international messages alike.
func (g *Gateway) serveBalance(w http.ResponseWriter, r *http.Request) {
	rejected := g.readLogin(w, r)
	if rejected == nil && r.PostForm.Get("mode") != "account-balance" {
		rejected = &rejection{codeUnknownMode, "unknown mode"}
	}
	if rejected != nil {
		writeReply(w, wire.AppendReply(nil, rejected.reply()))
		return
	}
	left := g.Credit()
	if left == Unlimited {
		left = unlimitedBalance
	}
	balance := wire.Balance{National: int64(left), International: int64(left), At: g.now().Unix()}
	writeReply(w, wire.AppendBalance(nil, balance))
}

// readLogin reads a form and checks its credentials.
func (g *Gateway) readLogin(w http.ResponseWriter, r *http.Request) *rejection {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return &rejection{codeTooFewArguments, "the form can't be read"}
	}
	return g.admit(r.PostForm.Get("connection_id"), r.PostForm.Get("password"))
}

// serveBlacklist is the vendor's Live Update API [public].
func (g *Gateway) serveBlacklist(w http.ResponseWriter, r *http.Request) {
	rejected := g.readLogin(w, r)
	number, err := smslink.E164(r.PostForm.Get("receiver_number"))
	if rejected == nil && err != nil {
		rejected = &rejection{codeBadNumber, "bad number"}
	}
	if rejected != nil {
		writeReply(w, wire.AppendReply(nil, rejected.reply()))
		return
	}
	writeReply(w, wire.AppendReply(nil, g.changeBlacklist(r.PostForm.Get("mode"), number)))
}

func (g *Gateway) changeBlacklist(mode, number string) wire.Reply {
	g.mu.Lock()
	defer g.mu.Unlock()
	listed := g.blacklist[number]
	switch {
	case mode == "blacklist-verify" && listed:
		return wire.Reply{Accepted: true, Code: "12", Text: "blacklisted for all services"}
	case mode == "blacklist-verify":
		return wire.Reply{Accepted: true, Code: "14", Text: "not blacklisted"}
	case mode == "blacklist-add" && listed:
		return wire.Reply{Code: "14", Text: "already blacklisted"}
	case mode == "blacklist-add":
		g.blacklist[number] = true
		g.notify()
		return wire.Reply{Accepted: true, Code: "1", Text: "added"}
	case mode == "blacklist-remove" && !listed:
		return wire.Reply{Code: "12", Text: "not blacklisted"}
	case mode == "blacklist-remove":
		delete(g.blacklist, number)
		g.notify()
		return wire.Reply{Accepted: true, Code: "1", Text: "removed"}
	}
	return wire.Reply{Code: codeUnknownMode, Text: "unknown mode"}
}

// Blacklist returns the numbers on the account's blacklist, in E.164, sorted.
func (g *Gateway) Blacklist() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.blacklist))
}

func (g *Gateway) isBlacklisted(number string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.blacklist[number]
}
