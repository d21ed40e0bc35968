package send

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/cmd/internal/redact"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/journal"
)

// report ends a sending: it closes the results file, and prints the summary.
func (s *sending) report(elapsed time.Duration) error {
	code := exitCode(&s.tally)
	var problems []error
	if err := s.results.Close(code != cli.ExitNotSent); err != nil {
		problems = append(problems, fmt.Errorf("--results: %w%s", err, s.howToWriteAgain()))
	}
	switch {
	case s.inputErr != nil:
		problems = append(problems, s.inputErr)
	case s.unread:
		problems = append(problems, fmt.Errorf("%s; what follows was not sent", s.whyStopped()))
	case s.streamErr != nil && s.tally.Count(outcome.NotSent) == 0: // no row says it
		problems = append(problems, errors.New(s.whyStopped()))
	}
	switch n := s.tally.Count(outcome.InDoubt); {
	case n > 0:
		problems = append(problems, s.inDoubt(n))
	case code == cli.ExitNotSent && s.tally.Count(outcome.Bad) == s.tally.Rows():
		problems = append(problems, errors.New("nothing was sent"))
	case code == cli.ExitNotSent:
		problems = append(problems, errors.New("nothing was sent; once the cause is gone, run the same command again"))
	}
	if j := s.chosen.journal; j != nil && s.streamErr != nil && len(j.InDoubt()) > s.tally.Count(outcome.InDoubt) {
		problems = append(problems, fmt.Errorf("the journal has more messages in doubt, such as those whose results "+
			"it could not record; smslink journal show %s lists them", s.opts.journal))
	}
	unsent := s.tally.Count(outcome.NotSent) + s.tally.Count(outcome.Rejected) + s.unpaid
	switch {
	case code == cli.ExitNotSent || s.opts.testMode:
	case unsent > 0:
		problems = append(problems, fmt.Errorf("%s not sent; %s",
			campaign.Count(unsent, "message was", "messages were"), s.howToGoOn(unsent)))
	case s.unread && s.chosen.journal == nil: // a journal keeps the next run from sending any twice
		problems = append(problems, errors.New(s.howToGoOn(unsent)))
	}
	if len(problems) > 0 {
		code = max(code, cli.ExitSomeBad)
	}
	if s.opts.json {
		s.out.JSON(map[string]any{"summary": s.summary(elapsed, code, problems)})
	} else {
		s.print(elapsed)
	}
	if s.out.Err != nil {
		code, problems = max(code, cli.ExitSomeBad), append(problems, fmt.Errorf("%w; %v", s.out.Err, &s.tally))
	}
	if code == cli.ExitAccepted {
		return nil
	}
	return cli.Exit(code, errors.Join(problems...))
}

// whyStopped returns why the stream stopped, in the words of the notes of rows that were not sent.
func (s *sending) whyStopped() string {
	_, why, _ := strings.Cut(outcome.Reason(&smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: s.streamErr}), ": ")
	return why
}

// inDoubt says how many messages are in doubt and, if there is a journal, which commands resolve
// them.
func (s *sending) inDoubt(n int) error {
	text := campaign.Count(n,
		"message is in doubt; look for it in the account's reports before you send it again",
		"messages are in doubt; look for them in the account's reports before you send any of them again")
	if s.chosen.journal != nil {
		text += fmt.Sprintf("; smslink journal show %s lists them, and smslink journal resolve records what you find",
			s.opts.journal)
	}
	return errors.New(text)
}

// howToGoOn says how to send the rest without sending a message twice.
func (s *sending) howToGoOn(n int) string {
	again := "do not send all rows again: those that were accepted would be sent twice; "
	switch {
	case s.chosen.journal != nil && n == 1:
		return "the same command sends it"
	case s.chosen.journal != nil:
		return "the same command sends them"
	case s.opts.results != "":
		again += "send only the rows that " + s.opts.results + " has as not sent, rejected or insufficient credit"
		if s.unread {
			again += ", and those that it lacks"
		}
		return again
	}
	return again + "next time, add --journal, with which the same command sends only the rest"
}

// howToWriteAgain says how to get a whole results file, if a journal has the outcomes.
func (s *sending) howToWriteAgain() string {
	if s.chosen.journal == nil {
		return ""
	}
	return "; run the same command again to write it whole, which sends nothing twice"
}

// exitCode returns the exit code that the help documents.
func exitCode(t *outcome.Tally) int {
	switch {
	case t.Count(outcome.InDoubt) > 0:
		return cli.ExitInDoubt
	case t.Rows() > 0 && t.Rows() == t.Count(outcome.Excluded):
		return cli.ExitAccepted
	case t.Count(outcome.Accepted)+t.Count(outcome.Failed) == 0:
		return cli.ExitNotSent
	case t.Rows() > t.Count(outcome.Accepted)+t.Count(outcome.Excluded):
		return cli.ExitSomeBad
	}
	return cli.ExitAccepted
}

