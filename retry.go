package smslink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"
)

// Retry says how often and when a package is tried again of which no byte has left
// this process: the server can't be reached, say. Nothing else ever is.
type Retry struct {
	Attempts   int           // of one package, the first one included; 0 means 5, and 1 never to try again
	MinBackoff time.Duration // the pause after the first attempt, doubled after each; 0 means 1 second
	MaxBackoff time.Duration // the longest pause; 0 means 1 minute
	Jitter     float64       // the share of a pause, up to 1, of which a random part is left out; 0 means 0.5, and below 0 none

	// Hook, if it is not nil, is told of each attempt that failed and will be
	// followed by another one after a pause. Goroutines call it concurrently.
	Hook func(attempt int, pause time.Duration, err error)
}

// attempt sends the package until something of it has left, or all attempts are
// used up.
func (s *stream) attempt(p *Package) (*Response, error) {
	retry := s.opts.Retry
	for n := 1; ; n++ {
		resp, err := s.upload(p)
		if n >= retry.Attempts || !mayWork(err) {
			return resp, err
		}
		if !s.stopped() {
			pause := retry.pause(n)
			if retry.Hook != nil {
				retry.Hook(n, pause, err)
			}
			select {
			case <-time.After(pause):
			case <-s.going.Done():
			}
		}
		if s.stopped() {
			return nil, &SendError{Outcome: OutcomeNotSent, Err: fmt.Errorf("%w; an attempt before: %w", s.stopError(), errors.Unwrap(err))}
		}
	}
}

// upload is one attempt. A deadline of the whole stream must not let a single one
// that hangs take all of its time.
func (s *stream) upload(p *Package) (*Response, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.client.timeout)
	defer cancel()
	return s.client.Send(ctx, p)
}

// mayWork tells whether another attempt may do better: the network was at fault,
// and nothing was sent.
func mayWork(err error) bool {
	return err != nil && OutcomeOf(err) == OutcomeNotSent && errors.As(err, new(*url.Error))
}

// pause is how long to wait after the n-th attempt.
func (r Retry) pause(n int) time.Duration {
	pause := min(r.MinBackoff, r.MaxBackoff)
	for ; n > 1 && pause < r.MaxBackoff; n-- {
		pause = min(2*pause, r.MaxBackoff)
	}
	share := min(max(r.Jitter, 0), 1)
	return pause - time.Duration(rand.Float64()*share*float64(pause))
}
