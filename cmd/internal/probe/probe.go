// Package probe is the command that checks each fact that the library assumes about the gateway, in
// test mode only.
//
// Every check asks one question. The checks package-100 to package-50000 are not tried until test
// mode was seen to spend no credit, or after a smaller package was not accepted. The others depend
// on no other check, except that none is run once the account is rejected or test mode is found to
// spend credit. A check that gets no answer is a result, too. No check gives a wrong password,
// which would get the IP address banned.
package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/blacklist"
	"github.com/go-smslink/smslink/cmd/internal/redact"
)

// options are a probe's settings.
type options struct {
	connectionID string
	password     string
	endpoint     string
	to           string // the receiver of every message: the user's own, in case test mode is not honoured
	from         string // the sender; empty means SenderNumeric

	only        []string      // the names of the checks to run; empty means all
	maxMessages int           // in the largest package
	pause       time.Duration // before each request
	timeout     time.Duration // of each request
	idleWait    time.Duration // for the server to close an idle connection

	blacklist *blacklist.Client // of the Live Update API; nil means that it is not checked
	transport *http.Transport
}

// source says how well a fact is known, as the library's docs mark it.
type source string

const (
	ref     source = "ref"     // the vendor's own client
	public  source = "public"  // published, not confirmed
	unknown source = "unknown" // not published
)

// verdict is what a check finds about a fact.
type verdict string

const (
	holds    verdict = "holds"    // it is as assumed
	deviates verdict = "deviates" // it is not
	unclear  verdict = "unclear"  // there was no answer that decides it
	noted    verdict = "noted"    // the answer to a question
)

// finding is the result of a check.
type finding struct {
	Check   string        `json:"check"`
	Fact    string        `json:"fact"` // what is assumed, or a question
	Source  source        `json:"source"`
	Seen    string        `json:"seen"`
	Verdict verdict       `json:"verdict"`
	Reply   string        `json:"reply,omitempty"` // how the last answer began
	Elapsed time.Duration `json:"elapsed_ns"`
}

// isQuestion reports whether a fact is a question: nothing is assumed, and any answer is noted.
func isQuestion(fact string) bool { return strings.HasSuffix(fact, "?") }

// session is a run of checks. It is the transport of its client, so that it sees each request and
// each answer. Goroutines must not share it.
type session struct {
	opts   options
	checks []check
	client *smslink.Client
	upload upload  // how the next one differs from the client's own
	last   *answer // to the last request
	halted string  // why no more requests are sent, or empty
	texts  int     // made so far

	testModeIsFree bool // it was seen that test mode spends no credit
	refusedSize    int  // of the smallest package that was not accepted, or 0
}

// newSession returns a session. It does no I/O.
func newSession(opts options) (*session, error) {
	if _, err := smslink.ParseReceiver(opts.to); err != nil {
		return nil, err
	}
	for _, name := range opts.only {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("there is no check %q; docs/gateway.md lists them", name)
		}
	}
	s := &session{opts: opts, last: new(answer)}
	for _, c := range checks {
		isChosen := len(opts.only) == 0 || slices.Contains(opts.only, c.name)
		if isChosen && (c.name != "blacklist" || opts.blacklist != nil) {
			s.checks = append(s.checks, c)
		}
	}
	var err error
	s.client, err = smslink.NewClient(opts.connectionID, opts.password, &smslink.Options{
		Endpoint: opts.endpoint, TestMode: true, Timeout: opts.timeout, Codec: smslink.CodecNone,
		HTTPClient: &http.Client{Transport: s},
		Cooldown:   -1, // some checks ask for an ERROR
	})
	return s, err
}

// findings runs the checks one after another and yields their results. Once the account is
// rejected, or test mode is found to spend credit, no more requests are sent, and the rest is
// unclear.
func (s *session) findings(ctx context.Context) iter.Seq[finding] {
	return func(yield func(finding) bool) {
		for _, c := range s.checks {
			start := time.Now()
			s.last = new(answer)
			seen, v := "not tried: "+s.halted, unclear
			if s.halted == "" && ctx.Err() == nil {
				seen, v = c.ask(ctx, s)
			}
			switch {
			case ctx.Err() != nil:
				seen, v = "interrupted", unclear
			case isQuestion(c.fact) && v != unclear:
				v = noted
			}
			found := finding{c.name, c.fact, c.source, s.mask(seen), v, s.mask(s.last.start()), time.Since(start)}
			if !yield(found) {
				return
			}
		}
	}
}

