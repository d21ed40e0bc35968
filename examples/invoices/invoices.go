package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/journal"
)

// remind sends a reminder for each unpaid invoice and keeps what became of it beside the invoice.
// After a crash, or if something went wrong, run it again with the same journal: what was sent, or
// may have been sent, is not sent again.
func remind(ctx context.Context, client *smslink.Client, db *sql.DB, journalFile string) error {
	j, err := journal.Open(journalFile) // one a campaign
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }()

	stream := client.Stream(unpaid(ctx, db), &smslink.StreamOptions{MaxMessages: 200, Journal: j}) // 10,000 by default
	for batch := range stream.Batches(ctx) {
		if err := keep(ctx, db, batch); err != nil {
			return err // the journal has what is on its way, and another run keeps it
		}
	}
	if n := stream.Stats().InDoubt; n > 0 {
		err = fmt.Errorf("%d messages are in doubt; look for them in the account's reports", n)
	}
	return errors.Join(stream.Err(), err)
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

// keep writes what became of a batch beside its invoices.
func keep(ctx context.Context, db *sql.DB, batch smslink.Batch) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	set := func(id int64, sms, remote string) {
		if err == nil {
			_, err = tx.ExecContext(ctx, `UPDATE invoice SET sms = ?, remote = ? WHERE id = ?`, sms, remote, id)
		}
	}
	for _, refused := range batch.Invalid {
		set(refused.ID, refused.Error(), "")
	}
	results := batch.Earlier // what the journal knows from an earlier run
	if batch.Response != nil {
		results = append(results, batch.Response.Results...)
	} else {
		for m := range batch.Package.Messages() {
			set(m.ID, smslink.OutcomeOf(batch.Err).String(), "")
		}
	}
	for _, r := range results {
		set(r.ID, r.Status.String(), r.RemoteID)
	}
	if err != nil {
		return err
	}
	return tx.Commit()
}
