package outbox

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-smslink/smslink"
)

// recent are a run's recent packages, to restore rows that the database has lost.
//
// A run that notices a loss first records that it has yet to write back, which halts all workers.
// It writes back once no upload of its own is running, and records that last. Until then it claims
// nothing, whatever the database says.
type recent struct {
	mu       sync.Mutex
	claims   []*claim // in the order of their commits
	messages int
	newest   packageRef // of any worker

	losses  int  // that were noticed
	noticed bool // the last of them is not written back

	// mark is the value of this worker's row in smslink_meta. Each transaction that writes back
	// changes it. A database whose row has this value holds all that was written back. If the row
	// has another value, the run writes back from the beginning. mark is empty until the run begins
	// to write back, and again once it claims a package or notices another loss.
	mark        string
	halting     sync.Mutex      // held by the goroutine that writes back
	writtenBack map[*claim]bool // since the last loss was noticed: whether the database had lost a claim
}

// The bounds of recent: the packages of an hour, and half a million messages.
const (
	recentAge      = time.Hour
	recentMessages = 500_000
)

// add remembers a claim whose commit has succeeded. If it returns nil, the package may be uploaded.
// It returns errMoved if a loss was noticed after the claim's look: the commit may be one of a
// server that is no longer the primary. The claim must then be withdrawn.
func (m *recent) add(c *claim) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.losses != m.losses {
		return errMoved
	}
	if c.id > m.newest.id {
		m.newest = packageRef{c.id, c.token}
	}
	m.mark = ""
	m.claims = append(m.claims, c)
	m.messages += len(c.ids)
	for m.claims[0].old() || m.claims[0].done() && m.messages > recentMessages {
		m.messages -= len(m.claims[0].ids)
		m.claims = m.claims[1:]
	}
	return nil
}

// end keeps the end of a package's upload, and drops its texts. It returns a copy of the claim to
// record, because a halt may record the claim at the same time.
func (m *recent) end(c *claim, resp *smslink.Response, err error, stop string) *claim {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.resp, c.err, c.stop, c.ended, c.pkg = resp, err, stop, time.Now(), nil
	own := *c
	return &own
}

// notice keeps that commits were lost. A loss that is not written back yet is the same one.
func (m *recent) notice() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.noticed {
		m.noticed, m.mark = true, ""
		m.losses++
	}
}

// empty reports whether there is nothing that the database may have lost.
func (m *recent) empty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.noticed && !slices.ContainsFunc(m.claims, func(c *claim) bool { return !c.old() })
}

// look reads the state. The database has also moved as long as a loss is not written back.
func (r *run) look(ctx context.Context, tx *sql.Tx) (state, error) {
	r.recent.mu.Lock()
	newest, losses, noticed := r.recent.newest, r.recent.losses, r.recent.noticed
	r.recent.mu.Unlock()
	s, err := r.state(ctx, tx, newest, r.worker)
	if err != nil {
		return s, err
	}
	s.moved, s.losses = s.moved || noticed, losses
	r.recent.mu.Lock()
	defer r.recent.mu.Unlock()
	if !s.moved && s.newest.id > newest.id && r.recent.newest == newest {
		r.recent.newest = s.newest
	}
	return s, nil
}

// halt writes back what the database has lost, and logs an error. After a failure, the next call
// goes on from there. The outbox stays halted until a person resumes it.
func (r *run) halt(ctx context.Context) {
	if err := r.writeAllBack(ctx); err != nil && !errors.Is(err, errBusy) {
		r.logger.WarnContext(ctx, "outbox: writing back failed and is repeated", "error", err)
	}
}

// errBusy means that another goroutine writes back, or that an upload is running.
var errBusy = errors.New("smslink: the worker still uploads or writes back")

// writeAllBack returns nil once the database has all that this run has sent. If it has lost some of
// that, all workers are halted first.
func (r *run) writeAllBack(ctx context.Context) error {
	if !r.recent.halting.TryLock() {
		return errBusy
	}
	defer r.recent.halting.Unlock()
	var s state
	err := r.inBudget(func(ctx context.Context) (err error) {
		s, err = r.look(ctx, nil)
		return err
	})
	if err != nil || !s.moved {
		return err
	}
	r.recent.mu.Lock()
	marked, noticed := r.recent.mark != "" && s.mark == r.recent.mark, r.recent.noticed
	r.recent.mu.Unlock()
	switch {
	case marked && !noticed: // all is written back
		return nil
	case !marked:
		if err := r.inBudget(r.beginWritingBack); err != nil {
			return err
		}
	}
	claims, err := r.recent.toWriteBack(r.opts.ForgetAfter)
	if err != nil {
		return err
	}
	for _, c := range claims {
		if err := r.writeBack(ctx, c); err != nil {
			return err
		}
	}
	return r.endWritingBack(ctx)
}

// beginWritingBack halts all workers, and records for [Outbox.Stats] that this one has yet to write
// back.
func (r *run) beginWritingBack(ctx context.Context) error {
	r.recent.notice()
	mark := yetToWriteBack + rand.Text()
	err := r.inTx(ctx, func(tx *sql.Tx) error {
		_, err := r.exec(ctx, tx, "UPDATE smslink_meta SET value = 'commits were lost' WHERE name = 'epoch'")
		if err != nil {
			return err
		}
		return r.setMeta(ctx, tx, wroteBackPrefix+r.worker, mark)
	})
	if err != nil {
		return err
	}
	r.recent.mu.Lock()
	defer r.recent.mu.Unlock()
	r.recent.mark, r.recent.writtenBack = mark, map[*claim]bool{}
	return nil
}

// A worker's row in smslink_meta is named wroteBackPrefix and the worker. Its value begins with
// yetToWriteBack until all is written back.
const (
	wroteBackPrefix = "wrote back "
	yetToWriteBack  = "not yet "
)

