package smslink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// flight is a batch on its way through a goroutine of its own, and the caller's
// before and after that.
type flight struct {
	Batch
	doubtful bool // its messages may have been sent, should the goroutine end here
	untold   bool // what became of them, to the journal
	arrived  bool // at the end of send
	panicked any
}

func (f *flight) isEmpty() bool { return f.Package.Len() == 0 && len(f.Refused) == 0 }

// send does with one batch all that comes after its filling. The journal hears of
// an upload before its first byte leaves.
func (s *stream) send(f *flight) {
	s.recall(f)
	messages := f.Package.Len()
	if f.Err != nil || messages == 0 {
		return
	}
	if s.opts.Limiter != nil && !s.stopped() {
		if err := s.opts.Limiter.WaitN(s.going, messages); err != nil {
			s.stop(fmt.Errorf("smslink: the limiter: %w", err))
		}
	}
	if s.stopped() {
		f.Err = s.halted(OutcomeNotSent)
		return
	}
	if !s.intend(f) {
		return
	}
	if s.stopped() {
		f.Err = s.halted(OutcomeNotSent)
	} else {
		f.Response, f.Err = s.attempt(f.Package)
		if reason := s.reasonToStop(&f.Batch); reason != nil {
			s.stop(reason)
		}
	}
	s.settle(f)
}

var (
	errCalleePanicked = errors.New("smslink: a panic in what the stream calls")
	errCalleeExited   = errors.New("smslink: runtime.Goexit in what the stream calls")
)

// salvage is deferred: it lands a batch whose goroutine was ended by what it called,
// which may be a caller's.
func (s *stream) salvage(f *flight) {
	if f.arrived {
		return
	}
	if f.panicked = recover(); f.panicked != nil {
		s.stop(errCalleePanicked)
	} else {
		s.stop(errCalleeExited)
	}
	switch {
	case f.Err != nil || f.Response != nil: // it was the journal's Settle
	case f.doubtful:
		f.Package.release(fateUnknown)
		f.Err = s.halted(OutcomeUnknown)
	default:
		f.Err = s.halted(OutcomeNotSent)
	}
}

// halted is the error of a package that the stream's stop has left.
func (s *stream) halted(outcome Outcome) error {
	return &SendError{Outcome: outcome, Err: s.stopError()}
}

func (s *stream) stopError() error { return fmt.Errorf("%w: %w", ErrStopped, context.Cause(s.going)) }

// unknownInARow are the packages of unknown outcome after which a stream stops: a
// gateway that can't answer must not put a whole campaign in doubt.
const unknownInARow = 5

// reasonToStop is the error after which further packages would fare no better, or nil.
func (s *stream) reasonToStop(b *Batch) error {
	var refusal *GatewayError
	if errors.As(b.Err, &refusal) && (refusal.isForAll() || refusal.Code == "8" && !s.opts.ContinueWithoutCredit) {
		return refusal
	}
	var failure *SendError
	if !errors.As(b.Err, &failure) {
		s.unknown.Store(0)
		if b.Response.Count(StatusInsufficientCredit) > 0 && !s.opts.ContinueWithoutCredit {
			return ErrInsufficientCredit
		}
		return nil
	}
	switch failure.Outcome {
	case OutcomeNotSent:
		if !isNetworks(failure) {
			return failure.Err
		}
	case OutcomeRejected:
		s.unknown.Store(0)
		if refusal == nil && barsAll(failure.StatusCode) {
			return failure.Err
		}
	default:
		if s.unknown.Add(1) >= unknownInARow {
			return fmt.Errorf("smslink: %d packages in a row are unknown, the last one: %w", unknownInARow, failure.Err)
		}
	}
	return nil
}

// isForAll tells whether the code is about the account or this program, and not about
// a package.
func (e *GatewayError) isForAll() bool {
	switch e.Code {
	case "1", "2", "3", "4", "5", "6", "7", "14":
		return true
	}
	return false
}

// barsAll tells whether a refusal by that HTTP status awaits every other upload too.
func barsAll(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired, http.StatusTooManyRequests:
		return true
	}
	return status >= 300 && status < 400
}

// isNetworks tells whether what was not sent failed for want of a connection or of
// time, and not by what it is itself.
func isNetworks(err error) bool {
	return errors.As(err, new(*url.Error)) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
