package smslink

import (
	"context"
	"errors"
	"fmt"
)

// Journal keeps, for each local message id, whether it may be sent: it is unknown;
// or intended, so that it may have been sent and nobody can tell; or judged, with the
// gateway's word. [Client.SendAll] makes an id intended before its package is uploaded.
// After that it judges it, be it as sent or as refused for good; or forgets it where the package was not sent or was
// rejected, or the gateway says that there was no credit for it. One that stays intended is in doubt.
//
// An id stands for its message, whatever its text: a journal belongs to one
// campaign. Package journal has one in a file. One in a database is a table of id,
// status and remote id, of which the id is the key.
//
// Goroutines call it concurrently, and so may several streams, of which one alone can
// intend an id. What a call has changed must last when it returns. The contexts have SendAll's values, but are never done: a stream that stops
// still has to know. An error stops the stream.
type Journal interface {
	// Known returns what is recorded of the given ids: a judged message as it was judged, and one in
	// doubt with [StatusUnreported]. Ids without a record are omitted.
	//
	// Known must go on to answer after another call has failed, for example because a disk is full. It
	// omits the ids of a failed Intend, since nobody was allowed to upload them. But if another
	// stream may have intended them, and the journal can't tell, they are in doubt.
	Known(ctx context.Context, ids []int64) ([]Result, error)

	// Intend makes ids intended, all of them or none. It is an error if one of them is known. Only a nil
	// error allows the upload. After an error SendAll asks once more what is Known, since another
	// stream may have intended them first, and calls the rest not sent.
	Intend(ctx context.Context, ids []int64) error

	// Settle judges some of the intended ids and forgets others.
	Settle(ctx context.Context, judged []Result, forgotten []int64) error
}

// recall takes out of the batch's package what the journal knows. Where that can't
// be had, each message of it may have been sent by another stream.
func (s *stream) recall(f *flight) {
	if s.opts.Journal == nil || f.Package.Len() == 0 {
		return
	}
	f.doubtful = true
	known, err := s.opts.Journal.Known(s.lasting, f.Package.ids())
	f.doubtful = false
	if err == nil && len(known) > 0 {
		err = f.skip(known)
	}
	if err != nil {
		s.journalFailed(err)
		f.Package.release(fateUnknown)
		f.Err = s.halted(OutcomeUnknown)
	}
}

// skip moves the known messages from the package to Earlier.
func (f *flight) skip(known []Result) error {
	isKnown := make(map[int64]struct{}, len(known))
	for _, result := range known {
		isKnown[result.ID] = struct{}{}
	}
	rest := f.Package.like()
	for m := range f.Package.Messages() {
		if _, ok := isKnown[m.ID]; ok {
			continue
		}
		if err := rest.Add(m); err != nil {
			return err
		}
	}
	if rest.Len()+len(known) != f.Package.Len() {
		return errors.New("it told of ids that it was not asked for, or of one twice")
	}
	f.Package, f.Earlier = rest, append(f.Earlier, known...)
	return nil
}

func (s *stream) journalFailed(err error) { s.stop(fmt.Errorf("smslink: the journal: %w", err)) }

// intend tells the journal that the batch is about to be uploaded, and says whether
// it may be. Where not, another stream may have been faster since recall.
func (s *stream) intend(f *flight) bool {
	f.doubtful = true
	if s.opts.Journal == nil {
		return true
	}
	err := s.opts.Journal.Intend(s.lasting, f.Package.ids())
	if err == nil {
		return true
	}
	s.journalFailed(err)
	s.recall(f)
	if f.Err == nil && f.Package.Len() > 0 {
		f.Err = s.halted(OutcomeNotSent)
	}
	return false
}

// settle tells the journal what became of the batch. What is left out stays in doubt. A message that was not paid for
// may be sent another time, unless the reply has more to say than that.
func (s *stream) settle(f *flight) {
	if s.opts.Journal == nil {
		return
	}
	var judged []Result
	var forgotten []int64
	switch OutcomeOf(f.Err) {
	case OutcomeAccepted:
		for _, result := range f.Response.Results {
			switch {
			case result.Status == StatusUnreported:
			case result.Status != StatusInsufficientCredit:
				judged = append(judged, result)
			case len(f.Response.Unmatched) == 0:
				forgotten = append(forgotten, result.ID)
			}
		}
	case OutcomeNotSent, OutcomeRejected:
		forgotten = f.Package.ids()
	}
	if judged == nil && forgotten == nil {
		return
	}
	f.untold = true
	if err := s.opts.Journal.Settle(s.lasting, judged, forgotten); err != nil {
		s.journalFailed(err)
		return
	}
	f.untold = false
}

// ids are the package's, in order.
func (p *Package) ids() []int64 {
	ids := make([]int64, 0, p.Len())
	if p.lines != nil {
		for _, line := range p.lines.index {
			ids = append(ids, line.id)
		}
	}
	return ids
}
