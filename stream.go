package smslink

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-smslink/smslink/internal/idset"
)

// SendAllOptions are a stream's settings. Nil and zero fields mean the defaults, and
// so do numbers below zero, but for the Jitter of Retry.
type SendAllOptions struct {
	// Messages is how many make a package; 0 means 10,000.
	Messages int

	// Bytes is how long a package's plain form may get; 0 means 2,000,000, which stays below
	// the 2 MiB of PHP's stock upload limit with every codec of this package, even where nothing can be
	// compressed. What the gateway takes is unknown. A longer message is a
	// package of its own.
	Bytes int

	// Codec compresses the packages; nil means [CodecZlib].
	Codec Codec

	// Fold and StrictReceivers are the packages' own: see [Package].
	Fold, StrictReceivers bool

	// Concurrency is how many packages are on their way at a time; 0 means 1. One more
	// is being filled meanwhile.
	Concurrency int

	// Limiter is asked before each upload to let that many messages pass; nil means no
	// limit. A *rate.Limiter of golang.org/x/time/rate is one, if its burst is no
	// less than Messages. Its error stops the stream. Goroutines call it concurrently.
	Limiter interface {
		WaitN(ctx context.Context, messages int) error
	}

	// Retry says when a package that was not sent is tried again. Each attempt may take
	// [Options].Timeout.
	Retry Retry

	// UniqueIDs refuses a message whose id came before, anywhere in the stream, with
	// [ErrRepeatedInStream]. It keeps every id in memory: less than a byte a message where
	// they lie close together, and 40 at the most. Without it only a package's own ids are looked at. With a Journal it is
	// always so.
	UniqueIDs bool

	// ContinueWithoutCredit sends on once the gateway has said that the credit ran out:
	// [StatusInsufficientCredit] of a message, or ERROR 8. Otherwise that stops the stream.
	ContinueWithoutCredit bool

	// Halt, once it is done, stops the stream for its cause: no upload begins any more, and
	// those that have begun come to their end, where ctx would break them off. Nil means
	// never. It is for a program that ends in good order; a source that is waiting is not
	// interrupted by it.
	Halt context.Context

	// Journal remembers what was sent, so that the same input can be sent again after a
	// crash; nil means that nothing does. It is left alone in test mode, in
	// which nothing is sent that would be worth remembering.
	Journal Journal
}

// Batch is one package of a stream and what became of it. It is the receiver's to
// keep and to change.
type Batch struct {
	// Package has the messages that were sent, or were to be. It may be empty, and
	// then nothing was sent. It is sealed as by [Client.Send]. One that was not sent can be
	// sent by that, but not where there is a Journal, which Send does not tell: a later
	// stream would send it again. Send the same input again by another SendAll instead.
	Package *Package

	// Response is the gateway's, and nil where Err is not or Package is empty.
	Response *Response

	// Err is nil or a [*SendError], as [Client.Send] returns it. It matches [ErrStopped]
	// where the stream's stop, or the Journal's failure or the panic behind it, kept the
	// package from being sent or from being tried again.
	Err error

	// Refused says of each message that was not put into a package why.
	Refused []*MessageError

	// Earlier are the messages that were not sent because the Journal knows them:
	// what the gateway said of them then, or [StatusUnreported] of those in doubt.
	Earlier []Result
}

var (
	// ErrStopped says that a stream stopped before its end, and wraps the reason.
	ErrStopped = errors.New("smslink: the stream stopped")
	// ErrRepeatedInStream is the rule broken by a message whose id came before in the
	// stream.
	ErrRepeatedInStream = errors.New("came in this stream before")

	errLeft  = errors.New("smslink: the loop over the stream was left")
	errAgain = errors.New("smslink: a stream is sent once, and this one was ranged over before")
)

