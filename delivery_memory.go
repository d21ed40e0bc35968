package smslink

import (
	"context"
	"crypto/sha256"
	"strconv"
	"sync"
)

// reportKey stands for a report: what makes two the same, in a size that no remote id
// changes.
type reportKey [sha256.Size]byte

func keyOf(r DeliveryReport) reportKey {
	return sha256.Sum256(strconv.AppendInt(strconv.AppendBool([]byte(r.RemoteID), r.Delivered), r.Time.Unix(), 10))
}

// reportMemory remembers at least the last limit reports that were taken, and fewer
// than twice as many. Goroutines may use it concurrently.
type reportMemory struct {
	mu    sync.Mutex
	limit int
	last  map[reportKey]struct{}      // fewer than limit
	older map[reportKey]struct{}      // none, or the limit before those
	busy  map[reportKey]chan struct{} // being handed on; closed after that
}

func newReportMemory(limit int) *reportMemory {
	return &reportMemory{limit: limit, last: map[reportKey]struct{}{}, older: map[reportKey]struct{}{}, busy: map[reportKey]chan struct{}{}}
}

// begin tells whether the report was taken before; else it is the caller's to hand on
// and to end. One that is being handed on is waited for, until ctx is done.
func (m *reportMemory) begin(ctx context.Context, key reportKey) (repeated bool, err error) {
	for {
		m.mu.Lock()
		repeated = m.knows(key)
		busy, waits := m.busy[key]
		if !repeated && !waits {
			m.busy[key] = make(chan struct{})
		}
		m.mu.Unlock()
		if repeated || !waits {
			return repeated, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

func (m *reportMemory) knows(key reportKey) bool {
	_, last := m.last[key]
	_, older := m.older[key]
	return last || older
}

// end lets those go on that wait, and remembers a report that was taken. Whole maps are
// forgotten, since one that loses an entry for each new one grows nevertheless.
func (m *reportMemory) end(key reportKey, taken bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.busy[key])
	delete(m.busy, key)
	if !taken {
		return
	}
	m.last[key] = struct{}{}
	if len(m.last) == m.limit {
		m.older, m.last = m.last, map[reportKey]struct{}{}
	}
}
