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
	whole     bool              // all rows were read
	journal   smslink.Journal   // nil = none
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

var (
	errInterrupted = errors.New("interrupted")
	errUnreachable = errors.New("the gateway can't be reached")
)

func (s *sending) run(ctx context.Context, opts *smslink.SendAllOptions) error {
	start := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.halting, s.halt = context.WithCancelCause(ctx)
	defer s.obeySignals(cancel)()
	s.journal, opts.Halt = opts.Journal, s.halting
	if s.campaign.rereadable() {
		opts.Limiter = unchanged{s.campaign, opts.Limiter}
	}
	next, stop := s.campaign.pull(s.halting)
	defer stop()
	s.next = next
	for batch := range s.client.SendAll(ctx, s.messages(), opts) {
		s.take(batch)
	}
	s.leave(ctx)
	s.bar.end()
	s.bad.end("")
	s.failed.end("")
	return s.report(time.Since(start))
}

// obeySignals lets the first Ctrl-C, or the terminal's end, halt the stream, and the second one break it off. From here on
// a signal must not end the process: what is known of messages that were sent would be lost.
func (s *sending) obeySignals(cancel func()) (stop func()) {
	signals, done := make(chan os.Signal, 2), make(chan struct{})
	wanted := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		wanted = append(wanted, syscall.SIGHUP)
	}
	signal.Notify(signals, wanted...)
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

// unchanged is a limiter that lets nothing pass once a file is not what was stated and confirmed.
// The rows of a package were read before it is asked.
type unchanged struct {
	campaign *campaign
	limiter  interface {
		WaitN(ctx context.Context, n int) error
	}
}

func (u unchanged) WaitN(ctx context.Context, n int) error {
	if u.limiter != nil {
		if err := u.limiter.WaitN(ctx, n); err != nil {
			return err
		}
	}
	return u.campaign.unchanged()
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
			case !ok && s.halting.Err() != nil: // the input is not at its end
				yield(smslink.Message{}, context.Cause(s.halting))
				return
			case !ok:
				s.whole = true
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
			s.words[reason(b.Err)] = words
		}
		if smslink.OutcomeOf(b.Err) == smslink.OutcomeNotSent && !errors.Is(b.Err, smslink.ErrStopped) {
			s.halt(errUnreachable) // all attempts are used up, and the next package's would be
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

// leave records the rows that a stream which stopped has not read, where reading them can't block: what a
// journal knows of them, and else that they were not sent.
func (s *sending) leave(ctx context.Context) {
	if s.stopped == nil || !s.campaign.rereadable() {
		return
	}
	var unread []row
	var sendErr *smslink.SendError
	errors.As(s.stopped, &sendErr) // it is one
	left := &smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: sendErr.Err}
	flush := func() {
		known := s.known(context.WithoutCancel(ctx), unread)
		for _, row := range unread {
			f := fateOf(row)
			switch result, ok := known[row.message.ID]; {
			case ok:
				s.record(f.known(result))
			default:
				s.record(f.unsent(left))
			}
		}
		unread = unread[:0]
	}
	for {
		row, err, ok := s.next()
		switch {
		case !ok || err != nil:
			flush()
			return
		case row.err != nil:
			s.record(badRowFate(row))
		default:
			if unread = append(unread, row); len(unread) == s.opts.packageSize {
				flush()
			}
		}
	}
}

// known is what the journal knows of the rows. Where it can't say, an earlier run may have sent any of them.
func (s *sending) known(ctx context.Context, rows []row) map[int64]smslink.Result {
	known := map[int64]smslink.Result{}
	if s.journal == nil || len(rows) == 0 {
		return known
	}
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.message.ID
	}
	results, err := s.journal.Known(ctx, ids)
	if err != nil {
		for _, id := range ids {
			known[id] = smslink.Result{ID: id}
		}
	}
	for _, result := range results {
		known[result.ID] = result
	}
	return known
}

// settled is the row of an id that was pending.
func (s *sending) settled(id int64) fate {
	f := s.pending[id]
	delete(s.pending, id)
	return f
}

// record keeps and tells one row's fate.
func (s *sending) record(f fate) {
	if s.opts.testMode && f.kind == accepted {
		f.Note = "in test mode: checked, and not sent"
	}
	s.tally.add(f)
	if err := s.results.add(f); err != nil {
		s.halt(fmt.Errorf("--results: %w", err))
	}
	if s.rows != nil {
		s.keep(s.rows.Encode(f))
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
