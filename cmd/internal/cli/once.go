package cli

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// onceOnly makes it an error to give a flag twice that takes one value: which of the two was meant
// is not known. Flags that collect values are left as they are.
func onceOnly(cmd *cobra.Command) {
	once := func(f *pflag.Flag) {
		switch f.Value.(type) {
		case *onceValue, *onceSwitch:
			return
		}
		once := onceValue{Value: f.Value}
		switch b, ok := f.Value.(interface{ IsBoolFlag() bool }); {
		case collects(f.Value):
		case ok && b.IsBoolFlag():
			f.Value = &onceSwitch{once}
		default:
			f.Value = &once
		}
	}
	cmd.Flags().VisitAll(once)
	cmd.PersistentFlags().VisitAll(once)
	for _, sub := range cmd.Commands() {
		onceOnly(sub)
	}
}

// Collector is implemented by the value of a flag that may be repeated.
type Collector interface{ Collects() }

func collects(v pflag.Value) bool {
	if _, ok := v.(pflag.SliceValue); ok {
		return true
	}
	_, ok := v.(Collector)
	return ok
}

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

// onceSwitch is a onceValue that needs no value on the command line.
type onceSwitch struct{ onceValue }

func (v *onceSwitch) IsBoolFlag() bool { return true }
