package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-smslink/smslink"
)

// report tells what became of a file's rows.
type report struct {
	rows     []row
	response *smslink.Response // nil where nothing was accepted
	sendErr  error             // Send's
	sandbox  bool
	testMode bool
}

// fates gives each row with the gateway's result, or nil where there is none:
// the row was bad, or the package was not accepted.
func (r *report) fates(visit func(row, *smslink.Result)) {
	next := 0
	for _, row := range r.rows {
		var result *smslink.Result
		if row.err == nil && r.response != nil {
			result = &r.response.Results[next]
			next++
		}
		visit(row, result)
	}
}

func (r *report) bad() int {
	n := 0
	for _, row := range r.rows {
		if row.err != nil {
			n++
		}
	}
	return n
}

// printRows writes the table of results to out, and the bad rows to errOut.
func (r *report) printRows(out, errOut io.Writer, file string) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if r.response != nil {
		fmt.Fprintln(table, "ID\tRECEIVER\tSTATUS\tREMOTE ID")
	}
	r.fates(func(row row, result *smslink.Result) {
		switch {
		case row.err != nil:
			fmt.Fprintf(errOut, "%s:%d: %v\n", file, row.line, row.err)
		case result != nil:
			fmt.Fprintf(table, "%d\t%s\t%s\t%s\n", result.ID, masked(row.message.To), result.Status, result.RemoteID)
		}
	})
	table.Flush()
}

// masked shows enough of a number to recognise it and not enough to call it.
func masked(receiver string) string {
	digits := strings.Map(func(r rune) rune {
		if r == '+' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, receiver)
	if len(digits) < 10 {
		return strings.Repeat("*", len(digits))
	}
	return digits[:4] + strings.Repeat("*", len(digits)-6) + digits[len(digits)-2:]
}

func (r *report) printSummary(out io.Writer) {
	noun := "rows"
	if len(r.rows) == 1 {
		noun = "row"
	}
	fmt.Fprintf(out, "%d %s: %s, %d bad", len(r.rows), noun, r.counts(), r.bad())
	if r.response != nil {
		if n := len(r.response.Unmatched); n > 0 {
			fmt.Fprintf(out, "; %d entries of the reply fit no message", n)
		}
		fmt.Fprintf(out, "; package %s, %v", r.response.PackageID, r.response.Elapsed.Round(time.Millisecond))
	}
	switch {
	case r.sandbox:
		fmt.Fprint(out, "; sandbox, no SMS was sent")
	case r.testMode:
		fmt.Fprint(out, "; test mode")
	}
	fmt.Fprintln(out)
}

func (r *report) counts() string {
	good := len(r.rows) - r.bad()
	switch {
	case r.response != nil:
		accepted, unreported := r.response.Count(smslink.Success), r.response.Count(smslink.StatusUnreported)
		counts := fmt.Sprintf("%d accepted, %d failed", accepted, good-accepted-unreported)
		if unreported > 0 {
			counts += fmt.Sprintf(", %d unreported", unreported)
		}
		return counts
	case r.sendErr != nil:
		return fmt.Sprintf("%d %s", good, smslink.OutcomeOf(r.sendErr))
	}
	return "none to send"
}

// writeResults writes a line a row and closes w, which may be nil.
func (r *report) writeResults(w io.WriteCloser) error {
	if w == nil {
		return nil
	}
	out := csv.NewWriter(w)
	_ = out.Write([]string{"line", "id", "status", "status_text", "remote_id", "error"}) // Error tells
	r.fates(func(row row, result *smslink.Result) {
		record := []string{strconv.Itoa(row.line), row.id, "", "", "", ""}
		switch {
		case row.err != nil:
			record[3], record[5] = "bad row", row.err.Error()
		case result != nil:
			record[2], record[3], record[4] = strconv.Itoa(int(result.Status)), result.Status.String(), result.RemoteID
			if err := result.Err(); err != nil {
				record[5] = unprefixed(err).Error()
			}
		default:
			record[3], record[5] = smslink.OutcomeOf(r.sendErr).String(), unprefixed(r.sendErr).Error()
		}
		_ = out.Write(record)
	})
	out.Flush()
	if err := out.Error(); err != nil {
		w.Close()
		return err
	}
	return w.Close()
}

func (r *report) exitCode() int {
	switch {
	case r.sendErr != nil && smslink.OutcomeOf(r.sendErr) == smslink.OutcomeUnknown:
		return exitUnknown
	case r.response == nil:
		return exitNotSent
	case r.response.Count(smslink.StatusUnreported) > 0:
		return exitUnknown
	case r.bad() > 0 || r.response.Err() != nil:
		return exitSomeBad
	}
	return exitAccepted
}

// failure words what ended the command, and says what to do next.
func (r *report) failure() error {
	switch {
	case r.sendErr == nil && r.exitCode() == exitUnknown:
		return errors.New("the reply does not mention every message; look into the account's reports before you send those again")
	case r.sendErr == nil:
		return nil
	}
	err := unprefixed(r.sendErr)
	switch smslink.OutcomeOf(r.sendErr) {
	case smslink.OutcomeUnknown:
		return fmt.Errorf("%w\nThe messages may have been accepted, all of them or none; look into the account's reports before you send any again", err)
	case smslink.OutcomeRejected:
		return fmt.Errorf("%w; nothing was sent", err)
	}
	return err
}
