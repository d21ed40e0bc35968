package send

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
)

// hours is the value of --hours: the part of each day in which messages are sent, in minutes from
// midnight. It may go past midnight.
type hours struct {
	from, to int
	text     string // as it was given; empty if it was not
}

var _ pflag.Value = (*hours)(nil)

// String returns the hours as they were given.
func (h *hours) String() string { return h.text }

// Type is what help calls the value.
func (h *hours) Type() string { return "FROM-TO" }

// Set reads hours such as 08:00-22:00.
func (h *hours) Set(text string) error {
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
	*h = hours{from.Hour()*60 + from.Minute(), to, text}
	if h.from == h.to {
		return errors.New("no time is within these hours; write them as 08:00-22:00")
	}
	return nil
}

// contain reports whether a time is within the hours of its zone.
func (h *hours) contain(at time.Time) bool {
	minute := at.Hour()*60 + at.Minute()
	if h.from < h.to {
		return h.from <= minute && minute < h.to
	}
	return minute >= h.from || minute < h.to
}

// clock tells what --hours allows. Nil allows everything.
type clock struct {
	hours
	zone *time.Location
	now  func() time.Time
}

// newClock returns the clock of --hours, or nil if there are none.
func newClock(h hours, zone *time.Location, now func() time.Time) *clock {
	if h.text == "" {
		return nil
	}
	return &clock{h, zone, now}
}

// closed returns an error if nothing may be sent now.
func (c *clock) closed() error {
	if c == nil {
		return nil
	}
	if at := c.now().In(c.zone); !c.contain(at) {
		return fmt.Errorf("it is %s in %s, outside --hours %s", at.Format("15:04"), c.zone, c.text)
	}
	return nil
}

// left returns the time until the hours end. The clocks may change meanwhile.
func (c *clock) left() time.Duration {
	now := c.now()
	end := now.Truncate(time.Minute)
	for range 2 * 24 * 60 { // some hours never end, such as 00:00-24:00
		end = end.Add(time.Minute)
		if !c.contain(end.In(c.zone)) {
			break
		}
	}
	return end.Sub(now)
}

// refuse returns why a row is refused whose time is outside the hours, or nil.
func (c *clock) refuse(row *campaign.Row) *campaign.Refusal {
	if c == nil || row.Message.SendAt.IsZero() || c.contain(row.Message.SendAt.In(c.zone)) {
		return nil
	}
	at := row.Message.SendAt.In(c.zone).Format("15:04")
	cause := fmt.Errorf("is at %s in %s, outside --hours %s", at, c.zone, c.text)
	return &campaign.Refusal{Column: "send_at", Cause: cause}
}

// atNight returns a remark if it is night in Romania, or "".
func atNight(now time.Time) string {
	romania, err := time.LoadLocation("Europe/Bucharest")
	if err != nil {
		return ""
	}
	if now = now.In(romania); now.Hour() >= 8 && now.Hour() < 22 {
		return ""
	}
	return now.Format("It is 15:04 in Romania; --hours 08:00-22:00 waits for the morning.\n")
}
