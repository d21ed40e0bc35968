package smslink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errRanged   = errors.New("Batches was ranged over before; make another Stream")
	errNoSource = errors.New("the sequence of messages is nil")
	errDrained  = errors.New("drained")
)

// Stream sends any number of messages in packages, in bounded memory. Make it with [Client.Stream],
// range over its Batches once, then ask Err:
//
//	stream := client.Stream(messages, nil)
//	for batch := range stream.Batches(ctx) {
//		…
//	}
//	if err := stream.Err(); err != nil {
//		…
//	}
//
// # Guarantees
//
// Each message read from the source is in exactly one [Batch]: in its Package, its Invalid or its
// Earlier. If the loop is left early, or the loop or the source panics, batches that were not yet
// yielded are dropped. A batch without messages is never yielded.
//
// Only packages that were not sent are retried: see [Retry]. The stream never sends a package again
// that was rejected or is in doubt. With a [Journal], the next run sends the messages of rejected
// packages, but not those in doubt.
//
// # Ids
//
// If the ids of all messages are 0, the stream numbers them 0, 1, 2 and so on, in the order of the
// source. With a [Journal] it stops instead if the first two messages have no id, since the next
// run must recognize each message by its id. Without one, it stops at the first message with an id
// after two or more without.
//
// # Why it stops
//
// The stream stops, and reads no further, if
//
//   - the source yields an error, or Drain is called;
//   - messages lack ids;
//   - the context is done;
//   - the Limiter or the Journal fails;
//   - further packages would most likely fail, too: see [StopReason];
//   - five packages in a row are in doubt. Those that were not sent do not count.
//
// It then yields the batches under way. Packages that wait for the Limiter or for a retry are not
// sent. Messages that were read but not yet sent come in a last Batch, whose Err matches
// [ErrStopped].
//
// # Concurrency
//
// The source is read, and batches are yielded, in the goroutine that ranges over Batches: a slow
// loop delays reading, and a slow source delays complete batches. If [StreamOptions].Concurrency is
// above 1, batches complete in any order. Drain and Stats may be called from any goroutine. No
// goroutine of the stream outlives the loop.
//
// If a hook, the Limiter, the Journal or the Codec panics in a goroutine of the stream, the stream
// stops, and then panics with the same value in the caller's goroutine. The package in question is
// in doubt if it was about to be uploaded, or if the Journal's Known panicked: another stream may
// have sent it.
type Stream struct {
	client *Client
	source iter.Seq2[Message, error]
	opts   StreamOptions

	needsIDs bool // there is a Journal, even if test mode does not use it
	totals   totals

	mu     sync.Mutex
	stop   func(reason error) // stops the run; nil if there is none
	ranged bool
	reason error // why the stream stopped, or does not start
}

// Batches sends the messages and iterates over the complete batches. It can be ranged over once.
//
// Canceling the context also cancels the uploads under way, which most likely leaves them in doubt:
// use Drain to stop gracefully. Each attempt is also bounded by [Options.Timeout], whatever the
// context's deadline. The Journal's calls are not bounded by the context, since a stream that stops
// must still record its results.
//
// If the loop is left early, uploads under way finish and the Journal records their results. The
// rest of what was read is dropped.
func (s *Stream) Batches(ctx context.Context) iter.Seq[Batch] {
	return func(yield func(Batch) bool) {
		r := s.begin(ctx, yield)
		if r == nil {
			return
		}
		defer func() { s.end(r.end()) }()
		r.readAll()
		r.finish()
		if r.panicked != nil {
			panic(r.panicked)
		}
	}
}

