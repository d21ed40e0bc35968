package smslink

import (
	"errors"
	"strconv"
	"strings"
)

var errOtherPackage = errors.New("smslink: the response is not this package's; their ids differ")

// Retryable makes a new package, with p's settings, of those messages of p that may be
// sent again because the gateway's word is that it did not take them. p is the package
// that the response came for, not sent again since, and is only read. The new one is
// empty where there is none.
//
// In it, in p's order, are the messages of [InsufficientCredit], as they are: top up
// first. Those of [SenderFailed] and [NumberFailed] are in it as correct returns them,
// unless it returns false; nil means without them. Left out are all others:
// [InternalOrBlacklisted] may mean that the receiver does not want it, and what is
// unreported, has an undocumented status or stands in Unmatched too, may have been taken.
//
// Each call makes the same package, so send one of them, once. A [Journal] knows a
// corrected message's id as judged: give it to [Client.Send], or a new id, as
// [Client.SendAll] would skip it.
//
// The error says that p is another package, or is the [*MessageError] of a correction
// that [Package.Add] refuses.
func (r *Response) Retryable(p *Package, correct func(Message, Status) (Message, bool)) (*Package, error) {
	if p == nil || p.Len() != len(r.Results) {
		return nil, errOtherPackage
	}
	contradicted := r.unmatchedIDs()
	again := p.like()
	at := 0
	for m := range p.Messages() {
		result := r.Results[at]
		at++
		if result.ID != m.ID {
			return nil, errOtherPackage
		}
		if contradicted[m.ID] {
			continue
		}
		wanted := false
		switch result.Status {
		case InsufficientCredit:
			wanted = true
		case SenderFailed, NumberFailed:
			if correct != nil {
				m, wanted = correct(m, result.Status)
			}
		}
		if !wanted {
			continue
		}
		if result.Status == InsufficientCredit { // and to be the same bytes, whatever was set since it was added
			again.Fold, again.StrictReceivers = false, false
		}
		err := again.Add(m)
		again.Fold, again.StrictReceivers = p.Fold, p.StrictReceivers
		if err != nil {
			return nil, err
		}
	}
	return again, nil
}

// unmatchedIDs are the ids with which the unmatched entries begin, well formed or not.
func (r *Response) unmatchedIDs() map[int64]bool {
	ids := map[int64]bool{}
	for _, entry := range r.Unmatched {
		text, _, _ := strings.Cut(entry, ":")
		if id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil {
			ids[id] = true
		}
	}
	return ids
}
