package smslink

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink/internal/wire"
)

var errOtherPackage = errors.New("smslink: the response is not this package's; their messages differ")

// Retryable makes a new package, with p's settings, of those messages of p that the
// gateway says it did not take. p is the package that the response came for, not
// changed or sent again since, and is only read. The new one is empty where there is
// none.
//
// In it, in p's order, are the messages of [StatusInsufficientCredit], as they are: top up
// first, and mind that a SendAt may lie in the past by then. Those of [StatusSenderFailed] and
// [StatusNumberFailed] are in it as correct returns them, folded and checked as p's settings
// say, unless it returns false; nil means without them. Left out are all others:
// [StatusInternalOrBlacklisted] may mean that the receiver does not want it, and what is
// unreported, has an undocumented status or stands in Unmatched too, may have been taken.
// Of an entry there whose id can't be read, each number counts as one; and where there
// is none of p's in its place, no message is certain, and all are left out.
//
// Two calls make two packages of the same messages: send only one. With a [Journal],
// never [Client.Send] it, which tells a Journal nothing, so that the next run of the
// stream sends those messages again. Give them to [Client.SendAll] with the same Journal,
// each corrected one under a new id that no other message has, since the Journal holds
// the old one as judged.
//
// The error says that p is another package, or has other messages by now; or it is the
// [*MessageError] of a correction that [Package.Add] refuses, or that takes the id of
// another message of p. A Response that no Send made, such as one read from JSON, knows
// p by its ids alone.
func (r *Response) Retryable(p *Package, correct func(Message, Status) (Message, bool)) (*Package, error) {
	if p == nil || p.Len() != len(r.Results) || r.sent != nil && *r.sent != digest(p.plain()) {
		return nil, errOtherPackage
	}
	ids := make(map[int64]bool, p.Len())
	for i, id := range p.ids() {
		if r.Results[i].ID != id {
			return nil, errOtherPackage
		}
		ids[id] = true
	}
	mayBeTaken := r.contradicted(ids)
	again := p.like()
	at := 0
	for m := range p.Messages() {
		result := r.Results[at]
		at++
		if mayBeTaken(m.ID) {
			continue
		}
		wanted := false
		switch result.Status {
		case StatusInsufficientCredit:
			wanted = true
		case StatusSenderFailed, StatusNumberFailed:
			if correct != nil {
				m, wanted = correct(m, result.Status)
			}
		}
		if !wanted {
			continue
		}
		if m.ID != result.ID && ids[m.ID] {
			return nil, &MessageError{ID: m.ID, Field: string(wire.FieldID), Err: ErrRepeatedID}
		}
		if result.Status == StatusInsufficientCredit { // and to be the same bytes, whatever was set since it was added
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

// contradicted tells of which of ids the unmatched entries speak, or may.
func (r *Response) contradicted(ids map[int64]bool) func(id int64) bool {
	named := map[int64]bool{}
	for _, entry := range r.Unmatched {
		place, _, _ := strings.Cut(entry, ":")
		if id, err := strconv.ParseUint(strings.TrimSpace(place), 10, 63); err == nil {
			named[int64(id)] = true
			continue
		}
		if !slices.ContainsFunc(numbers(place), func(id int64) bool { return ids[id] }) {
			return func(int64) bool { return true }
		}
		for _, id := range numbers(entry) {
			named[id] = true
		}
	}
	return func(id int64) bool { return named[id] }
}

// numbers are those that stand in text, as far as they can be ids.
func numbers(text string) (all []int64) {
	for _, run := range strings.FieldsFunc(text, func(c rune) bool { return c < '0' || c > '9' }) {
		if n, err := strconv.ParseUint(run, 10, 63); err == nil {
			all = append(all, int64(n))
		}
	}
	return all
}
