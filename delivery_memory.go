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
	return sha256.Sum256(strconv.AppendInt(strconv.AppendBool([]byte(r.RemoteID+" "), r.Delivered), r.Time.Unix(), 10))
}

// reportMemory remembers the last reports that were handed on. Goroutines may use it
// concurrently.
type reportMemory struct {
	mu    sync.Mutex
	limit int
	known map[reportKey]struct{}
	order []reportKey                 // the known ones, a ring once it has limit of them
	next  int                         // in a full ring, the oldest
	busy  map[reportKey]chan struct{} // being handed on; closed after that
}

func newReportMemory(limit int) *reportMemory {
	return &reportMemory{limit: limit, known: map[reportKey]struct{}{}, busy: map[reportKey]chan struct{}{}}
}

// begin tells whether the report was handed on before; else it is the caller's to
// hand on and to end. One that is being handed on is waited for, until ctx is done.
func (m *reportMemory) begin(ctx context.Context, key reportKey) (repeated bool, err error) {
	for {
		m.mu.Lock()
		_, repeated = m.known[key]
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

// end lets those go on that wait, and remembers a report that was taken.
func (m *reportMemory) end(key reportKey, taken bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.busy[key])
	delete(m.busy, key)
	if !taken {
		return
	}
	m.known[key] = struct{}{}
	if len(m.order) < m.limit {
		m.order = append(m.order, key)
		return
	}
	delete(m.known, m.order[m.next])
	m.order[m.next] = key
	m.next = (m.next + 1) % m.limit
}
