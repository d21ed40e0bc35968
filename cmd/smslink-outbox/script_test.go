package main

import (
	"flag"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/cmdtest"
	"github.com/go-smslink/smslink/cmd/internal/outboxcmd"
	"github.com/go-smslink/smslink/cmd/internal/startoutbox"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "8") // unless the command line has another: most tests wait
	testscript.Main(m, map[string]func(){"smslink-outbox": main, "smslink": starter})
}

// starter is the command that the program smslink has for the outbox.
func starter() {
	cli.Main(func(cli.Console) *cobra.Command {
		cmd := &cobra.Command{Use: "smslink"}
		cmd.AddCommand(startoutbox.NewCommand())
		return cmd
	})
}

func TestScripts(t *testing.T) { cmdtest.Scripts(t) }

func TestHelp_fitsIn80Columns(t *testing.T) {
	cmdtest.HelpFits(t, outboxcmd.NewCommand(cli.Console{Getenv: os.Getenv}))
}
