package journalcmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/blacklist"
	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/campaignjournal"
	"github.com/go-smslink/smslink/cmd/internal/cli"
)

// blacklistFlags are the flags of journal show that ask for the blacklist.
type blacklistFlags struct {
	ask      bool
	endpoint string
}

func (f *blacklistFlags) addTo(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.ask, "blacklist", false, "ask whether the numbers with status 4 are on the account's blacklist")
	cmd.Flags().StringVar(&f.endpoint, "endpoint", smslink.DefaultEndpoint, "`URL` of the gateway's bulk-v3.php, which --blacklist asks")
}

// client returns the client of the API, or nil without --blacklist.
func (f *blacklistFlags) client(c cli.Console, names []string) (*blacklist.Client, error) {
	if !f.ask {
		return nil, nil
	}
	if len(names) == 0 {
		return nil, errors.New("--blacklist needs the campaign's FILEs: a journal has no numbers")
	}
	client, err := account.Blacklist(c, f.endpoint)
	if client == nil && err == nil {
		err = fmt.Errorf("--blacklist needs %s and %s, those of a Live Update connection", account.EnvLiveUpdateID, account.EnvLiveUpdatePassword)
	}
	account.WarnPlain(c, f.endpoint)
	return client, err
}

// failedRow is a row of the campaign. blacklisted adds to at what it finds.
type failedRow struct {
	id     int64
	at     string
	number string
}

// blacklisted looks up the number of each row whose message has status 4, and returns these rows.
func blacklisted(ctx context.Context, client *blacklist.Client, j *campaignjournal.Journal, rows []failedRow) (failed []failedRow, err error) {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.id
	}
	known, err := j.Known(ctx, ids)
	if err != nil || client == nil {
		return nil, err
	}
	status := map[int64]smslink.Status{}
	for _, result := range known {
		status[result.ID] = result.Status
	}
	for _, row := range rows {
		if status[row.id] != smslink.StatusInternalOrBlacklisted {
			continue
		}
		listing, err := client.Lookup(ctx, row.number)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", row.at, err)
		case listing.Blocked && listing.Services != "":
			row.at += ": on the blacklist for the services " + listing.Services
		case listing.Blocked:
			row.at += ": on the blacklist"
		default:
			row.at += ": not on the blacklist, so most likely an internal error"
		}
		failed = append(failed, row)
	}
	return failed, nil
}
