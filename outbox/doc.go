// Package outbox queues SMS in tables of your own database and sends each of them once.
//
// [Outbox.Enqueue] writes messages in your own transaction, so that an order and its SMS are
// committed together or not at all. [Outbox.Run], in any number of processes on any number of
// machines, puts what is due into packages and sends each by [smslink.Client.Send].
//
//	box, err := outbox.New(db, outbox.Postgres, nil)
//	...
//	tx, err := db.BeginTx(ctx, nil)
//	...                             // the order
//	_, err = box.Enqueue(ctx, tx, outbox.Message{Key: "order-1034-shipped", To: "0712345678", Text: "..."})
//	...
//	err = tx.Commit()
//
// # What is promised
//
// A package is claimed before it is uploaded: one transaction selects messages and inserts the
// package's row. Its commit is the right to upload the package once. A worker that ends without
// recording how its upload ended leaves the package in doubt. A package in doubt is sent again only
// if its worker later records that it was not sent, or if a person says so: see
// [Outbox.Unresolved] and [Outbox.Resolve].
//
// No message is sent twice as long as the database keeps what it has committed. Run refuses a
// database whose settings may lose a commit of its own, and halts when it notices that commits were
// lost: see [Stats].WroteBack. A message whose transaction committed is not lost, unless the
// database loses that commit, as PostgreSQL may with synchronous_commit = off.
//
// # Databases
//
// The outbox works on database/sql alone, with a driver of your choice: PostgreSQL 14, MySQL 8.0,
// MariaDB 10.6, SQLite 3.42, and later versions. It has not been run on MySQL's own server during
// development; the repository's workflow runs the conformance tests on MySQL 8.4. Package
// outboxtest tests a database and its driver for conformance. A MySQL driver must report changed
// rows, not found rows (clientFoundRows=false, which is go-sql-driver's default).
package outbox
