// Package exclusion reads lists of receivers that a campaign leaves out.
package exclusion

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
)

// List holds the numbers of receivers. A nil *List is empty.
type List struct {
	numbers map[uint64]int // in E.164 without the +, to the index of the file that has it
	files   []string
}

// Read reads files with a column of receivers. It is an error if a receiver can't be read, since
// its owner may have said stop, and if a file has no receivers, unless emptyToo is set.
func Read(ctx context.Context, names []string, emptyToo bool) (*List, error) {
	if len(names) == 0 {
		return nil, nil
	}
	l := &List{numbers: map[uint64]int{}, files: names}
	for i, name := range names {
		err := l.read(ctx, i)
		if info, statErr := os.Stat(name); statErr == nil && info.Mode().IsRegular() && info.Size() == 0 {
			err = campaign.ErrNoRows
		}
		switch {
		case err == nil:
		case !errors.Is(err, campaign.ErrNoRows):
			return nil, err
		case !emptyToo:
			return nil, fmt.Errorf("%s has no receivers; add --exclude-anyway if that is right", name)
		}
	}
	return l, nil
}

func (l *List) read(ctx context.Context, i int) error {
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
			return fmt.Errorf("%s:%s: %w; its owner may have said stop: "+
				"correct the list", row.File, row.At("to"), row.Bad)
		}
		if _, ok := l.numbers[row.Number()]; !ok {
			l.numbers[row.Number()] = i
		}
	}
	return rows.Err()
}

// Has returns the name of the file that has the receiver of a row, or "".
func (l *List) Has(row *campaign.Row) string {
	if l == nil {
		return ""
	}
	i, ok := l.numbers[row.Number()]
	if !ok {
		return ""
	}
	return l.files[i]
}
