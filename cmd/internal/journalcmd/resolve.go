package journalcmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/campaignjournal"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/evidence"
	"github.com/go-smslink/smslink/cmd/internal/input"
	"github.com/go-smslink/smslink/cmd/internal/signature"
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
	signature.Signature
}

func newJournalResolveCommand(c cli.Console) *cobra.Command {
	var opts resolveOptions
	cmd := &cobra.Command{
		Use:   "resolve [flags] DIR [FILE…]",
		Short: "Record whether messages in doubt were sent",
		Long: `Record whether messages in doubt were sent. The next send sends those that you
record as not sent. It never sends again those that you record as sent. The journal
keeps your name and reason.

--from-report FILE finds out which messages were sent. FILE is one of
  - the account's own report, as CSV or a workbook. A message was sent if its
    receiver and text are in the report as often as in the campaign's FILEs, which
    you must name, too. Export only the time since the messages are in doubt;
  - the output of smslink reports, for the messages whose row it has;
  - the results file of a run that was killed.
Messages that are not in the report stay in doubt, since a report may come late.` + journalExitCodes,
		Example: `  smslink journal resolve --from-report export.xlsx --by Ana june campaign.csv
  smslink journal resolve --not-sent --all --by Ana --reason "not in the account's report" june
  smslink journal resolve --sent --id 17 --by Ana --reason "the customer has it" june`,
		Args: aDir,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.check(args[1:]); err != nil {
				return err
			}
			return useJournal(args[0], func(j *campaignjournal.Journal) error { return resolve(cmd.Context(), c, j, opts, args[1:]) })
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&opts.sent, "sent", false, "the messages were sent, and are never sent again")
	flags.BoolVar(&opts.notSent, "not-sent", false, "the messages were not sent: the next send sends them. If that is wrong, they are sent twice")
	flags.StringVar(&opts.report, "from-report", "", "find out which were sent from `FILE`, a report")
	flags.Var(&opts.ids, "id", "only these messages in doubt, as in 7 or 20-25; may be repeated")
	flags.BoolVar(&opts.all, "all", false, "all messages in doubt")
	opts.Signature.AddTo(cmd)
	flags.Var(&opts.reportColumns, "report-column", "what the report's header calls to or text, as in to=destinatie; may be repeated")
	opts.Flags.AddTo(cmd)
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

func resolve(ctx context.Context, c cli.Console, j *campaignjournal.Journal, opts resolveOptions, names []string) error {
	chosen := ids(j.InDoubt())
	if len(opts.ids) > 0 {
		list := opts.ids.list()
		for _, id := range list {
			if !slices.Contains(chosen, id) {
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
	case opts.sent:
		for _, id := range chosen {
			found.Results = append(found.Results, smslink.Result{ID: id, Status: smslink.StatusSuccess})
		}
	case opts.notSent:
		notSent = chosen
	default:
		var err error
		if found, err = opts.search(ctx, c, j, chosen, names); err != nil {
			return cli.Exit(cli.ExitNotSent, fmt.Errorf("--from-report: %w; nothing was changed", err))
		}
	}
	if len(found.Results)+len(notSent) > 0 {
		if err := j.Resolve(found.Results, notSent, opts.By, opts.Reason); err != nil {
			return cli.Exit(cli.ExitNotSent, fmt.Errorf("%w; nothing was changed", terminal.Error(err)))
		}
		fmt.Fprintf(c.Out, "resolved: %s\n", resolved(len(found.Results), len(notSent)))
	}
	if n := len(found.Unclear); n > 0 {
		fmt.Fprintf(c.Out, "%s in the report, but not as often as in the FILEs, so that it is unclear which they are: %s\n", isOrAre(n), idRangesOf(found.Unclear))
	}
	if n := len(found.Absent); n > 0 {
		fmt.Fprintf(c.Out, "%s not in the report: %s\nOnce you are sure that it is complete since %s, resolve the rest with --not-sent.\n",
			isOrAre(n), idRangesOf(found.Absent), local(j.InDoubt()[0].Since))
	}
	return inDoubt(j)
}

func isOrAre(n int) string {
	if n == 1 {
		return "1 message is"
	}
	return fmt.Sprintf("%d messages are", n)
}

// search looks for the ids in the report.
func (o *resolveOptions) search(ctx context.Context, c cli.Console, j *campaignjournal.Journal, chosen []int64, names []string) (*evidence.Found, error) {
	settings := evidence.Options{Columns: o.reportColumns}
	if len(names) > 0 {
		opened, err := o.Open(c, names, nil)
		if err != nil {
			return nil, err
		}
		defer opened.Close()
		settings.EachRow = func(use func(*campaign.Row)) error { return j.EachRow(ctx, opened, true, use) }
	} else if j.Renumbered() {
		return nil, errors.New("rows were moved since they were sent; name the campaign's FILEs, too, so that they can be found")
	}
	if o.Reason == "" {
		o.Reason = "found in the report " + filepath.Base(o.report)
	}
	return evidence.Find(ctx, o.report, chosen, settings)
}

// idRanges is the value of --id: ids and ranges of them.
type idRanges []group

var _ pflag.Value = (*idRanges)(nil)

// String returns the ids as they may be given.
func (r *idRanges) String() string {
	text := make([]string, len(*r))
	for i, ids := range *r {
		text[i] = ids.String()
	}
	return strings.Join(text, ",")
}

// Collects says that the flag may be repeated.
func (r *idRanges) Collects() {}

// Type is what help calls the value.
func (r *idRanges) Type() string { return "ID" }

// Set adds ids, as in 7, 20-25 or 7,9.
func (r *idRanges) Set(text string) error {
	const most = 10_000_000
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.ParseInt(from, 10, 64)
		last, lastErr := strconv.ParseInt(to, 10, 64)
		if err != nil || lastErr != nil || first < 0 || last < first {
			return errors.New("it is neither an id nor a range of ids, such as 7 or 20-25")
		}
		if last-first >= most {
			return errors.New("it names more than ten million messages")
		}
		*r = append(*r, group{first: first, last: last})
	}
	return nil
}

// list returns each of the ids once.
func (r *idRanges) list() (list []int64) {
	for _, ids := range *r {
		for i := range ids.last - ids.first + 1 {
			list = append(list, ids.first+i)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// idRangesOf returns the first ranges of sorted ids.
func idRangesOf(ids []int64) string {
	const shown = 10
	doubts := make([]journal.Doubt, len(ids))
	for i, id := range ids {
		doubts[i].ID = id
	}
	ranges := idRanges(grouped(doubts, false))
	if more := len(ranges) - shown; more > 0 {
		ranges = ranges[:shown]
		return ranges.String() + fmt.Sprintf(" and %d more", more)
	}
	return ranges.String()
}
