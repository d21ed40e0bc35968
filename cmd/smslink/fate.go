package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/smslink/internal/terminal"
)

// fate is what became of one row.
type fate struct {
	File     string         `json:"file"`
	Line     int            `json:"line"`
	ID       string         `json:"id"`
	Status   smslink.Status `json:"status,omitempty"` // the gateway's, or 0
	Text     string         `json:"status_text"`
	RemoteID string         `json:"remote_id,omitempty"`
	Segments int            `json:"segments,omitempty"`
	Earlier  bool           `json:"earlier,omitempty"` // the journal knows it from an earlier run
	Note     string         `json:"note,omitempty"`    // why, and what to do

	kind kind
	why  string // Note without what is this row's own
}

// kind is what a fate means to the whole of a run.
type kind int

const (
	accepted kind = iota
	failed        // the gateway's word
	badRow
	notSent
	rejected
	unknown // it may have been sent
)

// fatesHeader is the first line of a results file.
var fatesHeader = []string{"file", "line", "id", "status", "status_text", "remote_id", "segments", "note"}

func (f fate) record() []string {
	record := []string{cell(f.File), strconv.Itoa(f.Line), cell(f.ID), "", f.Text, cell(f.RemoteID), "", cell(f.Note)}
	if f.Status > 0 {
		record[3] = strconv.Itoa(int(f.Status))
	}
	if f.Segments > 0 {
		record[6] = strconv.Itoa(f.Segments)
	}
	return record
}

// cell keeps a spreadsheet from taking somebody's words for a formula, also if it splits the file
// at another sign than we do, and makes them one line without control characters.
func cell(words string) string {
	return formula.ReplaceAllString(terminal.Line(words), "${1}'${2}")
}

// formula is what may begin a formula where a cell may begin.
var formula = regexp.MustCompile(`(^|;)([ "]*[=+\-@])`)

func fateOf(r row) fate {
	return fate{File: r.file, Line: r.line, ID: r.id, Segments: r.size.Segments}
}

func badRowFate(r row) fate {
	f := fateOf(r)
	f.kind, f.Text, f.Note = badRow, "bad row", r.err.Error()
	f.why = "bad row: " + f.Note
	return f
}

// judged adds the gateway's word.
func (f fate) judged(result smslink.Result) fate {
	f.Status, f.Text, f.RemoteID = result.Status, result.Status.String(), result.RemoteID
	if result.Status == smslink.StatusSuccess {
		return f
	}
	f.kind = failed
	if result.Status == smslink.StatusUnreported {
		f.kind = unknown
	}
	f.Note = result.Status.Advice()
	f.why = f.Text + ": " + f.Note
	return f
}

// known adds what the journal knows of an earlier run.
func (f fate) known(result smslink.Result) fate {
	f = f.judged(result)
	f.Earlier = true
	if f.kind == unknown {
		f.Text, f.Note = "in doubt", "an earlier run may have sent it; look for it in the account's reports"
		f.why = f.Text + ": " + f.Note
	}
	return f
}

// unsent adds what became of its package.
func (f fate) unsent(err error) fate {
	f.Text, f.Note = smslink.OutcomeOf(err).String(), unprefixed(err).Error()
	f.why = reason(err)
	switch smslink.OutcomeOf(err) {
	case smslink.OutcomeNotSent:
		f.kind = notSent
	case smslink.OutcomeRejected:
		f.kind = rejected
	default:
		f.kind = unknown
	}
	return f
}

// reason is why a package was not accepted, without what is that one upload's own, such as a URL's timestamp or a
// connection's port.
func reason(err error) string {
	words := unprefixed(err).Error()
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		words = strings.Replace(words, urlErr.Error(), urlErr.Err.Error(), 1)
	}
	var opErr *net.OpError
	if errors.As(err, &opErr) && opErr.Source != nil {
		plain := *opErr
		plain.Source = nil
		words = strings.Replace(words, opErr.Error(), plain.Error(), 1)
	}
	return words
}

// tally counts fates.
type tally struct {
	kinds    [unknown + 1]int
	earlier  int // of those accepted and failed
	segments int // of those accepted in this run
	reasons  counts
	packages int // accepted
	strays   int // entries of replies that fit no message
}

func (t *tally) add(f fate) {
	t.kinds[f.kind]++
	switch {
	case f.Earlier && f.kind != unknown:
		t.earlier++
	case f.kind == accepted:
		t.segments += f.Segments
	}
	if f.why != "" {
		t.reasons[f.why]++
	}
}

func (t *tally) rows() (n int) {
	for _, count := range t.kinds {
		n += count
	}
	return n
}

// exitCode is as the help has it.
func (t *tally) exitCode() int {
	k := t.kinds
	switch {
	case k[unknown] > 0:
		return exitUnknown
	case k[accepted]+k[failed] == 0:
		return exitNotSent
	case k[failed]+k[badRow]+k[notSent]+k[rejected] > 0:
		return exitSomeBad
	}
	return exitAccepted
}

// String is the last line that a person sees.
func (t *tally) String() string {
	line := fmt.Sprintf("%s: %d accepted, %d failed, %d bad", plural(t.rows(), "row"), t.kinds[accepted], t.kinds[failed], t.kinds[badRow])
	for _, k := range []struct {
		kind kind
		name string
	}{{notSent, "not sent"}, {rejected, "rejected"}, {unknown, "unknown"}} {
		if n := t.kinds[k.kind]; n > 0 {
			line += fmt.Sprintf(", %d %s", n, k.name)
		}
	}
	if t.earlier > 0 {
		line += fmt.Sprintf("; %d from an earlier run", t.earlier)
	}
	return line
}
