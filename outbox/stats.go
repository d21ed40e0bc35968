package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Stats is a snapshot of an outbox.
type Stats struct {
	Paused string // why no upload begins, or empty
	Lanes  map[string]LaneStats

	// Numbers of packages. Those in doubt, in whole or in part, and those that were rejected wait
	// for a person: see [Outbox.Unresolved].
	Sending, InDoubt, Rejected int

	// Overdue is the time since the oldest deadline of a package that is still sending; 0 if none
	// has passed. More than a few seconds mean that overdue packages can't be put in doubt, because
	// no worker runs or a transaction is stuck.
	Overdue time.Duration

	// After a fail-over or a restore: the workers that have written back what they sent, and the
	// silent ones, which have noticed and not yet written back or have claimed something in the
	// last hour. Resume only once each worker that runs is in WroteBack. A silent worker that has
	// exited can't write back: what it sent in the last hour may be queued again, so look it up in
	// the account's report first. A worker that can't reach the database may be in neither list.
	WroteBack, Silent []string
}

// LaneStats are the counts of one lane.
type LaneStats struct {
	Queued   int // messages, also those that are not due yet; at most [MaxQueued]
	Accepted int // messages of packages that were accepted in the last minute

	// Oldest is the time since the oldest message was due, or since the lane opened if that is
	// later. It is 0 if none is due or the lane is closed.
	Oldest time.Duration

	// Opens is when the lane will open, in the location of its [Hours], if it is closed; else it is
	// the zero time.
	Opens time.Time
}

// MaxQueued is what [LaneStats].Queued is if more than 100,000 messages are queued. They are not
// counted further, so that Stats costs little however long the queue is.
const MaxQueued = 100_001

// Stats returns the counts as they are now.
func (o *Outbox) Stats(ctx context.Context) (Stats, error) {
	s, err := o.state(ctx, nil, packageRef{}, "")
	if err != nil {
		return Stats{}, err
	}
	stats := Stats{Paused: s.paused, Lanes: map[string]LaneStats{}}
	for name := range o.lanes {
		stats.Lanes[name] = LaneStats{}
	}
	lanes, err := o.queuedLanes(ctx)
	if err != nil {
		return Stats{}, err
	}
	for _, lane := range lanes {
		if stats.Lanes[lane], err = o.queuedIn(ctx, lane, s.now); err != nil {
			return Stats{}, err
		}
	}
	err = o.each(ctx, o.db, `
		SELECT lane, sum(CASE WHEN state = 2 THEN messages ELSE 0 END)
		FROM smslink_package
		WHERE erased = 0 AND ended > ?
		GROUP BY lane`, []any{s.now - time.Minute.Microseconds()},
		func(scan func(...any) error) error {
			var lane string
			var accepted int
			err := scan(&lane, &accepted)
			counts := stats.Lanes[lane]
			counts.Accepted = accepted
			stats.Lanes[lane] = counts
			return err
		})
	if err != nil {
		return Stats{}, err
	}
	err = o.each(ctx, o.db, `
		SELECT state, count(*), min(deadline)
		FROM smslink_package
		WHERE state IN (1, 4, 5)
		GROUP BY state`, nil,
		func(scan func(...any) error) error {
			var state, n int
			var deadline int64
			err := scan(&state, &n, &deadline)
			switch state {
			case stateSending:
				stats.Sending = n
				stats.Overdue = time.Duration(max(s.now-deadline, 0)) * time.Microsecond
			case stateRejected:
				stats.Rejected = n
			case stateInDoubt:
				stats.InDoubt = n
			}
			return err
		})
	if err == nil {
		err = o.addHours(ctx, &stats, time.UnixMicro(s.now))
	}
	if err == nil && s.moved {
		stats.Paused = errMoved.Error()
		err = o.listWroteBack(ctx, &stats, s.now)
	}
	return stats, err
}

// addHours sets Opens of lanes that are closed, and counts Oldest only from the last opening.
func (o *Outbox) addHours(ctx context.Context, stats *Stats, now time.Time) error {
	hours, err := o.hours(ctx)
	for name, h := range hours {
		lane, ok := stats.Lanes[name]
		if !ok || h.always() {
			continue
		}
		if lane.Opens = h.opens(now); lane.Opens.IsZero() {
			lane.Oldest = min(lane.Oldest, now.Sub(h.opened(now)))
		} else {
			lane.Oldest = 0
		}
		stats.Lanes[name] = lane
	}
	return err
}

