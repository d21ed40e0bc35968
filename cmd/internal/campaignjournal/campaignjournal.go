// Package campaignjournal keeps a journal for one campaign and one gateway.
package campaignjournal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/journal"
)

// File returns the name of the journal in a folder.
func File(dir string) string { return filepath.Join(dir, "journal") }

// Open opens the journal in a folder, or makes both. A journal belongs to one campaign and
// one gateway, since with another one's it would take messages for sent that never were. So it
// keeps whose it is, as far as the input can be read twice.
func Open(dir string, c *campaign.Campaign, gateway string, sameCampaign bool) (*journal.File, error) {
	now, err := ownerOf(c, gateway)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	j, err := journal.Open(File(dir))
	if err != nil {
		return nil, terminal.Error(err)
	}
	if err := own(j, dir, now, sameCampaign); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

func own(j *journal.File, dir string, now Owner, sameCampaign bool) error {
	kept := j.Campaign()
	before, ok := ParseOwner(kept)
	switch {
	case kept == "":
	case !ok:
		return fmt.Errorf("%s belongs to another program; name another folder", dir)
	case before.gateway != now.gateway:
		return fmt.Errorf("%s belongs to what was sent to another gateway; name another folder", dir)
	case before == now && now.digest != "":
		return nil
	case before.RowIDs || now.RowIDs:
		return fmt.Errorf("%s belongs to another campaign, or the file has changed since; there is no id column, so its rows can't be compared with what was sent; for a new campaign, name another folder; if rows were corrected, put only these into a new file, and name another folder for it", dir)
	case sameCampaign:
	case now.digest == "":
		return fmt.Errorf("%s has been used, and standard input can't be compared with what was sent then; name another folder for a new campaign, or add --same-campaign if it is the same", dir)
	default:
		return fmt.Errorf("%s belongs to another campaign, or the files have changed since; name another folder for a new campaign, or add --same-campaign if only rows were corrected", dir)
	}
	return j.SetCampaign(now.String())
}

// Belong returns an error if the journal belongs to other files.
func Belong(j *journal.File, c *campaign.Campaign) error {
	before, ok := ParseOwner(j.Campaign())
	digest, err := c.Digest()
	if err == nil && ok && before.digest != "" && before.digest != digest {
		err = errors.New("the FILEs are not those that the journal belongs to, or have changed since")
	}
	return err
}

// Owner is what a journal belongs to.
type Owner struct {
	gateway string // a digest of its URL, or sandbox
	digest  string // of the files; empty if they can't be read twice
	RowIDs  bool   // the ids are row numbers
}

func ownerOf(c *campaign.Campaign, gateway string) (Owner, error) {
	digest, err := c.Digest()
	if gateway != SandboxGateway { // a URL may hold what is secret
		sum := sha256.Sum256([]byte(gateway))
		gateway = hex.EncodeToString(sum[:8])
	}
	return Owner{gateway, digest, c.RowIDs()}, err
}

// SandboxGateway stands for the test gateway of --sandbox.
const SandboxGateway = "sandbox"

// String returns the owner as the journal keeps it.
func (o Owner) String() string {
	ids := "column"
	if o.RowIDs {
		ids = "row-numbers"
	}
	return fmt.Sprintf("smslink-send gateway=%s ids=%s files=%s", o.gateway, ids, o.digest)
}

// ParseOwner reads what a journal keeps of its owner.
func ParseOwner(words string) (o Owner, ok bool) {
	fields := strings.Split(words, " ")
	if len(fields) != 4 || fields[0] != "smslink-send" {
		return Owner{}, false
	}
	o = Owner{strings.TrimPrefix(fields[1], "gateway="), strings.TrimPrefix(fields[3], "files="), fields[2] == "ids=row-numbers"}
	return o, o.String() == words
}

// ForgetFailed lets the rows be sent again whose sender or number had failed. What failed for a
// reason that may be a blacklist stays as it is.
func ForgetFailed(ctx context.Context, c *campaign.Campaign, j *journal.File) error {
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
