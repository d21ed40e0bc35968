package smslink

import (
	"context"
	"log/slog"
	"net/url"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// Balance is what an account has left [public].
type Balance struct {
	National      int64     // SMS to Romanian networks
	International int64     // SMS to all others
	Time          time.Time // the gateway's, in UTC, to the second; zero if it has none, or one before 2000
}

// Balance asks index.php beside the client's endpoint how many SMS the account has left [public].
// The password travels in the body of a form POST. Time-outs and redirects are treated as by
// [Client.Send]; test mode changes nothing.
//
// Every error is a [*SendError] with the same causes as a Send's. A reply without two whole numbers
// is [ErrUnreadableReply], and SendError.Reply holds it. Asking spends nothing, so you may ask
// again whatever the Outcome, but never in a loop after a rejection: repeated wrong passwords get
// the address banned.
func (c *Client) Balance(ctx context.Context) (Balance, error) {
	start := c.now()
	if ctx == nil {
		return Balance{}, notSent(errNilContext)
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	balance, err := c.askBalance(ctx)
	if err != nil {
		c.logger.WarnContext(ctx, "smslink: balance failed", err.attrs()...)
		return Balance{}, err
	}
	c.logger.LogAttrs(ctx, slog.LevelInfo, "smslink: balance", slog.Int64("national", balance.National),
		slog.Int64("international", balance.International), slog.Duration("elapsed", c.now().Sub(start)))
	return balance, nil
}

func (c *Client) askBalance(ctx context.Context) (Balance, *SendError) {
	if err := ctx.Err(); err != nil {
		return Balance{}, notSent(err)
	}
	connectionID, password := c.login()
	form := url.Values{"connection_id": {connectionID}, "password": {password}, "mode": {"account-balance"}}.Encode()
	u := &upload{
		target:      *c.endpoint.ResolveReference(&url.URL{Path: "index.php"}),
		contentType: "application/x-www-form-urlencoded",
	}
	u.add([]byte(form))
	answer := c.post(ctx, u, 0)
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
