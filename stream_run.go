package smslink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-smslink/smslink/internal/idset"
	"github.com/go-smslink/smslink/internal/wire"
)

// run is a Stream that is being ranged over. The caller's goroutine reads the source, fills
// packages and yields batches. Each package is sent in a goroutine of its own.
type run struct {
	stream *Stream
	opts   StreamOptions
	yield  func(Batch) bool

	uploadCtx  context.Context //nolint:containedctx // the caller's
	journalCtx context.Context //nolint:containedctx // never done
	runCtx     context.Context // done, with the reason as its cause, once the run has stopped
	stop       context.CancelCauseFunc
	cutShort   atomic.Bool  // a package was not sent, or not recorded, because the run stopped
	inDoubt    atomic.Int32 // packages in doubt in a row
	done       chan *job    // jobs whose goroutines have ended
	senders    sync.WaitGroup

	// The rest belongs to the caller's goroutine.
	filling    *job
	allZero    bool       // so far every id is 0
	ids        idset.Set  // of all messages; nil if ids may be repeated
	sending    int        // number of jobs that were started and not finished
	complete   bool       // the source has ended, and no message was dropped
	left       bool       // the loop was left early
	panicked   any        // the first panic of a job's goroutine
	unrecorded [][]Result // those of each job
}

// job is a batch under way. It belongs to its goroutine while that runs, and to the caller's
// goroutine before and after.
type job struct {
	batch      Batch
	segments   int  // of the accepted messages
	mayBeSent  bool // the package is in doubt if the goroutine ends now
	unsent     bool // not sent by this stream, but perhaps by another one
	panicked   any
	unrecorded []Result // what the journal failed to record
}

var (
	errLeft         = errors.New("the loop over the batches was left")
	errCalleePanics = errors.New("code that the stream called panicked")
	errCalleeExits  = errors.New("code that the stream called ended its goroutine with runtime.Goexit")
)

func newRun(ctx context.Context, s *Stream, yield func(Batch) bool) *run {
	r := &run{
		stream:     s,
		opts:       s.opts,
		yield:      yield,
		uploadCtx:  ctx,
		journalCtx: context.WithoutCancel(ctx),
		done:       make(chan *job, s.opts.Concurrency),
		filling:    newJob(),
	}
	r.runCtx, r.stop = context.WithCancelCause(ctx)
	if r.opts.UniqueIDs {
		r.ids = idset.Set{}
	}
	return r
}

func newJob() *job { return &job{batch: Batch{Package: new(Package)}} }

func (r *run) stopped() bool { return r.runCtx.Err() != nil }

// readAll reads the messages until they end or the run stops.
func (r *run) readAll() {
	for m, err := range r.stream.source {
		if err != nil {
			r.stop(err)
			return
		}
		if err := r.number(&m); err != nil {
			r.stop(err)
			r.invalid(err)
			return
		}
		r.add(m)
		r.yieldDone()
		if r.stopped() {
			return
		}
	}
	r.complete = true
}

// number sets the id of m to its place in the stream if no message so far has an id.
func (r *run) number(m *Message) *MessageError {
	place := r.stream.totals.read.Add(1) - 1
	switch {
	case place == 0:
		r.allZero = m.ID == 0
	case !r.allZero:
	case m.ID == 0 && r.stream.needsIDs:
		return &MessageError{ID: m.ID, Field: wire.FieldID, Err: errNoID}
	case m.ID == 0:
		m.ID = place
	case place == 1:
		r.allZero = false
	default:
		return &MessageError{ID: m.ID, Field: wire.FieldID, Err: errLateID}
	}
	return nil
}

var (
	errNoID = fmt.Errorf("%w; with a Journal, give each message an id of your own, by which the next run knows it",
		errRepeatedID)
	errLateID = errors.New("is set, but those of the messages before are not; " +
		"give all messages of a stream an id, or none")
)

// add adds m to the package that is being filled, or to a new one if that is full.
func (r *run) add(m Message) {
	if r.isFull() { // its message has waited for this one
		r.start()
	}
	if r.ids.Has(m.ID) {
		r.invalid(&MessageError{ID: m.ID, Field: wire.FieldID, Err: errInStream})
		return
	}
	p := r.filling.batch.Package
	if err := p.Add(m); err != nil {
		var invalid *MessageError
		errors.As(err, &invalid) // always, since the package is not sealed
		r.invalid(invalid)
		return
	}
	if r.ids != nil {
		r.ids.Add(m.ID)
	}
	if p.Size() > r.opts.MaxBytes && p.Len() > 1 {
		p.Remove(m.ID)
		r.start()
		_ = r.filling.batch.Package.Add(m) // it can't fail: Add took m above
	}
	// With a Journal, a first message without an id waits for the second: if that has none either,
	// neither is sent.
	if r.isFull() && (!r.stream.needsIDs || !r.allZero) {
		r.start()
	}
}

func (r *run) isFull() bool { return r.filling.batch.Package.Len() >= r.opts.MaxMessages }

