package journal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-smslink/smslink"
)

// Doubt is a message in doubt. Times in this package are in UTC and in whole seconds.
type Doubt struct {
	ID    int64
	Since time.Time // when it was intended
}

// Run is what was sent between an Open and a Close. A session that sends nothing is not a run.
type Run struct {
	Start, End       time.Time // the first Intend, and the last Intend or Record
	Accepted, Failed int       // messages
}

func (r *Run) count(change *record) {
	r.End = change.at
	for _, status := range change.status {
		switch status.Outcome() {
		case smslink.OutcomeAccepted:
			r.Accepted++
		case smslink.OutcomeFailed:
			r.Failed++
		}
	}
}

// Resolution is what a person found out about messages in doubt; see [File.Resolve].
type Resolution struct {
	Time                  time.Time
	By, Reason            string
	Sent, Failed, NotSent []int64 // ids
}

// states are the contents of the records. An id is in doubt, has a result, or is new.
type states struct {
	doubt        map[int64]int64          // id to when it was intended, in Unix seconds
	remote       map[int64]uint64         // id with a result to the remote id; 0 if the message has none
	failed       map[int64]smslink.Status // id with a result other than StatusSuccess to the status
	failedBefore map[int64]bool           // see File.FailedBefore

	campaign    string
	runs        []Run
	resolutions []Resolution
}

func newStates() states {
	return states{
		doubt: map[int64]int64{}, remote: map[int64]uint64{},
		failed: map[int64]smslink.Status{}, failedBefore: map[int64]bool{},
	}
}

// of returns the result of id, or StatusUnreported if it is in doubt. known is false if it is new.
func (s *states) of(id int64) (result smslink.Result, known bool) {
	if remote, ok := s.remote[id]; ok {
		result = smslink.Result{ID: id, Status: smslink.StatusSuccess}
		if status, ok := s.failed[id]; ok {
			result.Status = status
		}
		if remote != 0 {
			result.RemoteID = strconv.FormatUint(remote, 10)
		}
		return result, true
	}
	_, known = s.doubt[id]
	return smslink.Result{ID: id}, known
}

// doubts returns the ids in doubt in ascending order.
func (s *states) doubts() []Doubt {
	doubts := make([]Doubt, 0, len(s.doubt))
	for id, since := range s.doubt {
		doubts = append(doubts, Doubt{id, time.Unix(since, 0).UTC()})
	}
	slices.SortFunc(doubts, func(a, b Doubt) int { return cmp.Compare(a.ID, b.ID) })
	return doubts
}

// apply applies r, which check has accepted.
func (s *states) apply(r *record) {
	if r.run {
		s.runs = append(s.runs, Run{Start: r.at})
	}
	if r.campaign != "" {
		s.campaign = r.campaign
	}
	for _, id := range r.intend {
		s.doubt[id] = r.at.Unix()
	}
	for i, id := range r.result {
		delete(s.doubt, id)
		s.remote[id] = r.remote[i]
		if r.status[i] != smslink.StatusSuccess {
			s.failed[id] = r.status[i]
		}
	}
	for _, id := range r.notSent {
		delete(s.doubt, id)
		s.failedBefore[id] = true // the account may list it as failed, for example for want of credit
	}
	for _, id := range r.forget {
		delete(s.remote, id)
		delete(s.failed, id)
		s.failedBefore[id] = true
	}
	if r.by != "" {
		resolution := Resolution{Time: r.at, By: r.by, Reason: r.reason, NotSent: slices.Clone(r.notSent)}
		for i, id := range r.result {
			if r.status[i] == smslink.StatusSuccess {
				resolution.Sent = append(resolution.Sent, id)
			} else {
				resolution.Failed = append(resolution.Failed, id)
			}
		}
		s.resolutions = append(s.resolutions, resolution)
	} else if len(r.intend)+len(r.result)+len(r.notSent) > 0 {
		s.runs[len(s.runs)-1].count(r) // there is a run, since the ids were intended
	}
}

var errShape = errors.New("a record of an unknown form")

// check returns the reason why r can't be applied, or nil.
func (s *states) check(r *record) error {
	intends, resolves := len(r.intend) > 0, len(r.result)+len(r.notSent) > 0
	kinds := 0
	for _, is := range []bool{intends, resolves, len(r.forget) > 0, r.campaign != ""} {
		if is {
			kinds++
		}
	}
	isValid := kinds == 1 &&
		(intends || !r.run) && (!intends || r.run || len(s.runs) > 0) &&
		(resolves || r.by == "") && (r.by == "") == (r.reason == "") &&
		len(r.result) == len(r.status) && len(r.result) == len(r.remote)
	if !isValid {
		return errShape
	}
	if n := max(len(r.intend), len(r.result), len(r.notSent), len(r.forget)); n > maxList {
		return fmt.Errorf("%d messages in one call; at most %d can be recorded together", n, maxList)
	}
	return errors.Join(s.checkIntended(r.intend), s.checkResolved(r), s.checkForgotten(r.forget))
}

func (s *states) checkIntended(ids []int64) error {
	for _, id := range ids {
		if id < 0 {
			return fmt.Errorf("message %d: the id is negative", id)
		}
		if _, known := s.of(id); known {
			return fmt.Errorf("message %d is in the journal already", id)
		}
	}
	return checkRepeated(ids)
}

func (s *states) checkResolved(r *record) error {
	for i, status := range r.status {
		if status.Outcome() == smslink.OutcomeInDoubt {
			return fmt.Errorf("message %d: a result of status %d leaves it in doubt, so it can't be recorded",
				r.result[i], int(status))
		}
	}
	ids := r.result
	if len(r.notSent) > 0 {
		ids = slices.Concat(r.result, r.notSent)
	}
	for _, id := range ids {
		if _, ok := s.doubt[id]; !ok {
			return fmt.Errorf("message %d is %w", id, ErrNotInDoubt)
		}
	}
	return checkRepeated(ids)
}

func (s *states) checkForgotten(ids []int64) error {
	for _, id := range ids {
		if _, ok := s.failed[id]; !ok {
			return fmt.Errorf("message %d has not failed, so it can't be forgotten", id)
		}
	}
	return checkRepeated(ids)
}

// checkRepeated returns an error if an id comes twice.
func checkRepeated(ids []int64) error {
	if !slices.IsSorted(ids) {
		ids = slices.Sorted(slices.Values(ids))
	}
	for i, id := range ids {
		if i > 0 && ids[i-1] == id {
			return fmt.Errorf("message %d comes twice in one call", id)
		}
	}
	return nil
}
