package smslinktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
)

// Webhooks are the URLs of a program that receives unsubscriptions and replies. Their parameters
// are those that the vendor describes [public]. A callback that fails, or is not answered with a
// 2xx, is repeated immediately, up to twice. The live gateway repeats it within two hours, after a
// connection error or a status from 400 to 599 [public].
type Webhooks struct {
	Unsubscriptions string // called by GET; empty means that nothing is called
	Replies         string // called as RepliesBy says; empty means that nothing is called
	RepliesBy       string // ByGet, ByPost or ByJSON; empty means ByGet
}

// How a callback carries its parameters.
const (
	ByGet  = "GET"  // in the query
	ByPost = "POST" // in the form of a POST
	ByJSON = "JSON" // in the JSON object of a POST
)

// shortCode is the number that people send their messages to.
const shortCode = "1812"

// Unsubscribe acts for the person with that number, who unsubscribes with a text such as STOP. It
// puts the number on the account's blacklist: messages to it have
// [smslink.StatusInternalOrBlacklisted] until the Live Update API removes it, or [Gateway.Reset] is
// called. Then Unsubscribe calls the URL of [Webhooks], if there is one, and returns the error of
// the last try. It is an error if [smslink.E164] does not take the number.
func (g *Gateway) Unsubscribe(ctx context.Context, number, text string) error {
	from, err := g.person(number)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.blacklist[from] = true
	g.unsubscribed++
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", g.unsubscribed)
	g.notify()
	g.mu.Unlock()
	if g.opts.Webhooks == nil || g.opts.Webhooks.Unsubscriptions == "" {
		return nil
	}
	values := g.messageValues(from, text)
	values.Set("unsubscribe_message_id", id)
	values.Set("service_ids", "9") // BULK [public]
	values.Set("unsubscribe_status_id", "1")
	values.Set("unsubscribe_status_message", "unsubscribed")
	_, err = g.callThrice(ctx, g.opts.Webhooks.Unsubscriptions, ByGet, values)
	if err != nil {
		return fmt.Errorf("smslink: test gateway: unsubscription: %w", err)
	}
	return nil
}

// Reply acts for the person with that number, who sends a text to the account. It calls the URL of
// [Webhooks] and returns the body of the answer, which the live gateway may send back as an SMS and
// bill. Its error is that of the last try. It is an error if there is no URL to call, or if
// [smslink.E164] does not take the number.
func (g *Gateway) Reply(ctx context.Context, number, text string) (answer string, err error) {
	from, err := g.person(number)
	if err != nil {
		return "", err
	}
	if g.opts.Webhooks == nil || g.opts.Webhooks.Replies == "" {
		return "", errors.New("smslink: test gateway: there is no URL to call with replies; set Options.Webhooks")
	}
	answer, err = g.callThrice(ctx, g.opts.Webhooks.Replies, g.opts.Webhooks.RepliesBy, g.messageValues(from, text))
	if err != nil {
		return "", fmt.Errorf("smslink: test gateway: reply: %w", err)
	}
	return answer, nil
}

func (g *Gateway) person(number string) (string, error) {
	from, err := smslink.E164(number)
	if err != nil {
		return "", fmt.Errorf("smslink: test gateway: %w", err)
	}
	return from, nil
}

// messageValues returns the parameters of a message that a person has sent.
func (g *Gateway) messageValues(from, text string) url.Values {
	if national, ok := strings.CutPrefix(from, "+40"); ok {
		from = "0" + national
	}
	return url.Values{
		"sender":       {from},
		"receiver":     {shortCode},
		"message":      {text},
		"timestamp":    {strconv.FormatInt(g.now().Unix(), 10)},
		"network_id":   {"1"},
		"network_name": {"Vodafone"},
	}
}

// callThrice makes a callback, up to three times until one succeeds.
func (g *Gateway) callThrice(ctx context.Context, callback, by string, values url.Values) (answer string, err error) {
	for range 3 {
		if answer, err = g.call(ctx, callback, by, values); err == nil || ctx.Err() != nil {
			break
		}
	}
	return answer, err
}

// call makes one callback and returns the start of the answer's body. Its error does not quote the
// URL.
func (g *Gateway) call(ctx context.Context, callback, by string, values url.Values) (answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := newCall(ctx, callback, by, values)
	if err != nil {
		return "", withoutURL(err)
	}
	resp, err := g.caller.Do(req)
	if err != nil {
		return "", withoutURL(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	switch {
	case resp.StatusCode/100 != 2:
		return "", fmt.Errorf("answered with HTTP status %d", resp.StatusCode)
	case err != nil:
		return "", withoutURL(err)
	}
	return string(raw), nil
}

// withoutURL returns an error that does not quote the callback's URL, which contains a secret.
func withoutURL(err error) error {
	var quoting *url.Error
	if errors.As(err, &quoting) {
		return quoting.Err
	}
	return err
}

func newCall(ctx context.Context, callback, by string, values url.Values) (*http.Request, error) {
	method, contentType, body := http.MethodPost, "", ""
	switch by {
	case ByPost:
		contentType, body = "application/x-www-form-urlencoded", values.Encode()
	case ByJSON:
		object := map[string]string{}
		for name := range values {
			object[name] = values.Get(name)
		}
		text, err := json.Marshal(object)
		if err != nil {
			return nil, err
		}
		contentType, body = "application/json", string(text)
	default:
		target, err := url.Parse(callback)
		if err != nil {
			return nil, err
		}
		query := target.Query()
		maps.Copy(query, values)
		target.RawQuery = query.Encode()
		method, callback = http.MethodGet, target.String()
	}
	req, err := http.NewRequestWithContext(ctx, method, callback, strings.NewReader(body))
	if err == nil && contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req, err
}
