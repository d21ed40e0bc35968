// Package evidence finds in reports what became of messages that may have been sent.
package evidence

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/gsm7"
)

// Options are the settings of Find.
type Options struct {
	// Campaign is what was sent. It is needed for a report of the account, which has no local ids,
	// and for any other that speaks of several files.
	Campaign *campaign.Campaign

	// Columns are those of the account's report; see campaign.Options.
	Columns map[string]string
}

// Found is what a report says of messages in doubt.
type Found struct {
	Judged  []smslink.Result // those that were sent, or refused for good
	Unclear []int64          // the report may speak of another message
	Absent  []int64          // the report does not speak of them
}

// Find looks for the ids in a report: the lines that smslink reports has written, the results file
// of a send, or the account's own report as CSV or a workbook, in which it looks for receiver and
// text.
func Find(ctx context.Context, report string, ids []int64, opts Options) (*Found, error) {
	first, err := firstLine(report)
	if err != nil {
		return nil, err
	}
	rows := rowsByFile{}
	var judged map[int64]smslink.Result
	var unclear map[int64]bool
	switch {
	case strings.HasPrefix(first, "{"):
		if err = rows.readReports(report); err == nil {
			judged, err = rows.of(opts.Campaign)
		}
	case strings.TrimRight(first, "\r\n") == strings.Join(outcome.ResultsHeader, ","):
		if err = rows.readResults(report); err == nil {
			judged, err = rows.of(opts.Campaign)
		}
	default:
		judged, unclear, err = accountReport(ctx, report, ids, opts)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", report, err)
	}
	found := &Found{}
	for _, id := range ids {
		result, ok := judged[id]
		switch {
		case unclear[id]:
			found.Unclear = append(found.Unclear, id)
		case ok:
			found.Judged = append(found.Judged, result)
		default:
			found.Absent = append(found.Absent, id)
		}
	}
	return found, nil
}

func firstLine(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return line, nil
}

// rowsByFile is what reports say of the rows of files.
type rowsByFile map[string]map[int64]smslink.Result

func (r rowsByFile) add(file, id string, status smslink.Status, remoteID string) {
	n, err := strconv.ParseInt(strings.TrimSpace(id), 10, 64)
	if err != nil {
		return // a bad row, which was not sent
	}
	if r[file] == nil {
		r[file] = map[int64]smslink.Result{}
	}
	r[file][n] = smslink.Result{ID: n, Status: status, RemoteID: remoteID}
}

// of returns what is said of the campaign's files, or of the only one if there is no campaign: an
// id of another file is another message.
func (r rowsByFile) of(c *campaign.Campaign) (map[int64]smslink.Result, error) {
	if c == nil && len(r) > 1 {
		return nil, errors.New("it speaks of several files; name the campaign's FILEs, too")
	}
	judged := map[int64]smslink.Result{}
	for file, rows := range r {
		if c == nil || slices.ContainsFunc(c.Files(), func(name string) bool { return filepath.Base(name) == filepath.Base(file) }) {
			maps.Copy(judged, rows)
		}
	}
	return judged, nil
}

// readReports reads what smslink reports has written. A message that a report speaks of was sent,
// delivered or not. A report whose row is not known says nothing.
func (r rowsByFile) readReports(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := json.NewDecoder(f)
	for n := 1; ; n++ {
		var line struct {
			RemoteID string `json:"remote_id"`
			Row      *struct {
				File string `json:"file"`
				ID   string `json:"id"`
			} `json:"row"`
		}
		err := lines.Decode(&line)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || line.RemoteID == "" {
			return fmt.Errorf("report %d is not as smslink reports writes them", n)
		}
		if line.Row != nil {
			r.add(line.Row.File, line.Row.ID, smslink.StatusSuccess, line.RemoteID)
		}
	}
}

// readResults reads a results file, which knows more than its journal if a run was killed between
// them. Rows of a run in test mode say nothing.
func (r rowsByFile) readResults(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	in := csv.NewReader(f)
	in.FieldsPerRecord = len(outcome.ResultsHeader)
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) || errors.Is(err, csv.ErrFieldCount) || errors.Is(err, csv.ErrQuote) {
			return nil // the last line of a run that was killed may be cut
		}
		if err != nil {
			return err
		}
		if status, err := strconv.Atoi(record[3]); err == nil && status > 0 && status <= int(smslink.StatusInsufficientCredit) && record[7] != outcome.TestModeNote {
			r.add(outcome.PlainCell(record[0]), outcome.PlainCell(record[2]), smslink.Status(status), outcome.PlainCell(record[5]))
		}
	}
}

// sms is what a report of the account tells a message by.
type sms struct{ receiver, text string }

func smsOf(m *smslink.Message) sms {
	text := strings.ReplaceAll(gsm7.Fold(strings.TrimSpace(m.Text)), "\r\n", "\n")
	return sms{receiver(m.To), text}
}

// receiver returns a number in one form, whichever a report has.
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
	return "+" + digits // and the +
}

// accountReport counts the messages of the account's report. A message was sent if the report has
// as many with its receiver and text as the campaign. If it has fewer or more, it is unclear of
// which it speaks.
func accountReport(ctx context.Context, name string, ids []int64, opts Options) (judged map[int64]smslink.Result, unclear map[int64]bool, err error) {
	if opts.Campaign == nil {
		return nil, nil, errors.New("the account's report has no ids; name the campaign's FILEs, too, so that receivers and texts can be compared")
	}
	report, err := campaign.Open([]string{name}, campaign.Options{Columns: opts.Columns, TextsOnly: true})
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
	err = each(ctx, opts.Campaign, func(r *campaign.Row) {
		if r.Bad != nil {
			return
		}
		message := smsOf(&r.Message)
		if reported[message] == 0 {
			return
		}
		sent[message]++
		if doubtful[r.Message.ID] {
			of[r.Message.ID] = message
		}
	})
	judged, unclear = map[int64]smslink.Result{}, map[int64]bool{}
	for id, message := range of {
		if reported[message] == sent[message] {
			judged[id] = smslink.Result{ID: id, Status: smslink.StatusSuccess}
		} else {
			unclear[id] = true
		}
	}
	return judged, unclear, err
}

// each calls use for every row, also for a bad one: the account's report may write numbers in
// another way.
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

// Rows returns where the ids stand in the campaign, as file:line.
func Rows(ctx context.Context, in *campaign.Campaign, ids []int64) (map[int64]string, error) {
	wanted := slices.Clone(ids)
	slices.Sort(wanted)
	at := map[int64]string{}
	err := each(ctx, in, func(r *campaign.Row) {
		if _, ok := slices.BinarySearch(wanted, r.Message.ID); ok && r.Bad == nil {
			at[r.Message.ID] = fmt.Sprintf("%s:%d", r.File, r.Line)
		}
	})
	return at, err
}
