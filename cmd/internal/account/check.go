package account

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/cli"
)

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
	var file File
	var endpoint string
	cmd := &cobra.Command{
		Use:   "check [flags]",
		Short: "Ask the balance, and show which connection it is and where it was read from",
		Long: `Ask the balance, and show which connection it is and where it was read from.

` + Help + `

Exit codes:
  0  the gateway answered
  2  wrong usage
  3  the account can't be read, or the gateway did not answer, or rejected it`,
		Example: `  smslink account check`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return checkAccount(cmd.Context(), c, file, endpoint)
		},
	}
	file.AddTo(cmd)
	cmd.Flags().StringVar(&endpoint, "endpoint", smslink.DefaultEndpoint, "the `URL` of the gateway's bulk-v3.php; index.php beside it is asked")
	return cmd
}

func checkAccount(ctx context.Context, c cli.Console, file File, endpoint string) error {
	source := file.source(c)
	c, err := file.Console(c)
	if err != nil {
		return err
	}
	left, err := ask(ctx, c, endpoint)
	if err != nil {
		return err
	}
	out := cli.NewOutput(c.Out)
	fmt.Fprintf(out, "connection %s, read from %s: %d SMS left to Romanian networks, %d to others\n", c.Getenv(EnvConnectionID), source, left.National, left.International)
	if out.Err != nil {
		return cli.Exit(cli.ExitNotSent, out.Failure())
	}
	return nil
}
