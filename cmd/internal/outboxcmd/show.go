package outboxcmd

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/evidence"
	"github.com/go-smslink/smslink/cmd/internal/input"
	"github.com/go-smslink/smslink/cmd/internal/signature"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/outbox"
)

func newStatusCommand(at *database) *cobra.Command {
	var watch, asJSON bool
	cmd := &cobra.Command{
		Use:   "status [flags]",
		Short: "Show what is queued, sending, in doubt, rejected and paused",
		Long: `Show what is queued, sending, in doubt, rejected and paused. The names are those of
the metrics smslink_outbox_… of the Go module smslinkotel.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if watch && (asJSON || !terminal.Is(at.console.Out)) {
				return errors.New("--watch needs a terminal, and no --json")
			}
			return at.do(cmd.Context(), nil, func(ctx context.Context, box *outbox.Outbox, _ *sql.DB) error {
				if watch {
					return watchOutbox(ctx, at.console, box)
				}
				stats, err := box.Stats(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(at.console.Out).Encode(stats)
				}
				showStats(at.console.Out, stats, 0)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show it each second, until Ctrl-C")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON object; times are nanoseconds")
	return cmd
}

// watchOutbox draws the status again each second.
func watchOutbox(ctx context.Context, c cli.Console, box *outbox.Outbox) error {
	screen := terminal.Unwrap(c.Out) // which takes what moves the cursor
	lines := 0
	for {
		stats, err := box.Stats(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // Ctrl-C has ended it
		}
		if err != nil {
			return err
		}
		var text strings.Builder
		showStats(&text, stats, 24)
		if lines > 0 {
			fmt.Fprintf(screen, "\x1b[%dA\x1b[J", lines)
		}
		if _, err := io.WriteString(screen, text.String()); err != nil {
			return err
		}
		lines = strings.Count(text.String(), "\n")
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// showStats writes a line a lane, with a bar of that width for what is queued.
func showStats(out io.Writer, stats outbox.Stats, width int) {
	most := 1
	for _, lane := range stats.Lanes {
		most = max(most, lane.Queued)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "lane\tqueued\toldest due\taccepted in the last minute\t")
	for _, name := range slices.Sorted(maps.Keys(stats.Lanes)) {
		lane := stats.Lanes[name]
		bar := ""
		if n := (lane.Queued*width + most - 1) / most; n > 0 {
			bar = " " + strings.Repeat("█", n)
		}
		fmt.Fprintf(table, "%s\t%s\t%v\t%d\t%s\n", terminal.Line(name), queuedText(lane.Queued), lane.Oldest.Round(time.Millisecond), lane.Accepted, bar)
	}
	_ = table.Flush()
	fmt.Fprintf(out, "packages: %d sending, %d in doubt, %d rejected\n", stats.Sending, stats.InDoubt, stats.Rejected)
	if stats.InDoubt+stats.Rejected > 0 {
		fmt.Fprintln(out, "smslink-outbox doubts lists those in doubt and rejected")
	}
	for _, name := range slices.Sorted(maps.Keys(stats.Lanes)) {
		if opens := stats.Lanes[name].Opens; !opens.IsZero() {
			fmt.Fprintf(out, "%s: closed until %s\n", terminal.Line(name), opens.Format("15:04"))
		}
	}
	if stats.Overdue > overdueAfter {
		fmt.Fprintf(out, "overdue: a package should have ended %v ago; does a worker run, and is no transaction stuck?\n", stats.Overdue.Round(time.Second))
	}
	fmt.Fprintf(out, "paused: %s\n", cmp.Or(terminal.Line(stats.Paused), "no"))
	if stats.Paused != "" {
		fmt.Fprintln(out, "smslink-outbox resume ends the pause")
	}
	if len(stats.WroteBack)+len(stats.Silent) > 0 {
		fmt.Fprintf(out, "workers that have written back: %s\nworkers of the last hour that have not: %s\n", terminal.Line(list(stats.WroteBack)), terminal.Line(list(stats.Silent)))
	}
}

// overdueAfter is how long an overdue package may take until a worker puts it in doubt.
const overdueAfter = 10 * time.Second

func queuedText(n int) string {
	if n >= outbox.MaxQueued {
		return "more than 100,000"
	}
	return strconv.Itoa(n)
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func newDoubtsCommand(at *database) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doubts [flags]",
		Short: "List the packages that are in doubt or were rejected",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.do(cmd.Context(), nil, func(ctx context.Context, box *outbox.Outbox, _ *sql.DB) error {
				packages, err := box.Unresolved(ctx)
				if err != nil {
					return err
				}
				out := cli.NewOutput(at.console.Out)
				for _, u := range packages {
					if asJSON {
						out.JSON(u)
						continue
					}
					fmt.Fprintf(out, "%s  %s since %s, %s of %s, claimed by %s\n  %s\n", terminal.Line(u.Package), u.State,
						u.Began.Format(time.RFC3339), campaign.Plural(u.Messages, "message"), terminal.Line(u.Lane),
						process(u.Worker), plain(u.Why))
				}
				if len(packages) > 0 && !asJSON {
					fmt.Fprintln(out, "Look for them in the account's reports, and record what you find with smslink-outbox resolve.")
				}
				return out.Err
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON object for each")
	return cmd
}

// process returns what a worker's name says of its process: the name is HOST-PID-RANDOM.
func process(worker string) string {
	parts := strings.Split(worker, "-")
	if len(parts) < 3 {
		return "worker " + terminal.Line(worker)
	}
	host := strings.Join(parts[:len(parts)-2], "-")
	return terminal.Line(fmt.Sprintf("process %s on %s (worker %s)", parts[len(parts)-2], host, worker))
}

func newResolveCommand(at *database) *cobra.Command {
	var s signature.Signature
	verdicts := []struct {
		flag, help string
		verdict    outbox.Verdict
		said       bool
	}{
		{"sent", "its messages were sent", outbox.VerdictSent, false},
		{"not-sent", "its messages were not sent: queue them again. End the package's worker first, which doubts names: if this is wrong, they are sent twice", outbox.VerdictNotSent, false},
		{"abandon", "never send its messages", outbox.VerdictAbandon, false},
	}
	var report string
	var columns input.ColumnNames
	cmd := &cobra.Command{
		Use:   "resolve PACKAGE --sent|--not-sent|--abandon|--from-report FILE --reason TEXT",
		Short: "Record whether a package that is in doubt or was rejected was sent",
		Long: `Record whether a package that is in doubt or was rejected was sent.

--from-report FILE looks for its messages in the account's report at SMSLink, as CSV or a workbook,
and records those that it has as sent. The others stay in doubt.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one PACKAGE; smslink-outbox doubts lists them")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.do(cmd.Context(), nil, func(ctx context.Context, box *outbox.Outbox, _ *sql.DB) error {
				if report != "" {
					return resolveFromReport(ctx, at.console, box, args[0], report, columns, s)
				}
				for _, v := range verdicts {
					if v.said {
						if v.verdict == outbox.VerdictNotSent {
							if err := nameWorker(ctx, at.console, box, args[0]); err != nil {
								return err
							}
						}
						err := box.Resolve(ctx, args[0], outbox.Resolution{Verdict: v.verdict, By: s.By, Reason: s.Reason})
						if errors.Is(err, outbox.ErrResolved) {
							err = fmt.Errorf("%w; smslink-outbox doubts lists those that do", err)
						}
						return err
					}
				}
				return usageError{errors.New("give one of --sent, --not-sent and --abandon the value true, or --from-report")}
			})
		},
	}
	var names []string
	for i := range verdicts {
		cmd.Flags().BoolVar(&verdicts[i].said, verdicts[i].flag, false, verdicts[i].help)
		names = append(names, verdicts[i].flag)
	}
	cmd.Flags().StringVar(&report, "from-report", "", "find out which were sent from `FILE`, a report")
	cmd.Flags().Var(&columns, "report-column", "what the report's header calls to or text, as in to=destinatie; may be repeated")
	names = append(names, "from-report")
	cmd.MarkFlagsMutuallyExclusive(names...)
	cmd.MarkFlagsOneRequired(names...)
	s.AddTo(cmd)
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