// begin returns a run, or nil if the stream can't start.
func (s *Stream) begin(ctx context.Context, yield func(Batch) bool) *run {
	unusable := s.client.usable(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ranged:
		s.reason = errRanged
	case s.reason != nil: // Drain was called
	case unusable != nil:
		s.reason = unusable
	case s.source == nil:
		s.reason = errNoSource
	case isNilPointer(s.opts.Journal):
		s.reason = fmt.Errorf("the Journal is a nil %T", s.opts.Journal)
	case isNilPointer(s.opts.Limiter):
		s.reason = fmt.Errorf("the Limiter is a nil %T", s.opts.Limiter)
	case s.opts.Concurrency > maxConcurrency:
		s.reason = fmt.Errorf("the Concurrency is %d; the maximum is %d", s.opts.Concurrency, maxConcurrency)
	case ctx.Err() != nil:
		s.reason = context.Cause(ctx)
	}
	s.ranged = true
	if s.reason != nil {
		return nil
	}
	r := newRun(ctx, s, yield)
	s.stop = r.stop
	return r
}

// end records that the run has ended, and why it stopped.
func (s *Stream) end(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop = nil
	if s.reason == nil {
		s.reason = reason
	}
}

// Drain stops the stream gracefully: uploads that were handed to the transport, or were just about
// to be, finish, and no other one begins. Err then matches reason, or a general error if reason is
// nil. If the source had ended and every package was handed over before, the stream is complete and
// Err returns nil.
//
// Drain does not wait, and does not interrupt a source that blocks. If it is called before Batches
// is ranged over, the stream sends nothing. After the stream's end it does nothing.
func (s *Stream) Drain(reason error) {
	if reason == nil {
		reason = errDrained
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.ranged && s.reason == nil:
		s.reason = reason
	case s.stop != nil:
		s.stop(reason)
	}
}

// Err returns the error that stopped the stream, or nil if the source has ended and every package
// was tried and, with a [Journal], recorded. The error matches [ErrStopped] and the reason. Call
// Err after the loop over Batches; before its end Err returns nil, unless Drain was called before
// the loop began.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == nil {
		return nil
	}
	return fmt.Errorf(prefix+"%w", &stopError{s.reason})
}

// Stats returns the totals so far.
func (s *Stream) Stats() Stats { return s.totals.soFar() }

// StreamOptions are a stream's settings. Zero fields mean the defaults, and so do numbers
// below zero.
type StreamOptions struct {
	// MaxMessages bounds the messages of a package; 0 means 10,000. The gateway's own limit is
	// unknown.
	MaxMessages int

	// MaxBytes bounds the plain form of a package, in bytes; 0 means 2,000,000, which with every
	// codec of this module stays below 2 MiB, PHP's default upload limit. The gateway's own limit
	// is unknown. A longer message gets a package of its own.
	MaxBytes int

	// Concurrency is the number of packages that are sent at a time, up to 1,000; 0 means 1.
	// Meanwhile one more is filled.
	Concurrency int

	// Limiter's WaitN is called once for each package, before its first attempt, with the number of
	// its messages; nil means no limit. The upload has no more messages than that, and fewer if
	// another stream over the same Journal sends some of them during the wait. A *rate.Limiter of
	// golang.org/x/time/rate will do, if its burst is at least MaxMessages. If WaitN returns an
	// error, the stream stops. Goroutines call it concurrently.
	Limiter interface {
		WaitN(ctx context.Context, messages int) error
	}

	// Retry configures retries of packages that were not sent.
	Retry Retry

	// UniqueIDs makes a message invalid if a valid message before it, anywhere in the stream, has
	// the same id. By default only the ids of a package are compared. With UniqueIDs the stream
	// keeps every id in memory, in less than a byte for ids that lie close together, and 40 bytes
	// at most. A Journal implies it.
	UniqueIDs bool

	// Journal records what was sent, so that the same input can be sent again after a crash; nil
	// means no record. With a Journal, give each message an id, the same one in every run. A
	// Journal is not used in test mode, in which nothing is sent.
	Journal Journal
}

var errInStream = fmt.Errorf("%w in this stream", errRepeatedID)

const maxConcurrency = 1000

// withDefaults returns the options with the defaults filled in.
func (o StreamOptions) withDefaults() StreamOptions {
	setDefault(&o.MaxMessages, 10_000)
	setDefault(&o.MaxBytes, 2_000_000)
	setDefault(&o.Concurrency, 1)
	setDefault(&o.Retry.Attempts, 5)
	setDefault(&o.Retry.MinBackoff, time.Second)
	setDefault(&o.Retry.MaxBackoff, time.Minute)
	o.UniqueIDs = o.UniqueIDs || o.Journal != nil
	return o
}

