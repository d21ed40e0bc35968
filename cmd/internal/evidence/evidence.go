// Package evidence finds out from reports which messages in doubt were sent.
package evidence

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/cmd/internal/safefile"
	"github.com/go-smslink/smslink/gsm7"
)

// Options are the settings of Find.
type Options struct {
	// EachRow calls use with each row of the campaign's files, whose message has the journal's id.
	// It is required for the account's report, which has no ids, and not used for others.
	EachRow func(use func(*campaign.Row)) error

	// IDOf returns the id of a message by its name in files of smslink. ok is false if it is not
	// one of the journal's. Nil refuses such files.
	IDOf func(name string) (id int64, ok bool)

	// Since is when each message came into doubt. In a file of smslink, an answer of the gateway
	// that is older, or has no time, is not the answer to that upload. The account's report needs
	// no Since.
	Since map[int64]time.Time

	// FailedBefore reports whether an earlier attempt to send a message failed. A report may list
	// that attempt. Nil stands for never.
	FailedBefore func(id int64) bool

	// EachRemoteID calls use with each remote id that the journal has, and the id of its message.
	// It is not needed for the account's report.
	EachRemoteID func(use func(id int64, remoteID string)) error

	// Columns are those of the account's report; see campaign.Options.
	Columns map[string]string
}

func (o *Options) failedBefore(id int64) bool { return o.FailedBefore != nil && o.FailedBefore(id) }

// Found is what a report says about messages in doubt.
type Found struct {
	Results []smslink.Result // of messages that were accepted or failed
	Unclear []Unclear        // the report may mean other messages, or other uploads of these
	Absent  []int64          // not in the report
	Broken  int              // rows of the report that can't be read, and may be about any message

	// OfAccount reports whether the report is the account's own. No other one can show that a
	// message was not sent: the results of a run that was killed lack those that it was sending.
	OfAccount bool
}

// Unclear are messages that a report has, and about whose upload it says nothing certain.
type Unclear struct {
	Why string // the end of a sentence: the message is in the report, but …
	IDs []int64
}

// The reasons why messages are unclear.
const (
	notAsOften    = "not as often as in the FILEs, so that it is unclear which they are"
	failedBefore  = "an earlier attempt to send such a message failed, which the report may mean"
	anothersID    = "with the remote id of another message"
	olderAnswer   = "with an answer from before the upload, or without the answer's time"
	noAnswer      = "without an answer of the gateway"
	shortOfCredit = "as failed for want of credit, and may have been sent since"
)

