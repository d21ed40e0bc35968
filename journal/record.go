package journal

import (
	"bytes"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
)

// record is one change, and one line of the file. The status and the remote id of result[i] are
// status[i] and remote[i]. A remote id of 0 means that the message has none.
type record struct {
	at       time.Time
	run      bool // the record starts a run
	campaign string
	by       string // the person who resolved the doubt
	reason   string
	intend   []int64
	result   []int64 // in doubt before
	status   []smslink.Status
	remote   []uint64
	notSent  []int64 // in doubt before
	forget   []int64 // failed before
}

const (
	family  = "smslink journal " // the start of the first line in every version
	version = family + "3"       // the first line
)

const (
	// lineEnd ends every line. Its first byte occurs nowhere else, so a line that lacks only the
	// second byte is complete.
	lineEnd = ";\n"

	sumLen     = len("00000000 ")
	timeLayout = "2006-01-02T15:04:05Z"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendLine appends the record's line; sum is the checksum of the line before.
func (r *record) appendLine(dst []byte, sum uint32) (line []byte, newSum uint32) {
	from := len(dst)
	dst = append(dst, "00000000 "...)
	dst = r.at.UTC().AppendFormat(dst, timeLayout)
	if r.run {
		dst = append(dst, " run"...)
	}
	dst = appendText(dst, " campaign=", r.campaign)
	dst = appendText(dst, " by=", r.by)
	dst = appendText(dst, " reason=", r.reason)
	dst = appendField(dst, " intend=", r.intend)
	dst = appendField(dst, " result=", r.result)
	dst = appendField(dst, " status=", r.status)
	dst = appendField(dst, " remote=", r.remote)
	dst = appendField(dst, " not-sent=", r.notSent)
	dst = appendField(dst, " forget=", r.forget)
	return sealLine(dst, from, sum)
}

// sealLine writes the checksum and the end of the line that starts at from.
func sealLine(dst []byte, from int, sum uint32) (line []byte, newSum uint32) {
	newSum = crc32.Update(sum, castagnoli, dst[from+sumLen:])
	const digits = "0123456789abcdef"
	for i := range 8 {
		dst[from+i] = digits[newSum>>(28-4*i)&15]
	}
	return append(dst, lineEnd...), newSum
}

func appendText(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	dst = append(dst, name...)
	return append(dst, strings.ReplaceAll(strconv.QuoteToASCII(text), ";", `\x3b`)...)
}

func appendField[N number](dst []byte, name string, list []N) []byte {
	if len(list) == 0 {
		return dst
	}
	return appendList(append(dst, name...), list)
}

// parseLine reads a line with its end into r, and reuses the memory of r's lists. It reports
// whether every byte, including the checksum's, is as appendLine writes it, for which it needs
// scratch.
func (r *record) parseLine(line []byte, sum uint32, scratch *[]byte) (newSum uint32, ok bool) {
	if len(line) < sumLen+len(lineEnd) {
		return 0, false
	}
	if !r.parse(line[sumLen : len(line)-len(lineEnd)]) {
		return 0, false
	}
	*scratch, newSum = r.appendLine((*scratch)[:0], sum)
	return newSum, bytes.Equal(*scratch, line)
}

func (r *record) parse(payload []byte) (ok bool) {
	text, rest := cutField(payload)
	at, err := time.Parse(timeLayout, string(text))
	if err != nil {
		return false
	}
	*r = record{
		at:      at,
		intend:  r.intend[:0],
		result:  r.result[:0],
		status:  r.status[:0],
		remote:  r.remote[:0],
		notSent: r.notSent[:0],
		forget:  r.forget[:0],
	}
	for ok = true; ok && len(rest) > 0; {
		text, rest = cutField(rest)
		name, value, _ := bytes.Cut(text, []byte("="))
		switch string(name) {
		case "run":
			r.run = true
		case "campaign":
			r.campaign, ok = parseText(value)
		case "by":
			r.by, ok = parseText(value)
		case "reason":
			r.reason, ok = parseText(value)
		case "intend":
			r.intend, ok = parseList(r.intend, value)
		case "result":
			r.result, ok = parseList(r.result, value)
		case "status":
			r.status, ok = parseList(r.status, value)
		case "remote":
			r.remote, ok = parseList(r.remote, value)
		case "not-sent":
			r.notSent, ok = parseList(r.notSent, value)
		case "forget":
			r.forget, ok = parseList(r.forget, value)
		default:
			ok = false
		}
	}
	return ok
}

// cutField cuts at the first space that is not in quotes.
func cutField(payload []byte) (field, rest []byte) {
	name, value, _ := bytes.Cut(payload, []byte("="))
	if len(value) > 0 && value[0] == '"' && !bytes.Contains(name, []byte(" ")) {
		quoted, err := strconv.QuotedPrefix(string(value))
		if err != nil {
			return payload, nil
		}
		n := len(name) + 1 + len(quoted)
		return payload[:n], bytes.TrimPrefix(payload[n:], []byte(" "))
	}
	field, rest, _ = bytes.Cut(payload, []byte(" "))
	return field, rest
}

func parseText(quoted []byte) (text string, ok bool) {
	text, err := strconv.Unquote(string(quoted))
	return text, err == nil
}
