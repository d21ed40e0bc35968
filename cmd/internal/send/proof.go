package send

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/cmd/internal/redact"
)

// proof sends the first, the shortest and the longest message to the number of --proof, now, and
// nothing else. It leaves the journal and the results alone.
func (s *sending) proof(ctx context.Context) error {
	if s.survey.First == nil {
		return nothingSent(errors.New("no row is left to send as a proof"))
	}
	rows := []*campaign.Row{s.survey.First}
	for _, row := range []*campaign.Row{s.survey.Shortest, s.survey.Longest} {
		if !slices.Contains(rows, row) {
			rows = append(rows, row)
		}
	}
	pkg := &smslink.Package{}
	segments := 0
	for i, row := range rows {
		m := smslink.Message{ID: int64(i) + 1, To: s.opts.proof, From: row.Message.From, Text: row.Text}
		if err := pkg.Add(m); err != nil {
			return nothingSent(err)
		}
		segments += row.Size.Segments
	}
	if s.opts.maxSMS > 0 && segments > s.opts.maxSMS {
		return nothingSent(fmt.Errorf("%d SMS are more than --max-sms %d", segments, s.opts.maxSMS))
	}
	if s.asks {
		question := fmt.Sprintf("Send %s to %s, billed as %s?",
			campaign.Plural(len(rows), "proof"), redact.Number(s.opts.proof), s.opts.price.SMS(segments))
		if err := cli.Confirm(s.console, question); err != nil {
			return nothingSent(err)
		}
	}
	if err := s.chosen.clock.closed(); err != nil { // since the rows were checked
		return nothingSent(err)
	}
	var tally outcome.Tally
	resp, err := s.client.Send(ctx, pkg)
	for i, row := range rows {
		result := rowOf(row)
		if err != nil {
			result = result.Unsent(err)
		} else {
			result = s.replied(result, resp.Results[i])
		}
		tally.Add(result)
		if s.opts.json {
			s.out.JSON(result)
			continue
		}
		fmt.Fprintf(s.out, "%s:%d: %s\n", row.File, row.Line, result.Describe())
	}
	switch code := exitCode(&tally); {
	case s.out.Err != nil:
		return cli.Exit(max(code, cli.ExitSomeBad), s.out.Failure())
	case code != cli.ExitAccepted:
		return cli.Exit(code, nil)
	}
	return nil
}
