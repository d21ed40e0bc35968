package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/smslink/internal/campaign"
	"github.com/go-smslink/smslink/journal"
)

// openJournal opens the journal in a folder, or makes both. A journal belongs to
// one campaign and one gateway: with another one's it would take messages for sent
// that never were. So the folder has a second file that tells whose it is, as far as the input
// can be read twice.
func openJournal(dir string, c *campaign.Campaign, gateway string, sameCampaign bool) (*journal.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	digest, err := c.Digest()
	if err != nil {
		return nil, err
	}
	if digest == "" {
		digest = stream
	}
	owner := filepath.Join(dir, "campaign")
	before, err := os.ReadFile(owner)
	now := gateway + "\n" + digest + "\n"
	switch wasGateway, wasDigest, whole := strings.Cut(string(before), "\n"); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case !whole:
		return nil, fmt.Errorf("%s is damaged; see to it that the folder is this campaign's, and take that file away", owner)
	case wasGateway != gateway:
		return nil, fmt.Errorf("%s belongs to what was sent to another gateway; name another folder", dir)
	case sameCampaign:
	case digest == stream:
		return nil, fmt.Errorf("%s has been used, and standard input can't be compared with what was sent then; name another folder for a new campaign, or add --same-campaign where it is the same", dir)
	case wasDigest != digest+"\n":
		return nil, fmt.Errorf("%s belongs to another campaign, or the files have changed since; name another folder for a new campaign, or add --same-campaign where only rows were corrected", dir)
	}
	j, err := journal.Open(filepath.Join(dir, "journal"))
	if err != nil {
		return nil, err
	}
	if now != string(before) {
		err = replace(owner, now)
	}
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// replace writes a file whole or not at all.
func replace(name, content string) error {
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) // one name, which the next run uses again
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// stream is the digest of what can't be read twice.
const stream = "a stream"

// forgetFailed lets the rows be sent again whose sender or number had failed. What failed for a reason
// that may be a blacklist stays as it is.
func forgetFailed(ctx context.Context, c *campaign.Campaign, j *journal.File) error {
	if !c.Rereadable() {
		return errors.New("takes files, which can be read twice")
	}
	rows, err := c.Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	var failed []int64
	for rows.Next(ctx) {
		row := rows.Row()
		if row.Bad != nil {
			continue
		}
		known, err := j.Known(ctx, []int64{row.Message.ID})
		if err != nil {
			return err
		}
		for _, result := range known {
			if result.Status == smslink.StatusSenderFailed || result.Status == smslink.StatusNumberFailed {
				failed = append(failed, result.ID)
			}
		}
	}
	if err := rows.Err(); err != nil || len(failed) == 0 {
		return err
	}
	return j.Forget(failed)
}
