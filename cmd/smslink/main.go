// Command smslink sends SMS campaigns through SMSLink's BULK gateway from a
// shell, or to a sandbox: one in its own process, or one that it serves with a web
// page.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/go-smslink/smslink/cmd/smslink/internal/terminal"
)

// The exit codes. They are documented in the help and in README.md.
const (
	exitAccepted = 0 // every message was accepted
	exitSomeBad  = 1 // some message failed or some row was bad
	exitUsage    = 2
	exitNotSent  = 3 // nothing was sent
	exitUnknown  = 4 // it is not known whether some message was sent
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // a journal of a million messages then takes 20 MB less, and a few per cent more time
	}
	signal.Ignore(syscall.SIGPIPE) // a closed pipe is an error of a write, and no reason to die between sending and telling
	os.Exit(run(context.Background(), console{os.Stdin, os.Stdout, os.Stderr, os.Getenv}, os.Args[1:]))
}

// console is what a command reads from and writes to. A command's own writers let no control
// character through; see terminal.Writer.
type console struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	getenv func(string) string
}

// exitError ends the command with a code other than that of a usage error.
type exitError struct {
	code int
	err  error // nil if everything has been said
}

func (e *exitError) Error() string { return fmt.Sprint(e.err) }

// files wants at least one FILE.
func files(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("name a FILE, or - for standard input")
	}
	if slices.Contains(args, "") {
		return errors.New("the name of a FILE is empty; is a variable unset?")
	}
	return nil
}

// wholeFlags refuses a command without a required flag, and flags whose value is empty: --journal
// "$DIR" without DIR would send with no journal, and send it all again the next time.
func wholeFlags(cmd *cobra.Command, _ []string) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if err == nil && (len(values) == 0 || slices.Contains(values, "")) {
			err = emptyFlag(f)
		}
	})
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if err == nil && !f.Changed && f.Annotations[cobra.BashCompOneRequiredFlag] != nil {
			_, usage := pflag.UnquoteUsage(f)
			err = fmt.Errorf("--%s is missing: %s", f.Name, usage)
		}
	})
	return err
}

func emptyFlag(f *pflag.Flag) error {
	return fmt.Errorf("--%s is empty; give it a value or leave it out (is a variable unset?)", f.Name)
}

// run is the command line, and returns its exit code.
func run(ctx context.Context, c console, args []string) int {
	c.out, c.err = terminal.NewWriter(c.out), terminal.NewWriter(c.err)
	root := &cobra.Command{
		Use:           "smslink",
		Short:         "Send SMS campaigns through SMSLink's BULK gateway",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		PersistentPreRunE: wholeFlags,
	}
	root.SetArgs(args)
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SetFlagErrorFunc(noSuchFlag)
	root.AddCommand(newSendCommand(c), newCheckCommand(c), newSandboxCommand(c),
		newReportsCommand(c), newJournalCommand(c), newOutboxCommand(c), newBalanceCommand(c), newProbeCommand(c), newEncodeCommand(c),
		newVersionCommand(c))

	cmd, err := root.ExecuteContextC(ctx)
	var exit *exitError
	switch {
	case err == nil:
		return exitAccepted
	case errors.As(err, &exit):
		if exit.err != nil {
			fmt.Fprintf(c.err, "smslink: %v\n", exit.err)
		}
		return exit.code
	default:
		fmt.Fprintf(c.err, "smslink: %v\nSee '%s --help'.\n", err, cmd.CommandPath())
		return exitUsage
	}
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

func newVersionCommand(c console) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version of this command, and of what it was built with",
		Example: "  smslink version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(c.out, "smslink %s, %s, %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