// toWriteBack returns the claims that have not been written back, except old ones and those that
// the database may have forgotten: their keys may be those of other messages now.
func (m *recent) toWriteBack(forgetAfter time.Duration) (claims []*claim, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.claims {
		if !c.done() {
			return nil, errBusy
		}
		if _, found := m.writtenBack[c]; !found && !c.old() && !passed(c.ended.Add(forgetAfter)) {
			claims = append(claims, c)
		}
	}
	return claims, nil
}

// advance runs f in a transaction that changes this worker's mark to the next one. If the database
// does not have the present one, it has lost what was written back, and the transaction fails.
func (r *run) advance(next string, f func(ctx context.Context, tx *sql.Tx) error) error {
	err := r.inBudget(func(ctx context.Context) error {
		return r.inTx(ctx, func(tx *sql.Tx) error {
			n, err := r.exec(ctx, tx, "UPDATE smslink_meta SET value = ? WHERE name = ? AND value = ?",
				next, wroteBackPrefix+r.worker, r.recent.mark)
			if err == nil && n == 0 {
				err = errMoved
			}
			if err != nil {
				return err
			}
			return f(ctx, tx)
		})
	})
	if err != nil {
		return err
	}
	r.recent.mu.Lock()
	defer r.recent.mu.Unlock()
	r.recent.mark = next
	return nil
}

// endWritingBack records that this worker has written back.
func (r *run) endWritingBack(ctx context.Context) error {
	var s state
	err := r.advance(rand.Text(), func(ctx context.Context, tx *sql.Tx) (err error) {
		s, err = r.state(ctx, tx, packageRef{}, r.worker)
		return err
	})
	if err != nil {
		return err
	}
	r.recent.mu.Lock()
	defer r.recent.mu.Unlock()
	r.recent.noticed, r.recent.newest = false, s.newest
	lost := 0
	for _, isLost := range r.recent.writtenBack {
		if isLost {
			lost++
		}
	}
	r.logger.ErrorContext(ctx, "outbox: halted until a person resumes it", "worker", r.worker,
		"reason", errMoved.Error(), "packages", len(r.recent.claims), "written_back", lost)
	return nil
}

// writeBack records the end of a package's upload, which the database may have lost. If it has lost
// the package as well, writeBack restores that first.
func (r *run) writeBack(ctx context.Context, c *claim) error {
	own, lost := *c, false
	err := r.advance(yetToWriteBack+rand.Text(), func(ctx context.Context, tx *sql.Tx) error {
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
	r.recent.writtenBack[c] = lost
	return nil
}

// restore inserts a lost package's row, and takes its messages out of the queue. It finds them by
// their keys, because an id may be another message's now, and returns the claim with their present
// ids. If the package was accepted, its messages are taken back even if they have been cancelled,
// for example, since the package was lost, except those for which the credit did not suffice. The
// messages of any other package stay cancelled.
func (o *Outbox) restore(ctx context.Context, tx *sql.Tx, c *claim) (*claim, error) {
	if err := o.insertLost(ctx, tx, c); err != nil {
		return nil, err
	}
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
	if err := o.insertPackage(ctx, tx, &restored); err != nil {
		return nil, err
	}
	state := stateAfter(c.err, c.stop)
	if state == stateInDoubt { // keepSent finds these results if the messages are in another package
		results := make([]smslink.Result, len(restored.ids))
		for i, id := range restored.ids {
			results[i] = smslink.Result{ID: id, Status: smslink.StatusUnreported}
		}
		if err := o.insertResults(ctx, tx, restored.id, results); err != nil {
			return nil, err
		}
	}
	if state != stateAccepted {
		_, err := o.updateMessages(ctx, tx, restored.ids, fmt.Sprintf("package = %d", restored.id), isQueued)
		return &restored, err
	}
	var taken []int64
	for _, r := range restored.resp.Results {
		if r.Status != smslink.StatusInsufficientCredit {
			taken = append(taken, r.ID)
		}
	}
	_, err = o.takeBack(ctx, tx, restored.id, taken)
	return &restored, err
}

// insertLost inserts the messages of a package that the database has lost, so that their keys can't
// be enqueued again. It leaves out what was not sent and would be queued again: a rejected package,
// and messages for which the credit did not suffice. Receivers, senders and texts are gone. The
// messages are queued, and must be taken out of the queue in the same transaction.
func (o *Outbox) insertLost(ctx context.Context, tx *sql.Tx, c *claim) error {
	if stateAfter(c.err, c.stop) == stateRejected {
		return nil
	}
	unpaid := map[int64]bool{}
	if c.resp != nil {
		for _, r := range c.resp.Results {
			unpaid[r.ID] = r.Status == smslink.StatusInsufficientCredit
		}
	}
	var keys []string
	for i, key := range c.keys {
		if !unpaid[c.ids[i]] {
			keys = append(keys, key)
		}
	}
	// joinKeys wants an inner join first: that with the one row changes nothing.
	_, err := o.execEach(ctx, tx, fmt.Sprintf(`
		INSERT INTO smslink_message (message_key, lane, receiver, sender, body, send_at, due, ends, enqueued)
		SELECT x.k, '%[1]s', '', '', '', 0, %[2]s, %[3]d, %[2]s
		FROM %[4]s smslink_meta one ON one.name = 'paused'
		LEFT JOIN smslink_message m ON m.message_key = x.k
		WHERE m.id IS NULL
		ORDER BY x.k`, c.lane, o.dialect.now, never, o.dialect.joinKeys), jsonArrays(keys))
	return err
}

// idsOf returns the ids of those messages that are there. It reads the view, which has the hints
// that MySQL needs.
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
