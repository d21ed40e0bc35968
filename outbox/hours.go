package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Hours are the hours of each day in which a lane is open. If From and To are equal, as in the zero
// value, or are 0 and 24 hours, the lane is always open.
type Hours struct {
	// From and To are local times of the day, as whole minutes since midnight: 8 and 22 hours mean
	// from 08:00 to 22:00. If To is before From, the lane is open overnight.
	From, To time.Duration

	// Location is the time zone of From and To; nil means UTC. Hours are local time, also on days
	// when the clocks change.
	Location *time.Location
}

const day = 24 * time.Hour

func (h Hours) always() bool { return h.From == h.To || h.To-h.From == day }

// check returns what is wrong with the hours.
func (h Hours) check() error {
	for _, d := range []time.Duration{h.From, h.To} {
		if d < 0 || d > day || d%time.Minute != 0 {
			return errors.New("they are not whole minutes from 0 to 24 hours")
		}
	}
	if h.From == day && h.To == 0 {
		return errors.New("they begin at the end of the day; leave them out for a lane that is always open")
	}
	return nil
}

// open reports whether the lane is open at a time.
func (h Hours) open(t time.Time) bool {
	if h.always() {
		return true
	}
	hour, minute, _ := h.in(t).Clock()
	wall := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	if h.From < h.To {
		return h.From <= wall && wall < h.To
	}
	return h.From <= wall || wall < h.To
}

func (h Hours) in(t time.Time) time.Time {
	if h.Location == nil {
		return t.UTC()
	}
	return t.In(h.Location)
}

// change returns the first minute after t at which a lane that is open at t is closed, or a closed
// one is open. If step is below 0, it returns the last such minute before t. It tries each minute,
// so that it needs no knowledge of when clocks change.
func (h Hours) change(t time.Time, step time.Duration) time.Time {
	now := h.open(t)
	at := h.in(t).Truncate(time.Minute)
	for range 2 * day / time.Minute {
		if at = at.Add(step); h.open(at) != now {
			break
		}
	}
	return at
}

// opens returns when a lane that is closed at t will open. It returns the zero time if it is open.
func (h Hours) opens(t time.Time) time.Time {
	if h.open(t) {
		return time.Time{}
	}
	return h.change(t, time.Minute)
}

// opened returns when a lane that is open at t last opened, or the zero time if it is always open.
func (h Hours) opened(t time.Time) time.Time {
	if h.always() {
		return time.Time{}
	}
	return h.change(t, -time.Minute).Add(time.Minute)
}

// String returns the hours as smslink_meta has them, such as "480 1320 Europe/Bucharest". For local
// time, which is another one elsewhere, they have its present offset, as in "480 1320 +02:00".
func (h Hours) String() string {
	if h.always() {
		return ""
	}
	location := h.Location
	if location == nil {
		location = time.UTC
	}
	name := location.String()
	if name == local {
		name = time.Now().In(location).Format(offset)
	}
	return fmt.Sprintf("%d %d %s", h.From/time.Minute, h.To/time.Minute, name)
}

const (
	local  = "Local" // the name of time.Local
	offset = "-07:00"
)

// parseHours parses what String returns. It returns no hours if the location is not known here.
func parseHours(s string) Hours {
	var from, to int
	var name string
	if n, _ := fmt.Sscan(s, &from, &to, &name); n != 3 || name == local {
		return Hours{}
	}
	location, err := time.LoadLocation(name)
	if at, notOffset := time.Parse(offset, name); notOffset == nil {
		_, seconds := at.Zone()
		location, err = time.FixedZone(name, seconds), nil
	}
	if err != nil {
		return Hours{}
	}
	return Hours{From: time.Duration(from) * time.Minute, To: time.Duration(to) * time.Minute, Location: location}
}

const hoursPrefix = "hours "

// recordHours records the hours of the lanes that a worker serves, for [Outbox.Stats] in other
// processes.
func (o *Outbox) recordHours(ctx context.Context) error {
	return o.inTx(ctx, func(tx *sql.Tx) error {
		if err := o.lock(ctx, tx, "smslink_meta", "name", "paused"); err != nil {
			return err
		}
		for name, lane := range o.lanes {
			if lane.Concurrency < 0 {
				continue
			}
			if err := o.setMeta(ctx, tx, hoursPrefix+name, lane.Hours.String()); err != nil {
				return err
			}
		}
		return nil
	})
}

// hours returns the hours of all lanes that have some: those that workers have recorded, and for
// lanes that are set here, these.
func (o *Outbox) hours(ctx context.Context) (map[string]Hours, error) {
	hours := map[string]Hours{}
	err := o.each(ctx, o.db, "SELECT name, value FROM smslink_meta WHERE name LIKE '"+hoursPrefix+"%'", nil,
		func(scan func(...any) error) error {
			var name, value string
			err := scan(&name, &value)
			hours[strings.TrimPrefix(name, hoursPrefix)] = parseHours(value)
			return err
		})
	for name, lane := range o.lanes {
		if !lane.Hours.always() {
			hours[name] = lane.Hours
		}
	}
	return hours, err
}
