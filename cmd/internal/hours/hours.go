// Package hours parses the flag --hours.
package hours

import (
	"errors"
	"time"

	"github.com/spf13/pflag"
)

// Range is the value of --hours: a part of each day, in minutes from midnight. It may go past
// midnight.
type Range struct {
	From, To int
	text     string // as it was given; empty if it was not
}

var _ pflag.Value = (*Range)(nil)

// String returns the hours as they were given.
func (r *Range) String() string { return r.text }

// Type is what help calls the value.
func (r *Range) Type() string { return "FROM-TO" }

// Set reads hours such as 08:00-22:00.
func (r *Range) Set(text string) error {
	const form = "15:04"
	bad := errors.New("write the hours as 08:00-22:00")
	if len(text) != len("08:00-22:00") || text[5] != '-' {
		return bad
	}
	from, err := time.Parse(form, text[:5])
	if err != nil {
		return bad
	}
	to := 24 * 60
	if text[6:] != "24:00" {
		end, err := time.Parse(form, text[6:])
		if err != nil {
			return bad
		}
		to = end.Hour()*60 + end.Minute()
	}
	*r = Range{from.Hour()*60 + from.Minute(), to, text}
	if r.From == r.To {
		return errors.New("no time is within these hours; write them as 08:00-22:00")
	}
	return nil
}

// Contains reports whether a time is within the hours of its zone.
func (r *Range) Contains(at time.Time) bool {
	minute := at.Hour()*60 + at.Minute()
	if r.From < r.To {
		return r.From <= minute && minute < r.To
	}
	return minute >= r.From || minute < r.To
}
