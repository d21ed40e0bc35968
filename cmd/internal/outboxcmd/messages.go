package outboxcmd

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/input"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/outbox"
)

func newEnqueueCommand(db *database) *cobra.Command {
	name, lane := "", outbox.Bulk
	var files input.Flags
	cmd := &cobra.Command{
		Use:   "enqueue --campaign NAME FILE…",
		Short: "Queue the messages of CSV, XLSX or JSON lines files",
		Long: `Queue the messages of FILE… in one transaction: all of them, or none.

` + input.Help + `

The key of a message is NAME-ID. A message whose key is in the outbox already is
not queued again, so the same command can be run again. A FILE without an id
column is refused, since a row's number changes when rows are added or moved.

With SQLite, nothing else can write to the database from the 1000th row until
the last one is read: write the output of a slow program to a file first.`,
		Example: "  smslink-outbox enqueue --db sqlite:shop.db --campaign june june.csv",
		Args:    cli.Files,
		RunE: db.with(func(ctx context.Context, box *outbox.Outbox, args []string) error {
			return enqueue(ctx, db, box, files, name, lane, args)
		}),
	}
	cmd.Flags().Var(&cli.Value{Kind: "NAME", Read: func(given string) error {
		if !campaignNames.MatchString(given) {
			return errors.New("write up to 80 ASCII characters without a space, such as june-2026")
		}
		name = given
		return nil
	}}, "campaign", "name of the campaign, with which the keys begin")
	cmd.Flags().Var(&cli.Value{Kind: "LANE", Given: lane, Read: func(given string) error {
		if given != outbox.Urgent && given != outbox.Bulk {
			return errors.New("it is neither urgent nor bulk")
		}
		lane = given
		return nil
	}}, "lane", "urgent or bulk")
	files.AddTo(cmd)
	_ = cmd.MarkFlagRequired("campaign")
	return cmd
}

// campaignNames matches the names that leave room for an id of 19 digits in a key of 100
// characters.
var campaignNames = regexp.MustCompile(`^[!-~]{1,80}$`)

func enqueue(
	ctx context.Context, db *database, box *outbox.Outbox, files input.Flags, name, lane string, names []string,
) error {
	opened, err := files.Open(db.console, names, nil)
	if err != nil {
		return err
	}
	defer opened.Close()
	rows, err := opened.Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	more := rows.Next(ctx)
	switch {
	case !more:
		return rows.Err()
	case opened.RowIDs():
		return fmt.Errorf("%s has no id column; add one, or name it with --column id=NAME, so that a message has the "+
			"same key if rows are added or moved, and is not queued twice", rows.Row().File)
	}
	const batch = 1000
	var tx *sql.Tx // begun with the first batch, since nothing else can write to SQLite from then on
	defer func() {
		if tx != nil {
			_ = tx.Rollback()
		}
	}()
	var bad input.Complaints
	var pending []outbox.Message
	read, hidden, added := 0, 0, 0
	flush := func() (err error) {
		if tx == nil {
			if tx, err = db.pool.BeginTx(ctx, nil); err != nil {
				return err
			}
		}
		n, err := box.Enqueue(ctx, tx, pending...)
		added += n
		pending = pending[:0]
		return err
	}
	for ; more; more = rows.Next(ctx) {
		row := rows.Row()
		read++
		switch {
		case row.Bad != nil:
			bad.AddRow(row)
		case row.Hidden:
			hidden++
		}
		if bad.Any() || files.CheckHidden(hidden) != nil {
			continue // to find all such rows
		}
		m := row.Message
		pending = append(pending, outbox.Message{
			Key: fmt.Sprintf("%s-%d", name, m.ID), To: m.To, From: m.From, Text: m.Text, SendAt: m.SendAt, Lane: lane,
		})
		if len(pending) == batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if bad.Any() {
		bad.Print(db.console.Err, input.FewPlaces, "")
		return cli.Exit(cli.ExitNotSent, errors.New("nothing was queued; correct these rows"))
	}
	if err := files.CheckHidden(hidden); err != nil {
		return cli.Exit(cli.ExitNotSent, fmt.Errorf("%w; nothing was queued", err))
	}
	if err := flush(); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("it is not known whether the messages were queued; run the same command again, "+
			"which queues none twice: %w", terminal.Error(err))
	}
	before := ""
	if added < read {
		before = "; the others were queued before"
	}
	fmt.Fprintf(db.console.Out, "%d of %d messages queued%s\n", added, read, before)
	return nil
}

