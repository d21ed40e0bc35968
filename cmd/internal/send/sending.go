package send

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/campaignjournal"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/input"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/cmd/internal/progress"
	"github.com/go-smslink/smslink/cmd/internal/redact"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// sending is one run of send. Its fields are one goroutine's.
type sending struct {
	console  cli.Console
	opts     options
	client   *smslink.Client
	asks     bool // there is a person to ask, and something at stake
	campaign *campaign.Campaign
	chosen   *selection
	survey   *survey // nil if the files can be read only once
	results  *outcome.Results
	out      *cli.Output
	bad      input.Complaints
	failed   input.Complaints
	bar      *progress.Bar
	attempts attempts

	rows      *campaign.Rows
	pending   map[int64]outcome.Row // rows that were read and have no outcome
	tally     outcome.Tally
	unpaid    int               // messages that failed for want of credit, and were not sent
	packages  int               // that were accepted
	unmatched int               // reply entries that match no message
	said      map[string]string // by the server, by reason
	packageID string            // the last one's
	streamErr error             // the stream's Err
	inputErr  error             // why the input was not read to its end
	whole     bool              // all rows were read
	unread    bool              // rows may be left that have no outcome
	tried     bool              // a package was to be sent

	halting context.Context // done, with the reason, once no more is to be sent
	halt    context.CancelCauseFunc
}

func newSending(c cli.Console, opts options) *sending {
	return &sending{
		console: c, opts: opts, out: cli.NewOutput(c.Out),
		chosen:  &selection{opts: opts, clock: newClock(opts.hours, opts.Zone(), c.Time)},
		pending: map[int64]outcome.Row{}, said: map[string]string{},
	}
}

// open opens the files, the journal of an earlier run and the lists of --exclude. It makes nothing:
// a journal that is not there is made once the send is confirmed.
func (s *sending) open(ctx context.Context, names []string) (err error) {
	o := s.opts
	if err := s.chosen.clock.closed(); err != nil {
		return err
	}
	var needIDs error
	if o.usesJournal() {
		needIDs = errors.New("line 1: there is no id column, " +
			"and a --journal can't tell the rows of one pipe from another's; add one")
	}
	if s.campaign, err = s.opts.Open(s.console, names, needIDs); err != nil {
		return err
	}
	if !s.campaign.Rereadable() {
		switch {
		case o.resendFailed:
			return errors.New("--resend-failed takes files, which can be read twice")
		case o.proof != "":
			return errors.New("--proof takes files, which can be read twice")
		case o.onePerNumber && o.usesJournal():
			return errors.New("--one-per-number with a --journal takes files, which can be read twice")
		}
	}
	if o.usesJournal() {
		exists, err := campaignjournal.Exists(o.journal)
		if err == nil && exists {
			s.chosen.journal, err = campaignjournal.Open(o.journal, o.gateway())
		}
		if err != nil {
			return fmt.Errorf("--journal: %w", err)
		}
	}
	if s.chosen.excluded, err = readExclusions(ctx, o.exclude, o.excludeAnyway); err != nil {
		return fmt.Errorf("--exclude: %w", err)
	}
	s.asks = !o.yes && !o.sandbox && !o.testMode && cli.CanAsk(s.console, slices.Contains(names, "-"))
	return nil
}

// close closes the files and the journal.
func (s *sending) close() {
	if s.campaign != nil {
		s.campaign.Close()
	}
	if s.chosen.journal != nil {
		_ = s.chosen.journal.Close() // each of its calls has written through
	}
}

// confirm compares the send with what the account has left, and asks a person if there is one.
func (s *sending) confirm(ctx context.Context) error {
	question := "Send the rows as they come, uncounted?"
	if s.survey != nil {
		if err := s.afford(ctx); err != nil {
			return err
		}
		question = s.question()
	}
	if !s.asks || question == "" {
		return nil
	}
	if s.survey != nil {
		s.survey.preview(s.console.Err, s.opts.FillsTexts())
	}
	if s.opts.journal == "" {
		question = "Without --journal, a send that breaks off can't be continued.\n" + question
	}
	if s.opts.hours.String() == "" {
		question = atNight(s.console.Time()) + question
	}
	return cli.Confirm(s.console, question)
}

