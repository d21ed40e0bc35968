package journalcmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/blacklist"
	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/campaignjournal"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/input"
)

func newShowCommand(c cli.Console) *cobra.Command {
	var s showOptions
	cmd := &cobra.Command{
		Use:   "show [flags] DIR [FILE…]",
		Short: "Show the runs, what is in doubt, and what was resolved",
		Long: `Show each run of a journal, what is in doubt and since when, and what was
resolved, by whom and why. With the campaign's FILEs it also shows the row of
each message in doubt. Give the flags that send had for the FILEs, such as
--zone, --at and --text.

With --blacklist and the FILEs it asks SMSLink whether the number of each
message with status 4 is on the account's blacklist. If it is not, the status
was most likely an internal error. That is strong evidence, but no proof. It
needs ` + account.EnvLiveUpdateID + ` and ` + account.EnvLiveUpdatePassword + `, those
of a Live Update connection.` + exitCodesWithDoubt,
		Example: `  smslink journal show june campaign.csv`,
		Args:    requireDir,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			s.dir, s.names = args[0], args[1:]
			if s.client, err = s.newClient(c); err != nil {
				return err
			}
			return useJournal(s.dir, func(j *campaignjournal.Journal) error { return s.show(cmd.Context(), c, j) })
		},
	}
	s.files.AddTo(cmd)
	s.files.Fold = true // or a text that only send --fold takes is bad
	cmd.Flags().BoolVar(&s.blacklist, "blacklist", false,
		"ask whether the numbers of messages with status 4 are on the account's blacklist")
	cmd.Flags().StringVar(&s.endpoint, "endpoint", smslink.DefaultEndpoint,
		"`URL` of the gateway's bulk-v3.php; --blacklist asks the Live Update API on the same host")
	return cmd
}

// showOptions are the arguments and flags of journal show.
type showOptions struct {
	dir       string
	names     []string // of the campaign's FILEs
	files     input.Flags
	blacklist bool
	endpoint  string
	client    *blacklist.Client // nil without --blacklist
}

func (s *showOptions) show(ctx context.Context, c cli.Console, j *campaignjournal.Journal) error {
	doubts, failed, err := s.findRows(ctx, c, j)
	if err != nil {
		return cli.Exit(cli.ExitNotSent, err)
	}
	out := cli.NewOutput(c.Out)
	fmt.Fprintf(out, "%s: %s\n", s.dir, state(j))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, run := range j.Runs() {
		fmt.Fprintf(table, "%s\t%s to %s\t%d accepted, %d failed\n", cli.Heading(i, "run"),
			local(run.Start), local(run.End), run.Accepted, run.Failed)
	}
	for i, r := range j.Resolutions() {
		fmt.Fprintf(table, "%s\t%s by %s\t%s: %s\n", cli.Heading(i, "resolved"),
			local(r.Time), r.By, resolved(r), r.Reason)
	}
	for i, group := range grouped(j.InDoubt(), len(doubts) > 0) {
		at := doubts[group.first]
		if at == "" && len(s.names) > 0 {
			at = "in no good row of the FILEs"
		}
		if at != "" {
			at = "\t" + at
		}
		fmt.Fprintf(table, "%s\tid %s since %s%s\n", cli.Heading(i, "in doubt"), group, local(group.since), at)
	}
	for i, row := range failed {
		fmt.Fprintf(table, "%s\tid %d\t%s\n", cli.Heading(i, "status 4"), row.id, row.place)
	}
	table.Flush()
	if err := out.Failure(); err != nil {
		return cli.Exit(cli.ExitNotSent, err)
	}
	if n := len(j.InDoubt()); n > 0 {
		return cli.Exit(cli.ExitInDoubt, fmt.Errorf("%s in doubt; check the account's reports, and "+
			"record what you find with smslink journal resolve", campaign.Count(n, "message is", "messages are")))
	}
	return nil
}

// findRows returns where the rows of messages in doubt are, by their ids, and with --blacklist the
// rows whose messages have status 4.
func (s *showOptions) findRows(ctx context.Context, c cli.Console, j *campaignjournal.Journal) (
	doubts map[int64]string, failed []locatedRow, err error,
) {
	if len(s.names) == 0 {
		return nil, nil, nil
	}
	opened, err := s.files.Open(c, s.names, nil)
	if err != nil {
		return nil, nil, err
	}
	defer opened.Close()
	doubts = map[int64]string{}
	wanted := ids(j.InDoubt())
	var rows []locatedRow
	err = j.EachRow(ctx, opened, false, func(row *campaign.Row) {
		at := fmt.Sprintf("%s:%d", row.File, row.Line)
		if _, ok := slices.BinarySearch(wanted, row.Message.ID); ok {
			doubts[row.Message.ID] = at
		}
		if s.client != nil {
			rows = append(rows, locatedRow{row.Message.ID, at, row.Message.To})
		}
	})
	if err == nil && s.client != nil {
		failed, err = blacklisted(ctx, s.client, j, rows)
	}
	return doubts, failed, err
}

// newClient returns the client of the blacklist, or nil without --blacklist.
func (s *showOptions) newClient(c cli.Console) (*blacklist.Client, error) {
	if !s.blacklist {
		return nil, nil
	}
	if len(s.names) == 0 {
		return nil, errors.New("--blacklist needs the campaign's FILEs: a journal has no numbers")
	}
	client, err := account.Blacklist(c, s.endpoint)
	if client == nil && err == nil {
		err = fmt.Errorf("--blacklist needs %s and %s, those of a Live Update connection",
			account.EnvLiveUpdateID, account.EnvLiveUpdatePassword)
	}
	account.WarnPlain(c, s.endpoint)
	return client, err
}

// locatedRow is a row of the FILEs. blacklisted appends to place what it finds.
type locatedRow struct {
	id     int64
	place  string // FILE:LINE
	number string
}

// blacklisted looks up the number of each row whose message has status 4, and returns these rows.
func blacklisted(ctx context.Context, client *blacklist.Client, j *campaignjournal.Journal, rows []locatedRow) (
	failed []locatedRow, err error,
) {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.id
	}
	results, err := j.Results(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if results[row.id].Status != smslink.StatusInternalOrBlacklisted {
			continue
		}
		listing, err := client.Lookup(ctx, row.number)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", row.place, err)
		case listing.Blocked && listing.Services != "":
			row.place += ": on the blacklist for the services " + listing.Services
		case listing.Blocked:
			row.place += ": on the blacklist"
		default:
			row.place += ": not on the blacklist, so most likely an internal error"
		}
		failed = append(failed, row)
	}
	return failed, nil
}
