package reports

import "github.com/go-smslink/smslink/webhook"

// recentReports remembers at least the last limit reports that were added, and fewer than twice
// as many.
type recentReports struct {
	limit int
	last  map[reportKey]bool // fewer than limit
	older map[reportKey]bool // empty, or the limit before those
}

// reportKey is what makes two reports the same.
type reportKey struct {
	remoteID  string
	delivered bool
	time      int64
}

func keyOf(r webhook.Report) reportKey { return reportKey{r.RemoteID, r.Delivered, r.Time.Unix()} }

func (m *recentReports) contains(r webhook.Report) bool {
	return m.last[keyOf(r)] || m.older[keyOf(r)]
}

// add forgets whole maps, because a map that loses one entry for each new one grows nevertheless.
func (m *recentReports) add(r webhook.Report) {
	if m.limit == 0 {
		return
	}
	if m.last == nil {
		m.last = map[reportKey]bool{}
	}
	m.last[keyOf(r)] = true
	if len(m.last) == m.limit {
		m.older, m.last = m.last, nil
	}
}
