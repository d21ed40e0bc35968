// Package signature has the flags --by and --reason of the commands that record who did something,
// and why.
package signature

import (
	"os/user"

	"github.com/spf13/cobra"
)

// Signature is the value of both flags.
type Signature struct{ By, Reason string }

// AddTo adds the flags to a command. The default of --by is the user's name.
func (s *Signature) AddTo(cmd *cobra.Command) {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	cmd.Flags().StringVar(&s.By, "by", name, "your `NAME`, which is recorded")
	cmd.Flags().StringVar(&s.Reason, "reason", "", "why: a `TEXT` that is recorded")
}