func setDefault[T int | time.Duration](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}

// Retry configures retries of packages that were not sent, for example because the server is
// unreachable. Packages that are in doubt, or were rejected, are never retried. Each pause is
// shortened at random by up to a half.
type Retry struct {
	Attempts   int           // of one package, including the first; 0 means 5, and 1 means no retry
	MinBackoff time.Duration // the pause after the first attempt, doubled after each; 0 means 1 second
	MaxBackoff time.Duration // the longest pause; 0 means 1 minute

	// OnRetry, if not nil, is called before the pause after each failed attempt that is not the
	// last. Goroutines call it concurrently.
	OnRetry func(attempt int, pause time.Duration, err error)
}

// isTransient reports whether another attempt may succeed: the package was not sent, because of the
// network or a timeout.
func isTransient(err error) bool {
	var failure *SendError
	if !errors.As(err, &failure) {
		return false
	}
	_, stopped := failure.Err.(*stopError) //nolint:errorlint // the cause of the context may wrap another stream's
	return failure.Outcome == OutcomeNotSent && failure.isNetworkError() && !stopped
}

// pause returns the time to wait after attempt n.
func (r Retry) pause(n int) time.Duration {
	pause := min(r.MinBackoff, r.MaxBackoff)
	for ; n > 1 && pause < r.MaxBackoff; n-- {
		pause = min(2*pause, r.MaxBackoff)
	}
	return pause - rand.N(pause/2+1)
}

// Batch is one package of a stream and its results. The caller may keep and change it.
type Batch struct {
	// Package has the messages that were sent or were to be sent. It may be empty. It is sealed as
	// by [Client.Send]. A package that was not sent can be sent with Send. With a Journal, which
	// Send does not use, run another stream over the same input instead.
	Package *Package

	// Response is the gateway's reply, or nil if Err is non-nil or Package is empty.
	Response *Response

	// Err is the package's error: nil or a [*SendError] as from [Client.Send]. It matches
	// [ErrStopped] if the package was not sent, or not retried, because the stream stopped. So does
	// the error of a package that is in doubt because the Journal failed, or because code that the
	// stream called panicked: ask OutcomeOf, not ErrStopped, whether the package was sent.
	Err error

	// Invalid has the error of each invalid message.
	Invalid []*MessageError

	// Earlier has the recorded results of the messages that were skipped because the Journal knows
	// them, with [StatusUnreported] for those in doubt. [Stats] counts the latter as InDoubt, not
	// as Earlier.
	Earlier []Result
}

// Results iterates over all messages of the batch: those of the Package, then those in Invalid,
// then those in Earlier. The error is nil if the message was accepted. Otherwise it is a
// [*ResultError], a [*MessageError], or, if the package was not accepted, the batch's Err for each
// of its messages. [OutcomeOf] and [SafeToResend] take any of them. If the gateway reported nothing
// about a message, its Result has [StatusUnreported].
func (b *Batch) Results() iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		var results []Result
		var err error
		if b.Response != nil {
			results = b.Response.Results
		} else {
			results, err = b.Package.emptyResults(), b.Err
		}
		for _, result := range results {
			if !yield(result, cmp.Or(err, result.Err())) {
				return
			}
		}
		for _, err := range b.Invalid {
			if !yield(Result{ID: err.ID}, err) {
				return
			}
		}
		for _, result := range b.Earlier {
			if !yield(result, result.Err()) {
				return
			}
		}
	}
}

func (b *Batch) isEmpty() bool {
	return b.Package.Len() == 0 && len(b.Invalid) == 0 && len(b.Earlier) == 0
}

// skip moves messages with known results from the package to Earlier.
func (b *Batch) skip(known []Result) error {
	isKnown := make(map[int64]struct{}, len(known))
	for _, result := range known {
		isKnown[result.ID] = struct{}{}
	}
	rest := new(Package)
	for m := range b.Package.Messages() {
		if _, ok := isKnown[m.ID]; ok {
			continue
		}
		if err := rest.Add(m); err != nil {
			return err
		}
	}
	if rest.Len()+len(known) != b.Package.Len() {
		return errors.New("it returned ids that it was not asked for, or one twice")
	}
	b.Package, b.Earlier = rest, append(b.Earlier, known...)
	return nil
}

