package smslink

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Batch is one package of a stream and what became of it. The caller may keep and change it.
type Batch struct {
	// Package has the messages that were sent, or were to be. It may be empty; then nothing was
	// sent. It is sealed as by [Client.Send]. A package that was not sent can be sent with Send.
	// With a Journal, which Send does not use, run another stream over the same input instead.
	Package *Package

	// Response is the gateway's reply; nil if Err is not, or if Package is empty.
	Response *Response

	// Err is nil or a [*SendError] as from [Client.Send]. It matches [ErrStopped] if the package
	// was not sent, or not retried, because the stream stopped.
	Err error

	// Refused has the error of each message that was not put into a package.
	Refused []*MessageError

	// Earlier has the messages that were not sent because the Journal knows them: the recorded
	// results, with [StatusUnreported] for those in doubt.
	Earlier []Result
}

// Stats are a stream's totals. Each message that was read counts in one of Accepted, Failed,
// Refused, Earlier, NotSent, Rejected and Unknown once its batch is complete.
type Stats struct {
	Read     int            // messages read from the source
	Accepted int            // StatusSuccess
	Failed   map[Status]int // the other messages of packages that the gateway took, by status
	Refused  int            // not put into a package
	Earlier  int            // known to the Journal
	NotSent  int            // in packages of OutcomeNotSent
	Rejected int            // in packages of OutcomeRejected
	Unknown  int            // in packages of OutcomeUnknown
	Segments int            // SMS that the accepted messages make
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

// count adds a complete batch, whose accepted messages make that many SMS.
func (t *totals) count(b *Batch, segments int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.stats
	s.Refused += len(b.Refused)
	s.Earlier += len(b.Earlier)
	s.Segments += segments
	switch messages := b.Package.Len(); {
	case b.Response != nil:
		for _, result := range b.Response.Results {
			if result.Status == StatusSuccess {
				s.Accepted++
				continue
			}
			if s.Failed == nil {
				s.Failed = map[Status]int{}
			}
			s.Failed[result.Status]++
		}
	case messages == 0:
	default:
		switch OutcomeOf(b.Err) {
		case OutcomeNotSent:
			s.NotSent += messages
		case OutcomeRejected:
			s.Rejected += messages
		default:
			s.Unknown += messages
		}
	}
}
