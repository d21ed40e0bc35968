// Package startoutbox is the command that starts the program smslink-outbox.
package startoutbox

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/cmd/internal/cli"
)

// program is separate, so that smslink needs no database driver.
const program = "smslink-outbox"

// NewCommand returns the command.
func NewCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "outbox COMMAND",
		Short:              "Send messages that programs queue in a database (" + program + ")",
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := find()
			if err != nil {
				const install = "\n  go install github.com/go-smslink/smslink/cmd/" + program + "@latest"
				return cli.Exit(cli.ExitNotSent, errors.New(program+" is not installed; install it with"+install))
			}
			return become(file, append([]string{program}, args...))
		},
	}
}

// find looks beside this program first, so that both have the same version.
func find() (string, error) {
	if self, err := os.Executable(); err == nil {
		if beside, err := exec.LookPath(filepath.Join(filepath.Dir(self), program)); err == nil {
			return beside, nil
		}
	}
	return exec.LookPath(program)
}
