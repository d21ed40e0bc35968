package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-smslink/smslink"
)

// sending is one run of send, from its first upload on. Its fields are one goroutine's.
type sending struct {
	console  console
	opts     sendOptions
	client   *smslink.Client
	campaign *campaign
	results  *results
	rows     *json.Encoder // nil without --json
	out      *checkedWriter
	bad      complaints
	failed   complaints
	bar      *progress

	next      func() (row, error, bool) // the campaign's
	pending   map[int64]fate            // rows that were read and of which nothing is known
	tally     tally
	words     map[string]string // of the server, by reason
	packageID string            // the last one's
	stopped   error             // of the last package that was not accepted
	ended     error             // why the rows ended before their end

	halting context.Context // done, with the reason, once no more is to be sent
	halt    context.CancelCauseFunc
}

func newSending(c console, opts sendOptions, client *smslink.Client, campaign *campaign, results *results, total int) *sending {
	s := &sending{
		console: c, opts: opts, client: client, campaign: campaign, results: results,
		out:     &checkedWriter{w: c.out},
		failed:  complaints{out: c.err},
		bar:     newProgress(c.err, total, "sending", 0),
		pending: map[int64]fate{},
		tally:   tally{reasons: counts{}},
		words:   map[string]string{},
	}
	if total < 0 { // else the bad ones have been told of
		s.bad = complaints{out: c.err}
	}
	if opts.json {
		s.rows = json.NewEncoder(s.out)
		s.rows.SetEscapeHTML(false)
	}
	return s
}

var errInterrupted = errors.New("interrupted")

func (s *sending) run(ctx context.Context, opts *smslink.SendAllOptions) error {
	start := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.halting, s.halt = context.WithCancelCause(ctx)
	defer s.obeySignals(cancel)()
	opts.Limiter = gate{s.halting, opts.Limiter}

	next, stop := iter.Pull2(s.campaign.rows())
	defer stop()
	s.next = next
	for batch := range s.client.SendAll(ctx, s.messages(), opts) {
		s.take(batch)
	}
	s.leave()
	s.bar.end()
	s.bad.end("")
	s.failed.end("")
	return s.report(time.Since(start))
}

// obeySignals lets the first Ctrl-C halt the stream and the second one end it. From here on an interrupt
// must not end the process: what is known of messages that were sent would be lost.
func (s *sending) obeySignals(cancel func()) (stop func()) {
	signals, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for n := 1; ; n++ {
			select {
			case <-signals:
			case <-done:
				return
			}
			if n == 1 {
				fmt.Fprintln(s.console.err, "\nsmslink: interrupted; the packages on their way come to their end. Once more breaks them off")
				s.halt(errInterrupted)
			} else {
				cancel()
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// gate is a limiter that nothing passes once the stream halts.
type gate struct {
	halting context.Context
	limiter interface {
		WaitN(ctx context.Context, n int) error
	}
}

func (g gate) WaitN(ctx context.Context, n int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(g.halting, func() { cancel(context.Cause(g.halting)) })()
	if g.limiter != nil && g.halting.Err() == nil {
		if err := g.limiter.WaitN(ctx, n); err != nil && g.halting.Err() == nil {
			return err
		}
	}
	return context.Cause(g.halting)
}

// messages are the campaign's good rows, until the stream halts, or a row shall end it: what was
// read before that is sent.
func (s *sending) messages() iter.Seq2[smslink.Message, error] {
	return func(yield func(smslink.Message, error) bool) {
		for {
			if s.halting.Err() != nil {
				yield(smslink.Message{}, context.Cause(s.halting))
				return
			}
			row, err, ok := s.next()
			switch {
			case !ok:
				return
			case err != nil:
				s.ended = fmt.Errorf("%w; what follows was not sent", err)
				return
			case row.err != nil:
				s.record(badRowFate(row))
				if s.opts.onBadRow == "stop" {
					s.ended = errors.New("a row is bad, and what follows it was not sent; --on-bad-row skip passes over it")
					return
				}
				continue
			}
			s.pending[row.message.ID] = fateOf(row)
			if !yield(row.message, nil) {
				return
			}
		}
	}
}

// take records what became of a batch.
func (s *sending) take(b smslink.Batch) {
	for _, refused := range b.Refused { // by what the campaign's own screen lets pass
		s.record(s.settled(refused.ID).unsent(refused))
	}
	for _, result := range b.Earlier {
		s.record(s.settled(result.ID).known(result))
	}
	switch {
	case b.Response != nil:
		s.tally.packages++
		s.packageID = b.Response.PackageID
		s.tally.strays += len(b.Response.Unmatched)
		for _, result := range b.Response.Results {
			s.record(s.settled(result.ID).judged(result))
		}
	case b.Err != nil:
		s.stopped = b.Err
		if words := serversWords(b.Err, s.console.getenv(envPassword)); words != "" {
			s.words[unprefixed(b.Err).Error()] = words
		}
		for m := range b.Package.Messages() {
			s.record(s.settled(m.ID).unsent(b.Err))
		}
	}
	if err := s.results.flush(); err != nil {
		s.halt(fmt.Errorf("--results: %w", err))
	}
	s.bar.tell(&s.tally)
}

// leave records the rows that a stream which stopped has not read, where there
// is a stop and reading them can't block.
func (s *sending) leave() {
	if s.stopped == nil || !errors.Is(s.stopped, smslink.ErrStopped) || !s.campaign.rereadable() {
		return
	}
	for {
		row, err, ok := s.next()
		switch {
		case !ok || err != nil:
			return
		case row.err != nil:
			s.record(badRowFate(row))
		default:
			s.record(fateOf(row).unsent(s.stopped))
		}
	}
}

// settled is the row of an id that was pending.
func (s *sending) settled(id int64) fate {
	f := s.pending[id]
	delete(s.pending, id)
	return f
}

// record keeps and tells one row's fate.
func (s *sending) record(f fate) {
	s.tally.add(f)
	if err := s.results.add(f); err != nil {
		s.halt(fmt.Errorf("--results: %w", err))
	}
	if s.rows != nil {
		_ = s.rows.Encode(f) // s.out remembers
	}
	switch f.kind {
	case badRow:
		s.bar.clear()
		s.bad.add(f.File, f.Line, f.Note)
	case failed, unknown:
		if f.Text != smslink.OutcomeUnknown.String() { // which is a whole package's
			s.bar.clear()
			s.failed.add(f.File, f.Line, f.Text+": "+f.Note)
		}
	}
}
