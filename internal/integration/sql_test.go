package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// unpaid reads the reminders to send, a row at a time.
func unpaid(ctx context.Context, db *sql.DB) iter.Seq2[smslink.Message, error] {
	return func(yield func(smslink.Message, error) bool) {
		rows, err := db.QueryContext(ctx, `SELECT id, phone, amount FROM invoice WHERE NOT paid ORDER BY id`)
		if err != nil {
			yield(smslink.Message{}, err)
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var m smslink.Message
			var amount int
			if err := rows.Scan(&m.ID, &m.To, &amount); err != nil {
				yield(smslink.Message{}, err)
				return
			}
			m.Text = fmt.Sprintf("Aveți de plată %d lei. Vă mulțumim!", amount)
			if !yield(m, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(smslink.Message{}, err)
		}
	}
}

// table is a journal in a database, beside the messages.
type table struct{ *sql.DB }

func (t table) Known(ctx context.Context, ids []int64) ([]smslink.Result, error) {
	var known []smslink.Result
	for _, id := range ids {
		result := smslink.Result{ID: id}
		err := t.QueryRowContext(ctx, `SELECT status, remote FROM sms WHERE id = ?`, id).Scan(&result.Status, &result.RemoteID)
		switch {
		case err == nil:
			known = append(known, result)
		case !errors.Is(err, sql.ErrNoRows):
			return nil, err
		}
	}
	return known, nil
}

func (t table) Intend(ctx context.Context, ids []int64) error {
	return t.together(ctx, func(tx *sql.Tx) error {
		for _, id := range ids { // the key refuses one that is known
			if _, err := tx.ExecContext(ctx, `INSERT INTO sms (id, status, remote) VALUES (?, 0, '')`, id); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t table) Settle(ctx context.Context, judged []smslink.Result, forgotten []int64) error {
	return t.together(ctx, func(tx *sql.Tx) error {
		for _, r := range judged {
			if _, err := tx.ExecContext(ctx, `UPDATE sms SET status = ?, remote = ? WHERE id = ? AND status = 0`, r.Status, r.RemoteID, r.ID); err != nil {
				return err
			}
		}
		for _, id := range forgotten {
			if _, err := tx.ExecContext(ctx, `DELETE FROM sms WHERE id = ? AND status = 0`, id); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t table) together(ctx context.Context, change func(tx *sql.Tx) error) error {
	tx, err := t.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := change(tx); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// All customers with an unpaid invoice, from the rows of a real SQLite, with a
// journal in a table of the same database.
func Example_databaseSQL() {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	folder, err := os.MkdirTemp("", "shop")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	db, err := sql.Open("sqlite", filepath.Join(folder, "shop.db")+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(`
		CREATE TABLE invoice (id INTEGER PRIMARY KEY, phone TEXT, amount INTEGER, paid BOOLEAN);
		CREATE TABLE sms (id INTEGER PRIMARY KEY, status INTEGER NOT NULL, remote TEXT NOT NULL);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
		INSERT INTO invoice SELECT i, printf('07%08d', i), i % 300, i % 4 = 0 FROM n`); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	gateway.Inject(smslinktest.Fault{}, smslinktest.LoseReply())
	for range 2 {
		accepted, unknown, earlier := 0, 0, 0
		opts := &smslink.StreamOptions{MaxMessages: 200, Concurrency: 1, Journal: table{db}}
		for batch := range gateway.Client().Stream(unpaid(ctx, db), opts).Batches(ctx) {
			earlier += len(batch.Earlier)
			switch {
			case batch.Response != nil:
				accepted += batch.Response.Count(smslink.StatusSuccess)
			case smslink.OutcomeOf(batch.Err) == smslink.OutcomeUnknown:
				unknown += batch.Package.Len()
			case batch.Err != nil:
				log.Fatal(batch.Err)
			}
		}
		fmt.Println("accepted", accepted, "in doubt", unknown, "known from earlier", earlier)
	}
	fmt.Println(len(gateway.Messages()), "messages arrived")
	// Output:
	// accepted 550 in doubt 200 known from earlier 0
	// accepted 0 in doubt 0 known from earlier 750
	// 750 messages arrived
}
