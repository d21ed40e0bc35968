package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// prepare makes a command with subcommands refuse any other name, and each flag that takes one
// value refuse a second one.
func prepare(cmd *cobra.Command) {
	if cmd.HasSubCommands() {
		cmd.Args = noSuchCommand
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	cmd.Flags().VisitAll(onceOnly)
	cmd.PersistentFlags().VisitAll(onceOnly)
	for _, sub := range cmd.Commands() {
		prepare(sub)
	}
}

// noSuchCommand refuses the name of a command that does not exist, and suggests one.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("unknown command %q%s", args[0], didYouMean(cmd, args[0], ""))
}

// didYouMean suggests the command whose name is nearest to word, if any is near.
func didYouMean(cmd *cobra.Command, word, prefix string) string {
	for distance := 1; distance <= 2; distance++ {
		cmd.SuggestionsMinimumDistance = distance
		if near := cmd.SuggestionsFor(word); len(near) > 0 && len(near[0]) > distance {
			return fmt.Sprintf("; did you mean %s%s?", prefix, near[0])
		}
	}
	return ""
}

// newHelpCommand returns the command help, which refuses a command that does not exist.
func newHelpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, _ := root.Find(args) // fails for no command that prepare has seen
			if len(rest) > 0 {
				return noSuchCommand(cmd, rest)
			}
			cmd.InitDefaultHelpFlag() // as running the command does
			cmd.InitDefaultVersionFlag()
			return cmd.Help()
		},
	}
}

// Version returns the version of this program.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

func newVersionCommand(c Console, name string) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version of this command, and of what it was built with",
		Example: "  " + name + " version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(c.Out, "%s %s, %s, %s/%s\n", name, Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