// openRecords opens the journal and the results.
func (s *sending) openRecords() (err error) {
	if s.opts.usesJournal() {
		if s.chosen.journal == nil {
			if s.chosen.journal, err = campaignjournal.Open(s.opts.journal, s.opts.gateway()); err != nil {
				return fmt.Errorf("--journal: %w", err)
			}
		}
		if s.chosen.plan != nil {
			if err := s.chosen.plan.Commit(s.chosen.journal); err != nil {
				return fmt.Errorf("--journal: %w", terminal.Error(err))
			}
		}
	}
	results := outcome.ResultsOptions{
		Tell:  func(text string) { fmt.Fprintf(s.console.Err, "smslink: %s\n", text) },
		Price: s.opts.price.Cost,
	}
	if s.chosen.journal != nil && len(s.chosen.journal.Runs()) > 0 {
		results.Has = func(rows []outcome.Row) (bool, error) { return journalHas(s.chosen.journal, rows) }
	}
	if s.results, err = outcome.CreateResults(s.opts.results, results); err != nil {
		return fmt.Errorf("--results: %w", err)
	}
	return nil
}

// journalHas reports whether a journal has the results of rows of an earlier run, which were
// answered. An answer that a message has failed may be replaced, once the message was sent again.
func journalHas(j *campaignjournal.Journal, rows []outcome.Row) (bool, error) {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		id, ok := j.IDOf(row.Journal)
		if !ok {
			return false, nil
		}
		ids[i] = id
	}
	results, err := j.Results(context.Background(), ids)
	if err != nil {
		return false, err
	}
	for i, row := range rows {
		result, known := results[ids[i]]
		isInDoubt := known && result.Status == smslink.StatusUnreported
		isAccepted := row.Status.Outcome() == smslink.OutcomeAccepted
		if isInDoubt || isAccepted && result.RemoteID != row.RemoteID {
			return false, nil
		}
	}
	return true, nil
}

// rowOf returns a row that has no outcome yet.
func rowOf(r *campaign.Row) outcome.Row {
	return outcome.Row{File: r.File, Line: r.Line, ID: r.ID, To: r.To, Segments: r.Size.Segments}
}

// messageOf returns a row that has no outcome yet, with the name of its message.
func (s *sending) messageOf(r *campaign.Row) outcome.Row {
	row := rowOf(r)
	if s.chosen.journal != nil {
		row.Journal = s.chosen.journal.Name(r.Message.ID)
	}
	return row
}

var (
	errInterrupted = errors.New("the command was interrupted")
	errUnreachable = errors.New("the gateway can't be reached")
)

// run uploads what is to be sent, and reports it.
func (s *sending) run(ctx context.Context, opts *smslink.StreamOptions) (err error) {
	start := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.halting, s.halt = context.WithCancelCause(ctx)
	defer s.obeySignals(cancel)()
	opts.Limiter = checked{s.campaign, opts.Limiter}
	if s.chosen.journal != nil {
		opts.Journal = s.chosen.journal
	}
	if clock := s.chosen.clock; clock != nil {
		end := time.AfterFunc(clock.left(), func() { s.halt(errors.New("the end of --hours " + clock.String())) })
		defer end.Stop()
	}
	if s.rows, err = s.campaign.Rows(); err != nil {
		s.halt(err)
	} else {
		defer s.rows.Close()
	}
	total := -1
	if s.survey != nil {
		total = s.survey.Rows + s.survey.excluded
	}
	s.bar = progress.Sending(s.console.Err, total)
	stream := s.client.Stream(s.messages(), opts)
	s.attempts.check = func() { // the machine may have slept since the last attempt
		if err := s.chosen.clock.closed(); err != nil {
			s.halt(err)
			stream.Drain(err) // before the upload
		}
	}
	defer context.AfterFunc(s.halting, func() { stream.Drain(context.Cause(s.halting)) })()
	for batch := range stream.Batches(ctx) {
		s.take(batch)
	}
	s.streamErr = stream.Err()
	s.recordUnread(ctx)
	s.bar.End()
	s.bad.Print(s.console.Err, input.FewPlaces, "")
	s.failed.Print(s.console.Err, input.FewPlaces, "")
	return s.report(time.Since(start))
}

