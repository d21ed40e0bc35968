package send

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/cmd/internal/redact"
)

// proof sends the first, the shortest and the longest message to a number of one's own, now, and
// nothing else. No journal knows of it.
func proof(ctx context.Context, c cli.Console, opts options, client *smslink.Client, s *survey, asks bool) error {
	rows := []*campaign.Row{s.First}
	for _, row := range []*campaign.Row{s.Cheapest, s.Dearest} {
		if row != s.First && row != rows[len(rows)-1] {
			rows = append(rows, row)
		}
	}
	pkg := &smslink.Package{}
	segments := 0
	for i, row := range rows {
		m := smslink.Message{ID: int64(i) + 1, To: opts.proof, From: row.Message.From, Text: row.Text}
		if err := pkg.Add(m); err != nil {
			return cli.Exit(cli.ExitNotSent, err)
		}
		segments += row.Size.Segments
	}
	if asks {
		question := fmt.Sprintf("Send %s to %s, billed as %s?", campaign.Plural(len(rows), "proof"), redact.Number(opts.proof), opts.price.SMS(segments))
		if err := cli.Confirm(c, question); err != nil {
			return cli.Exit(cli.ExitNotSent, fmt.Errorf("%w; nothing was sent", err))
		}
	}
	var tally outcome.Tally
	out := cli.NewOutput(c.Out)
	resp, err := client.Send(ctx, pkg)
	for i, row := range rows {
		result := outcome.Row{File: row.File, Line: row.Line, ID: row.ID, Segments: row.Size.Segments}
		if err != nil {
			result = result.Unsent(err)
		} else {
			result = result.Replied(resp.Results[i])
		}
		tally.Add(result)
		if opts.json {
			out.JSON(result)
			continue
		}
		fmt.Fprintf(out, "%s:%d: %s\n", row.File, row.Line, result.Describe())
	}
	switch code := exitCode(&tally); {
	case out.Err != nil:
		return cli.Exit(max(code, cli.ExitSomeBad), out.Failure())
	case code != cli.ExitAccepted:
		return cli.Exit(code, nil)
	}
	return nil
}

// checkProof refuses flags that contradict --proof.
func (o options) checkProof() error {
	if o.proof == "" {
		return nil
	}
	if _, err := smslink.E164(o.proof); err != nil {
		return errors.New("--proof is not a phone number, such as 0712345678")
	}
	return nil
}
