// Package check is the command that checks campaign files without sending them.
package check

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/input"
	"github.com/go-smslink/smslink/cmd/internal/money"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/cmd/internal/progress"
)

// checkOptions are the flags of check.
type checkOptions struct {
	input.Flags
	price money.Price
	json  bool
}

// NewCommand returns the command.
func NewCommand(c cli.Console) *cobra.Command {
	var opts checkOptions
	cmd := &cobra.Command{
		Use:   "check [flags] FILE…",
		Short: "Check a campaign's files and show their cost, without sending",
		Long: `Check every row of FILE… and show
  - what is wrong with the bad rows
  - how many SMS the good rows make, and what they cost with --price
  - which characters make messages take more SMS, and what --fold would save
  - which receivers have more than one message
No account is needed, and nothing is sent.

` + input.Help + `

An SMS holds 160 characters, or 153 if the text needs several SMS. With a single
character that the GSM alphabet lacks, such as ă or ș, the text is sent in
UCS-2, and an SMS holds 70 characters, or 67.

Exit codes:
  0  every row is good
  1  some row is bad
  2  wrong usage
  3  a file can't be read to its end`,
		Example: `  smslink check --price 0,04 campaign.xlsx
  smslink check --json campaign.csv | jq -r 'select(.alphabet == "UCS-2") | [.line, .foreign] | @tsv'`,
		Args: cli.Files,
		RunE: func(cmd *cobra.Command, args []string) error {
			return check(cmd.Context(), c, opts, args)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	opts.price.AddTo(cmd)
	flags.BoolVar(&opts.Fold, "fold", false, "check the texts as send --fold sends them")
	opts.AddTo(cmd)
	flags.BoolVar(&opts.json, "json", false, "write a JSON object for each row, and a last one with the summary")
	return cmd
}

func check(ctx context.Context, c cli.Console, opts checkOptions, names []string) error {
	campaign, err := opts.Open(c, names, nil)
	if err != nil {
		return cli.Exit(cli.ExitNotSent, err)
	}
	defer campaign.Close()
	rows, err := campaign.Rows()
	if err != nil {
		return cli.Exit(cli.ExitNotSent, err)
	}
	defer rows.Close()
	out := cli.NewOutput(c.Out)
	bar := progress.Checking(c.Err, campaign)
	u := &checkup{Reasons: outcome.Counts{}, characters: map[rune]*foreignRune{}}
	var bad input.Complaints
	for rows.Next(ctx) {
		row := rows.Row()
		text := examine(row)
		u.count(row, text)
		bar.Add()
		if opts.json {
			out.JSON(checked(row, text))
		} else if row.Bad != nil {
			bad.AddRow(row)
		}
		if out.Err != nil {
			break
		}
	}
	bar.End()
	bad.Print(c.Err, input.ManyPlaces, "--json shows every row")
	u.end(&opts.price)
	if opts.json {
		out.JSON(map[string]any{"summary": u})
	} else if u.Rows > 0 {
		u.print(out, opts)
	}
	switch err := rows.Err(); {
	case err != nil && u.Rows == 0:
		return cli.Exit(cli.ExitNotSent, err)
	case err != nil:
		return cli.Exit(cli.ExitNotSent, fmt.Errorf("%w; what follows was not checked", err))
	case out.Err != nil:
		return cli.Exit(cli.ExitSomeBad, out.Failure())
	case u.BadRows > 0:
		return cli.Exit(cli.ExitSomeBad, nil)
	}
	return nil
}