// obeySignals makes the first Ctrl-C, or the terminal's end, halt the stream, and the second one
// break it off. From now on no signal may end the process: it would lose the outcomes of messages
// that were sent.
func (s *sending) obeySignals(cancel func()) (stop func()) {
	signals, done := make(chan os.Signal, 2), make(chan struct{})
	wanted := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		wanted = append(wanted, syscall.SIGHUP)
	}
	signal.Notify(signals, wanted...)
	var running sync.WaitGroup
	running.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-signals:
			case <-done:
				return
			}
			if n > 1 {
				cancel()
				continue
			}
			s.halt(errInterrupted)
			running.Go(func() { // since it waits while no one reads standard error
				fmt.Fprintln(s.console.Err, "\nsmslink: interrupted: "+
					"waiting for the packages that are being uploaded; no others are sent.\n"+
					"Press Ctrl-C again to break them off; their messages are then in doubt.")
			})
		}
	})
	return func() {
		signal.Stop(signals)
		close(done)
		running.Wait()
	}
}

// checked is a limiter that lets nothing pass once a file has changed since it was confirmed. It is
// called after the rows of a package are read.
type checked struct {
	campaign *campaign.Campaign
	limiter  interface {
		WaitN(ctx context.Context, n int) error
	}
}

func (u checked) WaitN(ctx context.Context, n int) error {
	if u.limiter != nil {
		if err := u.limiter.WaitN(ctx, n); err != nil {
			return err
		}
	}
	return u.campaign.Unchanged()
}

// attempts is a smslink.Tracer that calls check before each attempt to upload a package. A nil
// check is not called.
type attempts struct{ check func() }

func (a *attempts) TraceUploadStart(ctx context.Context, _ smslink.UploadStart) context.Context {
	if a.check != nil {
		a.check()
	}
	return ctx
}

func (a *attempts) TraceUploadEnd(context.Context, smslink.UploadEnd) {}

// messages yields the campaign's good rows until the stream halts or a row ends it. If the row is a
// pipe's, those before it are sent.
func (s *sending) messages() iter.Seq2[smslink.Message, error] {
	return func(yield func(smslink.Message, error) bool) {
		for s.halting.Err() == nil && s.rows.Next(s.halting) {
			row := s.rows.Row()
			switch why, err := s.chosen.choose(s.halting, row); {
			case why != "":
				s.record(rowOf(row).LeftOut(why))
			case err != nil:
				s.record(rowOf(row).Unsent(&smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: err}))
				s.inputErr = fmt.Errorf("%s:%d: %w; it and what follows was not sent", row.File, row.Line, err)
				if s.chosen.plan != nil { // the stream stops, and recordUnread reads the rest
					yield(smslink.Message{}, err)
				}
				return
			case row.Bad != nil:
				s.record(rowOf(row).Invalid(row.Bad))
				if s.survey == nil { // which has shown it
					s.bad.AddRow(row)
				}
				if s.opts.onBadRow == "stop" {
					s.inputErr = errors.New("a row is bad, and what follows it was not sent; " +
						"--on-bad-row skip would have passed over it")
					return
				}
			default:
				s.pending[row.Message.ID] = s.messageOf(row)
				if !yield(row.Message, nil) {
					return
				}
			}
		}
		switch {
		case s.halting.Err() != nil: // the input is not at its end
			yield(smslink.Message{}, context.Cause(s.halting))
		case s.rows.Err() != nil:
			s.inputErr = fmt.Errorf("%w; what follows was not sent", s.rows.Err())
		default:
			if err := s.campaign.Unchanged(); err != nil {
				s.inputErr = fmt.Errorf("%w; some rows may not have been sent", err)
			}
			s.whole = s.inputErr == nil
		}
	}
}

