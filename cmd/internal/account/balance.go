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

// asker has the flags of the commands that ask for the balance.
type asker struct {
	file     File
	endpoint string
}

func (a *asker) addTo(cmd *cobra.Command) {
	a.file.AddTo(cmd)
	cmd.Flags().StringVar(&a.endpoint, "endpoint", smslink.DefaultEndpoint,
		"`URL` of the gateway's bulk-v3.php; index.php beside it is asked")
}

// ask asks the gateway for the balance of the account, and writes it with show.
func (a *asker) ask(
	ctx context.Context, c cli.Console, show func(out *cli.Output, c cli.Console, left smslink.Balance),
) error {
	c, err := a.file.Console(c)
	if err != nil {
		return err
	}
	client, _, err := Connect(c, Options{Endpoint: a.endpoint})
	if err != nil {
		return err
	}
	left, err := client.Balance(ctx)
	if err != nil {
		text := ""
		if said := redact.Reply(err, c.Getenv(EnvPassword)); said != "" {
			text = "; the server said: " + said
		}
		return cli.Exit(cli.ExitNotSent, fmt.Errorf("%w%s", terminal.Error(err), text))
	}
	out := cli.NewOutput(c.Out)
	show(out, c, left)
	if err := out.Failure(); err != nil {
		return cli.Exit(cli.ExitNotSent, err)
	}
	return nil
}

// describe returns a balance as text.
func describe(left smslink.Balance) string {
	return fmt.Sprintf("%d SMS left to Romanian networks, %d to others", left.National, left.International)
}

// NewBalanceCommand returns the command balance.
func NewBalanceCommand(c cli.Console) *cobra.Command {
	var a asker
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "balance [flags]",
		Short: "Show how many SMS the account has left",
		Long: `Ask the gateway how many SMS the account has left.

` + Help + `

Exit codes:
  0  the gateway answered
  2  wrong usage
  3  the account can't be read, or the gateway did not answer, or rejected it`,
		Example: `  smslink balance
  smslink balance --json | jq .national`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd.Context(), c, func(out *cli.Output, _ cli.Console, left smslink.Balance) {
				if !asJSON {
					fmt.Fprintln(out, describe(left))
					return
				}
				out.JSON(struct {
					National      int64     `json:"national"`
					International int64     `json:"international"`
					Time          time.Time `json:"time,omitzero"`
				}(left))
			})
		},
	}
	a.addTo(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON object")
	return cmd
}

// NewCommand returns the command account.
func NewCommand(c cli.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "account",
		Short: "Check the account that the other commands use",
	}
	cmd.AddCommand(newCheckCommand(c))
	return cmd
}

func newCheckCommand(c cli.Console) *cobra.Command {
	var a asker
	cmd := &cobra.Command{
		Use:   "check [flags]",
		Short: "Show the connection, where it was read from, and its balance",
		Long: `Ask for the balance, and show which connection it is and where it was read from.

` + Help + `

Exit codes:
  0  the gateway answered
  2  wrong usage
  3  the account can't be read, or the gateway did not answer, or rejected it`,
		Example: `  smslink account check`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			source := a.file.source(c)
			return a.ask(cmd.Context(), c, func(out *cli.Output, c cli.Console, left smslink.Balance) {
				fmt.Fprintf(out, "connection %s, read from %s: %s\n", c.Getenv(EnvConnectionID), source, describe(left))
			})
		},
	}
	a.addTo(cmd)
	return cmd
}
