package outboxcmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/evidence"
	"github.com/go-smslink/smslink/cmd/internal/input"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/outbox"
)

func newDoubtsCommand(db *database) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doubts [flags]",
		Short: "List the packages that are in doubt or were rejected",
		Long: `List the packages that are in doubt or were rejected: since when, how many
messages, their lane, the worker that claimed them, and why. Numbers and texts
are not shown.`,
		Args: cobra.NoArgs,
		RunE: db.with(func(ctx context.Context, box *outbox.Outbox, _ []string) error {
			packages, err := box.Unresolved(ctx)
			if err != nil {
				return err
			}
			out := cli.NewOutput(db.console.Out)
			for _, u := range packages {
				if asJSON {
					out.JSON(u)
					continue
				}
				fmt.Fprintf(out, "%s  %s since %s, %s of %s, claimed by %s\n  %s\n", terminal.Line(u.Package), u.State,
					u.Began.Format(time.RFC3339), campaign.Plural(u.Messages, "message"), terminal.Line(u.Lane),
					process(u.Worker), terminal.Text(u.Why))
			}
			if len(packages) > 0 && !asJSON {
				fmt.Fprintln(out, "Check the account's reports, and record what you find with smslink-outbox resolve.")
			}
			return out.Failure()
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON object for each, with the MD5 digest of its plain form")
	return cmd
}

// process describes the process of a worker, whose name is HOST-PID-RANDOM.
func process(worker string) string {
	parts := strings.Split(worker, "-")
	if len(parts) < 3 {
		return "worker " + terminal.Line(worker)
	}
	host := strings.Join(parts[:len(parts)-2], "-")
	return terminal.Line(fmt.Sprintf("process %s on %s (worker %s)", parts[len(parts)-2], host, worker))
}

// resolveFlags are the flags of resolve.
type resolveFlags struct {
	sent, notSent, abandon bool
	report                 string
	columns                input.ColumnNames
	cli.Signature
}

func newResolveCommand(db *database) *cobra.Command {
	var f resolveFlags
	cmd := &cobra.Command{
		Use:   "resolve PACKAGE --reason TEXT [flags]",
		Short: "Record whether a package that is in doubt or was rejected was sent",
		Long: `Record whether a package that is in doubt or was rejected was sent: give one of
--sent, --not-sent, --abandon and --from-report.

--from-report FILE looks for its messages in the account's own report, as CSV or
a workbook, and records those that are in it as sent. The others stay in doubt.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one PACKAGE; smslink-outbox doubts lists them")
			}
			return nil
		},
		PreRunE: func(*cobra.Command, []string) error {
			if !f.sent && !f.notSent && !f.abandon && f.report == "" { // such as --sent=false
				return errors.New("set one of --sent, --not-sent and --abandon to true, or give --from-report a FILE")
			}
			return nil
		},
		RunE: db.with(func(ctx context.Context, box *outbox.Outbox, args []string) error {
			return resolve(ctx, db.console, box, args[0], f)
		}),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.sent, "sent", false, "its messages were sent")
	flags.BoolVar(&f.notSent, "not-sent", false, "its messages were not sent: queue them again. "+
		"First end the package's worker, which doubts names: if this is wrong, they are sent twice")
	flags.BoolVar(&f.abandon, "abandon", false, "never send its messages")
	flags.StringVar(&f.report, "from-report", "", "find out from `FILE`, the account's report, which were sent")
	flags.Var(&f.columns, "report-column",
		"what the report's header calls to or text, as in to=destinatie; may be repeated")
	ways := []string{"sent", "not-sent", "abandon", "from-report"}
	cmd.MarkFlagsMutuallyExclusive(ways...)
	cmd.MarkFlagsOneRequired(ways...)
	f.AddTo(cmd)
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func resolve(ctx context.Context, c cli.Console, box *outbox.Outbox, name string, f resolveFlags) error {
	r := outbox.Resolution{By: f.By, Reason: f.Reason}
	worker := "" // of a package that is queued again
	switch {
	case f.report != "":
		return resolveFromReport(ctx, c, box, name, f)
	case f.sent:
		r.Verdict = outbox.VerdictSent
	case f.abandon:
		r.Verdict = outbox.VerdictAbandon
	default:
		r.Verdict = outbox.VerdictNotSent
		var err error
		if worker, err = workerOf(ctx, box, name); err != nil {
			return err
		}
	}
	err := box.Resolve(ctx, name, r)
	switch {
	case errors.Is(err, outbox.ErrResolved):
		err = fmt.Errorf("%w; smslink-outbox doubts lists those that do", err)
	case err == nil && worker != "":
		fmt.Fprintf(c.Err, "smslink: the messages are queued again; if %s still runs, end it now\n", process(worker))
	}
	return err
}

// workerOf returns the worker of a package in doubt, or "" if the package is not in doubt.
func workerOf(ctx context.Context, box *outbox.Outbox, name string) (string, error) {
	packages, err := box.Unresolved(ctx)
	for _, u := range packages {
		if u.Package == name && u.State == outbox.InDoubt {
			return u.Worker, nil
		}
	}
	return "", err
}

// resolveFromReport records as sent the messages of a package that are in the account's report.
func resolveFromReport(ctx context.Context, c cli.Console, box *outbox.Outbox, name string, f resolveFlags) error {
	messages, err := box.UnresolvedMessages(ctx, name)
	if err != nil {
		return err
	}
	ids := make([]int64, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	found, err := evidence.Find(ctx, f.report, ids, evidence.Options{
		Columns: f.columns,
		EachRow: func(use func(*campaign.Row)) error {
			distinct := map[evidence.SMS]outbox.UnresolvedMessage{}
			for _, m := range messages {
				use(&campaign.Row{Message: m.Message})
				distinct[evidence.SMSOf(&m.Message)] = m
			}
			for _, m := range distinct {
				m.ID = -1 // of another message
				for range m.Same {
					use(&campaign.Row{Message: m.Message})
				}
			}
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("--from-report: %w; nothing was changed", err)
	}
	if len(found.Results) > 0 {
		r := outbox.Resolution{Results: found.Results, By: f.By, Reason: f.Reason}
		if err := box.Resolve(ctx, name, r); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.Out, "%d of %s found in the report and recorded as sent\n",
		len(found.Results), campaign.Plural(len(messages), "message"))
	for _, unclear := range found.Unclear {
		fmt.Fprintf(c.Out, "%d in the report, but not as often as the outbox may have sent them: they stay in doubt\n", len(unclear.IDs))
	}
	if n := len(found.Absent); n > 0 {
		advice := "; once you are sure that it is complete, resolve the rest with --not-sent"
		switch {
		case found.Broken > 0:
			advice = ""
		case len(found.Unclear) > 0:
			advice = "; but --not-sent would also queue those that are in it: first find out whether they were sent"
		}
		fmt.Fprintf(c.Out, "%d not in the report%s\n", n, advice)
	}
	if len(found.Results) == len(messages) {
		return nil
	}
	if n := found.Broken; n > 0 {
		fmt.Fprintf(c.Out, "%s of the report can't be read, and may be about any message: mend them, "+
			"or take out those that are about none, and resolve again\n", campaign.Plural(n, "row"))
	}
	return cli.Exit(cli.ExitSomeBad, nil) // the output says why
}
