// Package evidence finds out from reports which messages in doubt were sent.
package evidence

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
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
	// It is required for the account's report, which has no ids, and for any other that names
	// several files.
	EachRow func(use func(*campaign.Row)) error

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

	// Renumbered means that the journal has rows under other ids than their own, so that an id in a
	// report may be either.
	Renumbered bool

	// AccountOnly refuses all reports except the account's own.
	AccountOnly bool

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
	anotherRow    = "with another receiver, or with an id that has changed, so that it is unclear which they are"
	anothersID    = "with the remote id of another message"
	olderAnswer   = "with an answer from before the upload, or without the answer's time"
	noAnswer      = "without an answer of the gateway"
	trial         = "of a run in test mode or in the sandbox"
	shortOfCredit = "as failed for want of credit, and may have been sent since"
)

// Find looks for the ids in a report: the lines that smslink reports has written, the results file
// of a send, or the account's own report as CSV or a workbook. The last has no ids: Find looks for
// the receivers and texts. A report that is about other files is an error.
func Find(ctx context.Context, report string, ids []int64, opts Options) (*Found, error) {
	first, err := firstLine(report)
	if err != nil {
		return nil, err
	}
	found := &Found{}
	var entries map[int64]entry
	isReports, isResults := strings.HasPrefix(first, "{"), outcome.IsHeader(first)
	switch {
	case !isReports && !isResults:
		if entries, found.Broken, err = accountReport(ctx, report, ids, opts); err != nil {
			return nil, err // which names the file
		}
	case opts.AccountOnly:
		err = errors.New("it is not the account's report; it is about rows of files, which an outbox does not keep")
	default:
		rows := rowsByFile{}
		if isReports {
			err = rows.readReports(report)
		} else {
			found.Broken, err = rows.readResults(report)
		}
		if err == nil {
			entries, err = rows.of(opts)
		}
		if err == nil {
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

// rowsByFile are the rows of a report, by the name of their file and their id in it.
type rowsByFile map[string]map[int64]entry

// entry is what a report says about a message.
type entry struct {
	to       string // the receiver as the file had it; empty in the lines of smslink reports
	result   smslink.Result
	answered time.Time // zero if the report does not say
	why      string    // why the message is unclear, or ""
}

// add adds a row. If a report has a row several times, as that of a file which is sent each month,
// the last answer counts.
func (r rowsByFile) add(file, rowID string, e entry) {
	file = filepath.Base(file)
	if r[file] == nil {
		r[file] = map[int64]entry{}
	}
	id := idOf(rowID)
	if before, ok := r[file][id]; !ok || !e.answered.Before(before.answered) {
		r[file][id] = e
	}
}

// idOf returns the id of a row, and 0 for a bad row.
func idOf(field string) int64 {
	id, _ := strconv.ParseInt(strings.TrimSpace(field), 10, 64)
	return id
}

// of returns the entries of the campaign's rows, by the journal's ids. Without the campaign's
// files, the report may name only one, and the ids in it are the journal's.
func (r rowsByFile) of(opts Options) (map[int64]entry, error) {
	entries := map[int64]entry{}
	add := func(id int64, e entry) {
		hasFailed := e.result.Status.Outcome() == smslink.OutcomeFailed
		switch {
		case e.why != "":
		case e.answered.Before(opts.Since[id]):
			e.why = olderAnswer
		case hasFailed && opts.failedBefore(id): // the clock may have been ahead at that time
			e.why = failedBefore
		}
		entries[id] = e
	}
	switch {
	case len(r) == 0:
		return nil, errors.New("it names no row of a file")
	case opts.EachRow == nil && len(r) > 1:
		return nil, errors.New("it names several files; name the campaign's FILEs, too")
	case opts.EachRow == nil:
		for _, rows := range r {
			for id, e := range rows {
				add(id, e)
			}
		}
		return entries, nil
	}
	isNamed := false
	err := opts.EachRow(func(row *campaign.Row) {
		rows, ok := r[filepath.Base(row.File)]
		isNamed = isNamed || ok
		id, own := row.Message.ID, idOf(row.ID)
		found, ok := rows[id]
		_, hasOwn := rows[own]
		switch {
		case opts.Renumbered && own != id: // the report may be from before the row got another id, or from after it
			if ok || hasOwn {
				add(id, entry{why: anotherRow})
			}
		case ok && found.to != "" && receiver(found.to) != receiver(row.Message.To):
			add(id, entry{why: anotherRow})
		case ok:
			add(id, found)
		}
	})
	if err == nil && !isNamed {
		err = fmt.Errorf("it is about %s, and none of the FILEs has that name",
			strings.Join(slices.Sorted(maps.Keys(r)), ", "))
	}
	return entries, err
}

// compareRemoteIDs marks the entries whose remote id the journal has under another id. A results
// file is of one run, so it is an error if the journal has another remote id for one of its
// messages.
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
		if isResults && !opts.Renumbered && isAccepted && e.result.RemoteID != remoteID {
			contradiction = fmt.Errorf("it is about another campaign: message %d has another remote id in the journal", id)
		}
	})
	return cmp.Or(err, contradiction)
}

// readReports reads what smslink reports has written. A message that has a delivery report was
// sent, delivered or not. A report without a row says nothing.
func (r rowsByFile) readReports(name string) error {
	err := eachLine(name, func(n int, text []byte) error {
		var line struct {
			RemoteID string `json:"remote_id"`
			Row      *struct {
				File string    `json:"file"`
				ID   string    `json:"id"`
				Time time.Time `json:"time"`
			} `json:"row"`
		}
		if json.Unmarshal(text, &line) != nil || line.RemoteID == "" {
			return fmt.Errorf("report %d is not as smslink reports writes them", n)
		}
		if line.Row != nil {
			result := smslink.Result{Status: smslink.StatusSuccess, RemoteID: line.RemoteID}
			r.add(line.Row.File, line.Row.ID, entry{result: result, answered: line.Row.Time})
		}
		return nil
	})
	if err == nil && len(r) == 0 {
		err = errors.New("its reports have no rows; smslink reports writes them with --results")
	}
	return err
}

// readResults reads a results file, and returns how many of its lines are broken. The last line of
// a run that was killed may be. The file has more than the journal if the journal could not be
// written, for example because its disk was full.
func (r rowsByFile) readResults(name string) (broken int, err error) {
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
		e := entry{
			to: row.To, answered: row.Answered,
			result: smslink.Result{Status: row.Status, RemoteID: row.RemoteID},
		}
		switch {
		case row.IsTrial():
			e.why = trial
		case row.Status == smslink.StatusInsufficientCredit:
			e.why = shortOfCredit
		case row.Status.Outcome() == smslink.OutcomeInDoubt:
			e.why = noAnswer
		}
		r.add(row.File, row.ID, e)
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
// attempt to send one of them failed, it is unclear which ones they are. broken is the number of rows that
// can't be read.
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