// requireKeys requires at least one KEY.
func requireKeys(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("name a KEY; enqueue makes keys of the form CAMPAIGN-ID")
	}
	return nil
}

// distinct returns each key once.
func distinct(keys []string) []string { return slices.Compact(slices.Sorted(slices.Values(keys))) }

func newLookupCommand(db *database) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lookup KEY…",
		Short: "Show the records of messages",
		Args:  requireKeys,
		RunE: db.with(func(ctx context.Context, box *outbox.Outbox, keys []string) error {
			keys = distinct(keys)
			records, err := box.Lookup(ctx, keys...)
			if err != nil {
				return err
			}
			out := cli.NewOutput(db.console.Out)
			for _, r := range records {
				if asJSON {
					out.JSON(r)
				} else {
					fmt.Fprintln(out, recordLine(r))
				}
			}
			if out.Err == nil && len(records) < len(keys) {
				return cli.Exit(cli.ExitSomeBad,
					fmt.Errorf("%d of %d keys have no message", len(keys)-len(records), len(keys)))
			}
			return out.Failure()
		}),
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
		line += ": " + terminal.Text(r.Note)
	}
	return terminal.Line(line)
}

func newCancelCommand(db *database) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel KEY…",
		Short: "Take messages out of the queue",
		Args:  requireKeys,
		RunE: db.with(func(ctx context.Context, box *outbox.Outbox, keys []string) error {
			keys = distinct(keys)
			n, err := box.Cancel(ctx, db.pool, keys...)
			if err != nil {
				return err
			}
			fmt.Fprintf(db.console.Out, "%d of %d cancelled\n", n, len(keys))
			if n < len(keys) {
				return cli.Exit(cli.ExitSomeBad,
					errors.New("the others are not in the queue; smslink-outbox lookup KEY shows each"))
			}
			return nil
		}),
	}
}

func newPersonCommand(db *database) *cobra.Command {
	var s cli.Signature
	var export string
	var erase bool
	cmd := &cobra.Command{
		Use:   "person NUMBER [--export FILE | --erase --reason TEXT]",
		Short: "Show, export or erase what is kept of a number",
		Long: `Show the messages to a number that are not erased yet. The number may have any
form.

--export writes them to a new file, with their texts, as a JSON array.

--erase cancels what is queued, and erases the number and the texts of what has
ended. What is being sent, in doubt or rejected is kept until it has ended:
resolve it, and erase again. Who erased and why is kept, without the number. An
opt-out stays.`,
		Args: cobra.ExactArgs(1),
		RunE: db.with(func(ctx context.Context, box *outbox.Outbox, args []string) error {
			if erase {
				return erasePerson(ctx, db.console, box, args[0], s)
			}
			records, err := box.Person(ctx, args[0])
			if err != nil {
				return err
			}
			if export != "" {
				return exportPerson(db.console, records, export)
			}
			out := cli.NewOutput(db.console.Out)
			for _, r := range records {
				fmt.Fprintln(out, recordLine(r.Record))
			}
			fmt.Fprintln(out, campaign.Plural(len(records), "message"))
			return out.Failure()
		}),
	}
	cmd.Flags().StringVar(&export, "export", "", "write them with their texts to a new `FILE`, as JSON")
	cmd.Flags().BoolVar(&erase, "erase", false, "erase them")
	cmd.MarkFlagsMutuallyExclusive("export", "erase")
	s.AddTo(cmd)
	cmd.MarkFlagsRequiredTogether("erase", "reason")
	return cmd
}

func erasePerson(ctx context.Context, c cli.Console, box *outbox.Outbox, number string, s cli.Signature) error {
	e, err := box.ErasePerson(ctx, number, s.By, s.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "%d cancelled and erased, %d erased\n", e.Cancelled, e.Erased)
	if e.Waiting > 0 {
		return cli.Exit(cli.ExitSomeBad, fmt.Errorf("%s; smslink-outbox person NUMBER shows them, and "+
			"smslink-outbox doubts lists those to resolve; then erase again", campaign.Count(e.Waiting,
			"message has not ended and was not erased", "messages have not ended and were not erased")))
	}
	return nil
}

// exportPerson writes the records to a new file that the owner alone can read.
func exportPerson(c cli.Console, records []outbox.PersonRecord, name string) error {
	raw, err := json.MarshalIndent(records, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(raw, '\n'))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "%s written to %s\n", campaign.Plural(len(records), "message"), terminal.Line(name))
	return nil
}