// take records the outcomes of a batch.
func (s *sending) take(b smslink.Batch) {
	s.tried = s.tried || b.Package.Len() > 0
	for _, invalid := range b.Invalid { // for a cause that the campaign's own check lets pass
		s.record(s.takePending(invalid.ID).Invalid(terminal.Error(invalid)))
	}
	for _, result := range b.Earlier {
		s.record(s.takePending(result.ID).Known(result))
	}
	switch {
	case b.Response != nil:
		s.packages++
		s.packageID = b.Response.PackageID
		s.unmatched += len(b.Response.Unmatched)
		for _, result := range b.Response.Results {
			s.record(s.replied(s.takePending(result.ID), result))
		}
	case b.Err != nil:
		if text := redact.Reply(b.Err, s.console.Getenv(account.EnvPassword)); text != "" {
			s.said[outcome.Reason(b.Err)] = text
		}
		if smslink.OutcomeOf(b.Err) == smslink.OutcomeNotSent && !errors.Is(b.Err, smslink.ErrStopped) {
			s.halt(errUnreachable) // all attempts are used up, and the next package's would be
		}
		for m := range b.Package.Messages() {
			s.record(s.takePending(m.ID).Unsent(b.Err))
		}
	}
	if err := s.results.Flush(); err != nil {
		s.halt(fmt.Errorf("--results: %w", err))
	}
	s.bar.Show(&s.tally)
}

// recordUnread records the rows that were not read before the stream stopped. Those that the
// journal has keep its result; the others were not sent. If reading them may block, or the input
// broke off, it sets unread instead.
func (s *sending) recordUnread(ctx context.Context) {
	switch {
	case s.whole:
		return
	case s.streamErr == nil || s.rows == nil || !s.campaign.Rereadable():
		s.unread = true
		return
	}
	left := &smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: s.streamErr}
	var ids []int64
	var unread []outcome.Row // with these ids
	flush := func() {
		known := s.known(context.WithoutCancel(ctx), ids)
		for i, row := range unread {
			if result, ok := known[ids[i]]; ok {
				s.record(row.Known(result))
			} else {
				s.record(row.Unsent(left))
			}
		}
		ids, unread = ids[:0], unread[:0]
	}
	for s.rows.Next(ctx) {
		row := s.rows.Row()
		switch why, err := s.chosen.choose(ctx, row); {
		case why != "":
			s.record(rowOf(row).LeftOut(why))
		case err != nil: // the file has grown
			s.record(rowOf(row).Unsent(left))
		case row.Bad != nil:
			s.record(rowOf(row).Invalid(row.Bad))
		default:
			ids, unread = append(ids, row.Message.ID), append(unread, s.messageOf(row))
			if len(ids) == s.opts.packageSize {
				flush()
			}
		}
	}
	flush()
	s.unread = s.rows.Err() != nil
}

// known returns the journal's results for the ids. If it can't be read, all of them are in doubt:
// an earlier run may have sent any.
func (s *sending) known(ctx context.Context, ids []int64) map[int64]smslink.Result {
	if s.chosen.journal == nil {
		return nil
	}
	results, err := s.chosen.journal.Results(ctx, ids)
	if err != nil {
		for _, id := range ids {
			results[id] = smslink.Result{ID: id}
		}
	}
	return results
}

// takePending removes a pending row, and returns it.
func (s *sending) takePending(id int64) outcome.Row {
	row := s.pending[id]
	delete(s.pending, id)
	return row
}

// replied adds the gateway's status to a row.
func (s *sending) replied(row outcome.Row, result smslink.Result) outcome.Row {
	row = row.Replied(result)
	row.Answered = time.Now() // by the clock of the journal
	switch {
	case s.opts.testMode:
		return row.InTestMode()
	case s.opts.sandbox:
		return row.InSandbox()
	}
	return row
}

// record keeps and shows the outcome of one row.
func (s *sending) record(r outcome.Row) {
	s.tally.Add(r)
	if r.Status == smslink.StatusInsufficientCredit {
		s.unpaid++
	}
	if err := s.results.Add(r); err != nil {
		s.halt(fmt.Errorf("--results: %w", err))
	}
	if s.opts.json {
		s.out.JSON(r)
	}
	ofPackage := r.Text == smslink.OutcomeInDoubt.String() // which the report names once
	if r.Kind == outcome.Failed || r.Kind == outcome.InDoubt && !r.Earlier && !ofPackage {
		s.failed.Add(r.File, strconv.Itoa(r.Line), "", r.Reason)
	}
}
