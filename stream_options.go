package smslink

import (
	"context"
	"errors"
	"time"
)

// StreamOptions are a stream's settings. Zero fields mean the defaults, and so do numbers below
// zero, except for Retry's Jitter.
type StreamOptions struct {
	// PackageOptions are the settings of each package.
	PackageOptions

	// MaxMessages bounds the messages of a package; 0 means 10,000. How many the gateway takes is
	// unknown.
	MaxMessages int

	// MaxBytes bounds the plain form of a package, in bytes; 0 means 2,000,000, which stays below
	// the 2 MiB of PHP's stock upload limit with every codec of this module. What the gateway
	// takes is unknown. A message that is longer by itself gets a package of its own.
	MaxBytes int

	// Concurrency is the number of packages on their way at a time, up to 1,000; 0 means 1. One
	// more is filled meanwhile.
	Concurrency int

	// Limiter's WaitN is called before each upload with the number of its messages; nil means no
	// limit. A *rate.Limiter of golang.org/x/time/rate will do, if its burst is no less than
	// MaxMessages. An error of it stops the stream. Goroutines call it concurrently.
	Limiter interface {
		WaitN(ctx context.Context, messages int) error
	}

	// Retry configures retries of packages that were not sent.
	Retry Retry

	// UniqueIDs refuses a message whose id came before, anywhere in the stream, with
	// [ErrRepeatedInStream]. It keeps every id in memory: less than a byte a message if they lie
	// close together, and 40 at most. Without it only the ids of one package are compared. A
	// Journal implies it.
	UniqueIDs bool

	// ContinueWithoutCredit lets the stream go on after the gateway has said that the credit ran
	// out, by [StatusInsufficientCredit] or ERROR 8.
	ContinueWithoutCredit bool

	// Journal remembers what was sent, so that the same input can be sent again after a crash;
	// nil means that nothing does. It is not used in test mode, in which nothing is sent.
	Journal Journal
}

// ErrRepeatedInStream is the rule broken by a message whose id came before in the stream. See
// [StreamOptions.UniqueIDs].
var ErrRepeatedInStream = errors.New("came in this stream before")

const maxConcurrency = 1000

// withDefaults returns the options with each default in its place.
func (o StreamOptions) withDefaults() StreamOptions {
	setDefault(&o.MaxMessages, 10_000)
	setDefault(&o.MaxBytes, 2_000_000)
	setDefault(&o.Concurrency, 1)
	setDefault(&o.Retry.Attempts, 5)
	setDefault(&o.Retry.MinBackoff, time.Second)
	setDefault(&o.Retry.MaxBackoff, time.Minute)
	if o.Retry.Jitter == 0 {
		o.Retry.Jitter = 0.5
	}
	return o
}

func setDefault[T int | time.Duration](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}
