//go:build !unix

package startoutbox

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"

	"github.com/go-smslink/smslink/cmd/internal/cli"
)

// become runs the program and returns its exit code as an error. Ctrl-C reaches both processes.
func become(file string, args []string) error {
	signal.Ignore(os.Interrupt)
	child := exec.Command(file, args[1:]...)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := child.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return cli.Exit(max(exit.ExitCode(), cli.ExitSomeBad), nil)
	}
	if err != nil {
		return cli.Exit(cli.ExitNotSent, err)
	}
	return nil
}
