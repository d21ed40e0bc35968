package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
)

// session is what the checks of a probe share.
type session struct {
	opts   Options
	client *smslink.Client
	last   answer // to the last request
	halted string // why nothing more is sent, or empty
	texts  int    // made so far

	testModeIsFree bool // as was seen
	refusedAt      int  // the size of the smallest package that was not taken, or 0
}

func newSession(opts Options) (*session, error) {
	client, err := smslink.NewClient(opts.ConnectionID, opts.Password, &smslink.Options{
		Endpoint: opts.Endpoint, TestMode: true, Timeout: opts.Timeout, HTTPClient: &http.Client{Transport: transport{opts.Transport}},
		Cooldown: -1, // some checks ask for an ERROR
	})
	return &session{opts: opts, client: client}, err
}

// exchange is an upload and its result.
type exchange struct {
	resp    *smslink.Response
	err     error
	answer  answer
	elapsed time.Duration
}

// message returns a message to the probe's receiver.
func (s *session) message(id int64, text string) smslink.Message {
	return smslink.Message{ID: id, To: s.opts.To, From: s.opts.From, Text: text}
}

// text returns a text that was not sent before, so that no filter of repeated messages is met.
func (s *session) text() string {
	s.texts++
	return fmt.Sprintf("Proba %d", s.texts)
}

// send uploads a package of these messages, without compression.
func (s *session) send(ctx context.Context, sh *shot, messages ...smslink.Message) exchange {
	return s.sendPackage(ctx, sh, &smslink.Package{Codec: smslink.CodecNone}, messages...)
}

func (s *session) sendPackage(ctx context.Context, sh *shot, p *smslink.Package, messages ...smslink.Message) exchange {
	for _, m := range messages {
		if err := p.Add(m); err != nil {
			return exchange{err: err}
		}
	}
	if err := s.pause(ctx); err != nil {
		return exchange{err: err}
	}
	start := time.Now()
	resp, err := s.client.Send(sh.in(ctx), p)
	s.last = sh.answer
	var refusal *smslink.GatewayError
	if errors.As(err, &refusal) && slices.Contains(accountCodes, refusal.Code) {
		s.halted = "the account was refused, with ERROR " + refusal.Code
	}
	return exchange{resp, err, sh.answer, time.Since(start)}
}

// accountCodes are the codes after which nothing more is tried [public]. A wrong password that is
// given again gets the IP address banned.
var accountCodes = []string{"2", "3", "4", "5", "6", "7"}

// pause waits before a request.
func (s *session) pause(ctx context.Context) error {
	select {
	case <-time.After(s.opts.Pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// String returns what was seen, without the server's own text.
func (x exchange) String() string {
	if x.err != nil {
		return words(x.err)
	}
	return "MESSAGE; " + x.statuses()
}

// words returns an error's text without what every request's URL says.
func words(err error) string {
	text := strings.TrimPrefix(err.Error(), "smslink: ")
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		text = strings.Replace(text, urlErr.Error(), urlErr.Err.Error(), 1)
	}
	var refusal *smslink.GatewayError
	if errors.As(err, &refusal) {
		text = "ERROR " + refusal.Code
	}
	return text
}

// statuses returns how many messages have which status.
func (x exchange) statuses() string {
	counts := map[smslink.Status]int{}
	for _, r := range x.resp.Results {
		counts[r.Status]++
	}
	var all []string
	for status, n := range counts {
		all = append(all, fmt.Sprintf("%d %s", n, status))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// taken checks an upload that is assumed to be taken, and all of its messages accepted.
func (x exchange) taken() (seen string, verdict Verdict) {
	switch {
	case x.err != nil:
		return x.String(), x.answered(Deviates)
	case x.resp.Count(smslink.StatusSuccess) == len(x.resp.Results):
		return x.String(), Holds
	}
	return x.String(), Deviates
}

// refused checks an upload that is assumed to be refused.
func (x exchange) refused() (seen string, verdict Verdict) {
	switch {
	case x.err == nil:
		return x.String(), Deviates
	case smslink.OutcomeOf(x.err) == smslink.OutcomeRejected:
		return x.String(), Holds
	}
	return x.String(), x.answered(Deviates)
}

// answered returns the verdict if the gateway has answered for good, and else Unclear.
func (x exchange) answered(verdict Verdict) Verdict {
	if smslink.OutcomeOf(x.err) == smslink.OutcomeRejected || errors.Is(x.err, smslink.ErrUnreadableReply) {
		return verdict
	}
	return Unclear
}

// entries returns the entries of a MESSAGE, local:remote:status, in the reply's order.
func (x exchange) entries() []string {
	fields := strings.SplitN(strings.TrimSpace(string(x.answer.body)), ";", 6)
	if len(fields) < 5 || fields[0] != "MESSAGE" {
		return nil
	}
	return strings.Split(strings.Trim(fields[4], ","), ",")
}
