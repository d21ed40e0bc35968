package journalcmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/campaignjournal"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/evidence"
	"github.com/go-smslink/smslink/cmd/internal/input"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/journal"
)

// resolveOptions are the flags of journal resolve.
type resolveOptions struct {
	input.Flags
	reportColumns      input.ColumnNames
	sent, notSent, all bool
	ids                idRanges
	report             string
	cli.Signature
}

func newResolveCommand(c cli.Console) *cobra.Command {
	var opts resolveOptions
	cmd := &cobra.Command{
		Use:   "resolve [flags] DIR [FILE…]",
		Short: "Record whether messages in doubt were sent",
		Long: `Record whether messages in doubt were sent. The next send sends those that you
record as not sent. It never sends again those that you record as sent. The
journal keeps your name and reason.

--from-report FILE finds out which messages were sent. FILE is one of
  - the account's own report, as CSV or a workbook. A message was sent if its
    receiver and text are in the report as often as in the campaign's FILEs,
    which you must name, too, with the flags that send had, such as --zone, --at
    and --text. Export only the period since the messages came to be in doubt,
    which journal show names;
  - the output of smslink reports, for the messages whose row it has;
  - the results file, as CSV, of a run whose journal could not be written.
In the last two, only messages that were sent with this journal count, and only
if the gateway's answer came after they were in doubt. They need no FILEs.
Messages that are not in the report stay in doubt, since a report may come late.` + exitCodesWithDoubt,
		Example: `  smslink journal resolve --from-report export.xlsx --by Ana june campaign.csv
  smslink journal resolve --not-sent --all --by Ana --reason "not in the account's report" june
  smslink journal resolve --sent --id 17 --by Ana --reason "the customer has it" june`,
		Args: requireDir,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.check(args[1:]); err != nil {
				return err
			}
			return useJournal(args[0], func(j *campaignjournal.Journal) error {
				return opts.resolve(cmd.Context(), c, j, args[1:])
			})
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&opts.sent, "sent", false, "the messages were sent, and are never sent again")
	flags.BoolVar(&opts.notSent, "not-sent", false,
		"the messages were not sent: the next send sends them. If that is wrong, they are sent twice")
	flags.StringVar(&opts.report, "from-report", "", "find out from `FILE`, a report, which were sent")
	flags.Var(&opts.ids, "id", "only these messages in doubt, as in 7 or 20-25; may be repeated")
	flags.BoolVar(&opts.all, "all", false, "all messages in doubt")
	opts.Signature.AddTo(cmd)
	flags.Var(&opts.reportColumns, "report-column",
		"what the report's header calls to or text, as in to=destinatie; may be repeated")
	opts.Flags.AddTo(cmd)
	opts.Fold = true // or a text that only send --fold takes is bad
	return cmd
}

// check returns what is wrong with the flags.
func (o *resolveOptions) check(names []string) error {
	ways := 0
	for _, way := range []bool{o.sent, o.notSent, o.report != ""} {
		if way {
			ways++
		}
	}
	switch {
	case ways != 1:
		return errors.New("give one of --sent, --not-sent and --from-report")
	case o.report == "" && len(names) > 0:
		return errors.New("leave the FILEs out: only --from-report takes them")
	case o.report == "" && o.all == (len(o.ids) > 0):
		return errors.New("say which messages with --id, or --all")
	case o.By == "":
		return errors.New("say who you are with --by, which is recorded")
	case o.report == "" && o.Reason == "":
		return errors.New("say why you are sure with --reason, which is recorded")
	}
	return nil
}

