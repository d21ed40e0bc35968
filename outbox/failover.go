package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-smslink/smslink"
)

// memory is what a run remembers of its packages, to write back what the database has forgotten.
type memory struct {
	mu       sync.Mutex
	claims   []*claim // in the order of their claims
	messages int
	seen     witness // the newest package of any worker
	told     bool    // all of it, after a fail-over
}

// What is remembered: the packages of an hour, and half a million messages.
const (
	memoryAge      = time.Hour
	memoryMessages = 500_000
)

func (m *memory) add(c *claim) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.id > m.seen.id {
		m.seen = witness{c.id, c.token}
	}
	m.claims = append(m.claims, c)
	m.messages += len(c.ids)
	for old := m.claims[0]; old.done && (m.messages > memoryMessages || time.Since(old.began) > memoryAge); old = m.claims[0] {
		m.messages -= len(old.ids)
		m.claims = m.claims[1:]
	}
}

// settle keeps what became of a package, and lets go of its texts.
func (m *memory) settle(c *claim, resp *smslink.Response, err error, stop string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.resp, c.err, c.stop, c.done, c.pkg = resp, err, stop, true, nil
}

// look reads the state, and notices if a package is gone that was seen before.
func (r *run) look(ctx context.Context, q querier) (state, error) {
	r.memory.mu.Lock()
	seen := r.memory.seen
	r.memory.mu.Unlock()
	s, err := r.state(ctx, q, seen)
	if err != nil || s.moved {
		return s, err
	}
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	r.memory.told = false
	if s.newest.id > r.memory.seen.id {
		r.memory.seen = s.newest
	}
	return s, nil
}

// markMoved has all workers halt, since the database has lost a commit.
func (o *Outbox) markMoved(ctx context.Context) error {
	_, err := o.exec(ctx, o.db, "UPDATE smslink_meta SET value = 'commits were lost' WHERE name = 'epoch'")
	return err
}

// halt tells the database what it may have forgotten of this run's packages, once none is on its
// way, and then that it was told. It does so once; the outbox stays halted until a person resumes
// it.
func (r *run) halt(ctx context.Context) {
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	if r.memory.told {
		return
	}
	for _, c := range r.memory.claims {
		if !c.done {
			return // it is on its way; the next look comes back here
		}
	}
	lasting, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimBudget)
	defer cancel()
	if err := r.markMoved(lasting); err != nil { // since it may be this run alone that knows
		r.logger.WarnContext(ctx, "outbox: halting failed and is repeated", "error", err)
		return
	}
	forgotten := 0
	for _, c := range r.memory.claims {
		lost, err := r.writeBack(lasting, c)
		if err != nil {
			r.logger.WarnContext(ctx, "outbox: writing back failed and is repeated", "error", err)
			return
		}
		if lost {
			forgotten++
		}
	}
	if err := r.tell(lasting); err != nil {
		r.logger.WarnContext(ctx, "outbox: halting failed and is repeated", "error", err)
		return
	}
	r.memory.told, r.memory.seen = true, witness{}
	r.logger.ErrorContext(ctx, "outbox: halted, since the database has failed over, was restored or has lost commits; a person must resume it",
		"worker", r.worker, "packages", len(r.memory.claims), "written_back", forgotten)
}

// tell records for [Outbox.Stats] that this worker has nothing left to write back.
func (r *run) tell(ctx context.Context) error {
	return r.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := r.exec(ctx, tx, "DELETE FROM smslink_meta WHERE name = ?", toldPrefix+r.worker); err != nil {
			return err
		}
		_, err := r.exec(ctx, tx, "INSERT INTO smslink_meta (name, value) VALUES (?, '')", toldPrefix+r.worker)
		return err
	})
}

const toldPrefix = "told "

// writeBack gives the database a package that it has forgotten, with what became of it. Messages
// are found by their keys, since an id may be another message's by now.
func (o *Outbox) writeBack(ctx context.Context, c *claim) (forgotten bool, err error) {
	err = o.inTx(ctx, func(tx *sql.Tx) error {
		var found int
		if err := tx.QueryRowContext(ctx, o.dialect.sql("SELECT count(*) FROM smslink_package WHERE token = ?"), c.token).Scan(&found); err != nil {
			return err
		}
		if forgotten = found == 0; !forgotten {
			return o.record(ctx, tx, c)
		}
		if stateAfter(c.err, c.stop) == stateNotSent {
			return nil // its messages are queued, as they should be
		}
		anew, err := o.claimAnew(ctx, tx, c)
		if err != nil {
			return err
		}
		return o.record(ctx, tx, anew)
	})
	return forgotten, err
}

// claimAnew inserts the row of a forgotten package, and returns the claim with the ids that its
// messages have now.
func (o *Outbox) claimAnew(ctx context.Context, tx *sql.Tx, c *claim) (*claim, error) {
	present, err := o.idsOf(ctx, tx, c.keys)
	if err != nil {
		return nil, err
	}
	anew := *c
	anew.ids, anew.keys = nil, nil
	ids := map[int64]int64{}
	for i, key := range c.keys {
		if id, ok := present[key]; ok {
			ids[c.ids[i]] = id
			anew.ids = append(anew.ids, id)
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
		anew.resp = &resp
	}
	s, err := o.state(ctx, tx, witness{})
	if err != nil {
		return nil, err
	}
	if err := o.insertPackage(ctx, tx, &anew, s.now); err != nil {
		return nil, err
	}
	_, err = o.exec(ctx, tx, fmt.Sprintf(o.dialect.take, fmt.Sprintf("package = %d", anew.id), "package IS NULL"), asciiJSON(anew.ids))
	return &anew, err
}

// idsOf returns the ids of those messages that are there.
func (o *Outbox) idsOf(ctx context.Context, tx *sql.Tx, keys []string) (_ map[string]int64, err error) {
	rows, err := tx.QueryContext(ctx, o.dialect.sql("SELECT m.message_key, m.id FROM "+o.dialect.keys+" JOIN smslink_message m ON m.message_key = x.k"), asciiJSON(keys))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	ids := make(map[string]int64, len(keys))
	for rows.Next() {
		var key string
		var id int64
		if err := rows.Scan(&key, &id); err != nil {
			return nil, err
		}
		ids[key] = id
	}
	return ids, rows.Err()
}