// print writes how many messages were not accepted, by their reasons, and a line about all.
func (s *sending) print(elapsed time.Duration) {
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, reason := range s.tally.Reasons.Sorted() {
		fmt.Fprintf(table, "%d\t  %s\n", s.tally.Reasons[reason], reason)
		if text := s.said[reason]; text != "" {
			fmt.Fprintf(table, "\t  the server said: %s\n", text)
		}
	}
	table.Flush()

	if text := s.nothingLeft(); text != "" {
		fmt.Fprintln(s.out, text)
		return
	}
	var details []string
	switch s.packages {
	case 0:
	case 1:
		details = append(details, "package "+redact.Cut(terminal.Line(s.packageID), 40))
	default:
		details = append(details, fmt.Sprintf("%d packages", s.packages))
	}
	details = append(details, elapsed.Round(time.Millisecond).String())
	line := fmt.Sprintf("%v; %s", &s.tally, strings.Join(details, ", "))
	if s.unmatched > 0 {
		line += fmt.Sprintf("; reply entries that match no message: %d", s.unmatched)
	}
	switch {
	case s.opts.sandbox:
		line += "; sandbox, no SMS was sent"
	case s.opts.testMode:
		line += "; test mode"
	}
	fmt.Fprintln(s.out, line)
}

// nothingLeft returns what earlier runs have done if this one had nothing to do, or "".
func (s *sending) nothingLeft() string {
	if s.chosen.journal == nil || !s.whole || s.tried {
		return ""
	}
	text := "nothing left to send"
	if n := s.tally.Count(outcome.Accepted); n > 0 {
		text += ": " + campaign.Count(n, "was", "were") + " accepted" + acceptedOn(s.chosen.journal.Runs())
	}
	if n := s.tally.Count(outcome.Failed); n > 0 {
		text += fmt.Sprintf("; %d failed; --resend-failed sends those again whose number or sender failed", n)
	}
	if n := s.tally.Count(outcome.InDoubt); n > 0 {
		text += fmt.Sprintf("; %d in doubt", n)
	}
	return text
}

// acceptedOn returns the day or days on which messages were accepted.
func acceptedOn(runs []journal.Run) string {
	var days []string
	for _, run := range runs {
		if run.Accepted > 0 {
			days = append(days, day(run.Start), day(run.End))
		}
	}
	switch {
	case len(days) == 0:
		return "" // a person has resolved all
	case days[0] == days[len(days)-1]:
		return " on " + days[0]
	}
	return " from " + days[0] + " to " + days[len(days)-1]
}

// day returns the day of a time as people here write it, with the year if it is another one.
func day(at time.Time) string {
	if at = at.Local(); at.Year() == time.Now().Year() {
		return at.Format("02.01")
	}
	return at.Format("02.01.2006")
}

// summary returns the last object of --json.
func (s *sending) summary(elapsed time.Duration, code int, problems []error) any {
	errs := make([]string, len(problems))
	for i, problem := range problems {
		errs[i] = problem.Error()
	}
	reasons := s.tally.Reasons
	if reasons == nil {
		reasons = outcome.Counts{} // {} in JSON
	}
	count := s.tally.Count
	return struct {
		Rows      int            `json:"rows"`
		Accepted  int            `json:"accepted"`
		Failed    int            `json:"failed"`
		BadRows   int            `json:"bad_rows"`
		NotSent   int            `json:"not_sent"`
		Rejected  int            `json:"rejected"`
		InDoubt   int            `json:"in_doubt"`
		Excluded  int            `json:"excluded"`
		Earlier   int            `json:"earlier"`
		Segments  int            `json:"segments"`
		Packages  int            `json:"packages"`
		Unmatched int            `json:"unmatched"`
		Reasons   outcome.Counts `json:"reasons"`
		Errors    []string       `json:"errors"`
		Seconds   float64        `json:"seconds"`
		ExitCode  int            `json:"exit_code"`
		Sandbox   bool           `json:"sandbox"`
		TestMode  bool           `json:"test_mode"`
	}{
		Rows: s.tally.Rows(), Accepted: count(outcome.Accepted), Failed: count(outcome.Failed),
		BadRows: count(outcome.Bad), NotSent: count(outcome.NotSent), Rejected: count(outcome.Rejected),
		InDoubt: count(outcome.InDoubt), Excluded: count(outcome.Excluded), Earlier: s.tally.Earlier(),
		Segments: s.tally.Segments, Packages: s.packages, Unmatched: s.unmatched, Reasons: reasons, Errors: errs,
		Seconds: elapsed.Seconds(), ExitCode: code, Sandbox: s.opts.sandbox, TestMode: s.opts.testMode,
	}
}
