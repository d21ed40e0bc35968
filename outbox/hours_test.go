package outbox

import (
	"testing"
	"time"
	_ "time/tzdata" // where the system has no time zones

	"github.com/stretchr/testify/require"
)

func TestHours(t *testing.T) {
	bucharest, err := time.LoadLocation("Europe/Bucharest")
	require.NoError(t, err)
	day := Hours{From: 8 * time.Hour, To: 22 * time.Hour, Location: bucharest}
	night := Hours{From: 22 * time.Hour, To: 8 * time.Hour, Location: bucharest}
	gap := Hours{From: 3*time.Hour + 30*time.Minute, To: 22 * time.Hour, Location: bucharest}
	const form = time.RFC3339
	for name, c := range map[string]struct {
		hours Hours
		at    string
		opens string // empty if it is open
	}{
		"in the day":              {day, "2026-06-01T12:00:00+03:00", ""},
		"at opening":              {day, "2026-06-01T08:00:00+03:00", ""},
		"a moment before closing": {day, "2026-06-01T21:59:59+03:00", ""},
		"at closing":              {day, "2026-06-01T22:00:00+03:00", "2026-06-02T08:00:00+03:00"},
		"a moment before opening": {day, "2026-06-01T07:59:59+03:00", "2026-06-01T08:00:00+03:00"},
		"in another location":     {day, "2026-06-01T19:30:00Z", "2026-06-02T05:00:00Z"},
		"clocks go forward":       {day, "2026-03-28T23:00:00+02:00", "2026-03-29T08:00:00+03:00"},
		"clocks go back":          {day, "2026-10-24T23:00:00+03:00", "2026-10-25T08:00:00+02:00"},
		"opening within the gap":  {gap, "2026-03-29T02:59:00+02:00", "2026-03-29T04:00:00+03:00"},
		"overnight, late":         {night, "2026-06-01T23:00:00+03:00", ""},
		"overnight, early":        {night, "2026-06-01T07:59:00+03:00", ""},
		"overnight, in the day":   {night, "2026-06-01T08:00:00+03:00", "2026-06-01T22:00:00+03:00"},
		"always":                  {Hours{}, "2026-06-01T03:00:00+03:00", ""},
		"all day":                 {Hours{To: 24 * time.Hour}, "2026-06-01T03:00:00+03:00", ""},
		"until midnight":          {Hours{From: 8 * time.Hour, To: 24 * time.Hour}, "2026-06-01T23:59:59Z", ""},
		"after midnight": {Hours{From: 8 * time.Hour, To: 24 * time.Hour},
			"2026-06-01T00:00:00Z", "2026-06-01T08:00:00Z"},
		"seconds of the last night": {day, "2026-06-01T22:00:01+03:00", "2026-06-02T08:00:00+03:00"},
	} {
		t.Run(name, func(t *testing.T) {
			at, err := time.Parse(form, c.at)
			require.NoError(t, err)
			require.Equal(t, c.opens == "", c.hours.open(at))
			opens := c.hours.opens(at)
			if c.opens == "" {
				require.Zero(t, opens)
				return
			}
			want, err := time.Parse(form, c.opens)
			require.NoError(t, err)
			require.True(t, want.Equal(opens), "opens at %v", opens)
		})
	}
	opened := day.opened(time.Date(2026, 10, 25, 12, 0, 30, 0, bucharest))
	require.True(t, opened.Equal(time.Date(2026, 10, 25, 8, 0, 0, 0, bucharest)), "%v", opened)
	for _, always := range []Hours{{}, {From: time.Hour, To: time.Hour}, {To: 24 * time.Hour}} {
		require.Zero(t, always.opened(time.Now()), "%v", always)
	}
}

func TestHours_check(t *testing.T) {
	require.NoError(t, Hours{}.check())
	require.NoError(t, Hours{From: 8 * time.Hour, To: day}.check())
	for _, h := range []Hours{{From: -time.Minute}, {To: 25 * time.Hour}, {From: time.Second}, {From: day}} {
		require.Error(t, h.check(), "%v", h)
	}
}

func TestHours_areRecorded(t *testing.T) {
	bucharest, err := time.LoadLocation("Europe/Bucharest")
	require.NoError(t, err)
	for _, h := range []Hours{
		{From: 8 * time.Hour, To: 22*time.Hour + 30*time.Minute, Location: bucharest},
		{From: 8 * time.Hour, To: 24 * time.Hour, Location: time.UTC},
	} {
		require.Equal(t, h.String(), parseHours(h.String()).String())
		require.NotEmpty(t, h.String())
	}
	require.Zero(t, parseHours("480 1320 Nowhere/Else"))
	require.Zero(t, parseHours(""))
}

// Another process may run in another time zone.
func TestHours_ofLocalTimeAreRecordedWithTheirOffset(t *testing.T) {
	local := time.FixedZone("Local", 3*60*60)
	recorded := Hours{From: 8 * time.Hour, To: 22 * time.Hour, Location: local}.String()
	require.Equal(t, "480 1320 +03:00", recorded)
	at := time.Date(2026, 6, 1, 4, 59, 0, 0, time.UTC)
	require.Equal(t, "08:00 +03:00", parseHours(recorded).opens(at).Format("15:04 -07:00"))
	require.Zero(t, parseHours("480 1320 Local"), "of an earlier version")
}
