package main

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/webhook"
)

// shop takes orders. A customer is texted if the order was committed, and only then.
type shop struct {
	db  *sql.DB
	box *outbox.Outbox
}

// order is what a customer orders.
type order struct {
	number int
	phone  string
}

// sms returns the order's message. Its key has it enqueued once, however often the order is tried.
func (o order) sms() outbox.Message {
	return outbox.Message{
		Key:  fmt.Sprintf("order-%d-taken", o.number),
		To:   o.phone,
		Text: fmt.Sprintf("Am primit comanda %d. Vă mulțumim!", o.number),
	}
}

const createOrders = "CREATE TABLE IF NOT EXISTS shop_order (number BIGINT PRIMARY KEY)"

// take takes an order, and rolls it back if it can't be paid.
func (s *shop) take(ctx context.Context, o order, pay func() error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "INSERT INTO shop_order (number) VALUES ($1)", o.number); err != nil {
		return err
	}
	if _, err := s.box.Enqueue(ctx, tx, o.sms()); err != nil {
		return err
	}
	if err := pay(); err != nil {
		return err
	}
	return tx.Commit()
}

// last returns the number of the last order, or 0.
func (s *shop) last(ctx context.Context) (number int, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT COALESCE(max(number), 0) FROM shop_order").Scan(&number)
	return number, err
}

// stop records that a customer wants no more messages: give it to webhook.Unsubscriptions.
func (s *shop) stop(ctx context.Context, u webhook.Unsubscription) error {
	_, err := s.box.OptOut(ctx, s.db, u.From)
	return err // an error is answered with 500, and the gateway sends the unsubscription again
}

// takePgx takes an order in a transaction of pgx itself.
func takePgx(ctx context.Context, conn *pgx.Conn, box *outbox.Outbox, o order) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO shop_order (number) VALUES ($1)", o.number); err != nil {
			return err
		}
		_, err := box.Enqueue(ctx, pgxTx(tx), o.sms())
		return err
	})
}

// pgxTx makes a pgx.Tx an outbox.Tx.
func pgxTx(tx pgx.Tx) outbox.TxFunc {
	return func(ctx context.Context, query string, args ...any) (int64, error) {
		tag, err := tx.Exec(ctx, query, args...)
		return tag.RowsAffected(), err
	}
}
