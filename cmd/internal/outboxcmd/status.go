package outboxcmd

import (
	"cmp"
	"context"
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

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/outbox"
)

func newStatusCommand(db *database) *cobra.Command {
	var watch, asJSON bool
	cmd := &cobra.Command{
		Use:   "status [flags]",
		Short: "Show what is queued, sending, in doubt, rejected and paused",
		Long: `Show what is queued, sending, in doubt, rejected and paused. The names are those
of the metrics smslink_outbox_… of the Go module smslinkotel.`,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			if watch && (asJSON || !terminal.Is(db.console.Out)) {
				return errors.New("--watch needs a terminal, and no --json")
			}
			return nil
		},
		RunE: db.with(func(ctx context.Context, box *outbox.Outbox, _ []string) error {
			if watch {
				return watchStats(ctx, db.console, box)
			}
			stats, err := box.Stats(ctx)
			if err != nil {
				return err
			}
			out := cli.NewOutput(db.console.Out)
			if asJSON {
				out.JSON(stats)
			} else {
				showStats(out, stats, 0)
			}
			return out.Failure()
		}),
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show it each second, until Ctrl-C")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON object; durations are in nanoseconds")
	return cmd
}

// watchStats draws the status again each second.
func watchStats(ctx context.Context, c cli.Console, box *outbox.Outbox) error {
	screen := terminal.Unwrap(c.Out) // c.Out would escape what moves the cursor
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

// showStats writes a line for each lane, with a bar of up to width columns for what is queued.
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
		fmt.Fprintf(table, "%s\t%s\t%v\t%d\t%s\n", terminal.Line(name), queuedText(lane.Queued),
			lane.Oldest.Round(time.Millisecond), lane.Accepted, bar)
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
	if stats.Overdue > 10*time.Second { // a worker that runs puts it in doubt sooner
		fmt.Fprintf(out, "overdue: a package should have ended %v ago; "+
			"check that a worker is running and that no transaction is stuck\n", stats.Overdue.Round(time.Second))
	}
	fmt.Fprintf(out, "paused: %s\n", cmp.Or(terminal.Line(stats.Paused), "no"))
	if stats.Paused != "" {
		fmt.Fprintln(out, "smslink-outbox resume ends the pause")
	}
	if len(stats.WroteBack)+len(stats.Silent) > 0 {
		fmt.Fprintf(out, "workers that have written back: %s\nworkers of the last hour that have not: %s\n",
			list(stats.WroteBack), list(stats.Silent))
	}
}

func queuedText(n int) string {
	if n >= outbox.MaxQueued {
		return "more than 100,000"
	}
	return strconv.Itoa(n)
}

func list(names []string) string {
	return cmp.Or(terminal.Line(strings.Join(names, ", ")), "none")
}
