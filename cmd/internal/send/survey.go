package send

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/campaignjournal"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/input"
	"github.com/go-smslink/smslink/cmd/internal/money"
	"github.com/go-smslink/smslink/cmd/internal/progress"
	"github.com/go-smslink/smslink/cmd/internal/redact"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// survey is what a person is shown of the rows before they are sent.
type survey struct {
	campaign.Survey
	excluded int // rows that an --exclude file has
}

// survey reads all rows once and states what they are. It is an error if a file can't be used, no
// row is good, or one is bad and that shall stop it; and if a row is not the one that the journal
// has recorded.
func (o options) survey(ctx context.Context, c cli.Console, files *campaign.Campaign, chosen *selection) (*survey, error) {
	rows, err := files.Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var survey survey
	var left exclusions
	var bad input.Complaints
	bar := progress.Checking(c.Err, files)
	for rows.Next(ctx) {
		row := rows.Row()
		bar.Add()
		if why := chosen.look(ctx, row); why != "" {
			left.add(why, 1)
			survey.excluded++
			continue
		}
		survey.Add(row)
		if row.Bad != nil {
			bad.AddRow(row)
			continue
		}
		chosen.plan.Add(row)
	}
	bar.End()
	if err := rows.Err(); err != nil {
		return nil, err
	}
	bad.Print(c.Err, input.FewPlaces, "smslink check --json shows every row")
	fmt.Fprintln(c.Err, &survey)
	for _, warning := range survey.Warnings() {
		fmt.Fprintln(c.Err, warning)
	}
	if err := chosen.plan.Compare(ctx); err != nil {
		return nil, fmt.Errorf("--journal: %w", err)
	}
	left.add(repeatsNumber, chosen.plan.Repeats())
	left.print(c.Err)
	switch {
	case survey.Messages == 0 && survey.excluded == 0:
		return nil, errors.New("every row is bad")
	case survey.Messages == 0 && !o.excludeAnyway:
		return nil, errors.New("every row is excluded or bad; add --exclude-anyway if that is right")
	case survey.HiddenRows > 0 && o.HiddenRows == "":
		return nil, fmt.Errorf("%s hidden, by a filter perhaps; add --hidden-rows include to send them, too, or --hidden-rows skip", rowsAre(survey.HiddenRows))
	case survey.BadRows > 0 && o.onBadRow == "stop":
		return nil, errors.New("mend the bad rows, or send the others with --on-bad-row skip")
	}
	return &survey, nil
}

func rowsAre(n int) string {
	if n == 1 {
		return "1 row is"
	}
	return fmt.Sprintf("%d rows are", n)
}

// question is what is asked before the first upload, or empty if nothing is left to send.
func question(plan *campaignjournal.Plan, kept *campaignjournal.Journal, price money.Price) string {
	if kept == nil || plan.Accepted+plan.InDoubt+plan.Failed == 0 {
		return fmt.Sprintf("Send %s, billed as %s?", campaign.Plural(plan.Rest, "message"), price.SMS(plan.RestSegments))
	}
	if plan.Rest == 0 {
		return ""
	}
	var before []string
	of := fmt.Sprintf(" of %d", plan.Accepted+plan.InDoubt+plan.Failed+plan.Rest)
	if n := plan.Accepted; n > 0 {
		before = append(before, fmt.Sprintf("%d%s %s accepted%s", n, of, wasOrWere(n), acceptedOn(kept.Runs())))
		of = ""
	}
	if n := plan.InDoubt; n > 0 {
		before = append(before, fmt.Sprintf("%d%s %s in doubt", n, of, isOrAre(n)))
		of = ""
	}
	if n := plan.Failed; n > 0 {
		before = append(before, fmt.Sprintf("%d%s failed", n, of))
	}
	return fmt.Sprintf("%s. Send the other %d, billed as %s?", strings.Join(before, ", "), plan.Rest, price.SMS(plan.RestSegments))
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// preview shows the first message as it will arrive, and the cheapest and the dearest if they
// differ, or the shortest and the longest of texts that are filled in.
func preview(out io.Writer, s *survey, filled bool) {
	show(out, "The first message", s.First)
	if filled {
		if s.Cheapest != s.First {
			show(out, "The shortest", s.Cheapest)
		}
		if s.Dearest != s.First {
			show(out, "The longest", s.Dearest)
		}
		return
	}
	if s.Cheapest.Size.Segments == s.Dearest.Size.Segments {
		return
	}
	if s.Cheapest.Size.Segments < s.First.Size.Segments {
		show(out, "The cheapest", s.Cheapest)
	}
	if s.Dearest.Size.Segments > s.First.Size.Segments {
		show(out, "The dearest", s.Dearest)
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
	fmt.Fprintf(out, "%s, %s:%d, %s to %s from %s, %s:\n", what, row.File, row.Line, campaign.Plural(row.Size.Segments, "SMS"),
		redact.Number(row.Message.To), terminal.Line(from), at)
	for line := range strings.Lines(row.Text) {
		fmt.Fprintf(out, "  %s\n", terminal.Line(strings.TrimRight(line, "\r\n")))
	}
}
