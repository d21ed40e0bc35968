// Package evidence finds out from reports which messages in doubt were sent.
package evidence

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/cmd/internal/safefile"
	"github.com/go-smslink/smslink/gsm7"
)

// Options are the settings of Find.
type Options struct {
	// EachRow calls use with each row of the campaign's files, whose message has the journal's id.
	// It is required for a report of the account, which has no local ids, and for any other that
	// names several files.
	EachRow func(use func(*campaign.Row)) error

	// Columns are those of the account's report; see campaign.Options.
	Columns map[string]string
}

// Found is what a report says about messages in doubt.
type Found struct {
	Results []smslink.Result // of messages that were accepted or failed
	Unclear []int64          // the report may mean another message
	Absent  []int64          // not in the report
}

// Find looks for the ids in a report: the lines that smslink reports has written, the results file
// of a send, or the account's own report as CSV or a workbook. The last has no ids: Find looks for
// the receivers and texts.
func Find(ctx context.Context, report string, ids []int64, opts Options) (*Found, error) {
	first, err := firstLine(report)
	if err != nil {
		return nil, err
	}
	rows := rowsByFile{}
	var results map[int64]smslink.Result
	var unclear map[int64]bool
	switch {
	case strings.HasPrefix(first, "{"):
		if err = rows.readReports(report); err == nil {
			results, err = rows.of(opts)
		}
	case outcome.IsHeader(first):
		if err = rows.readResults(report); err == nil {
			results, err = rows.of(opts)
		}
	default:
		results, unclear, err = accountReport(ctx, report, ids, opts)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", report, err)
	}
	found := &Found{}
	for _, id := range ids {
		result, ok := results[id]
		switch {
		case unclear[id]:
			found.Unclear = append(found.Unclear, id)
		case ok:
			found.Results = append(found.Results, result)
		default:
			found.Absent = append(found.Absent, id)
		}
	}
	return found, nil
}

func firstLine(name string) (string, error) {
	f, _, err := safefile.Regular(name) // no pipe, since it is read again
	if err != nil {
		return "", err
	}
	defer f.Close()
	return safefile.Line(f, 64<<10)
}

// rowsByFile are the results of the rows of files, by the name of the file and the id in it.
type rowsByFile map[string]map[string]smslink.Result

func (r rowsByFile) add(file, id string, status smslink.Status, remoteID string) {
	file = filepath.Base(file)
	if r[file] == nil {
		r[file] = map[string]smslink.Result{}
	}
	r[file][strings.TrimSpace(id)] = smslink.Result{Status: status, RemoteID: remoteID}
}

// of returns the results of the campaign's rows, by the journal's ids. Without the campaign's
// files, the report may name only one, and the ids in it are the journal's.
func (r rowsByFile) of(opts Options) (map[int64]smslink.Result, error) {
	sent := map[int64]smslink.Result{}
	if opts.EachRow != nil {
		err := opts.EachRow(func(row *campaign.Row) {
			if result, ok := r[filepath.Base(row.File)][strings.TrimSpace(row.ID)]; ok {
				result.ID = row.Message.ID
				sent[result.ID] = result
			}
		})
		return sent, err
	}
	if len(r) > 1 {
		return nil, errors.New("it names several files; name the campaign's FILEs, too")
	}
	for _, rows := range r {
		for id, result := range rows {
			n, err := strconv.ParseInt(id, 10, 64)
			if err != nil {
				continue // a bad row, which was not sent
			}
			result.ID = n
			sent[n] = result
		}
	}
	return sent, nil
}

// readReports reads what smslink reports has written. A message that has a delivery report was
// sent, delivered or not. A report without a row says nothing.
func (r rowsByFile) readReports(name string) error {
	f, _, err := safefile.Regular(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := newLines(f)
	for n := 1; lines.Scan(); n++ {
		var line struct {
			RemoteID string `json:"remote_id"`
			Row      *struct {
				File string `json:"file"`
				ID   string `json:"id"`
			} `json:"row"`
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.RemoteID == "" {
			return fmt.Errorf("report %d is not as smslink reports writes them", n)
		}
		if line.Row != nil {
			r.add(line.Row.File, line.Row.ID, smslink.StatusSuccess, line.RemoteID)
		}
	}
	return lines.Err()
}

// newLines returns a scanner of lines of at most 1 MiB, far more than a report or a results file
// has.
func newLines(in io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	return lines
}

// readResults reads a results file. It may have more than the journal, if a run was killed between
// writing the two. Rows of a run in test mode say nothing.
func (r rowsByFile) readResults(name string) error {
	f, _, err := safefile.Regular(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines, parser := newLines(f), outcome.Lines{}
	for lines.Scan() {
		row, err := parser.Parse(lines.Text())
		if err != nil {
			return nil // the last line of a run that was killed may be cut
		}
		if row.Status.Outcome() != smslink.OutcomeInDoubt && row.Note != outcome.TestModeNote {
			r.add(row.File, row.ID, row.Status, row.RemoteID)
		}
	}
	return lines.Err()
}

// sms is what identifies a message in a report of the account.
type sms struct{ receiver, text string }

func smsOf(m *smslink.Message) sms {
	text := strings.ReplaceAll(gsm7.Fold(strings.TrimSpace(m.Text)), "\r\n", "\n")
	return sms{receiver(m.To), text}
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
// as many with its receiver and text as the campaign. If it has fewer or more, it is unclear which
// ones they are.
func accountReport(
	ctx context.Context, name string, ids []int64, opts Options,
) (results map[int64]smslink.Result, unclear map[int64]bool, err error) {
	if opts.EachRow == nil {
		return nil, nil, errors.New("the account's report has no ids; name the campaign's FILEs, too, " +
			"so that receivers and texts can be compared")
	}
	settings := campaign.Options{Columns: opts.Columns, TextsOnly: true, RestoreZeros: true}
	report, err := campaign.Open([]string{name}, settings)
	if err != nil {
		return nil, nil, err
	}
	defer report.Close()
	reported, sent, of := map[sms]int{}, map[sms]int{}, map[int64]sms{}
	if err := each(ctx, report, func(r *campaign.Row) { reported[smsOf(&r.Message)]++ }); err != nil {
		return nil, nil, err
	}
	doubtful := map[int64]bool{}
	for _, id := range ids {
		doubtful[id] = true
	}
	err = opts.EachRow(func(r *campaign.Row) {
		message := smsOf(&r.Message)
		if reported[message] == 0 {
			return
		}
		sent[message]++
		if doubtful[r.Message.ID] {
			of[r.Message.ID] = message
		}
	})
	results, unclear = map[int64]smslink.Result{}, map[int64]bool{}
	for id, message := range of {
		if reported[message] == sent[message] {
			results[id] = smslink.Result{ID: id, Status: smslink.StatusSuccess}
		} else {
			unclear[id] = true
		}
	}
	return results, unclear, err
}

// each calls use for every row, even a bad one: the account's report may write numbers differently.
func each(ctx context.Context, of *campaign.Campaign, use func(*campaign.Row)) error {
	rows, err := of.Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next(ctx) {
		use(rows.Row())
	}
	return rows.Err()
}
