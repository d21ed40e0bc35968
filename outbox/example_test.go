package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/signal"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
)

// An order and its SMS are committed together, or not at all.
func ExampleOutbox_Enqueue() {
	ship := func(ctx context.Context, db *sql.DB, box *outbox.Outbox) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.ExecContext(ctx, "UPDATE shop_order SET shipped = TRUE WHERE id = 1034"); err != nil {
			return err
		}
		if _, err := box.Enqueue(ctx, tx, outbox.Message{
			Key: "order-1034-shipped", // enqueued once, however often this runs
			To:  "0712345678", Text: "Comanda 1034 a fost predată curierului.",
		}); err != nil {
			return err
		}
		return tx.Commit()
	}
	_ = ship
}

// A worker sends what is queued, until it is interrupted. Any number of them may run.
func ExampleOutbox_Run() {
	work := func(db *sql.DB, client *smslink.Client) error {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		box, err := outbox.New(db, outbox.Postgres, nil)
		if err != nil {
			return err
		}
		if err := box.Migrate(ctx); err != nil {
			return err
		}
		return box.Run(ctx, client) // which lets uploads that have begun finish
	}
	_ = work
}

// Packages in doubt wait for a person, who has checked the account's reports.
func ExampleOutbox_Resolve() {
	resolve := func(ctx context.Context, box *outbox.Outbox, packageName string) error {
		err := box.Resolve(ctx, packageName, outbox.Resolution{
			Verdict: outbox.VerdictSent, By: "Ana", Reason: "found in the account, 12:03",
		})
		if errors.Is(err, outbox.ErrTooSoon) {
			return nil // its worker may still be sending
		}
		return err
	}
	_ = resolve
}
