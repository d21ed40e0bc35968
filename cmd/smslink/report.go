package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/go-smslink/smslink/cmd/smslink/internal/terminal"
)

// shownRows is how many rows of one kind a person is shown.
const shownRows = 20

// complaints are bad rows, or failed messages, of which a person is shown the first.
// Without a writer nobody is.
type complaints struct {
	out   io.Writer
	shown int
	more  int
}

func (c *complaints) add(file string, line int, complaint string) {
	switch {
	case c.out == nil:
	case c.shown == shownRows:
		c.more++
	default:
		c.shown++
		fmt.Fprintf(c.out, "%s:%d: %s\n", file, line, complaint)
	}
}

func (c *complaints) end(where string) {
	if c.more > 0 {
		fmt.Fprintf(c.out, "… and %d more%s\n", c.more, where)
	}
}

// checkedWriter keeps the first error of its writer, and then writes no more.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	if c.err == nil {
		if _, err := c.w.Write(p); err != nil {
			c.err = fmt.Errorf("the output could not be written: %w", err)
		}
	}
	return len(p), nil
}

// report ends a sending: first what can't be had again, then what a person wants to know.
func (s *sending) report(elapsed time.Duration) error {
	code := s.tally.exitCode()
	var problems []error
	if err := s.results.finish(code != exitNotSent); err != nil {
		problems = append(problems, fmt.Errorf("--results: %w", err))
	}
	if s.ended != nil {
		problems = append(problems, s.ended)
	}
	if cause := context.Cause(s.halting); s.halting.Err() != nil && !s.whole && s.tally.kinds[notSent] == 0 {
		problems = append(problems, fmt.Errorf("%w; what follows was not sent", cause))
	}
	switch n := s.tally.kinds[unknown]; {
	case n > 0:
		problems = append(problems, fmt.Errorf("it is not known whether %s were sent; look into the account's reports before you send any of them again", plural(n, "message")))
	case code == exitNotSent:
		problems = append(problems, errors.New("nothing was sent"))
	}
	if len(problems) > 0 {
		code = max(code, exitSomeBad)
	}
	if s.rows != nil {
		s.keep(s.rows.Encode(map[string]any{"summary": s.summary(elapsed, code, problems)}))
	} else {
		s.print(elapsed)
	}
	if s.out.err != nil {
		code, problems = max(code, exitSomeBad), append(problems, s.out.err)
	}
	if code == exitAccepted {
		return nil
	}
	return &exitError{code, errors.Join(problems...)}
}

// keep remembers that the output failed.
func (s *sending) keep(err error) {
	if s.out.err == nil {
		s.out.err = err
	}
}

// print writes what there was but for accepted messages, by its reason, and a line of all.
func (s *sending) print(elapsed time.Duration) {
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, reason := range s.tally.reasons.sorted() {
		fmt.Fprintf(table, "%d\t  %s\n", s.tally.reasons[reason], reason)
		if words := s.words[reason]; words != "" {
			fmt.Fprintf(table, "\t  the server's own words: %s\n", words)
		}
	}
	table.Flush()

	fmt.Fprint(s.out, &s.tally)
	if s.tally.strays > 0 {
		fmt.Fprintf(s.out, "; entries of replies that fit no message: %d", s.tally.strays)
	}
	if s.tally.packages > 0 {
		fmt.Fprintf(s.out, "; %s", plural(s.tally.segments, "SMS"))
	}
	switch s.tally.packages {
	case 0:
	case 1:
		fmt.Fprintf(s.out, "; package %s", cut(terminal.Line(s.packageID), 40))
	default:
		fmt.Fprintf(s.out, "; %d packages", s.tally.packages)
	}
	fmt.Fprintf(s.out, ", %v", elapsed.Round(time.Millisecond))
	switch {
	case s.opts.sandbox:
		fmt.Fprint(s.out, "; sandbox, no SMS was sent")
	case s.opts.testMode:
		fmt.Fprint(s.out, "; test mode")
	}
	fmt.Fprintln(s.out)
}

// summary is what machines read.
func (s *sending) summary(elapsed time.Duration, code int, problems []error) any {
	errs := make([]string, len(problems))
	for i, problem := range problems {
		errs[i] = problem.Error()
	}
	k := s.tally.kinds
	return struct {
		Rows      int      `json:"rows"`
		Accepted  int      `json:"accepted"`
		Failed    int      `json:"failed"`
		BadRows   int      `json:"bad_rows"`
		NotSent   int      `json:"not_sent"`
		Rejected  int      `json:"rejected"`
		Unknown   int      `json:"unknown"`
		Earlier   int      `json:"earlier"`
		Segments  int      `json:"segments"`
		Packages  int      `json:"packages"`
		Unmatched int      `json:"unmatched"`
		Reasons   counts   `json:"reasons"`
		Errors    []string `json:"errors"`
		Seconds   float64  `json:"seconds"`
		ExitCode  int      `json:"exit_code"`
		Sandbox   bool     `json:"sandbox"`
		TestMode  bool     `json:"test_mode"`
	}{
		Rows: s.tally.rows(), Accepted: k[accepted], Failed: k[failed], BadRows: k[badRow], NotSent: k[notSent], Rejected: k[rejected], Unknown: k[unknown],
		Earlier: s.tally.earlier, Segments: s.tally.segments, Packages: s.tally.packages, Unmatched: s.tally.strays, Reasons: s.tally.reasons, Errors: errs,
		Seconds: elapsed.Seconds(), ExitCode: code, Sandbox: s.opts.sandbox, TestMode: s.opts.testMode,
	}
}
