package smslink

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
)

var (
	errRanged   = errors.New("smslink: Batches was ranged over before; make another Stream")
	errNoSource = errors.New("smslink: the sequence of messages is nil")
	errDrained  = errors.New("smslink: drained")
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
// # What is promised
//
// Each message read from the source is in exactly one [Batch]: in its Package, its Refused or its
// Earlier. The exceptions are a loop that is left early and a panic; then those not yet yielded
// are in none. A batch without messages is never yielded.
//
// Only packages that were not sent are retried: see [Retry]. Packages that were rejected, or whose
// outcome is unknown, are never sent again.
//
// # Why it stops
//
// The stream stops, and reads no further, if
//
//   - the source yields an error, or has been drained by Drain;
//   - the context is done;
//   - the Limiter or the Journal fails;
//   - further packages would most likely fare no better, as [StopReason] judges;
//   - five packages in a row are of unknown outcome, those that were not sent not counted.
//
// It then yields what is on its way. Packages that wait for the Limiter or for a retry are not
// sent. What was read and not packed yet comes in a last Batch, whose Err matches [ErrStopped].
//
// # Concurrency
//
// The source is read, and batches are yielded, in the goroutine that ranges over Batches: a slow
// loop keeps the source waiting, and a source that waits keeps a complete batch waiting. With
// [StreamOptions] Concurrency above 1, batches complete in any order. Drain and Stats may be called
// from any goroutine. Nothing runs on once the loop has ended.
//
// If a hook, the Limiter, the Journal or the Codec panics in a goroutine of the stream's, the
// stream stops, and then panics with the same value in the caller's. The package in question is of
// unknown outcome if it was about to be uploaded.
type Stream struct {
	client *Client
	source iter.Seq2[Message, error]
	opts   StreamOptions

	totals totals

	mu     sync.Mutex
	stop   func(reason error) // of the run; nil before it
	ranged bool
	reason error // why it is to stop, or has stopped; nil if neither
}

// Stream returns a stream of the messages. Nil options mean the defaults. It does nothing before
// its Batches are ranged over. A message that comes with an error is not read, and the error stops
// the stream.
func (c *Client) Stream(messages iter.Seq2[Message, error], opts *StreamOptions) *Stream {
	if opts == nil {
		opts = &StreamOptions{}
	}
	s := &Stream{client: c, source: messages, opts: opts.withDefaults()}
	if c.testMode {
		s.opts.Journal = nil
	}
	return s
}

// Batches sends the messages and iterates over what became of them, package by package. It can be
// ranged over once.
//
// The context also bounds the uploads that have begun, so that ending it most likely makes their
// outcome unknown: see Drain. Each attempt is bounded by [Options.Timeout], too, whatever the
// context's deadline. The Journal's calls are not bounded by the context, since a stream that stops
// still has to record what became of its packages.
//
// Leaving the loop early lets the uploads that have begun finish, but nobody sees what became of
// them except the Journal. The rest of what was read is dropped.
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

// begin returns a run, or nil if there is nothing to be run.
func (s *Stream) begin(ctx context.Context, yield func(Batch) bool) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ranged:
		s.reason = errRanged
	case s.reason != nil: // drained
	case ctx == nil:
		s.reason = errNilContext
	case s.source == nil:
		s.reason = errNoSource
	case s.opts.Concurrency > maxConcurrency:
		s.reason = fmt.Errorf("smslink: a stream's Concurrency is %d; the most is %d", s.opts.Concurrency, maxConcurrency)
	case ctx.Err() != nil:
		s.reason = context.Cause(ctx)
	}
	s.ranged = true
	if s.reason != nil {
		return nil
	}
	r := newRun(newUploader(ctx, s.client, s.opts), s.source, &s.totals, yield)
	s.stop = r.stop
	return r
}

// end notes that the run has ended, and the reason for it unless the stream has one.
func (s *Stream) end(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop = nil
	if s.reason == nil {
		s.reason = reason
	}
}

// Drain stops the stream and cuts nothing off: no upload begins any more, and those that have begun
// come to their end. Err then matches reason, or a general error if reason is nil. If all messages
// are on their way already, the stream is complete and Err returns nil.
//
// Drain does not wait, and it does not interrupt a source that is waiting. Before Batches is ranged
// over, it keeps the stream from doing anything. After the stream's end, it does nothing.
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

// Err returns the error that stopped the stream, or nil if the source has ended and no package was
// held back. The error matches [ErrStopped] and the reason. Before the loop over Batches has ended
// it returns nil, unless Drain was called before the loop began.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == nil {
		return nil
	}
	return &stopError{aside{s.reason}}
}

// Stats returns the totals so far.
func (s *Stream) Stats() Stats { return s.totals.soFar() }