// mask masks the account and phone numbers in a server's text.
func (s *session) mask(text string) string {
	text = redact.Password(text, s.opts.password)
	if id := s.opts.connectionID; len(id) >= 4 { // a shorter one may be part of any text
		text = strings.ReplaceAll(text, id, redact.Mask)
	}
	return redact.Numbers(text)
}

// message returns a message to the probe's receiver. Its text was not sent before, so that no
// filter of repeated messages stops it.
func (s *session) message(id int64) smslink.Message {
	s.texts++
	return smslink.Message{ID: id, To: s.opts.to, From: s.opts.from, Text: fmt.Sprintf("Proba %d", s.texts)}
}

// haltFor halts the probe if err is an ERROR with one of these codes [public]: a wrong password
// that is given again gets the IP address banned.
func (s *session) haltFor(err error, codes ...string) {
	var rejection *smslink.GatewayError
	if errors.As(err, &rejection) && slices.Contains(codes, rejection.Code) {
		s.halted = "the account was rejected, with ERROR " + rejection.Code
	}
}

// send uploads a package of these messages.
func (s *session) send(ctx context.Context, u upload, messages ...smslink.Message) exchange {
	p := smslink.Package{Codec: u.codec, LenientReceivers: u.lenient}
	for _, m := range messages {
		if err := p.Add(m); err != nil {
			return exchange{err: err, answer: new(answer)}
		}
	}
	if err := s.wait(ctx); err != nil {
		return exchange{err: err, answer: s.last}
	}
	s.upload = u
	start := time.Now()
	resp, err := s.client.Send(ctx, &p)
	s.haltFor(err, "2", "3", "4", "5", "6", "7") // all that are about the account
	return exchange{resp, err, s.last, time.Since(start)}
}

// balance asks for the account's balance.
func (s *session) balance(ctx context.Context) (smslink.Balance, error) {
	if err := s.wait(ctx); err != nil {
		return smslink.Balance{}, err
	}
	s.upload = upload{}
	left, err := s.client.Balance(ctx)
	s.haltFor(err, "6", "7") // the others may be about this service only
	return left, err
}

// get sends a GET to the endpoint, without the account, and reads the answer.
func (s *session) get(ctx context.Context, base http.RoundTripper) (*answer, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.opts.endpoint, nil)
	if err != nil {
		return nil, err
	}
	resp, err := base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	s.last = &answer{Response: *resp}
	defer resp.Body.Close()
	_, err = io.Copy(&s.last.body, io.LimitReader(resp.Body, 1<<20))
	return s.last, err
}

// wait forgets the last answer, and pauses before a request.
func (s *session) wait(ctx context.Context) error {
	s.last = new(answer)
	select {
	case <-time.After(s.opts.pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var errNotTestMode = errors.New("the upload is not in test mode")

// RoundTrip implements [http.RoundTripper]. It changes an upload as the check wants it, refuses one
// that is not in test mode, and keeps the answer.
func (s *session) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := req.Clone(req.Context())
	if strings.HasPrefix(req.Header.Get("Content-Type"), "multipart/form-data") {
		body, err := s.changed(req)
		if err != nil {
			return nil, err
		}
		sent.Body, sent.ContentLength, sent.GetBody = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		if s.upload.chunked {
			sent.ContentLength = -1
		}
		if s.upload.noUserAgent {
			sent.Header["User-Agent"] = []string{""} // leaves it out
		}
	}
	resp, err := s.opts.transport.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	s.last = &answer{Response: *resp}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(resp.Body, &s.last.body), resp.Body}
	return resp, nil
}

// changed returns the client's upload as the check wants it.
func (s *session) changed(req *http.Request) ([]byte, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	f, err := parseForm(req.Header.Get("Content-Type"), body)
	if err != nil {
		return nil, err
	}
	if s.upload.change != nil {
		s.upload.change(f)
	}
	if f.get("test") != "1" || f.get("connection_id") != s.opts.connectionID || f.get("password") != s.opts.password {
		return nil, errNotTestMode
	}
	return f.bytes()
}