// invalid adds an invalid message to the batch. MaxMessages bounds these as well.
func (r *run) invalid(err *MessageError) {
	b := &r.filling.batch
	b.Invalid = append(b.Invalid, err)
	if len(b.Invalid) >= r.opts.MaxMessages {
		r.start()
	}
}

// start sends the filled batch in a goroutine, as soon as fewer than Concurrency are being sent. It
// does nothing if the run has stopped by then.
func (r *run) start() {
	for r.sending == r.opts.Concurrency && !r.stopped() {
		r.finishJob(<-r.done)
	}
	if r.stopped() {
		return
	}
	j := r.filling
	r.filling = newJob()
	r.launch(j, r.send)
}

// launch calls f in a goroutine, whose end finishJob is called for.
func (r *run) launch(j *job, f func(*job)) {
	r.sending++
	r.senders.Go(func() {
		returned := false
		defer func() {
			if !returned {
				r.crashed(j, recover())
			}
			r.done <- j
		}()
		f(j)
		returned = true
	})
}

// crashed ends a job whose goroutine was ended by a panic or runtime.Goexit in the code that it
// called.
func (r *run) crashed(j *job, panicked any) {
	if j.panicked == nil {
		j.panicked = panicked
	}
	if panicked != nil {
		r.stop(errCalleePanics)
	} else {
		r.stop(errCalleeExits)
	}
	switch b := &j.batch; {
	case b.Err != nil || b.Response != nil: // in the journal's Record
		r.cutShort.Store(true)
	case j.mayBeSent:
		b.Package.endSend(OutcomeInDoubt)
		b.Err = r.stoppedAs(OutcomeInDoubt)
	default:
		j.unsent = true
	}
}

// leaveUnsent ends a batch that this stream does not send. Another stream may have sent parts of
// it.
func (r *run) leaveUnsent(j *job) {
	r.skipKnown(j)
	if b := &j.batch; b.Err == nil && b.Package.Len() > 0 {
		b.Err = r.stoppedAs(OutcomeNotSent)
	}
}

// yieldDone yields the batches whose goroutines have ended.
func (r *run) yieldDone() {
	for {
		select {
		case j := <-r.done:
			r.finishJob(j)
		default:
			return
		}
	}
}

// wait finishes the jobs under way.
func (r *run) wait() {
	for r.sending > 0 {
		r.finishJob(<-r.done)
	}
}

func (r *run) finishJob(j *job) {
	r.sending--
	if len(j.unrecorded) > 0 {
		r.unrecorded = append(r.unrecorded, j.unrecorded)
	}
	if r.panicked == nil {
		r.panicked = j.panicked
	}
	if j.unsent {
		j.unsent = false
		r.launch(j, r.leaveUnsent)
		return
	}
	r.yieldBatch(j)
}

// yieldBatch yields a batch, unless it is empty or the loop was left.
func (r *run) yieldBatch(j *job) {
	r.stream.totals.count(&j.batch, j.segments)
	if j.batch.isEmpty() || r.left {
		return
	}
	if !r.yield(j.batch) {
		r.left = true
		r.complete = r.complete && r.sending == 0 && r.filling.batch.isEmpty()
		r.stop(errLeft)
	}
}

// finish sends the last batch, yields the batches under way, and then the batch that was left
// unsent because the run stopped, if there is one.
func (r *run) finish() {
	if !r.filling.batch.isEmpty() {
		r.start()
	}
	r.wait()
	if !r.filling.batch.isEmpty() {
		r.launch(r.filling, r.leaveUnsent)
		r.wait()
	}
	// A disk may have room by now, and each message in doubt costs a person's time. Nothing is
	// recorded as not sent: if the failed call took effect, another stream may have intended it
	// since.
	for _, results := range r.unrecorded {
		_ = r.opts.Journal.Record(r.journalCtx, results, nil)
	}
}

// end waits for the goroutines and returns the reason why the run stopped, or nil. It is also
// called if the source or the loop panics.
func (r *run) end() (reason error) {
	if !r.complete || r.cutShort.Load() {
		r.stop(errLeft) // unless the run has stopped for another reason
		reason = context.Cause(r.runCtx)
	}
	r.stop(errLeft)
	r.senders.Wait()
	return reason
}

// send sends a filled batch. The journal records an upload before its first byte leaves.
func (r *run) send(j *job) {
	r.skipKnown(j)
	b := &j.batch
	messages := b.Package.Len()
	if b.Err != nil || messages == 0 {
		return
	}
	if limiter := r.opts.Limiter; limiter != nil && !r.stopped() {
		if err := limiter.WaitN(r.runCtx, messages); err != nil {
			r.stop(fmt.Errorf("the limiter: %w", err))
		}
		r.skipKnown(j) // another stream may have sent parts of it meanwhile
	}
	switch {
	case b.Err != nil || b.Package.Len() == 0:
		return
	case r.stopped():
		b.Err = r.stoppedAs(OutcomeNotSent)
		return
	}
	if !r.intend(j) {
		return
	}
	if r.stopped() {
		b.Err = r.stoppedAs(OutcomeNotSent)
	} else {
		b.Response, b.Err = r.attempt(b.Package)
		if reason := r.countOutcome(b); reason != nil {
			r.stop(reason)
		}
	}
	r.record(j)
	if b.Response != nil {
		j.segments = b.Package.acceptedSegments(b.Response)
	}
}