func (o *resolveOptions) resolve(ctx context.Context, c cli.Console, j *campaignjournal.Journal, names []string) error {
	chosen := ids(j.InDoubt())
	if len(o.ids) > 0 {
		list := o.ids.list()
		for _, id := range list {
			if _, ok := slices.BinarySearch(chosen, id); !ok {
				return cli.Exit(cli.ExitNotSent, fmt.Errorf("message %d is not in doubt; nothing was changed", id))
			}
		}
		chosen = list
	}
	if len(chosen) == 0 {
		fmt.Fprintln(c.Out, "nothing is in doubt")
		return nil
	}
	found := &evidence.Found{}
	var notSent []int64
	switch {
	case o.sent:
		for _, id := range chosen {
			found.Results = append(found.Results, smslink.Result{ID: id, Status: smslink.StatusSuccess})
		}
	case o.notSent:
		notSent = chosen
	default:
		var err error
		if found, err = o.search(ctx, c, j, chosen, names); err != nil {
			return cli.Exit(cli.ExitNotSent, fmt.Errorf("--from-report: %w; nothing was changed", err))
		}
	}
	if len(found.Results)+len(notSent) > 0 {
		if err := j.Resolve(found.Results, notSent, o.By, o.Reason); err != nil {
			return cli.Exit(cli.ExitNotSent, fmt.Errorf("%w; nothing was changed", terminal.Error(err)))
		}
		all := j.Resolutions()
		fmt.Fprintf(c.Out, "resolved: %s\n", resolved(all[len(all)-1]))
	}
	for _, unclear := range found.Unclear {
		fmt.Fprintf(c.Out, "%s in the report, but %s: %s\n",
			campaign.Count(len(unclear.IDs), "message is", "messages are"), unclear.Why, idRangesOf(unclear.IDs))
	}
	if len(found.Unclear) > 0 {
		fmt.Fprintln(c.Out, "Look for them in the account, and resolve them with --sent or --not-sent, and --id.")
	}
	if n := len(found.Absent); n > 0 {
		fmt.Fprintf(c.Out, "%s not in the report: %s\n",
			campaign.Count(n, "message is", "messages are"), idRangesOf(found.Absent))
	}
	switch n := len(found.Absent); {
	case found.Broken > 0 && n+len(found.Unclear) > 0:
		fmt.Fprintf(c.Out, "%s of the report can't be read, and may be about any message. "+
			"Mend them, or take out those that are about none, and resolve again.\n", campaign.Plural(found.Broken, "row"))
	case n > 0 && !found.OfAccount:
		fmt.Fprintln(c.Out, "Only the account's own report can show that they were not sent.")
	case n > 0:
		since := slices.MinFunc(j.InDoubt(), func(a, b journal.Doubt) int { return a.Since.Compare(b.Since) })
		which := "these messages with --not-sent and --id, and no others"
		if n == len(j.InDoubt()) {
			which = "the rest with --not-sent and --all"
		}
		fmt.Fprintf(c.Out, "Once you are sure that it is complete since %s, resolve %s.\n",
			local(since.Since), which)
	}
	return inDoubt(j)
}

// search looks for the ids in the report.
func (o *resolveOptions) search(
	ctx context.Context, c cli.Console, j *campaignjournal.Journal, chosen []int64, names []string,
) (*evidence.Found, error) {
	settings := evidence.Options{
		Columns: o.reportColumns, IDOf: j.IDOf, Since: sinceOf(j), FailedBefore: j.FailedBefore,
		EachRemoteID: func(use func(int64, string)) error { return j.EachRemoteID(ctx, use) },
	}
	if len(names) > 0 {
		opened, err := o.Open(c, names, nil)
		if err != nil {
			return nil, err
		}
		defer opened.Close()
		settings.EachRow = func(use func(*campaign.Row)) error { return j.EachRow(ctx, opened, true, use) }
	}
	if o.Reason == "" {
		o.Reason = "found in the report " + filepath.Base(o.report)
	}
	return evidence.Find(ctx, o.report, chosen, settings)
}

// sinceOf returns when each message came into doubt. The journal's times are whole seconds, and an
// answer of the run before may be from the same second. So it returns the next second if another
// run ended less than a minute before.
func sinceOf(j *campaignjournal.Journal) map[int64]time.Time {
	since, runs := map[int64]time.Time{}, j.Runs()
	for _, doubt := range j.InDoubt() {
		near := 0 // runs, with the one that has sent the message
		for _, run := range runs {
			if !run.Start.After(doubt.Since) && run.End.After(doubt.Since.Add(-time.Minute)) {
				near++
			}
		}
		since[doubt.ID] = doubt.Since
		if near > 1 {
			since[doubt.ID] = doubt.Since.Add(time.Second)
		}
	}
	return since
}