// queuedLanes returns the lanes that have queued messages.
func (o *Outbox) queuedLanes(ctx context.Context) (lanes []string, err error) {
	for lane := ""; ; lanes = append(lanes, lane) {
		err := o.db.QueryRowContext(ctx, o.dialect.sql(`
			SELECT lane
			FROM smslink_message`+o.dialect.queueIndex+`
			WHERE package IS NULL AND lane > ?
			ORDER BY lane
			LIMIT 1`), lane).Scan(&lane)
		if errors.Is(err, sql.ErrNoRows) {
			return lanes, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (o *Outbox) queuedIn(ctx context.Context, lane string, now int64) (l LaneStats, err error) {
	var due int64
	err = o.db.QueryRowContext(ctx, o.dialect.sql(fmt.Sprintf(`
		SELECT count(*), COALESCE(min(due), 0)
		FROM (
			SELECT due
			FROM smslink_message%s
			WHERE package IS NULL AND lane = ?
			ORDER BY due
			LIMIT %d
		) AS q`, o.dialect.queueIndex, MaxQueued)), lane).
		Scan(&l.Queued, &due)
	if l.Queued > 0 { // the lane may have been emptied since
		l.Oldest = time.Duration(max(now-due, 0)) * time.Microsecond
	}
	return l, err
}

// listWroteBack lists the workers that have written back, and those that have not.
func (o *Outbox) listWroteBack(ctx context.Context, stats *Stats, now int64) error {
	err := o.each(ctx, o.db,
		"SELECT name, value FROM smslink_meta WHERE name LIKE '"+wroteBackPrefix+"%'", nil,
		func(scan func(...any) error) error {
			var name, value string
			err := scan(&name, &value)
			worker := strings.TrimPrefix(name, wroteBackPrefix)
			if strings.HasPrefix(value, yetToWriteBack) {
				stats.Silent = append(stats.Silent, worker)
			} else {
				stats.WroteBack = append(stats.WroteBack, worker)
			}
			return err
		})
	if err != nil {
		return err
	}
	workers, err := column[string](ctx, o, o.db, `
		SELECT DISTINCT worker
		FROM smslink_package
		WHERE began > ?`, now-recentAge.Microseconds())
	for _, worker := range workers {
		if !slices.Contains(stats.WroteBack, worker) && !slices.Contains(stats.Silent, worker) {
			stats.Silent = append(stats.Silent, worker)
		}
	}
	return err
}

// column returns the values of a query's only column.
func column[T any](ctx context.Context, o *Outbox, q rowsQuerier, query string, args ...any) (values []T, err error) {
	err = o.each(ctx, q, query, args, func(scan func(...any) error) error {
		var value T
		err := scan(&value)
		values = append(values, value)
		return err
	})
	return values, err
}

// each calls f for each row of a query.
func (o *Outbox) each(
	ctx context.Context, q rowsQuerier, query string, args []any, f func(scan func(...any) error) error,
) (err error) {
	rows, err := q.QueryContext(ctx, o.dialect.sql(query), args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Pause keeps every worker from claiming another package, until [Outbox.Resume]. by and reason must
// not be empty. A claim that is under way is still uploaded if it commits within 30 seconds, and
// [Stats].Sending counts it from then on. One that commits later is withdrawn.
func (o *Outbox) Pause(ctx context.Context, by, reason string) error {
	if by == "" || reason == "" {
		return errUnsigned
	}
	return o.inTx(ctx, func(tx *sql.Tx) error { return o.pause(ctx, tx, by, reason, "") })
}

// pause pauses the outbox if its value meets a condition, which may be empty.
func (o *Outbox) pause(ctx context.Context, tx *sql.Tx, by, reason, condition string) error {
	if err := o.lock(ctx, tx, "smslink_meta", "name", "paused"); err != nil {
		return err
	}
	_, err := o.exec(ctx, tx, "UPDATE smslink_meta SET value = ? WHERE name = 'paused'"+condition, by+": "+reason)
	return err
}

// Resume lets workers begin uploads again, after a pause or a halt, and records by whom and why.
// by and reason must not be empty. After a fail-over or a restore, see [Stats].WroteBack first.
func (o *Outbox) Resume(ctx context.Context, by, reason string) error {
	if by == "" || reason == "" {
		return errUnsigned
	}
	s, err := o.state(ctx, nil, packageRef{}, "")
	if err != nil {
		return err
	}
	return o.inTx(ctx, func(tx *sql.Tx) error {
		if err := o.lock(ctx, tx, "smslink_meta", "name", "paused"); err != nil {
			return err
		}
		for _, change := range []struct {
			statement string
			args      []any
		}{
			{"UPDATE smslink_meta SET value = ? WHERE name = 'epoch'", []any{s.epoch}},
			{"UPDATE smslink_meta SET value = '' WHERE name = 'paused'", nil},
			{"UPDATE smslink_meta SET value = ? WHERE name = 'resumed'", []any{by + ": " + reason}},
			{"DELETE FROM smslink_meta WHERE name LIKE '" + wroteBackPrefix + "%'", nil},
		} {
			if _, err := o.exec(ctx, tx, change.statement, change.args...); err != nil {
				return err
			}
		}
		return nil
	})
}
