package journal

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/idset"
)

// states are what the records say of each id, and of the journal.
type states struct {
	doubt  idset.Map // since when, in Unix seconds
	remote idset.Map // of each judged id the remote id; 0 if it has none
	failed idset.Map // of each judged id that was no success the status

	campaign    string
	runs        []Run
	resolutions []Resolution
}

// of returns what is known of id.
func (s *states) of(id int64) (result smslink.Result, known bool) {
	if remote, ok := s.remote.Get(id); ok {
		result = smslink.Result{ID: id, Status: smslink.StatusSuccess}
		if status, ok := s.failed.Get(id); ok {
			result.Status = smslink.Status(status)
		}
		if remote != 0 {
			result.RemoteID = strconv.FormatUint(remote, 10)
		}
		return result, true
	}
	_, known = s.doubt.Get(id)
	return smslink.Result{ID: id}, known
}

func (s *states) isKnown(id int64) bool {
	if _, ok := s.doubt.Get(id); ok {
		return true
	}
	_, ok := s.remote.Get(id)
	return ok
}

// apply changes the states as r says, which check has passed.
func (s *states) apply(r *record) {
	if r.run {
		s.runs = append(s.runs, Run{Start: r.at})
	}
	if r.campaign != "" {
		s.campaign = r.campaign
	}
	for _, id := range r.intend {
		s.doubt.Set(id, uint64(r.at.Unix()))
	}
	for i, id := range r.judge {
		s.doubt.Delete(id)
		s.remote.Set(id, r.remote[i])
		if r.status[i] != smslink.StatusSuccess {
			s.failed.Set(id, uint64(r.status[i]))
		}
	}
	for _, id := range r.forget {
		s.doubt.Delete(id)
	}
	for _, id := range r.again {
		s.remote.Delete(id)
		s.failed.Delete(id)
	}
	if r.by != "" {
		s.resolutions = append(s.resolutions, Resolution{
			Time: r.at, By: r.by, Reason: r.reason, Judged: slices.Clone(r.judge), Forgotten: slices.Clone(r.forget),
		})
	} else if len(r.intend)+len(r.judge)+len(r.forget) > 0 {
		s.runs[len(s.runs)-1].count(r) // there is one, since nothing is settled that was not intended
	}
}

var errShape = errors.New("journal: a record has an unknown form")

// check returns the reason why r can't be applied, or nil. Nothing of r is applied if any of it
// can't be.
func (s *states) check(r *record) error {
	intends, settles, sendsAgain, names := len(r.intend) > 0, len(r.judge)+len(r.forget) > 0, len(r.again) > 0, r.campaign != ""
	kinds := 0
	for _, is := range []bool{intends, settles, sendsAgain, names} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds != 1, r.run && !intends, intends && !r.run && len(s.runs) == 0,
		r.by != "" && !settles, (r.by == "") != (r.reason == ""),
		len(r.judge) != len(r.status), len(r.judge) != len(r.remote):
		return errShape
	}
	if n := max(len(r.intend), len(r.judge), len(r.forget), len(r.again)); n > maxList {
		return fmt.Errorf("journal: %d messages in one call; at most %d can be recorded together", n, maxList)
	}
	return errors.Join(s.checkIntended(r.intend), s.checkSettled(r), s.checkAgain(r.again))
}

func (s *states) checkIntended(ids []int64) error {
	for _, id := range ids {
		if id < 0 {
			return fmt.Errorf("journal: id %d is negative", id)
		}
		if s.isKnown(id) {
			return fmt.Errorf("%w: %d", ErrKnown, id)
		}
	}
	if id, twice := repeated(ids); twice {
		return fmt.Errorf("%w: %d, which comes twice", ErrKnown, id)
	}
	return nil
}

func (s *states) checkSettled(r *record) error {
	for _, status := range r.status { // as many as the wire has, except unreported, which is no judgement
		if status < 1 || status > 999 {
			return fmt.Errorf("journal: a message can't be judged as %v", status)
		}
	}
	settled := r.judge
	if len(r.forget) > 0 {
		settled = slices.Concat(r.judge, r.forget)
	}
	for _, id := range settled {
		if _, ok := s.doubt.Get(id); !ok {
			return fmt.Errorf("%w: %d", ErrNotInDoubt, id)
		}
	}
	if id, twice := repeated(settled); twice {
		return fmt.Errorf("%w: %d, which comes twice", ErrNotInDoubt, id)
	}
	return nil
}

func (s *states) checkAgain(ids []int64) error {
	for _, id := range ids {
		if _, ok := s.failed.Get(id); !ok {
			return fmt.Errorf("journal: id %d can't be forgotten: it was not judged as a failure", id)
		}
	}
	if id, twice := repeated(ids); twice {
		return fmt.Errorf("journal: id %d is to be forgotten twice", id)
	}
	return nil
}

// repeated finds an id that comes twice.
func repeated(ids []int64) (id int64, ok bool) {
	if slices.IsSorted(ids) {
		return adjacent(ids)
	}
	return adjacent(slices.Sorted(slices.Values(ids)))
}

func adjacent(sorted []int64) (id int64, ok bool) {
	for i, id := range sorted {
		if i > 0 && sorted[i-1] == id {
			return id, true
		}
	}
	return 0, false
}
