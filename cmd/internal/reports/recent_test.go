package reports

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/webhook"
)

func TestRecentReports_whatMakesTwoTheSame(t *testing.T) {
	first := webhook.Report{RemoteID: "220000001", Delivered: true, Time: time.Unix(1_700_000_000, 0)}
	for name, c := range map[string]struct {
		change func(*webhook.Report)
		same   bool
	}{
		"the same":                  {func(*webhook.Report) {}, true},
		"the same with other words": {func(r *webhook.Report) { r.Text, r.NetworkID = "x", "2" }, true},
		"another remote id":         {func(r *webhook.Report) { r.RemoteID = "220000002" }, false},
		"another status":            {func(r *webhook.Report) { r.Delivered = false }, false},
		"another time":              {func(r *webhook.Report) { r.Time = r.Time.Add(time.Second) }, false},
	} {
		recent := recentReports{limit: 8}
		recent.add(first)
		second := first
		c.change(&second)
		require.Equal(t, c.same, recent.contains(second), name)
	}
	nothing := recentReports{}
	nothing.add(first)
	require.False(t, nothing.contains(first))
}

// The latest reports are remembered up to the limit, and at most as many older ones.
func TestRecentReports_isBounded(t *testing.T) {
	report := func(id int) webhook.Report { return webhook.Report{RemoteID: strconv.Itoa(id)} }
	for _, limit := range []int{1, 2, 3, 10} {
		recent := recentReports{limit: limit}
		for sent := 1; sent <= 5*limit; sent++ {
			require.False(t, recent.contains(report(sent)))
			recent.add(report(sent))
			for id := 1; id <= sent; id++ {
				switch back := sent - id; {
				case back < limit:
					require.True(t, recent.contains(report(id)), "of %d, the last %d have %d", sent, limit, id)
				case back >= 2*limit:
					require.False(t, recent.contains(report(id)), "of %d, %d is new again", sent, id)
				}
			}
		}
	}
}
