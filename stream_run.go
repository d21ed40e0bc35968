package smslink

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-smslink/smslink/internal/idset"
)

// run is a Stream under way. It reads the source and packs its messages in the caller's goroutine,
// to which its fields belong. Its uploader sends each package in a goroutine of its own.
type run struct {
	*uploader
	source iter.Seq2[Message, error]
	totals *totals
	yield  func(Batch) bool

	next     *flight // being filled
	ids      idset.Set
	flying   int  // batches on their way
	complete bool // the source has ended, and nothing was held back when it did
	left     bool // the loop was
	panicked any  // the first panic of a flight's goroutine

	landed     chan *flight
	flights    sync.WaitGroup
	unrecorded [][]Result // what the journal failed to record, by batch
}

// errLeft is the reason of a run whose loop was left, and of one that has ended.
var errLeft = errors.New("smslink: the loop over the batches was left")

func newRun(u *uploader, source iter.Seq2[Message, error], totals *totals, yield func(Batch) bool) *run {
	r := &run{uploader: u, source: source, totals: totals, yield: yield}
	if r.opts.UniqueIDs || r.opts.Journal != nil {
		r.ids = idset.Set{}
	}
	r.landed = make(chan *flight, r.opts.Concurrency)
	r.next = r.newFlight()
	return r
}

func (r *run) newFlight() *flight {
	return &flight{Batch: Batch{Package: &Package{PackageOptions: r.opts.PackageOptions}}}
}

// end waits for what is on its way, also if the source or the loop panics, and returns the reason
// why the run stopped, or nil.
func (r *run) end() (reason error) {
	if !r.complete || r.heldBack.Load() {
		r.stop(errLeft) // unless it has stopped before
		reason = context.Cause(r.going)
	}
	r.stop(errLeft)
	r.flights.Wait()
	return reason
}

// readAll takes in the messages until they end or the run stops.
func (r *run) readAll() {
	for m, err := range r.source {
		if err != nil {
			r.stop(err)
			return
		}
		r.totals.read.Add(1)
		r.take(m)
		r.deliverLanded()
		if r.stopped() {
			return
		}
	}
	r.complete = true
}

// take puts m into the next batch, and sends that first if it is full.
func (r *run) take(m Message) {
	if r.ids.Has(m.ID) {
		r.refuse(&MessageError{ID: m.ID, Field: "ID", Err: ErrRepeatedInStream})
		return
	}
	p := r.next.Package
	if err := p.Add(m); err != nil {
		var refusal *MessageError
		errors.As(err, &refusal) // nobody has sealed the package
		r.refuse(refusal)
		return
	}
	if r.ids != nil {
		r.ids.Add(m.ID)
	}
	if p.Size() > r.opts.MaxBytes && p.Len() > 1 {
		p.Remove(m.ID)
		r.launch()
		_ = r.next.Package.Add(m) // which was added before
	}
	if r.next.Package.Len() >= r.opts.MaxMessages {
		r.launch()
	}
}

// refuse notes a refused message. Batches are bounded in these, too.
func (r *run) refuse(err *MessageError) {
	r.next.Invalid = append(r.next.Invalid, err)
	if len(r.next.Invalid) >= r.opts.MaxMessages {
		r.launch()
	}
}

var (
	errCalleePanicked = errors.New("smslink: a panic in what the stream calls")
	errCalleeExited   = errors.New("smslink: runtime.Goexit in what the stream calls")
)

// launch sends the next batch on its way once there is room, unless the run has stopped by then.
func (r *run) launch() {
	for r.flying == r.opts.Concurrency && !r.stopped() {
		r.deliver(<-r.landed)
	}
	if r.stopped() {
		return
	}
	f := r.next
	r.next = r.newFlight()
	r.flying++
	r.flights.Go(func() {
		returned := false
		defer func() {
			if !returned {
				r.crashed(f, recover())
			}
			r.landed <- f
		}()
		r.send(f)
		returned = true
	})
}

// crashed ends a batch whose goroutine was ended by what it called, which may be a caller's.
func (r *run) crashed(f *flight, panicked any) {
	f.panicked = panicked
	if panicked != nil {
		r.stop(errCalleePanicked)
	} else {
		r.stop(errCalleeExited)
	}
	switch {
	case f.Err != nil || f.Response != nil: // it was the journal's Record
		r.heldBack.Store(true)
	case f.mayBeSent:
		f.Package.endSend(OutcomeInDoubt)
		f.Err = r.heldBackAs(OutcomeInDoubt)
	default:
		f.Err = r.heldBackAs(OutcomeNotSent)
	}
}

// deliverLanded yields the batches that are complete.
func (r *run) deliverLanded() {
	for {
		select {
		case f := <-r.landed:
			r.deliver(f)
		default:
			return
		}
	}
}

