package send

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
)

// exclusionList holds the receivers of --exclude. A nil *exclusionList is empty.
type exclusionList struct {
	numbers map[uint64]int // in E.164 without the +, to the index of the file that has it
	files   []string
}

// readExclusions reads files with a column of receivers. It is an error if a receiver is invalid,
// since that person may have opted out. It is an error if a file has no receivers, unless
// allowEmpty is set.
func readExclusions(ctx context.Context, names []string, allowEmpty bool) (*exclusionList, error) {
	if len(names) == 0 {
		return nil, nil
	}
	l := &exclusionList{numbers: map[uint64]int{}, files: names}
	for i, name := range names {
		switch err := l.read(ctx, i); {
		case errors.Is(err, campaign.ErrNoRows) && !allowEmpty:
			return nil, fmt.Errorf("%s has no receivers; add --exclude-anyway if that is right", name)
		case err != nil && !errors.Is(err, campaign.ErrNoRows):
			return nil, err
		}
	}
	return l, nil
}

func (l *exclusionList) read(ctx context.Context, i int) error {
	info, err := os.Stat(l.files[i])
	if err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		return campaign.ErrNoRows
	}
	file, err := campaign.Open(l.files[i:i+1], campaign.Options{ReceiversOnly: true, RestoreZeros: true})
	if err != nil {
		return err
	}
	defer file.Close()
	rows, err := file.Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next(ctx) {
		row := rows.Row()
		if row.Bad != nil {
			return fmt.Errorf("%s:%s: %w; correct it, since this person may have opted out",
				row.File, row.At("to"), row.Bad)
		}
		if _, ok := l.numbers[row.Number()]; !ok {
			l.numbers[row.Number()] = i
		}
	}
	return rows.Err()
}

// fileWith returns the name of the file that has the receiver of a row, or "".
func (l *exclusionList) fileWith(row *campaign.Row) string {
	if l == nil {
		return ""
	}
	i, ok := l.numbers[row.Number()]
	if !ok {
		return ""
	}
	return l.files[i]
}
