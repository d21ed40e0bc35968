// Package probe asks a gateway about each fact that the library assumes of it, in test mode only.
//
// Every check is one question, independent of the others. A check that gets no answer is a result,
// too. No check gives a wrong password, which would get the IP address banned.
package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/blacklist"
)

// Options are a probe's settings. Zero fields mean the defaults, if one is named.
type Options struct {
	ConnectionID string
	Password     string
	Endpoint     string
	To           string // the receiver of every message: a number of one's own, if test mode were not honoured
	From         string // the sender; empty means SenderNumeric

	Only        []string      // the names of the checks to make; empty means all
	MaxMessages int           // the size of the largest package; 0 means 50,000
	Pause       time.Duration // before each request
	Timeout     time.Duration // of each request; 0 means 2 minutes
	IdleWait    time.Duration // for the server to close an idle connection; 0 means 2 minutes

	Blacklist *blacklist.Client         // of the Live Update API; nil means that it is not checked
	Transport *http.Transport           // nil means smslink.NewTransport's
	Mask      func(words string) string // masks a server's text; nil means that nothing is masked
}

// Source says how well a fact is known, as the library's docs mark it.
type Source string

// The sources of a fact.
const (
	Ref     Source = "ref"     // the vendor's own client
	Public  Source = "public"  // published, not confirmed
	Unknown Source = "unknown" // not published
)

// Verdict is what a check makes of a fact.
type Verdict string

// The verdicts.
const (
	Holds    Verdict = "holds"    // it is as assumed
	Deviates Verdict = "deviates" // it is not
	Unclear  Verdict = "unclear"  // there was no answer to tell by
	Noted    Verdict = "noted"    // nothing is assumed, and this is what was seen
)

// Finding is what one check has found.
type Finding struct {
	Check   string        `json:"check"`
	Fact    string        `json:"fact"` // what is assumed; a question if nothing is
	Source  Source        `json:"source"`
	Seen    string        `json:"seen"`
	Verdict Verdict       `json:"verdict"`
	Reply   string        `json:"reply,omitempty"` // how the last answer began, masked
	Elapsed time.Duration `json:"elapsed_ns"`
}

// IsQuestion reports whether nothing is assumed: the check only asks.
func (f Finding) IsQuestion() bool { return strings.HasSuffix(f.Fact, "?") }

// Check finds out about one fact.
type Check struct {
	Name   string
	Fact   string // as in a Finding
	Source Source
	ask    func(ctx context.Context, s *session) (seen string, verdict Verdict)
}

// Probe is a set of checks. Make it with [New], and range over its Findings once.
type Probe struct {
	checks  []Check
	session *session
}

// New returns a probe. It does no I/O.
func New(opts Options) (*Probe, error) {
	opts.MaxMessages = cmp.Or(opts.MaxMessages, 50_000)
	opts.Timeout = cmp.Or(opts.Timeout, 2*time.Minute)
	opts.IdleWait = cmp.Or(opts.IdleWait, 2*time.Minute)
	if opts.Transport == nil {
		opts.Transport = smslink.NewTransport()
	}
	if opts.Mask == nil {
		opts.Mask = func(words string) string { return words }
	}
	if opts.MaxMessages < 1 || opts.Pause < 0 || opts.Timeout < 0 || opts.IdleWait < 0 {
		return nil, errors.New("a size or a time is below zero")
	}
	if _, err := smslink.ParseReceiver(opts.To); err != nil {
		return nil, err
	}
	checks, err := chosen(opts.Only)
	if err != nil {
		return nil, err
	}
	if opts.Blacklist == nil {
		checks = slices.DeleteFunc(checks, func(c Check) bool { return c.Name == "blacklist" })
	}
	s, err := newSession(opts)
	if err != nil {
		return nil, err
	}
	return &Probe{checks, s}, nil
}

// chosen returns the checks of those names.
func chosen(names []string) ([]Check, error) {
	all := Checks()
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(c Check) bool { return c.Name == name }) {
			return nil, fmt.Errorf("there is no check %q; docs/gateway.md lists them", name)
		}
	}
	return slices.DeleteFunc(all, func(c Check) bool { return !slices.Contains(names, c.Name) }), nil
}

// Checks returns all checks, in the order in which they are made.
func Checks() []Check {
	return slices.Concat(connectionChecks, accountChecks, blacklistChecks, codecChecks, replyChecks, integrityChecks, messageChecks, httpChecks, sizeChecks)
}

// Len returns the number of checks.
func (p *Probe) Len() int { return len(p.checks) }

// Findings makes the checks one after another and yields what each has found. Once the account is
// refused, or test mode is found to spend credit, nothing more is sent, and the rest is unclear.
func (p *Probe) Findings(ctx context.Context) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		s := p.session
		for _, c := range p.checks {
			start := time.Now()
			s.last = answer{}
			seen, verdict := "not tried: "+s.halted, Unclear
			if s.halted == "" && ctx.Err() == nil {
				seen, verdict = c.ask(ctx, s)
			}
			if ctx.Err() != nil {
				seen, verdict = "interrupted", Unclear
			}
			finding := Finding{
				Check: c.Name, Fact: c.Fact, Source: c.Source, Seen: s.opts.Mask(seen), Verdict: verdict,
				Reply: s.opts.Mask(strings.ToValidUTF8(s.last.start(), "?")), Elapsed: time.Since(start),
			}
			if !yield(finding) {
				return
			}
		}
	}
}
