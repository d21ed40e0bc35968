// Package journalcmd is the command that shows journals and resolves what is in doubt.
package journalcmd

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/campaignjournal"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/journal"
)

// NewCommand returns the command.
func NewCommand(c cli.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Show what a journal holds, and resolve what is in doubt",
		Long: `Show what the journal of send --journal DIR holds, and resolve what is in doubt.

A message is in doubt if the reply to its upload was lost, or if the run was
killed during the upload. It is not sent again until it is resolved.`,
	}
	cmd.AddCommand(newListCommand(c), newShowCommand(c), newResolveCommand(c), newForgetCommand(c))
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

const exitCodes = `

Exit codes:
  0  done
  2  wrong usage
  3  a journal or a file can't be read, or it does not fit; nothing was changed`

const exitCodesWithDoubt = exitCodes + `
  4  messages are still in doubt`

// requireDir requires DIR, and allows FILEs after it.
func requireDir(_ *cobra.Command, args []string) error {
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

// inDoubt returns an error with an exit code of its own if messages are still in doubt.
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
	asSent, asFailed := 0, 0
	for _, r := range j.Resolutions() {
		asSent += len(r.Sent)
		asFailed += len(r.Failed)
	}
	text := fmt.Sprintf("%d accepted, %d failed, ", accepted, failed)
	if asSent > 0 {
		text += fmt.Sprintf("%d resolved as sent, ", asSent)
	}
	if asFailed > 0 {
		text += fmt.Sprintf("%d resolved as failed, ", asFailed)
	}
	text += fmt.Sprintf("%d in doubt", len(j.InDoubt()))
	if len(runs) > 0 {
		text += "; last run " + local(runs[len(runs)-1].End)
	}
	return text
}

// local returns a time as a person at this machine reads it.
func local(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05") }

// resolved says how many messages were resolved, and as what.
func resolved(r journal.Resolution) string {
	var text []string
	for i, ids := range [][]int64{r.Sent, r.Failed, r.NotSent} {
		if len(ids) > 0 {
			text = append(text, fmt.Sprintf("%d as %s", len(ids), [...]string{"sent", "failed", "not sent"}[i]))
		}
	}
	return strings.Join(text, ", ")
}

func newListCommand(c cli.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "list DIR…",
		Short: "Show a line about each journal",
		Long: `Show for each journal how many messages were accepted, failed or are in doubt,
and when its last run was.` + exitCodesWithDoubt,
		Example: `  smslink journal list june july`,
		Args:    requireDir,
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

func newForgetCommand(c cli.Console) *cobra.Command {
	var chosen idRanges
	cmd := &cobra.Command{
		Use:   "forget --id ID… DIR",
		Short: "Forget messages that failed, so that they are sent again",
		Long: `Forget messages that failed, so that the next send sends them again. Do this
once the cause is gone: for example, the sender has been approved. Messages that
were accepted or are in doubt can't be forgotten.

A message with status 4 may have been sent nevertheless: check the account's
reports first, or it may be sent twice.

To send again all messages whose number or sender failed, use send
--resend-failed.` + exitCodes,
		Example: `  smslink journal forget --id 17 --id 20-25 june`,
		Args:    requireDir,
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
				fmt.Fprintf(c.Out, "%s forgotten; the next send sends what its files then have under these ids\n",
					campaign.Plural(len(list), "message"))
				return nil
			})
		},
	}
	cmd.Flags().Var(&chosen, "id", "ids of messages, as in 7 or 20-25; may be repeated")
	return cmd
}
