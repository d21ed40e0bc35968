// Package signature holds the flags that say who does something that is recorded, and why.
package signature

import (
	"os/user"

	"github.com/spf13/cobra"
)

// Signature is who does something that is recorded, and why.
type Signature struct{ By, Reason string }

// AddTo adds the flags to a command. The name is the user's unless --by gives another.
func (s *Signature) AddTo(cmd *cobra.Command) {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	cmd.Flags().StringVar(&s.By, "by", name, "your `NAME`, which is recorded")
	cmd.Flags().StringVar(&s.Reason, "reason", "", "why, in `WORDS` that are recorded")
}
