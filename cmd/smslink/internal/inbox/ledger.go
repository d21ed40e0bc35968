package inbox

import (
	"strings"

	"github.com/go-smslink/smslink/smslinktest"
)

// ledger knows what stands where in the gateway's, so that one of a million
// messages is never copied. Its Handler's mutex guards it.
type ledger struct {
	byNumber map[string]*phone
	newest   *phone  // the one with the latest message
	before   []int32 // of each message, the place of its phone's message before it, or -1

	uploads  int
	packages map[string]taken // by package id
	taken    int              // messages in them
}

// taken is where a package stands: its upload, and its first message.
type taken struct{ upload, first int }

// phone is one receiver, in a list by the time of its last message.
type phone struct {
	number       string // as numberOf gives it
	newer, older *phone
	last         int32 // place of its last message
	messages     int32
}

func newLedger() ledger { return ledger{byNumber: map[string]*phone{}, packages: map[string]taken{}} }

// sync takes in what the gateway has taken since.
func (l *ledger) sync(gateway *smslinktest.Gateway) {
	const some = 1000
	for {
		messages := gateway.MessagesFrom(len(l.before), some)
		for i := range messages {
			l.add(numberOf(messages[i].To))
		}
		if len(messages) < some {
			break
		}
	}
	for {
		uploads := gateway.UploadsFrom(l.uploads, some)
		for i := range uploads {
			if uploads[i].PackageID != "" {
				l.packages[uploads[i].PackageID] = taken{l.uploads, l.taken}
				l.taken += uploads[i].Receivers
			}
			l.uploads++
		}
		if len(uploads) < some {
			return
		}
	}
}

func (l *ledger) add(number string) {
	at := int32(len(l.before)) //nolint:gosec // two thousand million messages do not fit into memory
	known := l.byNumber[number]
	if known == nil {
		known = &phone{number: strings.Clone(number), last: -1}
		l.byNumber[known.number] = known
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

// find gives up to limit phones whose number holds these digits, past the first
// skip, the one with the latest message first; and whether there are more.
func (l *ledger) find(digits string, skip, limit int) (found []phone, more bool) {
	for at := l.newest; at != nil; at = at.older {
		switch {
		case !strings.Contains(at.number, digits):
		case skip > 0:
			skip--
		case len(found) == limit:
			return found, true
		default:
			found = append(found, *at)
		}
	}
	return found, false
}

// messagesOf gives the places of up to limit messages of a phone, past its newest
// skip, the newest first.
func (l *ledger) messagesOf(number string, skip, limit int) (places []int, total int) {
	known := l.byNumber[number]
	if known == nil {
		return nil, 0
	}
	for at := known.last; at >= 0 && len(places) < limit; at = l.before[at] {
		if skip > 0 {
			skip--
			continue
		}
		places = append(places, int(at))
	}
	return places, int(known.messages)
}

// numberOf is a phone's number in digits, a Romanian one in its national form, so
// that 0040712345678 and 0712345678 are one phone.
func numberOf(receiver string) string {
	var digits strings.Builder
	for _, r := range receiver {
		switch {
		case r == '+':
			digits.WriteString("00")
		case '0' <= r && r <= '9':
			digits.WriteRune(r)
		}
	}
	if national, ok := strings.CutPrefix(digits.String(), "0040"); ok && national != "" {
		return "0" + national
	}
	return digits.String()
}

// shownNumber groups a number's digits for reading.
func shownNumber(number string) string {
	switch {
	case len(number) == 10 && number[0] == '0' && number[1] != '0':
		return number[:4] + " " + number[4:7] + " " + number[7:]
	case strings.HasPrefix(number, "00") && len(number) > 6:
		return "+" + number[2:4] + " " + number[4:]
	}
	return number
}