// Find looks for the ids in a report: the lines that smslink reports has written, the results file
// of a send, or the account's own report as CSV or a workbook. The last has no ids: Find looks for
// the receivers and texts. A file of smslink that has none of the journal's messages is an error.
func Find(ctx context.Context, report string, ids []int64, opts Options) (*Found, error) {
	first, err := firstLine(report)
	if err != nil {
		return nil, err
	}
	isReports, isResults := strings.HasPrefix(first, "{"), outcome.IsHeader(first)
	found := &Found{OfAccount: !isReports && !isResults}
	var entries map[int64]entry
	switch {
	case found.OfAccount:
		if entries, found.Broken, err = accountReport(ctx, report, ids, opts); err != nil {
			return nil, err // which names the file
		}
	case opts.IDOf == nil:
		err = errors.New("it is not the account's report; it is about rows of files, which an outbox does not keep")
	default:
		answers := answers{idOf: opts.IDOf, byID: map[int64]entry{}}
		if isReports {
			err = answers.readReports(report)
		} else {
			found.Broken, err = answers.readResults(report)
		}
		if err == nil && len(answers.byID) == 0 {
			err = errors.New("it has no message that was sent with this journal")
		}
		if err == nil {
			entries = answers.byID
			opts.markUnclear(entries)
			err = compareRemoteIDs(entries, isResults, opts)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", report, err)
	}
	for _, id := range ids {
		switch e, ok := entries[id]; {
		case !ok:
			found.Absent = append(found.Absent, id)
		case e.why != "":
			found.addUnclear(e.why, id)
		default:
			e.result.ID = id
			found.Results = append(found.Results, e.result)
		}
	}
	return found, nil
}

func (f *Found) addUnclear(why string, id int64) {
	i := slices.IndexFunc(f.Unclear, func(u Unclear) bool { return u.Why == why })
	if i < 0 {
		i = len(f.Unclear)
		f.Unclear = append(f.Unclear, Unclear{Why: why})
	}
	f.Unclear[i].IDs = append(f.Unclear[i].IDs, id)
}

// firstLine returns the first line of a report. It is an error if the report is a pipe, since it is
// read again.
func firstLine(name string) (string, error) {
	f, _, err := safefile.Regular(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return safefile.Line(f, 64<<10)
}

// entry is what a report says about a message.
type entry struct {
	result   smslink.Result
	answered time.Time // zero if the report does not say
	why      string    // why the message is unclear, or ""
}

// answers are what a file of smslink says about the messages of a journal.
type answers struct {
	idOf func(name string) (int64, bool)
	byID map[int64]entry
}

// add adds what a row says, unless it is of another journal, or of a run without one. If a file has
// a message several times, the last answer counts.
func (a answers) add(name string, e entry) {
	id, ok := a.idOf(name)
	if before, known := a.byID[id]; ok && (!known || !e.answered.Before(before.answered)) {
		a.byID[id] = e
	}
}

// markUnclear marks the entries that may be about an earlier upload of their message.
func (o *Options) markUnclear(entries map[int64]entry) {
	for id, e := range entries {
		hasFailed := e.result.Status.Outcome() == smslink.OutcomeFailed
		switch {
		case e.why != "":
		case e.answered.Before(o.Since[id]):
			e.why = olderAnswer
		case hasFailed && o.failedBefore(id): // the clock may have been ahead at that time
			e.why = failedBefore
		}
		entries[id] = e
	}
}

// compareRemoteIDs marks the entries whose remote id the journal has under another id. A results
// file is of one run, so it is an error if the journal has another remote id for one of its
// messages: the journal may be a copy, or an old one.
func compareRemoteIDs(entries map[int64]entry, isResults bool, opts Options) error {
	ids := map[string][]int64{} // by remote id
	for id, e := range entries {
		if e.why == "" && e.result.RemoteID != "" {
			ids[e.result.RemoteID] = append(ids[e.result.RemoteID], id)
		}
	}
	var contradiction error
	err := opts.EachRemoteID(func(id int64, remoteID string) {
		for _, other := range ids[remoteID] {
			if other != id {
				entries[other] = entry{why: anothersID}
			}
		}
		e := entries[id]
		isAccepted := e.why == "" && e.result.Status == smslink.StatusSuccess && e.result.RemoteID != ""
		if isResults && isAccepted && e.result.RemoteID != remoteID {
			contradiction = fmt.Errorf("it contradicts the journal, in which message %d has another remote id", id)
		}
	})
	return cmp.Or(err, contradiction)
}

// readReports reads what smslink reports has written. A message that has a delivery report was
// sent, delivered or not. A report without a row says nothing.
func (a answers) readReports(name string) error {
	hasRow := false
	err := eachLine(name, func(n int, text []byte) error {
		var line struct {
			RemoteID string `json:"remote_id"`
			Row      *struct {
				Journal string    `json:"journal"`
				Time    time.Time `json:"time"`
			} `json:"row"`
		}
		if json.Unmarshal(text, &line) != nil || line.RemoteID == "" {
			return fmt.Errorf("report %d is not as smslink reports writes them", n)
		}
		if line.Row != nil {
			hasRow = true
			result := smslink.Result{Status: smslink.StatusSuccess, RemoteID: line.RemoteID}
			a.add(line.Row.Journal, entry{result: result, answered: line.Row.Time})
		}
		return nil
	})
	if err == nil && !hasRow {
		err = errors.New("its reports have no rows; smslink reports writes them with --results")
	}
	return err
}

// readResults reads a results file, and returns how many of its lines are broken. The last line of
// a run that was killed may be. The file has more than the journal if the journal could not be
// written, for example because its disk was full.
func (a answers) readResults(name string) (broken int, err error) {
	parser := outcome.Lines{}
	err = eachLine(name, func(n int, text []byte) error {
		row, err := parser.Parse(string(text))
		switch {
		case n == 1: // the header
			return nil
		case err != nil:
			broken++
			return nil //nolint:nilerr // it is counted
		}
		e := entry{answered: row.Answered, result: smslink.Result{Status: row.Status, RemoteID: row.RemoteID}}
		switch {
		case row.Status == smslink.StatusInsufficientCredit:
			e.why = shortOfCredit
		case row.Status.Outcome() == smslink.OutcomeInDoubt:
			e.why = noAnswer
		}
		a.add(row.Journal, e)
		return nil
	})
	return broken, err
}

// eachLine calls use with the number and the text of each line. A line has at most 1 MiB, far more
// than a report or a row of a results file has.
func eachLine(name string, use func(n int, text []byte) error) error {
	f, _, err := safefile.Regular(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if err := use(n, lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// SMS is what identifies a message in the account's report.
type SMS struct{ receiver, text string }

// SMSOf returns the same for a message whatever the form of its number, and whether its text is as
// it stands in a file, as it is sent, or folded.
func SMSOf(m *smslink.Message) SMS {
	return SMS{receiver(m.To), strings.TrimSpace(gsm7.Fold(gsm7.AsSent(m.Text)))}
}

// receiver returns a number in the same form, whatever the form in the report.
func receiver(number string) string {
	if plain, err := smslink.E164(number); err == nil {
		return plain
	}
	digits := strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, number)
	if len(digits) == len("712345678") && strings.HasPrefix(digits, "7") { // a spreadsheet has dropped its 0
		return "+40" + digits
	}
	return "+" + digits // or its +
}

// accountReport counts the messages of the account's report. A message was sent if the report has
// as many with its receiver and text as the campaign. If it has fewer or more, or if an earlier
// attempt to send one of them failed, it is unclear which ones they are. broken is the number of
// rows that can't be read.
func accountReport(ctx context.Context, name string, ids []int64, opts Options) (
	entries map[int64]entry, broken int, err error,
) {
	if opts.EachRow == nil {
		return nil, 0, fmt.Errorf("%s: the account's report has no ids; name the campaign's FILEs, too, "+
			"so that receivers and texts can be compared", name)
	}
	settings := campaign.Options{Columns: opts.Columns, TextsOnly: true, RestoreZeros: true}
	report, err := campaign.Open([]string{name}, settings)
	if err != nil {
		return nil, 0, err
	}
	defer report.Close()
	reported, inCampaign, messageOf := map[SMS]int{}, map[SMS]int{}, map[int64]SMS{}
	err = report.Each(ctx, func(r *campaign.Row) {
		if r.Message == (smslink.Message{}) { // such as a row with too many fields, or with 7,12E+08
			broken++
			return
		}
		reported[SMSOf(&r.Message)]++ // even if it is bad: the report may write a number as no campaign may
	})
	switch {
	case errors.Is(err, campaign.ErrNoRows):
		return nil, 0, fmt.Errorf("%s: it has no rows; once you are sure that it is complete, "+
			"resolve the messages with --not-sent", name)
	case err != nil:
		return nil, 0, err
	}
	doubtful := map[int64]bool{}
	for _, id := range ids {
		doubtful[id] = true
	}
	again := map[SMS]bool{}
	err = opts.EachRow(func(r *campaign.Row) {
		message := SMSOf(&r.Message)
		if reported[message] == 0 {
			return
		}
		inCampaign[message]++
		again[message] = again[message] || opts.failedBefore(r.Message.ID)
		if doubtful[r.Message.ID] {
			messageOf[r.Message.ID] = message
		}
	})
	if err != nil {
		return nil, 0, err
	}
	entries = map[int64]entry{}
	for id, message := range messageOf {
		switch {
		case reported[message] != inCampaign[message]:
			entries[id] = entry{why: notAsOften}
		case again[message]:
			entries[id] = entry{why: failedBefore}
		default:
			entries[id] = entry{result: smslink.Result{Status: smslink.StatusSuccess}}
		}
	}
	return entries, broken, nil
}
