package smslink

import (
	"errors"
	"fmt"
)

// flight is a batch on its way through a goroutine of its own. Before and after that it is the
// caller's goroutine's.
type flight struct {
	Batch
	segments  int  // SMS of the accepted messages
	mayBeSent bool // by this stream or another one, should the goroutine end now
	panicked  any

	settlement func() error // tells the journal what became of the batch; nil if there is nothing more to tell
}

func (f *flight) isEmpty() bool {
	return f.Package.Len() == 0 && len(f.Refused) == 0 && len(f.Earlier) == 0
}

// send does with one batch all that comes after its filling. The journal records an upload before
// its first byte leaves.
func (r *run) send(f *flight) {
	r.skipKnown(f)
	messages := f.Package.Len()
	if f.Err != nil || messages == 0 {
		return
	}
	if limiter := r.stream.opts.Limiter; limiter != nil && !r.stopped() {
		if err := limiter.WaitN(r.going, messages); err != nil {
			r.stop(fmt.Errorf("smslink: the limiter: %w", err))
		}
	}
	if r.stopped() {
		f.Err = r.heldBackAs(OutcomeNotSent)
		return
	}
	if !r.intend(f) {
		return
	}
	if r.stopped() {
		f.Err = r.heldBackAs(OutcomeNotSent)
	} else {
		f.Response, f.Err = r.attempt(f.Package)
		if reason := r.stopReason(&f.Batch); reason != nil {
			r.stop(reason)
		}
	}
	r.settle(f)
	if f.Response != nil {
		f.Package.lines.countSegments(func(place, segments int) {
			if f.Response.Results[place].Status == StatusSuccess {
				f.segments += segments
			}
		})
	}
}

// skipKnown moves the messages that the journal knows from the package to Earlier. If the journal
// fails, each of them may have been sent by another stream.
func (r *run) skipKnown(f *flight) {
	if r.stream.opts.Journal == nil || f.Package.Len() == 0 {
		return
	}
	f.mayBeSent = true
	known, err := r.stream.opts.Journal.Known(r.lasting, f.Package.ids())
	f.mayBeSent = false
	if err == nil && len(known) > 0 {
		err = f.skip(known)
	}
	if err != nil {
		r.journalFailed(err)
		f.Package.endSend(OutcomeUnknown)
		f.Err = r.heldBackAs(OutcomeUnknown)
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

func (r *run) journalFailed(err error) {
	r.heldBack.Store(true)
	r.stop(fmt.Errorf("smslink: the journal: %w", err))
}

// intend tells the journal that the batch is about to be uploaded, and reports whether it may be.
// If not, another stream may have been faster since skipKnown.
func (r *run) intend(f *flight) bool {
	f.mayBeSent = true
	if r.stream.opts.Journal == nil {
		return true
	}
	err := r.stream.opts.Journal.Intend(r.lasting, f.Package.ids())
	if err == nil {
		return true
	}
	r.journalFailed(err)
	r.skipKnown(f)
	if f.Err == nil && f.Package.Len() > 0 {
		f.Err = r.heldBackAs(OutcomeNotSent)
	}
	return false
}

// settle tells the journal what became of the batch. What is left out stays in doubt. A message
// that was not paid for may be sent another time.
func (r *run) settle(f *flight) {
	if r.stream.opts.Journal == nil {
		return
	}
	var judged []Result
	var forgotten []int64
	switch OutcomeOf(f.Err) {
	case OutcomeAccepted:
		judged = make([]Result, 0, len(f.Response.Results))
		for _, result := range f.Response.Results {
			switch result.Status {
			case StatusUnreported:
			case StatusInsufficientCredit:
				forgotten = append(forgotten, result.ID)
			default:
				judged = append(judged, result)
			}
		}
	case OutcomeNotSent, OutcomeRejected:
		forgotten = f.Package.ids()
	}
	if len(judged)+len(forgotten) == 0 {
		return
	}
	f.settlement = func() error { return r.stream.opts.Journal.Settle(r.lasting, judged, forgotten) }
	if err := f.settlement(); err != nil {
		r.journalFailed(err)
		return
	}
	f.settlement = nil
}
