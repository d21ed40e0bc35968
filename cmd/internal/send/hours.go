package send

import (
	"fmt"
	"time"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/hours"
)

// clock holds --hours. Nil allows any time.
type clock struct {
	hours.Range
	zone *time.Location
	now  func() time.Time
}

// newClock returns the clock of --hours. It returns nil if none are given, or if they are the whole
// day.
func newClock(h hours.Range, zone *time.Location, now func() time.Time) *clock {
	if h.String() == "" || h.To-h.From == 24*60 {
		return nil
	}
	return &clock{h, zone, now}
}

// closed returns an error if nothing may be sent now.
func (c *clock) closed() error {
	if c == nil {
		return nil
	}
	if at := c.now().In(c.zone); !c.Contains(at) {
		return fmt.Errorf("it is %s in %s, outside --hours %s", at.Format("15:04"), c.zone, c.String())
	}
	return nil
}

// left returns the time until the hours end, even if the zone's clocks change before then.
func (c *clock) left() time.Duration {
	now := c.now()
	end := now.Truncate(time.Minute)
	for c.Contains(end.In(c.zone)) {
		end = end.Add(time.Minute)
	}
	return end.Sub(now)
}

// refuse returns why a row may not be sent at its time, or nil.
func (c *clock) refuse(row *campaign.Row) *campaign.Refusal {
	if c == nil || row.Message.SendAt.IsZero() || c.Contains(row.Message.SendAt.In(c.zone)) {
		return nil
	}
	at := row.Message.SendAt.In(c.zone).Format("15:04")
	cause := fmt.Errorf("is at %s in %s, outside --hours %s", at, c.zone, c.String())
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
	return fmt.Sprintf("It is %s in Romania. "+
		"To send in the daytime only, add --hours 08:00-22:00 --zone Europe/Bucharest.\n", now.Format("15:04"))
}
