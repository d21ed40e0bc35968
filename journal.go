package smslink

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
)

// Journal keeps, for each local message id, whether it may be sent: it is unknown;
// or intended, so that it may have been sent and nobody can tell; or judged, with the
// gateway's word. [Client.SendAll] makes an id intended before its package is uploaded, and after that judges it,
// or forgets it where it was certainly not taken. One that stays intended is in doubt.
//
// An id stands for its message, whatever its text: a journal belongs to one
// campaign. Package journal has one in a file. One in a database is a table of id,
// status and remote id, of which the id is the key.
//
// Goroutines call it concurrently. What a call has changed must last when it
// returns. The contexts have SendAll's values, but are never done: a stream that stops
// still has to know. An error stops the stream.
type Journal interface {
	// Known gives what is known of those of ids that are not unknown: a judged one as
	// it was judged, and one in doubt with [StatusUnreported].
	Known(ctx context.Context, ids []int64) ([]Result, error)

	// Intend makes ids intended, all of them or none. It is an error where one of them is known. The digest is
	// the MD5 of the package's plain form, which the upload's form also has.
	Intend(ctx context.Context, ids []int64, digest [md5.Size]byte) error

	// Settle judges some of the intended ids and forgets others.
	Settle(ctx context.Context, judged []Result, forgotten []int64) error
}

// recall takes out of the batch's package what the journal knows. Where that can't
// be had, each message of it may have been sent by an earlier stream.
func (s *stream) recall(b *Batch) {
	if s.opts.Journal == nil || b.Package.Len() == 0 {
		return
	}
	known, err := s.opts.Journal.Known(s.lasting, b.Package.ids())
	if err == nil && len(known) > 0 {
		err = b.skip(known)
	}
	if err != nil {
		s.journalFailed(err)
		b.Package.release(fateUnknown)
		b.Err = s.halted(OutcomeUnknown)
	}
}

// skip moves the known messages from the package to Earlier.
func (b *Batch) skip(known []Result) error {
	isKnown := make(map[int64]struct{}, len(known))
	for _, result := range known {
		isKnown[result.ID] = struct{}{}
	}
	rest := b.Package.like()
	for m := range b.Package.Messages() {
		if _, ok := isKnown[m.ID]; ok {
			continue
		}
		if err := rest.Add(m); err != nil {
			return err
		}
	}
	if rest.Len()+len(known) != b.Package.Len() {
		return errors.New("it told of ids that it was not asked for, or of one twice")
	}
	b.Package, b.Earlier = rest, known
	return nil
}

func (s *stream) journalFailed(err error) { s.stop(fmt.Errorf("smslink: the journal: %w", err)) }

func (s *stream) intend(b *Batch) bool {
	if s.opts.Journal == nil {
		return true
	}
	if err := s.opts.Journal.Intend(s.lasting, b.Package.ids(), digest(b.Package.plain())); err != nil {
		s.journalFailed(err)
		return false
	}
	return true
}

// settle tells the journal what became of the batch. What is left out stays in doubt. A message that was not paid for
// may be sent another time.
func (s *stream) settle(b *Batch) {
	if s.opts.Journal == nil {
		return
	}
	var judged []Result
	var forgotten []int64
	switch OutcomeOf(b.Err) {
	case OutcomeAccepted:
		for _, result := range b.Response.Results {
			switch result.Status {
			case StatusUnreported:
			case InsufficientCredit:
				forgotten = append(forgotten, result.ID)
			default:
				judged = append(judged, result)
			}
		}
	case OutcomeNotSent, OutcomeRejected:
		forgotten = b.Package.ids()
	}
	if judged == nil && forgotten == nil {
		return
	}
	if err := s.opts.Journal.Settle(s.lasting, judged, forgotten); err != nil {
		s.journalFailed(err)
	}
}