// SendAll sends an unbounded stream of messages in packages and yields what became
// of each, as the packages complete; with [SendAllOptions].Concurrency that need
// not be in order. Nothing happens before the sequence is ranged over, which can be
// done once. Memory holds the packages on their way and one that is being filled,
// however many messages there are, and ids where they must be unique.
//
// Each message read from the source is in exactly one [Batch]: in its Package,
// among its Refused, or among its Earlier; but where the loop is left, or something
// panics, those that were not yielded by then are in none. A message that comes with
// an error is none. The source is read, and batches are yielded, in the caller's
// goroutine: a slow loop keeps the source waiting, and a source that waits keeps
// a batch waiting that is complete.
//
// Only a package that was not sent is tried again; see [Retry]. One that is unknown
// never is, nor is one that was rejected.
//
// The stream stops, and the source is read no further, where the source yields an
// error, ctx or Halt is done, the Limiter or the Journal fails, or where further packages would
// most likely fare no better:
//   - the gateway says so of the account or of this program, by a [*GatewayError] of
//     code 1 to 7 or 14, whatever the HTTP status (wrong passwords get the address banned);
//   - a server refuses without a word of the gateway's: HTTP 3xx, 401, 403, 404, 407, 429;
//   - the credit runs out;
//   - a package can't be made into a request, as where its codec fails;
//   - five packages in a row are unknown, those that were not sent not counted.
//
// It then yields what is on its way. A package that waits for the Limiter, or in a pause
// of Retry, is not sent, nor is what was read into none yet, which comes in a last
// Batch, whose Package may be empty. The Err of each matches [ErrStopped] and the
// reason. There is no such last one where nothing is left of a source that has ended,
// unless the Journal could not be told what became of a package.
//
// ctx also bounds the uploads on their way, so that ending it most likely makes them
// unknown. Each attempt is bounded by [Options].Timeout, too, whatever ctx's deadline.
// To stop and have those uploads finish that have begun, end Halt, or let the source yield an error;
// to have all finish that was read, let it end. Leaving the loop early lets those
// finish that have begun, but nobody sees what became of them, other than the Journal;
// the rest of what was read is dropped. Either way nothing runs on once the loop is left.
//
// Where a Hook, the Limiter, the Journal or the Codec panics in a goroutine of the
// stream's, the stream stops as above, and then panics with the same value in the
// caller's. The package in question is unknown if it was about to be uploaded, or if
// another stream may have sent it.
func (c *Client) SendAll(ctx context.Context, messages iter.Seq2[Message, error], opts *SendAllOptions) iter.Seq[Batch] {
	var ranged atomic.Bool
	return func(yield func(Batch) bool) {
		s := newStream(ctx, c, opts, yield)
		defer s.end()
		if ranged.Swap(true) {
			s.stop(errAgain)
		}
		s.read(messages)
		s.finish()
		if s.panicked != nil {
			panic(s.panicked)
		}
	}
}

// stream is one SendAll under way. Its fields are the caller's goroutine's, but for
// send and what it calls.
type stream struct {
	client *Client
	opts   SendAllOptions
	yield  func(Batch) bool

	ctx     context.Context // of uploads
	lasting context.Context // of the journal: never done
	going   context.Context // done, with its reason, once nothing more is to be sent
	stop    context.CancelCauseFunc
	unhalt  func() bool // forgets Halt

	next    *flight // being filled
	ids     idset.Set
	flying  int // batches on their way
	landed  chan *flight
	flights sync.WaitGroup

	ended    bool // the source has
	left     bool // the loop was
	untold   bool // the journal was not told of a package, which no batch says
	panicked any  // the first panic of a flight's goroutine

	unknown atomic.Int32 // packages in a row
}

func newStream(ctx context.Context, c *Client, opts *SendAllOptions, yield func(Batch) bool) *stream {
	s := &stream{client: c, ctx: ctx, lasting: context.WithoutCancel(ctx), yield: yield}
	if opts != nil {
		s.opts = *opts
	}
	positive(&s.opts.Messages, 10_000)
	positive(&s.opts.Bytes, 2_000_000)
	positive(&s.opts.Concurrency, 1)
	positive(&s.opts.Retry.Attempts, 5)
	positive(&s.opts.Retry.MinBackoff, time.Second)
	positive(&s.opts.Retry.MaxBackoff, time.Minute)
	if s.opts.Retry.Jitter == 0 {
		s.opts.Retry.Jitter = 0.5
	}
	if c.testMode {
		s.opts.Journal = nil
	}
	if s.opts.UniqueIDs || s.opts.Journal != nil {
		s.ids = idset.Set{}
	}
	s.going, s.stop = context.WithCancelCause(ctx)
	if s.opts.Halt == nil {
		s.opts.Halt = context.Background()
	}
	s.unhalt = context.AfterFunc(s.opts.Halt, func() { s.stop(context.Cause(s.opts.Halt)) })
	if s.opts.Halt.Err() != nil {
		s.stop(context.Cause(s.opts.Halt))
	}
	s.landed = make(chan *flight, s.opts.Concurrency)
	s.next = s.newFlight()
	return s
}

