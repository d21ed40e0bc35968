package outbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/go-smslink/smslink"
)

// PersonRecord is what an outbox has of one message to a person.
type PersonRecord struct {
	Record
	To, From, Text string
	SendAt         time.Time // the gateway's schedule; the zero Time means at once
	Enqueued       time.Time
}

// Format prints the key and the text's size, whatever the verb, with the exceptions that
// [smslink.Message] names.
func (p PersonRecord) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "message %q (text of %d bytes)", p.Key, len(p.Text))
}

// LogValue returns what Format prints, for log/slog.
func (p PersonRecord) LogValue() slog.Value {
	return slog.GroupValue(slog.String("key", p.Key), slog.Int("text_bytes", len(p.Text)))
}

// Person returns all messages to a number, except those that have been erased. The number may have
// any form that [smslink.E164] takes. Every form of a number finds the same messages.
func (o *Outbox) Person(ctx context.Context, number string) ([]PersonRecord, error) {
	receivers, err := receiversOf(number)
	if err != nil {
		return nil, err
	}
	records := []PersonRecord{}
	err = o.each(ctx, o.db, `
		SELECT m.receiver, m.sender, m.body, m.send_at, m.enqueued, `+recordColumns+`
		FROM smslink_message m`+o.dialect.receiverIndex+`
		JOIN smslink_outbox v ON v.id = m.id
		WHERE m.receiver <> '' AND m.receiver IN (?, ?)`, receivers,
		func(scan func(...any) error) error {
			var p PersonRecord
			var sendAt, enqueued int64
			err := scanRecord(&p.Record, func(columns ...any) error {
				return scan(append([]any{&p.To, &p.From, &p.Text, &sendAt, &enqueued}, columns...)...)
			})
			if sendAt > 0 {
				p.SendAt = time.Unix(sendAt, 0).UTC()
			}
			p.Enqueued = time.UnixMicro(enqueued).UTC()
			records = append(records, p)
			return err
		})
	slices.SortFunc(records, func(a, b PersonRecord) int { return cmp.Compare(a.Result.ID, b.Result.ID) })
	return records, err
}

// receiversOf returns both forms in which a message may have a number as its receiver.
func receiversOf(number string) ([]any, error) {
	canonical, err := smslink.E164(number)
	if err != nil {
		return nil, err
	}
	forms := wireForms([]string{canonical})
	return []any{forms[0], forms[len(forms)-1]}, nil
}

// Erasure is what [Outbox.ErasePerson] has done.
type Erasure struct {
	Cancelled int // messages that were queued; they are erased, too
	Erased    int // messages that had ended
	Waiting   int // messages that are being sent, in doubt or rejected, and are kept until they have ended
}

// ErasePerson cancels what is queued to a number, and erases the receivers, senders and texts of
// all messages to it that have ended, and the digests of their packages. Call it again once those
// that wait have ended. It takes numbers as [Outbox.Person] does. An opt-out is kept: see
// [Outbox.OptIn].
//
// by and reason must not be empty. They are kept in smslink_meta, with the counts and without the
// number.
//
// If another connection keeps SQLite's write-ahead log in use, the log still has what was erased.
// ErasePerson then returns an error with the Erasure: call it again.
func (o *Outbox) ErasePerson(ctx context.Context, number, by, reason string) (Erasure, error) {
	if by == "" || reason == "" {
		return Erasure{}, errUnsigned
	}
	receivers, err := receiversOf(number)
	if err != nil {
		return Erasure{}, err
	}
	var e Erasure
	err = o.inTx(ctx, func(tx *sql.Tx) error {
		if e, err = o.erasePerson(ctx, tx, receivers); err != nil {
			return err
		}
		name := "erased a person " + rand.Text()
		value := fmt.Sprintf("%s %s: %s (%d cancelled, %d erased, %d waiting)",
			time.Now().UTC().Format(time.RFC3339), by, reason, e.Cancelled, e.Erased, e.Waiting)
		_, err := o.exec(ctx, tx, "INSERT INTO smslink_meta (name, value) VALUES (?, ?)", name, value)
		return err
	})
	if err != nil {
		return Erasure{}, err
	}
	return e, o.truncateLog(ctx)
}

// erasePerson erases the messages to two receivers. It finds what has ended before it erases
// digests. A message that ends in between waits: its package may still have a digest.
func (o *Outbox) erasePerson(ctx context.Context, tx *sql.Tx, receivers []any) (e Erasure, err error) {
	cancelled, err := o.exec(ctx, tx, `
		UPDATE smslink_message`+o.dialect.receiverIndex+`
		SET `+o.atEnd(cancelledPackage)+`
		WHERE receiver <> '' AND receiver IN (?, ?) AND `+isQueued, receivers...)
	if err != nil {
		return e, err
	}
	ended, err := column[int64](ctx, o, tx, `
		SELECT m.id
		FROM smslink_message m`+o.dialect.receiverIndex+`
		JOIN smslink_outbox v ON v.id = m.id
		WHERE m.receiver <> '' AND m.receiver IN (?, ?)
		AND v.state NOT IN ('queued', 'sending', 'in doubt', 'rejected')`, receivers...)
	if err != nil {
		return e, err
	}
	// Packages with a result of a message that does not wait in them. Others that messages have
	// left have no digest.
	err = o.eraseDigests(ctx, tx, `
		SELECT DISTINCT p.id
		FROM smslink_message m`+o.dialect.receiverIndex+`
		JOIN smslink_result r ON r.message = m.id
		JOIN smslink_package p ON p.id = r.package
		WHERE m.receiver <> '' AND m.receiver IN (?, ?) AND p.digest IS NOT NULL
		AND (r.status IN `+decided+` OR p.id <> COALESCE(m.package, 0))`, receivers...)
	if err != nil {
		return e, err
	}
	set := blank + ", package = CASE WHEN package < 0 THEN package - 10 ELSE package END"
	erased, err := o.updateMessages(ctx, tx, ended, set, "body <> ''")
	if err != nil {
		return e, err
	}
	e.Cancelled, e.Erased = int(cancelled), int(erased-cancelled)
	err = tx.QueryRowContext(ctx, o.dialect.sql(`
		SELECT count(*)
		FROM smslink_message`+o.dialect.receiverIndex+`
		WHERE receiver <> '' AND receiver IN (?, ?)`), receivers...).Scan(&e.Waiting)
	return e, err
}

// eraseDigests erases the digests of the packages whose ids a query returns: a number could be
// computed from one.
func (o *Outbox) eraseDigests(ctx context.Context, tx *sql.Tx, query string, args ...any) error {
	packages, err := column[int64](ctx, o, tx, query, args...)
	for _, id := range packages {
		if _, err := o.exec(ctx, tx, "UPDATE smslink_package SET digest = NULL WHERE id = ?", id); err != nil {
			return err
		}
	}
	return err
}
