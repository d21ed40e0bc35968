package wire

import (
	"iter"
	"strconv"
	"strings"
)

const (
	accepted = "MESSAGE"
	rejected = "ERROR"

	acceptance    = accepted + ";" // the start of the reply to a package that was taken
	byteOrderMark = "\ufeff"
)

// Reply is what the gateway said about a package.
type Reply struct {
	Accepted  bool // MESSAGE, else ERROR
	Code      string
	Text      string
	PackageID string // MESSAGE only
	Entries   string // MESSAGE only: one entry for each message, separated by commas; see All
	MayBeCut  bool   // the last field or entry may lack its end; set by the caller
}

// Entry is what the gateway said about one message.
type Entry struct {
	ID       int64
	RemoteID string // may be empty
	Status   int    // 1 to 999; 1–5 have a meaning
}

// Numeric returns id if it is a number, as the gateway's ids are, so that it can be logged. Other
// text may quote the request. So may a number with leading zeros, as receivers have.
func Numeric(id string) string {
	if len(id) > 20 || strings.Trim(id, "0123456789") != "" || len(id) > 1 && id[0] == '0' {
		return "(not a number)"
	}
	return id
}

// AppendReply appends r, whose Code, Text and PackageID must hold no semicolon.
func AppendReply(dst []byte, r Reply) []byte {
	if !r.Accepted {
		return appendFields(dst, rejected, r.Code, r.Text)
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

// ParseReply parses a reply's body. It ignores a byte order mark, surrounding white space and
// fields after the last known one. The fields after the third may be missing. ok is false if body
// is neither a MESSAGE nor an ERROR, or has fewer fields. The Reply shares body's memory.
func ParseReply(body string) (r Reply, ok bool) {
	body = TrimReply(body)
	fields := strings.SplitN(body, ";", 6)
	if len(fields) < 3 || fields[0] != accepted && fields[0] != rejected {
		return Reply{}, false
	}
	r = Reply{Accepted: fields[0] == accepted, Code: fields[1], Text: fields[2]}
	if !r.Accepted {
		return r, true
	}
	if len(fields) > 3 {
		r.PackageID = fields[3]
	}
	if len(fields) > 4 {
		r.Entries = fields[4]
	}
	return r, true
}

// TrimReply returns body without a byte order mark and surrounding white space.
func TrimReply(body string) string {
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(body), byteOrderMark))
}

// EndsField reports whether the last field or entry of body is certainly complete: body is empty,
// or ends in a byte that comes after a field or an entry.
func EndsField(body string) bool {
	return body == "" || strings.ContainsRune(";, \t\r\n", rune(body[len(body)-1]))
}

// HoldsAnotherMessage reports whether the reply has a MESSAGE after its start, which may contradict
// it.
func HoldsAnotherMessage(body string) bool {
	return strings.Contains(strings.TrimPrefix(TrimReply(body), acceptance), acceptance)
}

// MayHoldMessage reports whether a refusal may hold a MESSAGE, or may have held one before it was
// cut:
//
//   - it has one in capitals anywhere, or in any letter case at the start of a line;
//   - it is not text, but UTF-16 or gzip;
//   - it is cut, and its last line, or the end of that line, may be the start of one.
func MayHoldMessage(body string, cut bool) bool {
	if strings.Contains(body, acceptance) || strings.ContainsRune(body, 0) || strings.HasPrefix(body, "\x1f\x8b") {
		return true
	}
	isLineEnd := func(r rune) bool { return r == '\r' || r == '\n' }
	for line := range strings.FieldsFuncSeq(body, isLineEnd) {
		line = TrimReply(line)
		if len(line) >= len(acceptance) && strings.EqualFold(line[:len(acceptance)], acceptance) {
			return true
		}
	}
	return cut && mayBeginMessage(body[strings.LastIndexAny(body, "\r\n")+1:])
}

// mayBeginMessage reports whether the last line of a cut body may be the start of a MESSAGE, or end
// in one.
func mayBeginMessage(last string) bool {
	for n := 1; n < len(acceptance); n++ {
		if strings.HasSuffix(last, acceptance[:n]) {
			return true
		}
	}
	start := TrimReply(last)
	return len(start) < len(acceptance) && strings.EqualFold(start, acceptance[:len(start)]) ||
		strings.HasPrefix(byteOrderMark, strings.TrimSpace(last)) // which may be cut, too
}

// All iterates over the entries, without the white space around them, and skips empty ones.
// ParseEntry parses one.
func (r Reply) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest, more := r.Entries, true; more; {
			var entry string
			entry, rest, more = strings.Cut(rest, ",")
			if entry = strings.TrimSpace(entry); entry != "" && !yield(entry) {
				return
			}
		}
	}
}

// AppendEntry appends e. The caller writes the commas between entries.
func AppendEntry(dst []byte, e Entry) []byte {
	dst = strconv.AppendInt(dst, e.ID, 10)
	dst = append(dst, ':')
	dst = append(dst, e.RemoteID...)
	dst = append(dst, ':')
	return strconv.AppendInt(dst, int64(e.Status), 10)
}

// ParseEntry parses one entry. ok is false if it is malformed. The RemoteID is visible ASCII, since
// it is printed and stored. It shares the memory of s.
func ParseEntry(s string) (e Entry, ok bool) {
	id, rest, _ := strings.Cut(s, ":")
	remoteID, status, _ := strings.Cut(rest, ":")
	n, hasID := parseNumber(id)
	code, hasStatus := parseNumber(status)
	if !hasID || !hasStatus || code == 0 || code > 999 || !isVisible(remoteID) {
		return Entry{}, false
	}
	return Entry{n, remoteID, int(code)}, true
}

// isVisible reports whether s is visible ASCII.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
