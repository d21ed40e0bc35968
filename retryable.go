package smslink

import (
	"errors"

	"github.com/go-smslink/smslink/internal/wire"
)

var errOtherPackage = errors.New("smslink: the response is not this package's; their messages differ")

// Retryable returns a new package of the messages of p that the gateway certainly did not take:
// those whose [Result.Err] is [SafeToResend]. The new package has the settings of p, and is empty
// if there are no such messages. p must be the package that the response is for, not changed or
// sent again since. It is only read.
//
//   - Messages of [StatusInsufficientCredit] are in it as they are. Top up first, and mind that a
//     SendAt may have passed by then.
//   - Messages of [StatusSenderFailed] and [StatusNumberFailed] are in it as correct returns them,
//     unless it returns false; nil leaves them out. They are checked and folded as Add does.
//
// Two calls make two packages of the same messages: send only one. With a [Journal], give them to a
// [Stream] with the same Journal, each corrected one under a new id that no other message has, and
// never to [Client.Send], which does not use a Journal.
//
// The error means that p is another package or has other messages by now; or it is the
// [*MessageError] of a correction that Add refuses, or that takes the id of another message of p. A
// Response that no Send made, such as one read from JSON, knows p by its ids alone.
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
	again := &Package{PackageOptions: p.PackageOptions}
	at := 0
	for m := range p.Messages() {
		result := r.Results[at]
		at++
		if !SafeToResend(result.Err()) {
			continue
		}
		asItIs := result.Status == StatusInsufficientCredit
		if !asItIs {
			if correct == nil {
				continue
			}
			var wanted bool
			if m, wanted = correct(m, result.Status); !wanted {
				continue
			}
		}
		if m.ID != result.ID && ids[m.ID] {
			return nil, &MessageError{ID: m.ID, Field: string(wire.FieldID), Err: ErrRepeatedID}
		}
		if asItIs { // the same bytes, whatever was set since the message was added
			again.Fold, again.LenientReceivers = false, true
		}
		err := again.Add(m)
		again.PackageOptions = p.PackageOptions
		if err != nil {
			return nil, err
		}
	}
	return again, nil
}
