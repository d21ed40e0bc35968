package main

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/journal"
)

// remind sends a reminder for each unpaid invoice and keeps its outcome beside the invoice. After a
// failure, run it again with the same journal. Look for what is in doubt in the account's reports.
func remind(ctx context.Context, client *smslink.Client, db *sql.DB, journalFile string) (inDoubt int, err error) {
	j, err := journal.Open(journalFile) // one for each campaign
	if err != nil {
		return 0, err
	}
	defer func() { _ = j.Close() }()
	stream := client.Stream(unpaid(ctx, db), &smslink.StreamOptions{MaxMessages: 200, Journal: j}) // 10,000 by default
	for batch := range stream.Batches(ctx) {
		for result, err := range batch.Results() {
			outcome := smslink.OutcomeOf(err).String()
			if _, err := db.ExecContext(ctx, `UPDATE invoice SET sms = ?, remote = ? WHERE id = ?`,
				outcome, result.RemoteID, result.ID); err != nil {
				return 0, err // the journal has the other results, and the next run stores them
			}
		}
	}
	return stream.Stats().InDoubt, stream.Err()
}

// unpaid returns the reminders to send, read a row at a time.
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
			err := rows.Scan(&m.ID, &m.To, &amount)
			m.Text = fmt.Sprintf("Aveți de plată %d lei. Vă mulțumim!", amount)
			if !yield(m, err) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(smslink.Message{}, err)
		}
	}
}
