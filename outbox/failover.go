package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/go-smslink/smslink"
)

// recent are a run's recent packages, to restore rows that the database has lost.
type recent struct {
	mu       sync.Mutex
	claims   []*claim // in the order of their claims
	messages int
	newest   packageRef // of any worker

	// While the run halts.
	halting     sync.Mutex      // held by the goroutine that writes back
	writtenBack map[*claim]bool // whether the database had lost a claim, if it has been looked for
	halted      bool            // nothing is left to write back
}

// The bounds of recent: the packages of an hour, and half a million messages.
const (
	recentAge      = time.Hour
	recentMessages = 500_000
)

func (m *recent) add(c *claim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.id > m.newest.id {
		m.newest = packageRef{c.id, c.token}
	}
	m.claims = append(m.claims, c)
	m.messages += len(c.ids)
	for m.claims[0].done && (m.messages > recentMessages || time.Since(m.claims[0].began) > recentAge) {
		m.messages -= len(m.claims[0].ids)
		m.claims = m.claims[1:]
	}
}

// end keeps the end of a package's upload, and drops its texts. It returns a copy of the claim to
// record, because a halt may record the claim at the same time.
func (m *recent) end(c *claim, resp *smslink.Response, err error, stop string) *claim {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.resp, c.err, c.stop, c.done, c.pkg = resp, err, stop, true, nil
	own := *c
	return &own
}

// look reads the state, and notices if a package is gone that was there before.
func (r *run) look(ctx context.Context, tx *sql.Tx) (state, error) {
	r.recent.mu.Lock()
	newest := r.recent.newest
	r.recent.mu.Unlock()
	s, err := r.state(ctx, tx, newest)
	if err != nil || s.moved {
		return s, err
	}
	r.recent.mu.Lock()
	defer r.recent.mu.Unlock()
	r.recent.writtenBack, r.recent.halted = nil, false
	if s.newest.id > r.recent.newest.id {
		r.recent.newest = s.newest
	}
	return s, nil
}

// markMoved halts all workers, because the database has lost a commit.
func (o *Outbox) markMoved(ctx context.Context) error {
	return o.inTx(ctx, func(tx *sql.Tx) error {
		_, err := o.exec(ctx, tx, "UPDATE smslink_meta SET value = 'commits were lost' WHERE name = 'epoch'")
		return err
	})
}

// toWriteBack returns the claims that a halt has not yet looked for. ok is false if an upload is
// running or nothing is left to write back.
func (m *recent) toWriteBack() (claims []*claim, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.claims {
		if !c.done {
			return nil, false // the next look comes back here
		}
		if _, found := m.writtenBack[c]; !found {
			claims = append(claims, c)
		}
	}
	return claims, len(claims) > 0 || !m.halted
}

// halt restores lost rows and records that this worker has done so, once no upload is running. After
// a failure, the next call goes on from there. The outbox stays halted until a person resumes it.
func (r *run) halt(ctx context.Context) {
	if !r.recent.halting.TryLock() {
		return // another goroutine does it
	}
	defer r.recent.halting.Unlock()
	claims, ok := r.recent.toWriteBack()
	if !ok {
		return
	}
	if err := r.inBudget(r.markMoved); err != nil { // this run may be the only one to notice
		r.logger.WarnContext(ctx, "outbox: halting failed and is repeated", "error", err)
		return
	}
	for _, c := range claims {
		if err := r.inBudget(func(ctx context.Context) error { return r.writeBack(ctx, c) }); err != nil {
			r.logger.WarnContext(ctx, "outbox: writing back failed and is repeated", "error", err)
			return
		}
	}
	if err := r.inBudget(r.recordWroteBack); err != nil {
		r.logger.WarnContext(ctx, "outbox: halting failed and is repeated", "error", err)
		return
	}
	r.recent.mu.Lock()
	defer r.recent.mu.Unlock()
	r.recent.halted, r.recent.newest = true, packageRef{}
	writtenBack := 0
	for _, lost := range r.recent.writtenBack {
		if lost {
			writtenBack++
		}
	}
	r.logger.ErrorContext(ctx, "outbox: halted until a person resumes it", "worker", r.worker,
		"reason", errMoved.Error(), "packages", len(r.recent.claims), "written_back", writtenBack)
}

// recordWroteBack records for [Outbox.Stats] that this worker has nothing left to write back.
func (r *run) recordWroteBack(ctx context.Context) error {
	return r.inTx(ctx, func(tx *sql.Tx) error { return r.setMeta(ctx, tx, wroteBackPrefix+r.worker, "") })
}

const wroteBackPrefix = "wrote back "

// writeBack inserts a package's rows if the database has lost them. Messages are found by their
// keys, because an id may be another message's now.
func (r *run) writeBack(ctx context.Context, c *claim) error {
	own, lost := *c, false
	err := r.inTx(ctx, func(tx *sql.Tx) error {
		found, err := r.holds(ctx, tx, &own)
		if err != nil {
			return err
		}
		if lost = !found; !lost {
			return r.recordIn(ctx, tx, &own)
		}
		if stateAfter(own.err, own.stop) == stateNotSent {
			return nil // its messages are queued, as they should be
		}
		restored, err := r.restore(ctx, tx, &own)
		if err != nil {
			return err
		}
		return r.recordIn(ctx, tx, restored)
	})
	if err != nil {
		return err
	}
	r.logContradiction(ctx, &own)
	r.recent.mu.Lock()
	defer r.recent.mu.Unlock()
	if r.recent.writtenBack == nil {
		r.recent.writtenBack = map[*claim]bool{}
	}
	r.recent.writtenBack[c] = lost
	return nil
}

// restore inserts a lost package's row, and returns the claim with the present ids of its messages.
func (o *Outbox) restore(ctx context.Context, tx *sql.Tx, c *claim) (*claim, error) {
	present, err := o.idsOf(ctx, tx, c.keys)
	if err != nil {
		return nil, err
	}
	restored := *c
	restored.ids, restored.keys = nil, nil
	ids := map[int64]int64{}
	for i, key := range c.keys {
		if id, ok := present[key]; ok {
			ids[c.ids[i]] = id
			restored.ids = append(restored.ids, id)
		}
	}
	if c.resp != nil {
		resp := *c.resp
		resp.Results = nil
		for _, r := range c.resp.Results {
			if id, ok := ids[r.ID]; ok {
				r.ID = id
				resp.Results = append(resp.Results, r)
			}
		}
		restored.resp = &resp
	}
	s, err := o.state(ctx, tx, packageRef{})
	if err != nil {
		return nil, err
	}
	restored.now = s.now
	if err := o.insertPackage(ctx, tx, &restored); err != nil {
		return nil, err
	}
	_, err = o.updateMessages(ctx, tx, restored.ids, fmt.Sprintf("package = %d", restored.id), isQueued)
	return &restored, err
}

// idsOf returns the ids of those messages that are there.
func (o *Outbox) idsOf(ctx context.Context, tx *sql.Tx, keys []string) (map[string]int64, error) {
	ids := make(map[string]int64, len(keys))
	for _, parameter := range jsonArrays(keys) {
		err := o.each(ctx, tx, `
			SELECT m.message_key, m.id
			FROM `+o.dialect.joinKeys+` smslink_outbox m ON m.message_key = x.k`, []any{parameter},
			func(scan func(...any) error) error {
				var key string
				var id int64
				err := scan(&key, &id)
				ids[key] = id
				return err
			})
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}
