package inbox

import (
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// ledger knows where things are in the gateway's ledger, so that a page needs no pass over a
// million messages. Its handler's mutex guards it.
type ledger struct {
	byNumber map[string]*phone
	newest   *phone  // the one with the latest message
	before   []int32 // of each message, the index of its phone's message before it, or -1

	packages map[string]*parcel // by package id
	uploads  int
}

// parcel is a package that was accepted.
type parcel struct {
	upload                    int // its index
	first                     int // its first message's index
	accepted, failed, inDoubt int // messages by what the reply says
}

func (p *parcel) messages() int { return p.accepted + p.failed + p.inDoubt }

// phone is one receiver, in a list by the time of its last message.
type phone struct {
	number       string // as numberOf returns it
	newer, older *phone
	last         int32 // index of its last message
	messages     int32
}

func newLedger() ledger { return ledger{byNumber: map[string]*phone{}, packages: map[string]*parcel{}} }

// sync adds what the gateway has received since the last call.
func (l *ledger) sync(s smslinktest.Snapshot) {
	var current *parcel
	currentID := ""
	for at := len(l.before); at < len(s.Messages); at++ {
		m := &s.Messages[at]
		if current == nil || m.PackageID != currentID {
			current, currentID = &parcel{first: at}, m.PackageID
			l.packages[currentID] = current
		}
		switch {
		case m.Status == smslink.StatusSuccess:
			current.accepted++
		case isInDoubt(m.Status):
			current.inDoubt++
		default:
			current.failed++
		}
		l.add(numberOf(m.To))
	}
	for ; l.uploads < len(s.Uploads); l.uploads++ {
		if p := l.packages[s.Uploads[l.uploads].PackageID]; p != nil {
			p.upload = l.uploads
		}
	}
}

func (l *ledger) add(number string) {
	at := int32(len(l.before)) //nolint:gosec // two thousand million messages do not fit into memory
	known := l.byNumber[number]
	if known == nil {
		known = &phone{number: number, last: -1}
		l.byNumber[number] = known
	}
	l.before = append(l.before, known.last)
	known.last = at
	known.messages++
	l.moveToFront(known)
}

func (l *ledger) moveToFront(moved *phone) {
	if l.newest == moved {
		return
	}
	if moved.newer != nil {
		moved.newer.older = moved.older
	}
	if moved.older != nil {
		moved.older.newer = moved.newer
	}
	moved.newer, moved.older = nil, l.newest
	if l.newest != nil {
		l.newest.newer = moved
	}
	l.newest = moved
}

// phones returns up to limit phones whose number contains these digits, after the first skip, the
// one with the latest message first; and how many phones there are.
func (l *ledger) phones(digits string, skip, limit int) (found []*phone, total int) {
	for at := l.newest; at != nil; at = at.older {
		if !strings.Contains(at.number, digits) {
			continue
		}
		if total >= skip && len(found) < limit {
			found = append(found, at)
		}
		total++
	}
	return found, total
}

// messagesOf returns the indexes of up to limit messages of a phone, after its newest skip, the
// newest first; and how many messages it has.
func (l *ledger) messagesOf(number string, skip, limit int) (indexes []int, total int) {
	known := l.byNumber[number]
	if known == nil {
		return nil, 0
	}
	for at := known.last; at >= 0 && len(indexes) < limit; at = l.before[at] {
		if skip > 0 {
			skip--
			continue
		}
		indexes = append(indexes, int(at))
	}
	return indexes, int(known.messages)
}
