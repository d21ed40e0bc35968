package smslinktest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
)

// Webhooks are the URLs of a program that takes unsubscriptions and replies. Their parameters are
// those that the vendor describes [public]. A callback that fails, or is answered with a status
// from 400 to 599, is made twice more, as by the live gateway; here at once, there within two
// hours.
type Webhooks struct {
	Unsubscriptions string // called by GET; empty means that nothing is called
	Replies         string // called as RepliesBy says; empty means that nothing is called
	RepliesBy       string // ByGet, ByPost or ByJSON; empty means ByGet
}

// How a callback has its parameters.
const (
	ByGet  = "GET"  // in the query
	ByPost = "POST" // in the form of a POST
	ByJSON = "JSON" // in the JSON object of a POST
)

// shortCode is the number that people send their messages to.
const shortCode = "1812"

// Unsubscribe makes the person with that number unsubscribe, by a text such as STOP. The number is
// put on the account's blacklist: further messages to it have
// [smslink.StatusInternalOrBlacklisted], until
// [Gateway.Reset]. Then it calls the URL of [Webhooks], if there is one. It returns the error of
// the last try. It is an error if number is not a phone number, as [smslink.E164] says.
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

// Reply makes the person with that number send a text to the account. It calls the URL of
// [Webhooks], and returns the body of the answer, which the live gateway may send back as an SMS
// and bill. It returns the error of the last try. It is an error if there is no URL to call, or if
// number is not a phone number, as [smslink.E164] says.
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

// Blacklist returns the numbers on the account's blacklist, in E.164, sorted.
func (g *Gateway) Blacklist() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var numbers []string
	for number := range g.blacklist {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return numbers
}

func (g *Gateway) isBlacklisted(number string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.blacklist[number]
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
		"sender": {from}, "receiver": {shortCode}, "message": {text}, "timestamp": {strconv.FormatInt(g.now().Unix(), 10)},
		"network_id": {"1"}, "network_name": {"Vodafone"},
	}
}

// callThrice makes a callback, and makes it twice more if it fails.
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

// withoutURL returns the cause of an error that would quote the callback's URL, which contains a
// secret.
func withoutURL(err error) error {
	var quoting *url.Error
	if errors.As(err, &quoting) {
		return quoting.Err
	}
	return err
}

func newCall(ctx context.Context, callback, by string, values url.Values) (*http.Request, error) {
	switch by {
	case ByPost:
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, callback, strings.NewReader(values.Encode()))
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return req, err
	case ByJSON:
		object := map[string]string{}
		for name := range values {
			object[name] = values.Get(name)
		}
		body, err := json.Marshal(object)
		if err != nil {
			return nil, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, callback, bytes.NewReader(body))
		if err == nil {
			req.Header.Set("Content-Type", "application/json")
		}
		return req, err
	}
	target, err := url.Parse(callback)
	if err != nil {
		return nil, err
	}
	query := target.Query()
	for name := range values {
		query.Set(name, values.Get(name))
	}
	target.RawQuery = query.Encode()
	return http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
}
