package cmdtest

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// HelpFits checks that the help of a command, and of those below it, fits into a terminal of 80
// columns.
func HelpFits(t *testing.T, cmd *cobra.Command) {
	t.Helper()
	for line := range strings.SplitSeq(cmd.Long, "\n") {
		require.LessOrEqual(t, utf8.RuneCountInString(line), 80, "%s: %s", cmd.CommandPath(), line)
	}
	for _, sub := range cmd.Commands() {
		require.LessOrEqual(t, len("  completion  ")+utf8.RuneCountInString(sub.Short), 80, sub.CommandPath())
		HelpFits(t, sub)
	}
}
