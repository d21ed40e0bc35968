package send

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/hours"
)

// The hours are those of the zone, even on the days on which its clocks change.
func TestClock(t *testing.T) {
	romania, err := time.LoadLocation("Europe/Bucharest")
	require.NoError(t, err)
	for _, c := range []struct {
		hours, now string // now in UTC
		left       time.Duration
	}{
		{"08:00-22:00", "2026-06-01T05:00:00Z", 14 * time.Hour}, // 08:00
		{"08:00-22:00", "2026-06-01T04:59:59Z", -1},
		{"08:00-22:00", "2026-06-01T18:59:30Z", 30 * time.Second},
		{"08:00-22:00", "2026-06-01T19:00:00Z", -1},
		{"08:00-22:00", "2026-12-01T06:00:00Z", 14 * time.Hour},
		{"08:00-22:00", "2026-12-01T05:59:00Z", -1},
		{"20:00-02:00", "2026-06-01T22:00:00Z", time.Hour}, // 01:00
		{"20:00-02:00", "2026-06-01T23:00:00Z", -1},
		{"01:00-05:00", "2026-03-28T23:00:00Z", 3 * time.Hour},    // 01:00, before 03:00 becomes 04:00
		{"01:00-03:30", "2026-03-28T23:00:00Z", 2 * time.Hour},    // there is no 03:30 on this day
		{"01:00-05:00", "2026-10-24T22:00:00Z", 5 * time.Hour},    // 01:00, before 04:00 becomes 03:00
		{"03:00-03:30", "2026-10-25T01:10:00Z", 20 * time.Minute}, // 03:10 the second time
	} {
		var h hours.Range
		require.NoError(t, h.Set(c.hours))
		now, err := time.Parse(time.RFC3339, c.now)
		require.NoError(t, err)
		clock := newClock(h, romania, func() time.Time { return now })
		if c.left < 0 {
			require.ErrorContains(t, clock.closed(), "outside --hours "+c.hours, "%v", c)
			continue
		}
		require.NoError(t, clock.closed(), "%v", c)
		require.Equal(t, c.left, clock.left(), "%v", c)
	}
}

// A send within --hours 00:00-24:00 may take days.
func TestClock_wholeDay(t *testing.T) {
	var h hours.Range
	require.NoError(t, h.Set("00:00-24:00"))
	require.Nil(t, newClock(h, time.UTC, time.Now))
}

func TestAtNight(t *testing.T) {
	require.Equal(t, "It is 22:00 in Romania. To send in the daytime only, add --hours 08:00-22:00 --zone Europe/Bucharest.\n",
		atNight(time.Date(2026, 6, 15, 19, 0, 0, 0, time.UTC)))
	require.Empty(t, atNight(time.Date(2026, 6, 15, 18, 59, 0, 0, time.UTC)))
}
