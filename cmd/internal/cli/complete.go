package cli

import "github.com/spf13/cobra"

// CompleteFiles completes FILE.
func CompleteFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"csv", "xlsx", "jsonl", "ndjson", "txt"}, cobra.ShellCompDirectiveFilterFileExt
}

// Complete completes the value of a flag.
func Complete(cmd *cobra.Command, flag string, values func() ([]string, cobra.ShellCompDirective)) {
	_ = cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values()
	}) // fails only for a flag that does not exist
}

// OneOf completes a flag that takes one of these values.
func OneOf(values ...string) func() ([]string, cobra.ShellCompDirective) {
	return func() ([]string, cobra.ShellCompDirective) { return values, cobra.ShellCompDirectiveNoFileComp }
}

// Folders completes a flag that takes a folder.
func Folders() ([]string, cobra.ShellCompDirective) { return nil, cobra.ShellCompDirectiveFilterDirs }
