package send

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/campaignjournal"
)

// selection decides which rows are sent, and under which ids. Files are read twice: survey adds
// their rows to the plan, and choose decides in the second pass as the first one did.
type selection struct {
	opts     options
	clock    *clock // nil = any hour
	excluded *exclusionList
	journal  *campaignjournal.Journal // nil = none
	plan     *campaignjournal.Plan    // of files that can be read twice; nil otherwise
	seen     map[uint64]bool          // numbers of a pipe's rows
	segments int                      // of a pipe's rows
}

const repeatsNumber = "an earlier row has its number"

// screen sets row.Bad if the row may not be sent now, and returns why the row is left out, or "".
// It clears row.Bad if only the row's time is wrong, and an earlier run has sent the row. A row of
// a pipe stays bad.
func (s *selection) screen(ctx context.Context, row *campaign.Row) (why string) {
	if row.Bad != nil && !errors.Is(row.Bad, campaign.ErrPast) {
		return ""
	}
	if file := s.excluded.fileWith(row); file != "" {
		row.Bad = nil
		return "in " + file
	}
	if refusal := s.clock.refuse(row); row.Bad == nil && refusal != nil {
		row.Bad = refusal
	}
	if row.Bad != nil && s.plan.WasSent(ctx, row) {
		row.Bad = nil
	}
	return ""
}

// choose gives a row the id under which it is sent, and returns why it is left out, or "". It is an
// error if the row's file has grown, or if the row of a pipe exceeds --max-sms or is not the one
// that the journal has recorded.
func (s *selection) choose(ctx context.Context, row *campaign.Row) (why string, err error) {
	if why = s.screen(ctx, row); why != "" || row.Bad != nil {
		return why, nil //nolint:nilerr // a bad row is counted by the caller
	}
	if s.plan != nil {
		id, repeats, err := s.plan.Next(row)
		row.Message.ID = id
		if repeats {
			why = repeatsNumber
		}
		return why, err
	}
	if s.opts.onePerNumber {
		if s.seen == nil {
			s.seen = map[uint64]bool{}
		}
		if s.seen[row.Number()] {
			return repeatsNumber, nil
		}
		s.seen[row.Number()] = true
	}
	s.segments += row.Size.Segments
	if s.opts.maxSMS > 0 && s.segments > s.opts.maxSMS {
		return "", fmt.Errorf("with this row it takes more than --max-sms %d", s.opts.maxSMS)
	}
	if s.journal != nil {
		row.Message.ID, err = s.journal.Admit(ctx, row, s.opts.sameCampaign)
	}
	return "", err
}
