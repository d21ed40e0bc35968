package main

import (
	"context"
	"database/sql"
	"errors"

	"github.com/go-smslink/smslink"
)

// table is a smslink.Journal in a table of the program's own database. Several streams may share
// it: the primary key lets only one of them intend an id.
type table struct{ db *sql.DB }

// schema has a row for each message that was accepted, has failed or is in doubt. Status 0 means in
// doubt.
const schema = `CREATE TABLE sms (id INTEGER PRIMARY KEY, status INTEGER NOT NULL, remote TEXT NOT NULL)`

// Known implements [smslink.Journal].
func (t table) Known(ctx context.Context, ids []int64) (known []smslink.Result, err error) {
	for _, id := range ids {
		result := smslink.Result{ID: id}
		err := t.db.QueryRowContext(ctx, `SELECT status, remote FROM sms WHERE id = ?`, id).Scan(&result.Status, &result.RemoteID)
		switch {
		case err == nil:
			known = append(known, result)
		case !errors.Is(err, sql.ErrNoRows):
			return nil, err
		}
	}
	return known, nil
}

// Intend implements [smslink.Journal]. The primary key refuses an id that is not new.
func (t table) Intend(ctx context.Context, ids []int64) error {
	return t.inTx(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, `INSERT INTO sms (id, status, remote) VALUES (?, 0, '')`, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Record implements [smslink.Journal].
func (t table) Record(ctx context.Context, results []smslink.Result, notSent []int64) error {
	return t.inTx(ctx, func(tx *sql.Tx) error {
		for _, r := range results {
			if _, err := tx.ExecContext(ctx, `UPDATE sms SET status = ?, remote = ? WHERE id = ? AND status = 0`, r.Status, r.RemoteID, r.ID); err != nil {
				return err
			}
		}
		for _, id := range notSent {
			if _, err := tx.ExecContext(ctx, `DELETE FROM sms WHERE id = ? AND status = 0`, id); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t table) inTx(ctx context.Context, change func(tx *sql.Tx) error) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := change(tx); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}