func (r *run) deliver(f *flight) {
	r.flying--
	if len(f.unrecorded) > 0 {
		r.unrecorded = append(r.unrecorded, f.unrecorded)
	}
	if r.panicked == nil {
		r.panicked = f.panicked
	}
	r.hand(f)
}

// hand yields a batch, unless it is empty or the loop was left.
func (r *run) hand(f *flight) {
	r.totals.count(&f.Batch, f.segments)
	if f.isEmpty() || r.left {
		return
	}
	if !r.yield(f.Batch) {
		r.left = true
		r.complete = r.complete && r.flying == 0 && r.next.isEmpty()
		r.stop(errLeft)
	}
}

// finish sends the rest, yields all that is on its way, and last what the run's stop has left.
func (r *run) finish() {
	if !r.next.isEmpty() {
		r.launch()
	}
	for r.flying > 0 {
		r.deliver(<-r.landed)
	}
	if !r.next.isEmpty() {
		r.skipKnown(r.next)
		if r.next.Package.Len() > 0 && r.next.Err == nil {
			r.next.Err = r.heldBackAs(OutcomeNotSent)
		}
		r.hand(r.next)
	}
	// A disk may have room by now, and what stays in doubt costs a person's time. Nothing is recorded
	// as not sent, since another stream may have intended it if the first call did more than it said.
	for _, results := range r.unrecorded {
		_ = r.opts.Journal.Record(r.lasting, results, nil)
	}
}

// flight is a batch on its way through a goroutine of its own. Before and after that it is the
// caller's goroutine's.
type flight struct {
	Batch
	segments  int  // SMS of the accepted messages
	mayBeSent bool // by this stream or another one, should the goroutine end now
	panicked  any

	unrecorded []Result // what the journal failed to record
}

func (f *flight) isEmpty() bool {
	return f.Package.Len() == 0 && len(f.Invalid) == 0 && len(f.Earlier) == 0
}

// uploader sends the flights of a run. Their goroutines share it.
type uploader struct {
	client  *Client
	opts    StreamOptions
	ctx     context.Context //nolint:containedctx // of uploads
	lasting context.Context // of the journal: never done
	going   context.Context // done, with its reason, once nothing more is to be sent
	stop    context.CancelCauseFunc

	heldBack atomic.Bool  // a package was not sent, or not recorded, because the run stopped
	inDoubt  atomic.Int32 // packages in a row
}

func newUploader(ctx context.Context, client *Client, opts StreamOptions) *uploader {
	u := &uploader{client: client, opts: opts, ctx: ctx, lasting: context.WithoutCancel(ctx)}
	u.going, u.stop = context.WithCancelCause(ctx)
	return u
}

func (u *uploader) stopped() bool { return u.going.Err() != nil }

// send does with one batch all that comes after its filling. The journal records an upload before
// its first byte leaves.
func (u *uploader) send(f *flight) {
	u.skipKnown(f)
	messages := f.Package.Len()
	if f.Err != nil || messages == 0 {
		return
	}
	if limiter := u.opts.Limiter; limiter != nil && !u.stopped() {
		if err := limiter.WaitN(u.going, messages); err != nil {
			u.stop(fmt.Errorf("smslink: the limiter: %w", err))
		}
	}
	if u.stopped() {
		f.Err = u.heldBackAs(OutcomeNotSent)
		return
	}
	if !u.intend(f) {
		return
	}
	if u.stopped() {
		f.Err = u.heldBackAs(OutcomeNotSent)
	} else {
		f.Response, f.Err = u.attempt(f.Package)
		if reason := u.stopReason(&f.Batch); reason != nil {
			u.stop(reason)
		}
	}
	u.record(f)
	if f.Response != nil {
		f.Package.form.countSegments(func(place, segments int) {
			if f.Response.Results[place].Status == StatusSuccess {
				f.segments += segments
			}
		})
	}
}

// skipKnown moves the messages that the journal knows from the package to Earlier. If the journal
// fails, each of them may have been sent by another stream.
func (u *uploader) skipKnown(f *flight) {
	if u.opts.Journal == nil || f.Package.Len() == 0 {
		return
	}
	f.mayBeSent = true
	known, err := u.opts.Journal.Known(u.lasting, f.Package.ids())
	f.mayBeSent = false
	if err == nil && len(known) > 0 {
		err = f.skip(known)
	}
	if err != nil {
		u.journalFailed(err)
		f.Package.endSend(OutcomeInDoubt)
		f.Err = u.heldBackAs(OutcomeInDoubt)
	}
}

