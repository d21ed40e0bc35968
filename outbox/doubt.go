package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Doubt is a package that waits for a person: it is in doubt, or held.
type Doubt struct {
	Package  string // names it for [Outbox.Resolve]
	State    State  // InDoubt or Held
	Lane     string
	Messages int
	Began    time.Time
	Digest   string // MD5 of its plain form in hex, as the upload has it
	Why      string

	// Strays counts the delivery reports of messages that nobody knows, received since the package
	// began: signs that it was accepted.
	Strays int
}

// Doubts returns the packages that wait for a person, the oldest first.
func (o *Outbox) Doubts(ctx context.Context) (_ []Doubt, err error) {
	rows, err := o.db.QueryContext(ctx, "SELECT p.token, p.state, p.lane, p.messages, p.began, COALESCE(p.digest, ''), COALESCE(p.note, ''),"+
		" (SELECT count(*) FROM smslink_report d WHERE d.came >= p.began AND NOT EXISTS (SELECT 1 FROM smslink_result r WHERE r.remote = d.remote))"+
		" FROM smslink_package p WHERE p.state IN (4, 5) ORDER BY p.began, p.id")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var doubts []Doubt
	for rows.Next() {
		var d Doubt
		var state int
		var began int64
		if err := rows.Scan(&d.Package, &state, &d.Lane, &d.Messages, &began, &d.Digest, &d.Why, &d.Strays); err != nil {
			return nil, err
		}
		d.State, d.Began = InDoubt, time.UnixMicro(began).UTC()
		if state == stateHeld {
			d.State = Held
		}
		doubts = append(doubts, d)
	}
	return doubts, rows.Err()
}

// Verdict is a person's word on a package.
type Verdict int

// The verdicts.
const (
	WasSent Verdict = iota + 1 // its messages are settled, as unreported
	NotSent                    // its messages are queued again: if that is wrong, they are sent twice
	Abandon                    // its messages are never sent again, whatever became of them
)

// Errors of [Outbox.Resolve].
var (
	ErrNoDoubt = errors.New("outbox: no package of that name is in doubt or held")
	ErrTooSoon = errors.New("outbox: the package's worker may still send it")
)

// Resolve says what became of a package, and records who said so and why. by and reason must not be
// empty.
//
// It returns [ErrNoDoubt] if the package does not wait for a person, or no longer. It returns
// [ErrTooSoon] for NotSent until twice [Options].Timeout after the package's deadline if its worker
// has not said that the upload has ended: a worker that was frozen may still send.
func (o *Outbox) Resolve(ctx context.Context, packageName string, v Verdict, by, reason string) error {
	if v < WasSent || v > Abandon {
		return errors.New("outbox: the verdict is neither WasSent, NotSent nor Abandon")
	}
	if by == "" || reason == "" {
		return errUnsigned
	}
	return o.inTx(ctx, func(tx *sql.Tx) error {
		var id, deadline, now int64
		var ended sql.NullInt64
		err := tx.QueryRowContext(ctx, o.dialect.sql("SELECT id, deadline, ended, "+o.dialect.now+" FROM smslink_package WHERE token = ? AND state IN (4, 5)"), packageName).
			Scan(&id, &deadline, &ended, &now)
		switch until := time.UnixMicro(deadline).Add(2 * o.opts.Timeout); {
		case errors.Is(err, sql.ErrNoRows):
			return ErrNoDoubt
		case err != nil:
			return err
		case v == NotSent && !ended.Valid && now < until.UnixMicro():
			return fmt.Errorf("%w; wait until %s", ErrTooSoon, until.UTC().Format(time.RFC3339))
		}
		n, err := o.exec(ctx, tx, "UPDATE smslink_package SET state = 6, ended = "+o.dialect.now+", resolved_by = ?, reason = ? WHERE id = ? AND state IN (4, 5)", by, reason, id)
		switch {
		case err != nil:
			return err
		case n == 0:
			return ErrNoDoubt
		case v == NotSent:
			return o.requeue(ctx, tx, id, 0)
		case v == Abandon:
			_, err = o.exec(ctx, tx, "UPDATE smslink_message SET "+atEnd(abandonedPackage, o.dialect)+" WHERE package = ?", id)
		default:
			_, err = o.exec(ctx, tx, "INSERT INTO smslink_result (message, package, status) SELECT id, package, 0 FROM smslink_message WHERE package = ?", id)
		}
		return err
	})
}

var errUnsigned = errors.New("outbox: say by whom and why")
