package send

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/campaignjournal"
	"github.com/go-smslink/smslink/cmd/internal/input"
	"github.com/go-smslink/smslink/cmd/internal/progress"
	"github.com/go-smslink/smslink/cmd/internal/redact"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// survey is what a person is shown of the rows before they are sent.
type survey struct {
	campaign.Survey
	excluded int // rows that an --exclude file has
}

// surveyRows reads all rows once and states what they are, unless they can be read only once. It is
// an error if a file can't be used, no row is good, a row is bad and --on-bad-row is stop, or a row
// is not the one that the journal has recorded.
func (s *sending) surveyRows(ctx context.Context) error {
	if !s.campaign.Rereadable() {
		return nil
	}
	plan := campaignjournal.NewPlan(s.chosen.journal, campaignjournal.Options{
		SameCampaign: s.opts.sameCampaign, ResendFailed: s.opts.resendFailed,
		OnePerNumber: s.opts.onePerNumber, NoJournal: !s.opts.usesJournal(),
	})
	s.chosen.plan = plan
	s.survey = &survey{}
	left := exclusions{count: map[string]int{}}
	var bad input.Complaints
	bar := progress.Checking(s.console.Err, s.campaign)
	err := s.campaign.Each(ctx, func(row *campaign.Row) {
		bar.Add()
		if why := s.chosen.screen(ctx, row); why != "" {
			left.add(why, 1)
			s.survey.excluded++
			return
		}
		s.survey.Add(row)
		if row.Bad != nil {
			bad.AddRow(row)
			return
		}
		plan.Add(row)
	})
	bar.End()
	if err != nil {
		return err
	}
	out := s.console.Err
	bad.Print(out, input.FewPlaces, "smslink check --json shows every row")
	fmt.Fprintln(out, s.survey)
	for _, warning := range s.survey.Warnings() {
		fmt.Fprintln(out, warning)
	}
	if err := plan.Compare(ctx); err != nil {
		return fmt.Errorf("--journal: %w", err)
	}
	left.add(repeatsNumber, plan.Repeats)
	left.print(out)
	switch {
	case s.survey.Messages == 0 && s.survey.excluded == 0:
		return errors.New("every row is bad")
	case s.survey.Messages == 0 && !s.opts.excludeAnyway:
		return errors.New("every row is excluded or bad; add --exclude-anyway if that is right")
	}
	if err := s.opts.CheckHidden(s.survey.HiddenRows); err != nil {
		return err
	}
	if s.survey.BadRows > 0 && s.opts.onBadRow == "stop" {
		return errors.New("correct the bad rows, or send the others with --on-bad-row skip")
	}
	return nil
}

// exclusions counts the rows that are left out.
type exclusions struct {
	count map[string]int // by why
	order []string
}

func (e *exclusions) add(why string, n int) {
	if n == 0 {
		return
	}
	if e.count[why] == 0 {
		e.order = append(e.order, why)
	}
	e.count[why] += n
}

func (e *exclusions) print(out io.Writer) {
	for _, why := range e.order {
		fmt.Fprintf(out, "%s excluded: %s\n", campaign.Count(e.count[why], "row is", "rows are"), why)
	}
}

// question returns what is asked before the first upload, or "" if nothing is left to send.
func (s *sending) question() string {
	plan := s.chosen.plan
	if plan.Rest == 0 {
		return ""
	}
	billed := s.opts.price.SMS(plan.RestSegments)
	all := plan.Accepted + plan.InDoubt + plan.Failed + plan.Rest
	if all == plan.Rest {
		return fmt.Sprintf("Send %s, billed as %s?", campaign.Plural(plan.Rest, "message"), billed)
	}
	var before []string
	of := fmt.Sprintf("of %d ", all) // with the first count
	add := func(n int, one, more string) {
		if n > 0 {
			before = append(before, campaign.Count(n, of+one, of+more))
			of = ""
		}
	}
	on := acceptedOn(s.chosen.journal.Runs())
	add(plan.Accepted, "was accepted"+on, "were accepted"+on)
	add(plan.InDoubt, "is in doubt", "are in doubt")
	add(plan.Failed, "failed", "failed")
	return fmt.Sprintf("%s. Send the other %d, billed as %s?", strings.Join(before, ", "), plan.Rest, billed)
}

// preview shows the first message as it will arrive, and the shortest and the longest if they take
// another number of SMS or if texts are filled in.
func (s *survey) preview(out io.Writer, filled bool) {
	show(out, "The first message", s.First)
	if s.Shortest != s.First && (filled || s.Shortest.Size.Segments < s.First.Size.Segments) {
		show(out, "The shortest", s.Shortest)
	}
	if s.Longest != s.First && (filled || s.Longest.Size.Segments > s.First.Size.Segments) {
		show(out, "The longest", s.Longest)
	}
}

func show(out io.Writer, what string, row *campaign.Row) {
	from := row.Message.From
	if from == "" {
		from = "numeric"
	}
	at := "now"
	if !row.Message.SendAt.IsZero() {
		at = row.Message.SendAt.Format("on 02.01.2006 at 15:04 -07:00")
	}
	fmt.Fprintf(out, "%s, %s:%d, %s to %s from %s, %s:\n",
		what, row.File, row.Line, campaign.Plural(row.Size.Segments, "SMS"),
		redact.Number(row.Message.To), terminal.Line(from), at)
	for line := range strings.Lines(row.Text) {
		fmt.Fprintf(out, "  %s\n", terminal.Line(strings.TrimRight(line, "\r\n")))
	}
}
