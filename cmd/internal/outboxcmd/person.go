package outboxcmd

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/signature"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/outbox"
)

func newPersonCommand(at *database) *cobra.Command {
	var s signature.Signature
	var export string
	var erase bool
	cmd := &cobra.Command{
		Use:   "person NUMBER [--export FILE | --erase --reason TEXT]",
		Short: "Show, export or erase what is kept of a number",
		Long: `Show the messages to a number that are not erased yet, in any form of the number.

--export writes them to a new file, with their texts, as a JSON array.

--erase cancels what is queued, and erases the number and the texts of what has ended.
What is being sent, in doubt or rejected is kept until it has ended: resolve it, and
erase again. Who erased and why is kept, without the number. An opt-out stays.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.do(cmd.Context(), nil, func(ctx context.Context, box *outbox.Outbox, _ *sql.DB) error {
				if erase {
					return erasePerson(ctx, at, box, args[0], s)
				}
				records, err := box.Person(ctx, args[0])
				if err != nil {
					return err
				}
				if export != "" {
					return exportPerson(at, records, export)
				}
				out := cli.NewOutput(at.console.Out)
				for _, r := range records {
					fmt.Fprintln(out, terminal.Line(recordLine(r.Record)))
				}
				fmt.Fprintln(out, campaign.Plural(len(records), "message"))
				return out.Err
			})
		},
	}
	cmd.Flags().StringVar(&export, "export", "", "write them with their texts to a new `FILE`, as JSON")
	cmd.Flags().BoolVar(&erase, "erase", false, "erase them")
	cmd.MarkFlagsMutuallyExclusive("export", "erase")
	s.AddTo(cmd)
	cmd.MarkFlagsRequiredTogether("erase", "reason")
	return cmd
}

func erasePerson(ctx context.Context, at *database, box *outbox.Outbox, number string, s signature.Signature) error {
	e, err := box.ErasePerson(ctx, number, s.By, s.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(at.console.Out, "%d cancelled and erased, %d erased\n", e.Cancelled, e.Erased)
	if e.Waiting > 0 {
		return cli.Exit(cli.ExitSomeBad, fmt.Errorf("%s left that did not end; smslink-outbox person NUMBER shows what, "+
			"and doubts what waits for you; then erase again", campaign.Plural(e.Waiting, "message")))
	}
	return nil
}

// exportPerson writes the records to a new file that the owner alone can read.
func exportPerson(at *database, records []outbox.PersonRecord, name string) error {
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
	fmt.Fprintf(at.console.Out, "%s written to %s\n", campaign.Plural(len(records), "message"), terminal.Line(name))
	return nil
}