// skip moves the known messages from the package to Earlier.
func (f *flight) skip(known []Result) error {
	isKnown := make(map[int64]struct{}, len(known))
	for _, result := range known {
		isKnown[result.ID] = struct{}{}
	}
	rest := &Package{PackageOptions: f.Package.PackageOptions}
	for m := range f.Package.Messages() {
		if _, ok := isKnown[m.ID]; ok {
			continue
		}
		if err := rest.Add(m); err != nil {
			return err
		}
	}
	if rest.Len()+len(known) != f.Package.Len() {
		return errors.New("it returned ids that it was not asked for, or one twice")
	}
	f.Package, f.Earlier = rest, append(f.Earlier, known...)
	return nil
}

// intend has the journal put the batch in doubt, and reports whether it may be uploaded. If not,
// another stream may have been faster since skipKnown.
func (u *uploader) intend(f *flight) bool {
	f.mayBeSent = true
	if u.opts.Journal == nil {
		return true
	}
	err := u.opts.Journal.Intend(u.lasting, f.Package.ids())
	if err == nil {
		return true
	}
	u.journalFailed(err)
	u.skipKnown(f)
	if f.Err == nil && f.Package.Len() > 0 {
		f.Err = u.heldBackAs(OutcomeNotSent)
	}
	return false
}

// attempt sends the package until it may have been sent, or all attempts are used up.
func (u *uploader) attempt(p *Package) (*Response, error) {
	retry := u.opts.Retry
	for n := 1; ; n++ {
		resp, err := u.upload(p, n)
		if n >= retry.Attempts || !mayWork(err) {
			return resp, err
		}
		if !u.stopped() {
			pause := retry.pause(n)
			if retry.OnRetry != nil {
				retry.OnRetry(n, pause, err)
			}
			select {
			case <-time.After(pause):
			case <-u.going.Done():
			}
		}
		if u.stopped() {
			u.heldBack.Store(true)
			return nil, &SendError{Outcome: OutcomeNotSent, Err: fmt.Errorf("%w; an attempt before: %w", u.stopError(), errors.Unwrap(err))}
		}
	}
}

// upload is one attempt. A deadline of the whole stream must not let a single attempt that hangs
// take all of its time.
func (u *uploader) upload(p *Package, attempt int) (*Response, error) {
	ctx, cancel := context.WithTimeout(u.ctx, u.client.timeout)
	defer cancel()
	return u.client.send(ctx, p, attempt)
}

// stopReason returns the error after which further packages would fare no better, or nil.
func (u *uploader) stopReason(b *Batch) error {
	var failure *SendError
	switch inDoubt := errors.As(b.Err, &failure) && failure.Outcome == OutcomeInDoubt; {
	case inDoubt && u.inDoubt.Add(1) >= maxInDoubt:
		return fmt.Errorf("smslink: %d packages in a row are in doubt, the last one: %w", maxInDoubt, failure.Err)
	case !inDoubt && OutcomeOf(b.Err) != OutcomeNotSent:
		u.inDoubt.Store(0)
	}
	reason := StopReason(b.Response, b.Err)
	if u.opts.ContinueWithoutCredit && errors.Is(reason, ErrInsufficientCredit) {
		return nil
	}
	return reason
}

// maxInDoubt is the number of packages in doubt in a row after which a run stops: a
// gateway that can't answer must not put a whole campaign in doubt.
const maxInDoubt = 5

// record has the journal record the batch's results. What is left out stays in doubt. A message that
// was not paid for may be sent another time.
func (u *uploader) record(f *flight) {
	if u.opts.Journal == nil {
		return
	}
	var results []Result
	var notSent []int64
	switch OutcomeOf(f.Err) {
	case OutcomeAccepted:
		results = make([]Result, 0, len(f.Response.Results))
		for _, result := range f.Response.Results {
			switch {
			case result.Status == StatusInsufficientCredit:
				notSent = append(notSent, result.ID)
			case result.Status != StatusUnreported && result.Status.documented():
				results = append(results, result)
			}
		}
	case OutcomeNotSent, OutcomeRejected:
		notSent = f.Package.ids()
	}
	if len(results)+len(notSent) == 0 {
		return
	}
	if err := u.opts.Journal.Record(u.lasting, results, notSent); err != nil {
		u.journalFailed(err)
		f.unrecorded = results
	}
}

func (u *uploader) journalFailed(err error) {
	u.heldBack.Store(true)
	u.stop(fmt.Errorf("smslink: the journal: %w", err))
}

// heldBackAs returns the error of a package that the run's stop has kept from being sent.
func (u *uploader) heldBackAs(outcome Outcome) error {
	u.heldBack.Store(true)
	return &SendError{Outcome: outcome, Err: u.stopError()}
}

func (u *uploader) stopError() error { return &stopError{aside{context.Cause(u.going)}} }
