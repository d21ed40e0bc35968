// Package journalcmd is the command that shows journals and resolves what is in doubt.
package journalcmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/blacklist"
	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/campaignjournal"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/input"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/journal"
)

// NewCommand returns the command.
func NewCommand(c cli.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Show what a journal holds, and resolve what is in doubt",
		Long: `Show what the journal of send --journal DIR holds, and resolve what is in doubt.

A message is in doubt if the reply to its upload was lost, or if the run was killed
during the upload. It is not sent again until it is resolved.`,
	}
	cmd.AddCommand(newJournalListCommand(c), newJournalShowCommand(c), newJournalResolveCommand(c), newJournalForgetCommand(c))
	for _, command := range cmd.Commands() {
		command.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 || command.Name() == "list" {
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
			return cli.CompleteFiles(command, args, "")
		}
	}
	return cmd
}

const journalExitCodes = `

Exit codes:
  0  done
  2  wrong usage
  3  a journal or a file can't be read, or it does not fit; nothing was changed
  4  messages are still in doubt`

// aDir requires DIR, and allows FILEs after it.
func aDir(_ *cobra.Command, args []string) error {
	if len(args) == 0 || args[0] == "" {
		return errors.New("name the DIR of the journal")
	}
	return cli.Files(nil, args)
}

// useJournal opens an existing journal, and closes it after use.
func useJournal(dir string, use func(*campaignjournal.Journal) error) (err error) {
	failed := func(err error) error {
		return cli.Exit(cli.ExitNotSent, fmt.Errorf("%s: %w", dir, terminal.Error(err)))
	}
	switch exists, err := campaignjournal.Exists(dir); {
	case err != nil:
		return failed(err)
	case !exists:
		return failed(errors.New("there is no journal in this folder"))
	}
	j, err := campaignjournal.Open(dir, "")
	if err != nil {
		return cli.Exit(cli.ExitNotSent, err)
	}
	err = use(j)
	if closeErr := j.Close(); err == nil && closeErr != nil {
		err = failed(closeErr)
	}
	return err
}

// inDoubt returns the end of a command: an exit code of its own if messages are still in doubt.
func inDoubt(j *campaignjournal.Journal) error {
	if len(j.InDoubt()) > 0 {
		return cli.Exit(cli.ExitInDoubt, nil)
	}
	return nil
}

// state sums up a journal in one line.
func state(j *campaignjournal.Journal) string {
	accepted, failed := 0, 0
	runs := j.Runs()
	for _, run := range runs {
		accepted += run.Accepted
		failed += run.Failed
	}
	asSent := 0
	for _, r := range j.Resolutions() {
		asSent += len(r.Sent)
	}
	text := fmt.Sprintf("%d accepted, %d failed, ", accepted, failed)
	if asSent > 0 {
		text += fmt.Sprintf("%d resolved as sent, ", asSent)
	}
	text += fmt.Sprintf("%d in doubt", len(j.InDoubt()))
	if len(runs) > 0 {
		text += "; last run " + local(runs[len(runs)-1].End)
	}
	return text
}

// local returns a time as a person at this machine reads it.
func local(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05") }

func newJournalListCommand(c cli.Console) *cobra.Command {
	return &cobra.Command{
		Use:     "list DIR…",
		Short:   "Show a line about each journal",
		Long:    "Show for each journal how many messages were accepted, failed or are in doubt, and\nwhen its last run was." + journalExitCodes,
		Example: `  smslink journal list june july`,
		Args:    aDir,
		RunE: func(_ *cobra.Command, dirs []string) error {
			var doubt error
			for _, dir := range dirs {
				err := useJournal(dir, func(j *campaignjournal.Journal) error {
					fmt.Fprintf(c.Out, "%s: %s\n", dir, state(j))
					return inDoubt(j)
				})
				var exit *cli.ExitError
				if errors.As(err, &exit) && exit.Err != nil {
					return err
				}
				if err != nil {
					doubt = err
				}
			}
			return doubt
		},
	}
}

func newJournalShowCommand(c cli.Console) *cobra.Command {
	var files input.Flags
	var asks blacklistFlags
	cmd := &cobra.Command{
		Use:   "show [flags] DIR [FILE…]",
		Short: "Show the runs, what is in doubt and since when, and what was resolved",
		Long: `Show each run of a journal, what is in doubt and since when, and what was resolved,
by whom and why. With the campaign's FILEs it also shows the row of each message.

With --blacklist and the FILEs it asks SMSLink whether the number of each message with
status 4 is on the account's blacklist. If it is not, the status was most likely an
internal error. That is strong evidence, and no proof. It needs
` + account.EnvLiveUpdateID + ` and ` + account.EnvLiveUpdatePassword + `, those of a
Live Update connection.` + journalExitCodes,
		Example: `  smslink journal show june campaign.csv`,
		Args:    aDir,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := asks.client(c, args[1:])
			if err != nil {
				return err
			}
			return useJournal(args[0], func(j *campaignjournal.Journal) error {
				return show(cmd.Context(), c, j, args[0], &files, client, args[1:])
			})
		},
	}
	files.AddTo(cmd)
	asks.addTo(cmd)
	return cmd
}

