package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox/internal/step"
)

// errForgotten is the error of a settlement whose package the database does not hold, although the
// claim was committed.
var errForgotten = errors.New("outbox: the database has lost the claim of a package")

// settle records what became of a claim's package, and pauses the outbox if that has to stop. It
// may be repeated. A package that a person has resolved stays as it is.
func (o *Outbox) settle(ctx context.Context, c *claim) error {
	return o.inTx(ctx, func(tx *sql.Tx) error {
		if c.stop != "" {
			if err := o.pause(ctx, tx, c.worker, c.stop); err != nil {
				return err
			}
		}
		err := o.record(ctx, tx, c)
		step.Reach(ctx, step.Settling)
		return err
	})
}

func (o *Outbox) record(ctx context.Context, tx *sql.Tx, c *claim) error {
	switch state := stateAfter(c.err, c.stop); {
	case state == stateAccepted:
		return o.settleAccepted(ctx, tx, c)
	case state == stateNotSent && smslink.OutcomeOf(c.err) == smslink.OutcomeNotSent:
		return o.settleNotSent(ctx, tx, c, backoff(c.attempts))
	case state == stateNotSent:
		return o.settleNotSent(ctx, tx, c, 0)
	default:
		_, err := o.end(ctx, tx, c, state, "")
		return err
	}
}

// stateAfter returns the state of a package after its upload.
func stateAfter(err error, stop string) int {
	switch smslink.OutcomeOf(err) {
	case smslink.OutcomeAccepted:
		return stateAccepted
	case smslink.OutcomeNotSent:
		return stateNotSent
	case smslink.OutcomeRejected:
		if stop != "" { // it was the account that was refused, and not the package
			return stateNotSent
		}
		return stateHeld
	default:
		return stateInDoubt
	}
}

// end moves the claim's package to a state. It reports whether it did: a repeated settlement does
// not.
func (o *Outbox) end(ctx context.Context, tx *sql.Tx, c *claim, state int, remote string) (bool, error) {
	var note any
	if c.err != nil {
		note = tidy(c.err.Error(), maxNote)
	}
	n, err := o.exec(ctx, tx, "UPDATE smslink_package SET state = ?, ended = "+o.dialect.now+", remote = ?, note = ? WHERE token = ? AND state IN (1, 5)",
		state, remote, note, c.token)
	if err != nil || n == 1 {
		return n == 1, err
	}
	var found int
	if err := tx.QueryRowContext(ctx, o.dialect.sql("SELECT count(*) FROM smslink_package WHERE token = ?"), c.token).Scan(&found); err != nil {
		return false, err
	}
	if found == 0 {
		return false, errForgotten
	}
	return false, nil
}

// result is a message's result as the settling statement reads it.
type result struct {
	Message int64          `json:"m"`
	Status  smslink.Status `json:"s"`
	Remote  *string        `json:"r"`
}

func (o *Outbox) settleAccepted(ctx context.Context, tx *sql.Tx, c *claim) error {
	first, err := o.end(ctx, tx, c, stateAccepted, tidy(c.resp.PackageID, maxRemote))
	if err != nil || !first {
		return err
	}
	results := make([]result, len(c.resp.Results))
	var unpaid []int64
	for i, r := range c.resp.Results {
		results[i] = result{Message: r.ID, Status: r.Status}
		if remote := tidy(r.RemoteID, maxRemote); remote != "" {
			results[i].Remote = &remote
		}
		if r.Status == smslink.StatusInsufficientCredit {
			unpaid = append(unpaid, r.ID)
		}
	}
	if _, err := o.exec(ctx, tx, fmt.Sprintf("INSERT INTO smslink_result (message, package, status, remote) SELECT m, %d, s, r FROM %s", c.id, o.dialect.results), asciiJSON(results)); err != nil {
		return err
	}
	if len(unpaid) > 0 {
		_, err = o.exec(ctx, tx, fmt.Sprintf(o.dialect.take, o.queued(0), fmt.Sprintf("package = %d", c.id)), asciiJSON(unpaid))
	}
	return err
}

func (o *Outbox) settleNotSent(ctx context.Context, tx *sql.Tx, c *claim, wait time.Duration) error {
	first, err := o.end(ctx, tx, c, stateNotSent, "")
	if err != nil || !first {
		return err
	}
	return o.requeue(ctx, tx, c.id, wait)
}

// requeue queues a package's messages again.
func (o *Outbox) requeue(ctx context.Context, tx *sql.Tx, packageID int64, wait time.Duration) error {
	_, err := o.exec(ctx, tx, "UPDATE smslink_message SET "+o.queued(wait)+" WHERE package = ?", packageID)
	return err
}

// queued returns what an UPDATE sets of a message that is queued again.
func (o *Outbox) queued(wait time.Duration) string {
	return fmt.Sprintf("package = NULL, attempts = attempts + 1, due = %s + %d", o.dialect.now, wait.Microseconds())
}

// backoff is how long messages wait that were not sent for the (attempts+1)th time: a second,
// doubled each time, up to a minute.
func backoff(attempts int64) time.Duration {
	return min(time.Second<<min(attempts, 6), time.Minute)
}

// withdraw gives back a claim whose commit may not have happened. Inserting the same token waits
// for that commit if it is still under way, and keeps it from happening later.
func (o *Outbox) withdraw(ctx context.Context, c *claim) error {
	return o.inTx(ctx, func(tx *sql.Tx) error {
		withdrawn := &claim{token: c.token, worker: c.worker, lane: c.lane, err: errUncertain}
		if err := o.insertPackage(ctx, tx, withdrawn, 0); err != nil {
			return err
		}
		return o.settleNotSent(ctx, tx, withdrawn, 0)
	})
}

var errUncertain = errors.New("the claim's commit may not have happened; nothing was uploaded")

// sweep puts packages in doubt whose workers have not said what became of them. It returns how
// many.
func (o *Outbox) sweep(ctx context.Context) (int64, error) {
	return o.exec(ctx, o.db, "UPDATE smslink_package SET state = 5, note = 'its worker has not said what became of it' WHERE state = 1 AND deadline < "+o.dialect.now)
}

// The most bytes of a text that is not ours.
const (
	maxRemote = 128
	maxNote   = 500
)

// tidy returns s cut to n bytes, with a ? for each character that a database or a terminal may not
// take.
func tidy(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), n)]
}
