package cli

import (
	"os/user"

	"github.com/spf13/cobra"
)

// Signature is the value of --by and --reason: who did what a command records, and why.
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
