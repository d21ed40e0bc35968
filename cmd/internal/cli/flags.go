package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// checkFlags refuses a command without a required flag, and flags whose value is empty: --journal
// "$DIR" without DIR would send with no journal, and send it all again the next time.
func checkFlags(cmd *cobra.Command, _ []string) (err error) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		switch {
		case err != nil:
		case f.Changed && (len(values) == 0 || slices.Contains(values, "")):
			err = emptyFlag(f)
		case !f.Changed && f.Annotations[cobra.BashCompOneRequiredFlag] != nil:
			_, usage := pflag.UnquoteUsage(f)
			err = fmt.Errorf("--%s is missing: %s", f.Name, usage)
		}
	})
	return err
}

func emptyFlag(f *pflag.Flag) error {
	return fmt.Errorf("--%s is empty; give it a value or leave it out (is a variable unset?)", f.Name)
}

// Value is the value of a flag that a function parses.
type Value struct {
	Kind  string // what the help calls it
	Given string // as it was given; before that, the default
	Read  func(string) error
}

// String returns the value as it was given.
func (v *Value) String() string { return v.Given }

// Type is what the help calls the value.
func (v *Value) Type() string { return v.Kind }

// Set reads the value.
func (v *Value) Set(given string) error {
	v.Given = given
	return v.Read(given)
}

// collector is implemented by the value of a flag that may be repeated.
type collector interface{ Collects() }

var errTwice = errors.New("was given twice; give it once")

// onceValue is the value of a flag that may be given once.
type onceValue struct {
	pflag.Value
	given bool
}

func (v *onceValue) Set(value string) error {
	if v.given {
		return errTwice
	}
	v.given = true
	return v.Value.Set(value)
}

// onceOnly makes it an error to give a flag twice, unless the flag collects values: no one knows
// which of the two was meant.
func onceOnly(f *pflag.Flag) {
	switch f.Value.(type) {
	case pflag.SliceValue, collector:
	default:
		f.Value = &onceValue{Value: f.Value}
	}
}

// CompleteWith completes a flag with its values.
func CompleteWith(cmd *cobra.Command, flag string, values ...string) {
	complete := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.RegisterFlagCompletionFunc(flag, complete) // fails only for a flag that does not exist
}

// CompleteFiles completes FILE.
var CompleteFiles = cobra.FixedCompletions([]string{"csv", "xlsx", "jsonl", "ndjson", "txt"},
	cobra.ShellCompDirectiveFilterFileExt)

// wrongFlag rewrites an error of pflag, so that it says what a flag's value must be, or which flag
// was meant.
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
	flags := &cobra.Command{} // that has them as its commands
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			flags.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
		}
	})
	return fmt.Errorf("%w%s", err, didYouMean(flags, name, "--"))
}

func wrongValue(invalid *pflag.InvalidValueError) error {
	flag, value, cause := invalid.GetFlag(), invalid.GetValue(), invalid.Unwrap()
	kinds := map[string]string{
		"bool":     "true or false",
		"int":      "a whole number",
		"float64":  "a number such as 2.5",
		"duration": "a time such as 90s or 5m",
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
