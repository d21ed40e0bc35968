package smslinktest

import (
	"net/http"

	"github.com/go-smslink/smslink/internal/wire"
)

// unlimitedBalance is the balance of an account without a limit.
const unlimitedBalance = 1_000_000

// serveBalance answers with the credit that is left, for national and international messages alike.
func (g *Gateway) serveBalance(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		writeReply(w, wire.AppendReply(nil, (&rejection{codeTooFewArguments, "the form can't be read"}).reply()))
		return
	}
	rejected := g.admit(r.PostForm.Get("connection_id"), r.PostForm.Get("password"))
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
	writeReply(w, wire.AppendBalance(nil, wire.Balance{National: int64(left), International: int64(left), At: g.now().Unix()}))
}
