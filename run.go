package smslink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/go-smslink/smslink/internal/idset"
)

// run is one Stream under way. It reads the source and packs its messages in the caller's
// goroutine, and sends each package in a goroutine of its own. Its fields belong to the caller's
// goroutine, except those under "shared".
type run struct {
	stream *Stream
	yield  func(Batch) bool

	next     *flight // being filled
	ids      idset.Set
	flying   int  // batches on their way
	complete bool // the source has ended, and nothing was held back when it did
	left     bool // the loop was
	panicked any  // the first panic of a flight's goroutine

	unsettled []func() error // settlements that failed

	// shared
	ctx      context.Context // of uploads
	lasting  context.Context // of the journal: never done
	going    context.Context // done, with its reason, once nothing more is to be sent
	stop     context.CancelCauseFunc
	landed   chan *flight
	flights  sync.WaitGroup
	heldBack atomic.Bool  // a package was not sent, or the journal not told of it, because the run stopped
	unknown  atomic.Int32 // packages in a row
}

func newRun(ctx context.Context, s *Stream, yield func(Batch) bool) *run {
	r := &run{stream: s, yield: yield, ctx: ctx, lasting: context.WithoutCancel(ctx)}
	r.going, r.stop = context.WithCancelCause(ctx)
	if s.opts.UniqueIDs || s.opts.Journal != nil {
		r.ids = idset.Set{}
	}
	r.landed = make(chan *flight, s.opts.Concurrency)
	r.next = r.newFlight()
	return r
}

func (r *run) newFlight() *flight {
	return &flight{Batch: Batch{Package: &Package{PackageOptions: r.stream.opts.PackageOptions}}}
}

// end waits for what is on its way, also if the source or the loop panics, and gives the stream its
// reason.
func (r *run) end() {
	var reason error
	if !r.complete || r.heldBack.Load() {
		r.stop(errLeft) // unless it has stopped before
		reason = context.Cause(r.going)
	}
	r.stop(errLeft)
	r.flights.Wait()
	s := r.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop = nil
	if s.reason == nil {
		s.reason = reason
	}
}

func (r *run) stopped() bool { return r.going.Err() != nil }

// readAll takes in the messages until they end or the run stops.
func (r *run) readAll() {
	for m, err := range r.stream.source {
		if err != nil {
			r.stop(err)
			return
		}
		r.stream.read.Add(1)
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
	if p.Size() > r.stream.opts.MaxBytes && p.Len() > 1 {
		p.Remove(m.ID)
		r.launch()
		_ = r.next.Package.Add(m) // which was added before
	}
	if r.next.Package.Len() >= r.stream.opts.MaxMessages {
		r.launch()
	}
}

// refuse notes a refused message. Batches are bounded in these, too.
func (r *run) refuse(err *MessageError) {
	r.next.Refused = append(r.next.Refused, err)
	if len(r.next.Refused) >= r.stream.opts.MaxMessages {
		r.launch()
	}
}

var (
	errCalleePanicked = errors.New("smslink: a panic in what the stream calls")
	errCalleeExited   = errors.New("smslink: runtime.Goexit in what the stream calls")
)

// launch sends the next batch on its way once there is room, unless the run has stopped by then.
func (r *run) launch() {
	for r.flying == r.stream.opts.Concurrency && !r.stopped() {
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
	case f.Err != nil || f.Response != nil: // it was the journal's Settle
		r.heldBack.Store(true)
	case f.mayBeSent:
		f.Package.endSend(OutcomeUnknown)
		f.Err = r.heldBackAs(OutcomeUnknown)
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
	if f.settlement != nil {
		r.unsettled = append(r.unsettled, f.settlement)
	}
	if r.panicked == nil {
		r.panicked = f.panicked
	}
	r.hand(f)
}

// hand yields a batch, unless it is empty or the loop was left.
func (r *run) hand(f *flight) {
	r.stream.count(&f.Batch, f.segments)
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
	for _, settle := range r.unsettled { // a disk may have room by now, and what stays in doubt costs a person's time
		_ = settle()
	}
	if r.next.isEmpty() {
		return
	}
	r.skipKnown(r.next)
	if r.next.Package.Len() > 0 && r.next.Err == nil {
		r.next.Err = r.heldBackAs(OutcomeNotSent)
	}
	r.hand(r.next)
}

// heldBackAs returns the error of a package that the run's stop has kept from being sent.
func (r *run) heldBackAs(outcome Outcome) error {
	r.heldBack.Store(true)
	return &SendError{Outcome: outcome, Err: r.stopError()}
}

func (r *run) stopError() error { return &stopError{context.Cause(r.going)} }

// maxUnknown is the number of packages of unknown outcome in a row after which a run stops: a
// gateway that can't answer must not put a whole campaign in doubt.
const maxUnknown = 5

// stopReason returns the error after which further packages would fare no better, or nil.
func (r *run) stopReason(b *Batch) error {
	var failure *SendError
	switch unknown := errors.As(b.Err, &failure) && failure.Outcome == OutcomeUnknown; {
	case unknown && r.unknown.Add(1) >= maxUnknown:
		return fmt.Errorf("smslink: %d packages in a row are of unknown outcome, the last one: %w", maxUnknown, failure.Err)
	case !unknown && OutcomeOf(b.Err) != OutcomeNotSent:
		r.unknown.Store(0)
	}
	reason := StopReason(b.Response, b.Err)
	if r.stream.opts.ContinueWithoutCredit && errors.Is(reason, ErrInsufficientCredit) {
		return nil
	}
	return reason
}