// nameWorker says which process must have ended before its package is said to be not sent.
func nameWorker(ctx context.Context, c cli.Console, box *outbox.Outbox, name string) error {
	packages, err := box.Unresolved(ctx)
	for _, u := range packages {
		if u.Package == name && u.State == outbox.InDoubt {
			fmt.Fprintf(c.Err, "smslink: end %s first, if it still runs\n", process(u.Worker))
		}
	}
	return err
}

// resolveFromReport records those messages of a package as sent that the account's report has.
func resolveFromReport(ctx context.Context, c cli.Console, box *outbox.Outbox, name, report string, columns input.ColumnNames, s signature.Signature) error {
	messages, err := box.UnresolvedMessages(ctx, name)
	if err != nil {
		return err
	}
	ids := make([]int64, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	found, err := evidence.Find(ctx, report, ids, evidence.Options{
		Columns: columns,
		EachRow: func(use func(*campaign.Row)) error {
			for _, m := range messages {
				use(&campaign.Row{Message: m.Message})
				for range m.Same {
					use(&campaign.Row{Message: smslink.Message{ID: -1, To: m.To, Text: m.Text}})
				}
			}
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("--from-report: %w; nothing was changed", err)
	}
	if len(found.Results) > 0 {
		r := outbox.Resolution{Results: found.Results, By: s.By, Reason: s.Reason}
		if err := box.Resolve(ctx, name, r); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.Out, "%d of %s found in the report and recorded as sent\n", len(found.Results), campaign.Plural(len(messages), "message"))
	if n := len(found.Unclear); n > 0 {
		fmt.Fprintf(c.Out, "%d in the report, but not as often as in the outbox: they stay in doubt\n", n)
	}
	if n := len(found.Absent); n > 0 {
		fmt.Fprintf(c.Out, "%d not in the report: once you are sure that it is complete, resolve the rest with --not-sent\n", n)
	}
	return nil
}

func newLookupCommand(at *database) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lookup KEY…",
		Short: "Show the records of messages",
		Args:  someKeys,
		RunE: func(cmd *cobra.Command, keys []string) error {
			return at.do(cmd.Context(), nil, func(ctx context.Context, box *outbox.Outbox, _ *sql.DB) error {
				records, err := box.Lookup(ctx, keys...)
				if err != nil {
					return err
				}
				out := cli.NewOutput(at.console.Out)
				for _, r := range records {
					if asJSON {
						out.JSON(r)
						continue
					}
					fmt.Fprintln(out, terminal.Line(recordLine(r)))
				}
				if out.Err == nil && len(records) < len(keys) {
					return cli.Exit(cli.ExitSomeBad, fmt.Errorf("%d of %d keys have no message", len(keys)-len(records), len(keys)))
				}
				return out.Err
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON object for each")
	return cmd
}

func recordLine(r outbox.Record) string {
	line := fmt.Sprintf("%s: %s", r.Key, r.State)
	if r.Result.Status != 0 {
		line += ", " + r.Result.Status.String()
	}
	switch {
	case r.Report != nil && r.Report.Delivered:
		line += ", delivered at " + r.Report.Time.Format(time.RFC3339)
	case r.Report != nil:
		line += ", not delivered at " + r.Report.Time.Format(time.RFC3339)
	}
	if r.Note != "" {
		line += ": " + plain(r.Note)
	}
	return line
}

// plain returns text that the outbox keeps of an error, without the library's name in front.
func plain(text string) string { return terminal.Error(errors.New(text)).Error() }