func show(ctx context.Context, c cli.Console, j *campaignjournal.Journal, dir string, files *input.Flags, client *blacklist.Client, names []string) error {
	rows := map[int64]string{}
	var failed []failedRow
	if len(names) > 0 {
		opened, err := files.Open(c, names, nil)
		if err != nil {
			return cli.Exit(cli.ExitNotSent, err)
		}
		defer opened.Close()
		wanted := ids(j.InDoubt())
		err = j.EachRow(ctx, opened, false, func(row *campaign.Row) {
			at := fmt.Sprintf("%s:%d", row.File, row.Line)
			if _, ok := slices.BinarySearch(wanted, row.Message.ID); ok {
				rows[row.Message.ID] = at
			}
			if client != nil {
				failed = append(failed, failedRow{row.Message.ID, at, row.Message.To})
			}
		})
		if err != nil {
			return cli.Exit(cli.ExitNotSent, err)
		}
		if failed, err = blacklisted(ctx, client, j, failed); err != nil {
			return cli.Exit(cli.ExitNotSent, err)
		}
	}
	out := cli.NewOutput(c.Out)
	fmt.Fprintf(out, "%s: %s\n", dir, state(j))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, run := range j.Runs() {
		fmt.Fprintf(table, "%s\t%s to %s\t%d accepted, %d failed\n", cli.Heading(i, "run"), local(run.Start), local(run.End), run.Accepted, run.Failed)
	}
	for i, r := range j.Resolutions() {
		fmt.Fprintf(table, "%s\t%s by %s\t%s: %s\n", cli.Heading(i, "resolved"), local(r.Time), r.By, resolved(len(r.Sent), len(r.NotSent)), r.Reason)
	}
	for i, group := range grouped(j.InDoubt(), len(rows) > 0) {
		at := rows[group.first]
		if at == "" && len(names) > 0 {
			at = "in none of the FILEs"
		}
		if at != "" {
			at = "\t" + at
		}
		fmt.Fprintf(table, "%s\tid %s since %s%s\n", cli.Heading(i, "in doubt"), group, local(group.since), at)
	}
	for i, row := range failed {
		fmt.Fprintf(table, "%s\tid %d\t%s\n", cli.Heading(i, "status 4"), row.id, row.at)
	}
	table.Flush()
	if out.Err != nil {
		return cli.Exit(cli.ExitSomeBad, out.Failure())
	}
	if n := len(j.InDoubt()); n > 0 {
		return cli.Exit(cli.ExitInDoubt, fmt.Errorf("%s in doubt; look for them in the account's reports, and record what you find with smslink journal resolve", isOrAre(n)))
	}
	return nil
}

// resolved says how many messages were resolved as sent, and as not sent.
func resolved(sent, notSent int) string {
	var text []string
	if sent > 0 {
		text = append(text, fmt.Sprintf("%d as sent", sent))
	}
	if notSent > 0 {
		text = append(text, fmt.Sprintf("%d as not sent", notSent))
	}
	return strings.Join(text, ", ")
}

func ids(doubts []journal.Doubt) []int64 {
	ids := make([]int64, len(doubts))
	for i, doubt := range doubts {
		ids[i] = doubt.ID
	}
	return ids
}

// group is a range of ids that are in doubt since the same time.
type group struct {
	first, last int64
	since       time.Time
}

func (g group) String() string {
	if g.first == g.last {
		return fmt.Sprint(g.first)
	}
	return fmt.Sprintf("%d-%d", g.first, g.last)
}

// grouped puts consecutive ids that are in doubt since the same time into one group, unless alone
// is true.
func grouped(doubts []journal.Doubt, alone bool) (groups []group) {
	for _, doubt := range doubts {
		last := len(groups) - 1
		if !alone && last >= 0 && groups[last].last+1 == doubt.ID && groups[last].since.Equal(doubt.Since) {
			groups[last].last = doubt.ID
			continue
		}
		groups = append(groups, group{doubt.ID, doubt.ID, doubt.Since})
	}
	return groups
}

func newJournalForgetCommand(c cli.Console) *cobra.Command {
	var chosen idRanges
	cmd := &cobra.Command{
		Use:   "forget --id ID… DIR",
		Short: "Forget messages that failed, so that the next send sends them again",
		Long: `Forget messages that failed, so that the next send sends them again. Do this once
the cause is gone: for example, the sender has been approved. Messages that were
accepted or are in doubt can't be forgotten.

To send again all messages whose number or sender failed, use send --resend-failed.` + strings.Replace(journalExitCodes, "\n  4  messages are still in doubt", "", 1),
		Example: `  smslink journal forget --id 17 --id 20-25 june`,
		Args:    aDir,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("name one DIR")
			}
			if len(chosen) == 0 {
				return errors.New("say which messages with --id")
			}
			list := chosen.list()
			return useJournal(args[0], func(j *campaignjournal.Journal) error {
				if err := j.Forget(list); err != nil {
					return cli.Exit(cli.ExitNotSent, fmt.Errorf("%w; nothing was changed", terminal.Error(err)))
				}
				fmt.Fprintf(c.Out, "%s forgotten; the next send sends them again, as its files have them\n", campaign.Plural(len(list), "message"))
				return nil
			})
		},
	}
	cmd.Flags().Var(&chosen, "id", "ids of messages, as in 7 or 20-25; may be repeated")
	return cmd
}
