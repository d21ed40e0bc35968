package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/smslink/internal/terminal"
)

func newBalanceCommand(c console) *cobra.Command {
	var endpoint string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "balance [flags]",
		Short: "Show how many SMS the account has left",
		Long: `Ask the gateway how many SMS the account has left.

` + accountHelp + `

Exit codes:
  0  the gateway answered
  2  wrong usage
  3  the gateway did not answer, or refused`,
		Example: `  smslink balance
  smslink balance --json | jq .national`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return balance(cmd.Context(), c, endpoint, asJSON)
		},
	}
	cmd.Flags().StringVar(&endpoint, "endpoint", smslink.EndpointHTTPS, "the `URL` of the gateway's bulk-v3.php; index.php beside it is asked")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON object")
	return cmd
}

func balance(ctx context.Context, c console, endpoint string, asJSON bool) error {
	client, _, err := connect(c, sendOptions{endpoint: endpoint})
	if err != nil {
		return err
	}
	left, err := client.Balance(ctx)
	if err != nil {
		words := ""
		if said := serversWords(err, c.getenv(envPassword)); said != "" {
			words = "; the server's own words: " + said
		}
		return &exitError{exitNotSent, fmt.Errorf("%w%s", terminal.Error(err), words)}
	}
	out := newOutput(c.out)
	if asJSON {
		told := struct {
			National      int64      `json:"national"`
			International int64      `json:"international"`
			Time          *time.Time `json:"time,omitempty"`
		}{National: left.National, International: left.International}
		if !left.Time.IsZero() {
			told.Time = &left.Time
		}
		out.json(told)
	} else {
		fmt.Fprintf(out, "%d SMS left to Romanian networks, %d to others\n", left.National, left.International)
	}
	if out.err != nil {
		return &exitError{exitNotSent, out.failure()}
	}
	return nil
}
