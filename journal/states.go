package journal

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/idset"
)

// states are what is known of each id, which is in one of them at the most. Nearly
// all of a journal's are successes, and so those take the least.
type states struct {
	doubt   idset.Set
	success map[int64]uint64 // the remote id; 0 is none
	failure map[int64]failure
}

// failure is a judgement other than a success.
type failure struct {
	status   smslink.Status
	remoteID uint64
}

func newStates() states { return states{idset.Set{}, map[int64]uint64{}, map[int64]failure{}} }

// of is what is known of id.
func (s states) of(id int64) (result smslink.Result, known bool) {
	if s.doubt.Has(id) {
		return smslink.Result{ID: id}, true
	}
	if remoteID, ok := s.success[id]; ok {
		return smslink.Result{ID: id, Status: smslink.StatusSuccess, RemoteID: remoteText(remoteID)}, true
	}
	if f, ok := s.failure[id]; ok {
		return smslink.Result{ID: id, Status: f.status, RemoteID: remoteText(f.remoteID)}, true
	}
	return smslink.Result{}, false
}

func remoteText(remoteID uint64) string {
	if remoteID == 0 {
		return ""
	}
	return strconv.FormatUint(remoteID, 10)
}

// apply changes the states as e says, all of them or none.
func (s states) apply(e entry) error {
	if err := s.check(e); err != nil {
		return err
	}
	for _, id := range e.Intend {
		s.doubt.Add(id)
	}
	for i, id := range e.Judge {
		s.doubt.Remove(id)
		if e.Status[i] == smslink.StatusSuccess {
			s.success[id] = e.RemoteID[i]
		} else {
			s.failure[id] = failure{e.Status[i], e.RemoteID[i]}
		}
	}
	for _, id := range e.Forget {
		s.doubt.Remove(id)
	}
	for _, id := range e.Again {
		delete(s.failure, id)
	}
	return nil
}

// check tells why e can't be applied, or nil.
func (s states) check(e entry) error {
	if len(e.Judge) != len(e.Status) || len(e.Judge) != len(e.RemoteID) {
		return errors.New("journal: a judgement lacks its status or remote id")
	}
	for _, status := range e.Status { // as many as the wire has, but for unreported, which is no judgement
		if status < 1 || status > 999 {
			return fmt.Errorf("journal: a message can't be judged as %v", status)
		}
	}
	for _, id := range e.Intend {
		if id < 0 {
			return fmt.Errorf("journal: id %d is negative", id)
		}
		if _, known := s.of(id); known {
			return fmt.Errorf("%w: %d", ErrKnown, id)
		}
	}
	if id, twice := repeated(e.Intend); twice {
		return fmt.Errorf("%w: %d, which comes twice", ErrKnown, id)
	}
	settled := slices.Concat(e.Judge, e.Forget)
	for _, id := range settled {
		if !s.doubt.Has(id) {
			return fmt.Errorf("%w: %d", ErrNotInDoubt, id)
		}
	}
	if id, twice := repeated(settled); twice {
		return fmt.Errorf("%w: %d, which comes twice", ErrNotInDoubt, id)
	}
	for _, id := range e.Again {
		if _, ok := s.failure[id]; !ok {
			return fmt.Errorf("journal: id %d can't be forgotten: it was not judged as a failure", id)
		}
	}
	if id, twice := repeated(e.Again); twice {
		return fmt.Errorf("journal: id %d is to be forgotten twice", id)
	}
	return nil
}

// repeated finds an id that comes twice.
func repeated(ids []int64) (id int64, ok bool) {
	sorted := slices.Sorted(slices.Values(ids))
	for i, id := range sorted {
		if i > 0 && sorted[i-1] == id {
			return id, true
		}
	}
	return 0, false
}
