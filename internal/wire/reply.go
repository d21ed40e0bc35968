package wire

import (
	"errors"
	"iter"
	"strconv"
	"strings"
)

// ErrUnreadable says that a reply is neither MESSAGE nor ERROR with its fields.
var ErrUnreadable = errors.New("the reply can't be read")

const (
	accepted = "MESSAGE"
	refused  = "ERROR"
)

// Reply is what the gateway said of a package.
type Reply struct {
	Accepted  bool // MESSAGE, else ERROR
	Code      string
	Text      string
	PackageID string // MESSAGE only
	Entries   string // MESSAGE only: one entry a message, parted by commas; see All
}

// Entry is what the gateway said of one message.
type Entry struct {
	ID       int64
	RemoteID string // may be empty
	Status   int    // 1 to 999; 1–5 have a meaning
}

// AppendReply appends r. A semicolon in its Code, Text or PackageID would break
// the form; the caller sees to that.
func AppendReply(dst []byte, r Reply) []byte {
	if !r.Accepted {
		return appendFields(dst, refused, r.Code, r.Text)
	}
	return appendFields(dst, accepted, r.Code, r.Text, r.PackageID, r.Entries)
}

func appendFields(dst []byte, fields ...string) []byte {
	for i, field := range fields {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(dst, field...)
	}
	return dst
}

// ParseReply reads a reply's body. A byte order mark, white space around it and
// fields past the last known one are passed over; the fields after the third may
// be missing. All that it returns shares body's memory. The error is
// ErrUnreadable.
func ParseReply(body string) (Reply, error) {
	body = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(body), "\ufeff"))
	fields := strings.SplitN(body, ";", 6)
	if len(fields) < 3 {
		return Reply{}, ErrUnreadable
	}
	r := Reply{Code: fields[1], Text: fields[2]}
	switch fields[0] {
	case refused:
		return r, nil
	case accepted:
		r.Accepted = true
	default:
		return Reply{}, ErrUnreadable
	}
	if len(fields) > 3 {
		r.PackageID = fields[3]
	}
	if len(fields) > 4 {
		r.Entries = fields[4]
	}
	return r, nil
}

// All iterates over the entries as they stand, without the white space around
// them; empty ones are passed over. ParseEntry reads one.
func (r Reply) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for entry := range strings.SplitSeq(r.Entries, ",") {
			if entry = strings.TrimSpace(entry); entry != "" && !yield(entry) {
				return
			}
		}
	}
}

// AppendEntry appends e. The caller writes the comma between two.
func AppendEntry(dst []byte, e Entry) []byte {
	dst = strconv.AppendInt(dst, e.ID, 10)
	dst = append(dst, ':')
	dst = append(dst, e.RemoteID...)
	dst = append(dst, ':')
	return strconv.AppendInt(dst, int64(e.Status), 10)
}

// ParseEntry reads one entry; ok is false where it is malformed. RemoteID shares
// s's memory.
func ParseEntry(s string) (e Entry, ok bool) {
	id, rest, ok := strings.Cut(s, ":")
	if !ok {
		return Entry{}, false
	}
	remote, status, ok := strings.Cut(rest, ":")
	if !ok || len(status) > 3 || !printable(remote) {
		return Entry{}, false
	}
	if e.ID, ok = parseNumber(id); !ok {
		return Entry{}, false
	}
	n, ok := parseNumber(status)
	if !ok || n == 0 {
		return Entry{}, false
	}
	e.RemoteID, e.Status = remote, int(n)
	return e, true
}

// printable tells whether s is made of visible ASCII. Remote ids are opaque, but
// they end up in terminals and files.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
