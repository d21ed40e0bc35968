package smslink

import (
	"context"
	"errors"
	"iter"
	"sync"

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

	landed   chan *flight
	flights  sync.WaitGroup
	unjudged [][]Result // by batch
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
	r.next.Refused = append(r.next.Refused, err)
	if len(r.next.Refused) >= r.opts.MaxMessages {
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
	if len(f.unjudged) > 0 {
		r.unjudged = append(r.unjudged, f.unjudged)
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
	// A disk may have room by now, and what stays in doubt costs a person's time. Nothing is
	// forgotten, since another stream may have intended it if the first call did more than it said.
	for _, judged := range r.unjudged {
		_ = r.opts.Journal.Settle(r.lasting, judged, nil)
	}
}