// skipKnown moves messages that the journal knows from the package to Earlier. If the journal
// fails, the package is in doubt, since another stream may have sent parts of it.
func (r *run) skipKnown(j *job) {
	b := &j.batch
	if r.opts.Journal == nil || b.Package.Len() == 0 {
		return
	}
	j.mayBeSent = true
	known, err := r.opts.Journal.Known(r.journalCtx, b.Package.ids())
	j.mayBeSent = false
	if err == nil && len(known) > 0 {
		err = b.skip(known)
	}
	if err != nil {
		r.journalFailed(err)
		b.Package.endSend(OutcomeInDoubt)
		b.Err = r.stoppedAs(OutcomeInDoubt)
	}
}

// intend puts the package in doubt in the journal, and reports whether it may be uploaded. If the
// journal refuses, another stream may have been faster.
func (r *run) intend(j *job) bool {
	b := &j.batch
	j.mayBeSent = true
	if r.opts.Journal == nil {
		return true
	}
	err := r.opts.Journal.Intend(r.journalCtx, b.Package.ids())
	if err == nil {
		return true
	}
	r.journalFailed(err)
	r.leaveUnsent(j)
	return false
}

// attempt sends the package, and retries as the options say.
func (r *run) attempt(p *Package) (*Response, error) {
	retry := r.opts.Retry
	for n := 1; ; n++ {
		resp, err := r.upload(p, n)
		switch {
		case !isTransient(err):
			return resp, err
		case r.uploadCtx.Err() != nil:
			r.stop(context.Cause(r.uploadCtx)) // its child runCtx may end a moment later
		case n >= retry.Attempts:
			return resp, err
		}
		if !r.stopped() {
			pause := retry.pause(n)
			if retry.OnRetry != nil {
				retry.OnRetry(n, pause, err)
			}
			select {
			case <-time.After(pause):
			case <-r.runCtx.Done():
			}
		}
		if r.stopped() {
			r.cutShort.Store(true)
			return nil, notSent(fmt.Errorf("%w; the attempt before failed: %w", r.stopError(), errors.Unwrap(err)))
		}
	}
}

// upload makes one attempt. It has a timeout of its own: an attempt that hangs must not take all
// the time of a stream whose context has a deadline.
func (r *run) upload(p *Package, number int) (*Response, error) {
	ctx, cancel := context.WithTimeout(r.uploadCtx, r.stream.client.timeout)
	defer cancel()
	refused := false
	resp, err := r.stream.client.send(ctx, p, attempt{number, func() bool {
		refused = r.stopped()
		return !refused
	}})
	if refused {
		return nil, r.stoppedAs(OutcomeNotSent)
	}
	return resp, err
}

// maxInDoubt is the number of packages in doubt in a row after which a run stops, so that a gateway
// that does not answer can't put a whole campaign in doubt.
const maxInDoubt = 5

// countOutcome counts packages in doubt in a row. It returns the reason why further packages would
// most likely fail, too, or nil.
func (r *run) countOutcome(b *Batch) error {
	var failure *SendError
	switch inDoubt := errors.As(b.Err, &failure) && failure.Outcome == OutcomeInDoubt; {
	case inDoubt && r.inDoubt.Add(1) >= maxInDoubt:
		return fmt.Errorf("%d packages in a row are in doubt, the last one: %w", maxInDoubt, failure.Err)
	case !inDoubt && OutcomeOf(b.Err) != OutcomeNotSent:
		r.inDoubt.Store(0)
	}
	return StopReason(b.Response, b.Err)
}

// record records the batch's results in the journal. Messages that it omits stay in doubt. Those
// that failed for want of credit may be sent another time.
func (r *run) record(j *job) {
	if r.opts.Journal == nil {
		return
	}
	var results []Result
	var notSent []int64
	switch b := &j.batch; OutcomeOf(b.Err) {
	case OutcomeAccepted:
		results = make([]Result, 0, len(b.Response.Results))
		for _, result := range b.Response.Results {
			switch {
			case result.Status == StatusInsufficientCredit:
				notSent = append(notSent, result.ID)
			case result.Status.Outcome() != OutcomeInDoubt:
				results = append(results, result)
			}
		}
	case OutcomeNotSent, OutcomeRejected:
		notSent = b.Package.ids()
	}
	if len(results)+len(notSent) == 0 {
		return
	}
	if err := r.opts.Journal.Record(r.journalCtx, results, notSent); err != nil {
		r.journalFailed(err)
		j.unrecorded = results
	}
}

func (r *run) journalFailed(err error) {
	r.cutShort.Store(true)
	r.stop(fmt.Errorf("the journal: %w", err))
}

// stoppedAs returns the error, with that outcome, of a package that the run does not send, or no
// longer follows, because it has stopped.
func (r *run) stoppedAs(outcome Outcome) error {
	r.cutShort.Store(true)
	return &SendError{Outcome: outcome, Err: r.stopError()}
}

func (r *run) stopError() error { return &stopError{context.Cause(r.runCtx)} }
