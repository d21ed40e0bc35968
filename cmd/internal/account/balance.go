package account

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/redact"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// NewBalanceCommand returns the command balance.
func NewBalanceCommand(c cli.Console) *cobra.Command {
	var file File
	var endpoint string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "balance [flags]",
		Short: "Show how many SMS the account has left",
		Long: `Ask the gateway how many SMS the account has left.

` + Help + `

Exit codes:
  0  the gateway answered
  2  wrong usage
  3  the gateway did not answer, or rejected the account`,
		Example: `  smslink balance
  smslink balance --json | jq .national`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return balance(cmd.Context(), c, file, endpoint, asJSON)
		},
	}
	file.AddTo(cmd)
	cmd.Flags().StringVar(&endpoint, "endpoint", smslink.DefaultEndpoint, "the `URL` of the gateway's bulk-v3.php; index.php beside it is asked")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON object")
	return cmd
}

// ask asks the gateway for the balance of the account.
func ask(ctx context.Context, c cli.Console, endpoint string) (smslink.Balance, error) {
	client, _, err := Connect(c, Options{Endpoint: endpoint})
	if err != nil {
		return smslink.Balance{}, err
	}
	left, err := client.Balance(ctx)
	if err != nil {
		text := ""
		if said := redact.Reply(err, c.Getenv(EnvPassword)); said != "" {
			text = "; the server said: " + said
		}
		return smslink.Balance{}, cli.Exit(cli.ExitNotSent, fmt.Errorf("%w%s", terminal.Error(err), text))
	}
	return left, nil
}

func balance(ctx context.Context, c cli.Console, file File, endpoint string, asJSON bool) error {
	c, err := file.Console(c)
	if err != nil {
		return err
	}
	left, err := ask(ctx, c, endpoint)
	if err != nil {
		return err
	}
	out := cli.NewOutput(c.Out)
	if asJSON {
		told := struct {
			National      int64      `json:"national"`
			International int64      `json:"international"`
			Time          *time.Time `json:"time,omitempty"`
		}{National: left.National, International: left.International}
		if !left.Time.IsZero() {
			told.Time = &left.Time
		}
		out.JSON(told)
	} else {
		fmt.Fprintf(out, "%d SMS left to Romanian networks, %d to others\n", left.National, left.International)
	}
	if out.Err != nil {
		return cli.Exit(cli.ExitNotSent, out.Failure())
	}
	return nil
}
