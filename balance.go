package smslink

import (
	"context"
	"net/url"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// Balance is what an account has left [public].
type Balance struct {
	National      int64     // SMS to Romanian networks
	International int64     // SMS to all others
	Time          time.Time // the gateway's, in UTC, to the second; zero unless in 2000 to 9999
}

// askBalance makes the exchange of [Client.Balance].
func askBalance(ctx context.Context, c *Client) (Balance, *SendError) {
	if err := ctx.Err(); err != nil {
		return Balance{}, notSent(err)
	}
	connectionID, password := c.login()
	form := url.Values{"connection_id": {connectionID}, "password": {password}, "mode": {"account-balance"}}
	u := &upload{
		target:      *c.endpoint.ResolveReference(&url.URL{Path: "index.php"}),
		contentType: "application/x-www-form-urlencoded",
	}
	u.add([]byte(form.Encode()))
	answer := u.post(ctx, c, 0, nil)
	reply, failure := answer.reply(ctx)
	if failure != nil {
		return Balance{}, failure
	}
	left, ok := wire.ParseBalance(reply)
	if !ok {
		return Balance{}, answer.failure(OutcomeInDoubt, ErrUnreadableReply)
	}
	balance := Balance{National: left.National, International: left.International}
	if left.At != 0 {
		balance.Time = time.Unix(left.At, 0).UTC()
	}
	return balance, nil
}