// positive puts the default in place of what is not above zero.
func positive[T int | time.Duration](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}

func (s *stream) newFlight() *flight {
	return &flight{Batch: Batch{Package: &Package{Codec: s.opts.Codec, Fold: s.opts.Fold, StrictReceivers: s.opts.StrictReceivers}}}
}

// end waits for what is on its way, also where the source or the loop panics.
func (s *stream) end() {
	s.unhalt()
	s.stop(errLeft)
	s.flights.Wait()
}

// read takes in the messages until they end or the stream stops.
func (s *stream) read(messages iter.Seq2[Message, error]) {
	if s.stopped() {
		return
	}
	for m, err := range messages {
		if err != nil {
			s.stop(err)
			return
		}
		s.take(m)
		s.deliverLanded()
		if s.stopped() {
			return
		}
	}
	s.ended = true
}

func (s *stream) stopped() bool { return s.going.Err() != nil }

// take puts m into the next batch, and sends that first where it is full.
func (s *stream) take(m Message) {
	if s.ids.Has(m.ID) {
		s.refuse(&MessageError{ID: m.ID, Field: "ID", Err: ErrRepeatedInStream})
		return
	}
	p := s.next.Package
	if err := p.Add(m); err != nil {
		var refusal *MessageError
		errors.As(err, &refusal) // nobody has sealed the package
		s.refuse(refusal)
		return
	}
	if s.ids != nil {
		s.ids.Add(m.ID)
	}
	if p.Size() > s.opts.Bytes && p.Len() > 1 {
		p.Remove(m.ID)
		s.launch()
		_ = s.next.Package.Add(m) // which was added before
	}
	if s.next.Package.Len() >= s.opts.Messages {
		s.launch()
	}
}

// refuse notes a refused message. Batches are bounded in these, too.
func (s *stream) refuse(err *MessageError) {
	s.next.Refused = append(s.next.Refused, err)
	if len(s.next.Refused) >= s.opts.Messages {
		s.launch()
	}
}

// launch sends the next batch on its way once there is room, unless the stream has
// stopped by then.
func (s *stream) launch() {
	for s.flying == s.opts.Concurrency && !s.stopped() {
		s.deliver(<-s.landed)
	}
	if s.stopped() {
		return
	}
	f := s.next
	s.next = s.newFlight()
	s.flying++
	s.flights.Go(func() {
		defer func() { s.landed <- f }()
		defer s.salvage(f)
		s.send(f)
		f.arrived = true
	})
}

func (s *stream) deliver(f *flight) {
	s.flying--
	s.untold = s.untold || f.untold
	if s.panicked == nil {
		s.panicked = f.panicked
	}
	if !s.left && !s.yield(f.Batch) {
		s.left = true
		s.stop(errLeft)
	}
}

func (s *stream) deliverLanded() {
	for {
		select {
		case f := <-s.landed:
			s.deliver(f)
		default:
			return
		}
	}
}

// finish sends the rest and delivers all that is on its way, and at last what the
// stream's stop has left.
func (s *stream) finish() {
	if !s.next.isEmpty() {
		s.launch()
	}
	for s.flying > 0 {
		s.deliver(<-s.landed)
	}
	if !s.stopped() || s.left || s.ended && s.next.isEmpty() && !s.untold {
		return
	}
	s.recall(s.next)
	if s.next.Err == nil {
		s.next.Err = s.halted(OutcomeNotSent)
	}
	s.yield(s.next.Batch)
}
