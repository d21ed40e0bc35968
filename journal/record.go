package journal

import (
	"bytes"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
)

// record is one change, and one line of the file. Its lists are parallel: a message of judge has
// its status and its remote id at the same place of theirs. A remote id of 0 means that it has
// none.
type record struct {
	at       time.Time
	run      bool // a run begins with it
	campaign string
	by       string // who resolved the doubt
	reason   string
	intend   []int64
	judge    []int64
	status   []smslink.Status
	remote   []uint64
	forget   []int64 // are in doubt
	again    []int64 // were refused
}

// The first line of the file, and what those of other versions begin with.
const (
	family  = "smslink journal "
	version = family + "2"
)

const (
	// lineEnd ends every line, and its first byte is nowhere else in a line. A line that lacks no
	// more than the second byte is whole.
	lineEnd = ";\n"

	sumLen     = len("00000000 ")
	timeLayout = "2006-01-02T15:04:05Z"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendLine writes the record's line, with the checksum of all lines up to it.
func (r *record) appendLine(dst []byte, sum uint32) (line []byte, newSum uint32) {
	from := len(dst)
	dst = append(dst, "00000000 "...)
	dst = r.at.UTC().AppendFormat(dst, timeLayout)
	if r.run {
		dst = append(dst, " run"...)
	}
	dst = appendWords(dst, " campaign=", r.campaign)
	dst = appendWords(dst, " by=", r.by)
	dst = appendWords(dst, " reason=", r.reason)
	dst = appendField(dst, " intend=", r.intend)
	dst = appendField(dst, " judge=", r.judge)
	dst = appendField(dst, " status=", r.status)
	dst = appendField(dst, " remote=", r.remote)
	dst = appendField(dst, " forget=", r.forget)
	dst = appendField(dst, " again=", r.again)
	return sealLine(dst, from, sum)
}

// sealLine ends the line that begins at from, and puts its checksum in.
func sealLine(dst []byte, from int, sum uint32) (line []byte, newSum uint32) {
	newSum = crc32.Update(sum, castagnoli, dst[from+sumLen:])
	const digits = "0123456789abcdef"
	for i := range 8 {
		dst[from+i] = digits[newSum>>(28-4*i)&15]
	}
	return append(dst, lineEnd...), newSum
}

func appendWords(dst []byte, name, words string) []byte {
	if words == "" {
		return dst
	}
	dst = append(dst, name...)
	return append(dst, strings.ReplaceAll(strconv.QuoteToASCII(words), ";", `\x3b`)...)
}

func appendField[N number](dst []byte, name string, list []N) []byte {
	if len(list) == 0 {
		return dst
	}
	return appendList(append(dst, name...), list)
}

// parseLine reads a line with its end into r, whose lists it uses again, and reports whether every
// byte is as appendLine writes it. It uses scratch to find out.
func (r *record) parseLine(line []byte, sum uint32, scratch *[]byte) (newSum uint32, ok bool) {
	if len(line) < sumLen+len(lineEnd) {
		return 0, false
	}
	payload := line[sumLen : len(line)-len(lineEnd)]
	if !isSum(line[:8], crc32.Update(sum, castagnoli, payload)) {
		return 0, false // before any of it is believed
	}
	if !r.parse(payload) {
		return 0, false
	}
	*scratch, newSum = r.appendLine((*scratch)[:0], sum)
	return newSum, bytes.Equal(*scratch, line)
}

func isSum(hex []byte, sum uint32) bool {
	n, err := strconv.ParseUint(string(hex), 16, 32)
	return err == nil && uint32(n) == sum
}

func (r *record) parse(payload []byte) (ok bool) {
	text, rest := cutField(payload)
	at, err := time.Parse(timeLayout, string(text))
	if err != nil {
		return false
	}
	*r = record{
		at:     at,
		intend: r.intend[:0], judge: r.judge[:0], status: r.status[:0], remote: r.remote[:0], forget: r.forget[:0], again: r.again[:0],
	}
	for ok = true; ok && len(rest) > 0; {
		text, rest = cutField(rest)
		name, value, _ := bytes.Cut(text, []byte("="))
		switch string(name) {
		case "run":
			r.run = true
		case "campaign":
			r.campaign, ok = parseWords(value)
		case "by":
			r.by, ok = parseWords(value)
		case "reason":
			r.reason, ok = parseWords(value)
		case "intend":
			r.intend, ok = parseList(r.intend, value)
		case "judge":
			r.judge, ok = parseList(r.judge, value)
		case "status":
			r.status, ok = parseList(r.status, value)
		case "remote":
			r.remote, ok = parseList(r.remote, value)
		case "forget":
			r.forget, ok = parseList(r.forget, value)
		case "again":
			r.again, ok = parseList(r.again, value)
		default:
			ok = false
		}
	}
	return ok
}

// cutField cuts at the first space that is not in quotes.
func cutField(payload []byte) (field, rest []byte) {
	if name, value, ok := bytes.Cut(payload, []byte("=")); ok && len(value) > 0 && value[0] == '"' && !bytes.Contains(name, []byte(" ")) {
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

func parseWords(quoted []byte) (words string, ok bool) {
	words, err := strconv.Unquote(string(quoted))
	return words, err == nil
}
