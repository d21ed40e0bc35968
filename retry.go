package smslink

import (
	"errors"
	"math/rand/v2"
	"time"
)

// Retry configures retries of packages that were not sent, for example because the server is
// unreachable. Packages that may have been sent, or were rejected, are never retried.
type Retry struct {
	Attempts   int           // of one package, including the first; 0 means 5, and 1 means no retry
	MinBackoff time.Duration // the pause after the first attempt, doubled after each; 0 means 1 second
	MaxBackoff time.Duration // the longest pause; 0 means 1 minute
	Jitter     float64       // the share of a pause, up to 1, that is random; 0 means 0.5, and below 0 none

	// OnRetry, if not nil, is called after each attempt that failed and will be followed by
	// another one, before the pause. Goroutines call it concurrently.
	OnRetry func(attempt int, pause time.Duration, err error)
}

// mayWork reports whether another attempt may do better: nothing was sent, for want of a connection
// or of time.
func mayWork(err error) bool {
	var failure *SendError
	return errors.As(err, &failure) && failure.Outcome == OutcomeNotSent && failure.isNetworks()
}

// pause returns the time to wait after the n-th attempt.
func (r Retry) pause(n int) time.Duration {
	pause := min(r.MinBackoff, r.MaxBackoff)
	for ; n > 1 && pause < r.MaxBackoff; n-- {
		pause = min(2*pause, r.MaxBackoff)
	}
	share := min(max(r.Jitter, 0), 1)
	return pause - time.Duration(rand.Float64()*share*float64(pause))
}
