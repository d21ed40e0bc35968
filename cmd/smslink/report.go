package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/go-smslink/smslink"
)

// report tells what became of a file's rows.
type report struct {
	rows     []row
	response *smslink.Response // nil where nothing was accepted
	sendErr  error             // Send's
	sandbox  bool
	testMode bool
	password string // to keep out of what is shown
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
		fmt.Fprintf(out, "; package %s, %v", printable(r.response.PackageID), r.response.Elapsed.Round(time.Millisecond))
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
	if words := r.serversWords(); words != "" {
		err = fmt.Errorf("%w\nThe server's own words: %s", err, words)
	}
	if smslink.OutcomeOf(r.sendErr) == smslink.OutcomeUnknown {
		return fmt.Errorf("%w\nThe messages may have been accepted, all of them or none; look into the account's reports before you send any again", err)
	}
	return fmt.Errorf("%w\nNothing was sent", err)
}

// serversWords are the start of what the server said in place of an answer.
func (r *report) serversWords() string {
	var gatewayErr *smslink.GatewayError
	var sendErr *smslink.SendError
	switch {
	case errors.As(r.sendErr, &gatewayErr) && gatewayErr.Text != "":
		return strconv.Quote(r.shown(gatewayErr.Text))
	case errors.As(r.sendErr, &sendErr) && len(sendErr.Reply) > 0:
		return strconv.Quote(r.shown(string(sendErr.Reply)))
	}
	return ""
}

var longNumber = regexp.MustCompile(`[0-9]{7,}`)

// shown is the start of what a server said, without the numbers and the password
// that it may have quoted of the request.
func (r *report) shown(words string) string {
	const limit = 300
	if r.password != "" {
		words = strings.ReplaceAll(words, r.password, "***")
	}
	words = longNumber.ReplaceAllStringFunc(words, masked)
	words = printable(words)
	if runes := []rune(words); len(runes) > limit {
		words = string(runes[:limit]) + "…"
	}
	return words
}

// printable takes out what a terminal would obey.
func printable(words string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, words)
}
