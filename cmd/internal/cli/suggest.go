package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// NoSuchCommand refuses a word that is no command, and suggests the one that was meant.
func NoSuchCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, command := range root.Commands() {
		if command.IsAvailableCommand() {
			names = append(names, command.Name())
		}
	}
	return fmt.Errorf("unknown command %q%s", args[0], suggestion(args[0], names, ""))
}

// wrongFlag rewrites an error of pflag: it says what is wrong with a flag's value, or which flag was
// meant.
func wrongFlag(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return wrongValue(invalid)
	}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	name := unknown.GetSpecifiedName()
	if group := unknown.GetSpecifiedShortnames(); group != "" { // -sandbox
		name = strings.TrimLeft(group, "-")
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return fmt.Errorf("%w%s", err, suggestion(name, names, "--"))
}

func wrongValue(invalid *pflag.InvalidValueError) error {
	flag, value, cause := invalid.GetFlag(), invalid.GetValue(), invalid.Unwrap()
	kinds := map[string]string{
		"bool": "true or false", "int": "a whole number", "float64": "a number such as 2.5", "duration": "a time such as 90s or 5m",
	}
	kind := kinds[flag.Value.Type()]
	switch {
	case errors.Is(cause, errTwice):
		return fmt.Errorf("--%s %w", flag.Name, cause)
	case value == "":
		return emptyFlag(flag)
	case kind != "":
		return fmt.Errorf("--%s takes %s, not %q", flag.Name, kind, value)
	case flag.Value.Type() == "TEXT": // of a message
		return fmt.Errorf("--%s: %w", flag.Name, cause)
	}
	return fmt.Errorf("--%s %q: %w", flag.Name, value, cause)
}

// suggestion returns which of the names was meant, or nothing if none is near.
func suggestion(word string, names []string, prefix string) string {
	known := &cobra.Command{}
	for _, name := range names {
		known.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	for known.SuggestionsMinimumDistance = 1; known.SuggestionsMinimumDistance <= 2; known.SuggestionsMinimumDistance++ {
		if near := known.SuggestionsFor(word); len(near) > 0 && len(near[0]) > known.SuggestionsMinimumDistance {
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
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				if cmd == nil {
					cmd = root
				}
				return NoSuchCommand(cmd, args[len(args)-max(1, len(rest)):])
			}
			return cmd.Help()
		},
	}
}
