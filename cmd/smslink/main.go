// Command smslink sends SMS campaigns through SMSLink's BULK gateway from a shell, or to a sandbox:
// one in its own process, or one that it serves with a web page.
package main

import (
	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/check"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/encode"
	"github.com/go-smslink/smslink/cmd/internal/journalcmd"
	"github.com/go-smslink/smslink/cmd/internal/probe"
	"github.com/go-smslink/smslink/cmd/internal/reports"
	"github.com/go-smslink/smslink/cmd/internal/sandbox"
	"github.com/go-smslink/smslink/cmd/internal/send"
	"github.com/go-smslink/smslink/cmd/internal/startoutbox"
)

func main() { cli.Main(newCommand) }

func newCommand(c cli.Console) *cobra.Command {
	cmd := &cobra.Command{Use: "smslink", Short: "Send SMS campaigns through SMSLink's BULK gateway"}
	cmd.AddCommand(
		send.NewCommand(c),
		check.NewCommand(c),
		sandbox.NewCommand(c),
		reports.NewCommand(c),
		journalcmd.NewCommand(c),
		startoutbox.NewCommand(),
		account.NewBalanceCommand(c),
		account.NewCommand(c),
		probe.NewCommand(c),
		encode.NewCommand(c),
	)
	return cmd
}