// Stats are a stream's totals. Each message that was read counts in exactly one of Accepted,
// Failed, Invalid, Earlier, NotSent, Rejected and InDoubt, once its batch is complete.
type Stats struct {
	Read     int            // messages read from the source
	Accepted int            // by the gateway
	Failed   map[Status]int // in packages that the gateway took, by status
	Invalid  int            // not put into a package
	Earlier  int            // accepted or failed in an earlier run, as the Journal has recorded
	NotSent  int            // in packages that were not sent
	Rejected int            // in packages that were rejected
	Segments int            // of the accepted messages

	// InDoubt is the number of messages that may have been sent, and that a person has to resolve:
	// those in packages in doubt, those without a documented status in a reply, and those that the
	// Journal has in doubt since an earlier run.
	InDoubt int
}

// totals are the Stats of a stream under way. Goroutines may share them.
type totals struct {
	read atomic.Int64

	mu    sync.Mutex
	stats Stats
}

func (t *totals) soFar() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	stats := t.stats
	stats.Failed = maps.Clone(stats.Failed)
	stats.Read = int(t.read.Load())
	return stats
}

// count adds a complete batch, whose accepted messages have that many segments.
func (t *totals) count(b *Batch, segments int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.stats
	s.Invalid += len(b.Invalid)
	s.Segments += segments
	for _, result := range b.Earlier {
		if result.Status.Outcome() == OutcomeInDoubt {
			s.InDoubt++
		} else {
			s.Earlier++
		}
	}
	if b.Response == nil {
		switch messages := b.Package.Len(); OutcomeOf(b.Err) {
		case OutcomeNotSent:
			s.NotSent += messages
		case OutcomeRejected:
			s.Rejected += messages
		default:
			s.InDoubt += messages
		}
		return
	}
	for _, result := range b.Response.Results {
		switch result.Status.Outcome() {
		case OutcomeAccepted:
			s.Accepted++
		case OutcomeFailed:
			if s.Failed == nil {
				s.Failed = map[Status]int{}
			}
			s.Failed[result.Status]++
		default:
			s.InDoubt++
		}
	}
}

// StopReason takes the results of a [Client.Send]. It returns the reason why every further package
// would most likely fail, too, or nil. The reason is
//
//   - a [*GatewayError] of code 1 to 8 or 14, which is about the account or this program, whatever
//     the HTTP status;
//   - the [*ResultError] of the first message in resp with [StatusInsufficientCredit];
//   - an error naming the HTTP status, if a server answered with a 3xx, 401, 403, 404, 407 or 429,
//     and not with an ERROR of the gateway;
//   - the cause of a [*SendError] of [OutcomeNotSent] that is not the network's, such as a codec's
//     error.
//
// A [Stream] stops for these reasons.
func StopReason(resp *Response, err error) error {
	if err == nil {
		return withoutCredit(resp)
	}
	var failure *SendError
	if !errors.As(err, &failure) {
		return nil
	}
	switch rejection := failure.rejection(); {
	case rejection != nil && rejection.stopsAll():
		return rejection
	case failure.Outcome == OutcomeRejected && rejection == nil && barsAll(failure.StatusCode):
		return failure.Err
	case failure.Outcome == OutcomeNotSent && !failure.isNetworkError():
		return failure.Err
	}
	return nil
}

// withoutCredit returns the error of the first message that was not paid for, or nil.
func withoutCredit(resp *Response) error {
	if resp != nil {
		for _, result := range resp.Results {
			if result.Status == StatusInsufficientCredit {
				return result.Err()
			}
		}
	}
	return nil
}

// barsAll reports whether every other upload would most likely be rejected with that HTTP status.
func barsAll(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired,
		http.StatusTooManyRequests:
		return true
	}
	return status >= 300 && status < 400
}
