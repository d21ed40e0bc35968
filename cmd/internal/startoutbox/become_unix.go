//go:build unix

package startoutbox

import (
	"os"
	"syscall"

	"github.com/go-smslink/smslink/cmd/internal/cli"
)

// become replaces this process by the program, which then receives its signals.
func become(file string, args []string) error {
	return cli.Exit(cli.ExitNotSent, syscall.Exec(file, args, os.Environ()))
}
