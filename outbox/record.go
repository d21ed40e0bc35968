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

// errLostClaim means that the database does not hold a package whose claim was committed.
var errLostClaim = errors.New("smslink: the database has lost the claim of a package")

// record records how a claim's upload ended, and pauses the outbox if uploads must stop. It may be
// repeated. A package that a person has resolved is left as it is.
func (o *Outbox) record(ctx context.Context, c *claim) error {
	return o.inTx(ctx, func(tx *sql.Tx) error {
		if c.stop != "" {
			if err := o.pause(ctx, tx, c.worker, c.stop); err != nil {
				return err
			}
		}
		err := o.recordIn(ctx, tx, c)
		step.Reach(ctx, step.Recording)
		return err
	})
}

func (o *Outbox) recordIn(ctx context.Context, tx *sql.Tx, c *claim) error {
	switch state := stateAfter(c.err, c.stop); {
	case state == stateAccepted:
		return o.recordAccepted(ctx, tx, c)
	case state == stateNotSent && smslink.OutcomeOf(c.err) == smslink.OutcomeNotSent:
		return o.recordNotSent(ctx, tx, c, backoff(c.attempts))
	case state == stateNotSent:
		return o.recordNotSent(ctx, tx, c, 0)
	default:
		_, err := o.end(ctx, tx, c, state, 0)
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
		if stop != "" { // the account was rejected, not the package
			return stateNotSent
		}
		return stateRejected
	default:
		return stateInDoubt
	}
}

// end moves the claim's package to a state, and reports whether it did. It does not if the end was
// recorded before. inDoubt is the number of messages in doubt of an accepted package.
func (o *Outbox) end(ctx context.Context, tx *sql.Tx, c *claim, state, inDoubt int) (bool, error) {
	var remote, note, undecided any
	switch {
	case c.err != nil:
		note = tidy(c.err.Error(), maxNote)
	case inDoubt > 0:
		state, undecided = stateInDoubt, inDoubt
		note = fmt.Sprintf("the gateway accepted the package; its reply decides nothing about %d messages", inDoubt)
	}
	if c.resp != nil {
		remote = tidy(c.resp.PackageID, maxRemote)
	}
	n, err := o.exec(ctx, tx, `
		UPDATE smslink_package
		SET state = ?, ended = `+o.dialect.now+`, remote = ?, in_doubt = ?, note = ?
		WHERE token = ? AND state IN (1, 5) AND ended IS NULL`,
		state, remote, undecided, note, c.token)
	if err != nil || n == 1 {
		return n == 1, err
	}
	found, err := o.holds(ctx, tx, c)
	if err == nil && !found {
		err = errLostClaim
	}
	return false, err
}

// holds reports whether the database has the claim's package.
func (o *Outbox) holds(ctx context.Context, tx *sql.Tx, c *claim) (bool, error) {
	var found int
	err := tx.QueryRowContext(ctx, o.dialect.sql("SELECT count(*) FROM smslink_package WHERE token = ?"), c.token).
		Scan(&found)
	return found > 0, err
}

// result is a message's result as the statement that records it reads it.
type result struct {
	Message int64          `json:"m"`
	Status  smslink.Status `json:"s"`
	Remote  *string        `json:"r"`
}

// undecided reports whether a status leaves its message in doubt.
func undecided(s smslink.Status) bool { return s < 1 || s > 5 }

func (o *Outbox) recordAccepted(ctx context.Context, tx *sql.Tx, c *claim) error {
	results := make([]result, len(c.resp.Results))
	var unpaid []int64
	inDoubt := 0
	for i, r := range c.resp.Results {
		results[i] = result{Message: r.ID, Status: r.Status}
		if remote := tidy(r.RemoteID, maxRemote); remote != "" {
			results[i].Remote = &remote
		}
		switch {
		case r.Status == smslink.StatusInsufficientCredit:
			unpaid = append(unpaid, r.ID)
		case undecided(r.Status):
			inDoubt++
		}
	}
	first, err := o.end(ctx, tx, c, stateAccepted, inDoubt)
	if err != nil || !first {
		return err
	}
	if _, err := o.exec(ctx, tx, fmt.Sprintf(`
		INSERT INTO smslink_result (message, package, status, remote)
		SELECT m, %d, s, r
		FROM %s`, c.id, o.dialect.results), asciiJSON(results)); err != nil {
		return err
	}
	if len(unpaid) > 0 {
		take := fmt.Sprintf(o.dialect.take, o.queued(0), fmt.Sprintf("package = %d", c.id))
		_, err = o.exec(ctx, tx, take, asciiJSON(unpaid))
	}
	return err
}

func (o *Outbox) recordNotSent(ctx context.Context, tx *sql.Tx, c *claim, wait time.Duration) error {
	first, err := o.end(ctx, tx, c, stateNotSent, 0)
	if err != nil || !first {
		return err
	}
	_, err = o.exec(ctx, tx, "UPDATE smslink_message SET "+o.queued(wait)+" WHERE package = ?", c.id)
	return err
}

// queued returns what an UPDATE sets of a message that is queued again.
func (o *Outbox) queued(wait time.Duration) string {
	return fmt.Sprintf("package = NULL, attempts = attempts + 1, due = %s + %d", o.dialect.now, wait.Microseconds())
}

// backoff returns the delay after a number of failed attempts: a second, doubled each time, up to a
// minute.
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
		return o.recordNotSent(ctx, tx, withdrawn, 0)
	})
}

var errUncertain = errors.New("the claim's commit may not have happened; nothing was uploaded")

// sweep puts overdue packages in doubt, and returns how many.
func (o *Outbox) sweep(ctx context.Context) (int64, error) {
	return o.exec(ctx, o.db, `
		UPDATE smslink_package
		SET state = 5, note = 'its worker has not recorded how the upload ended'
		WHERE state = 1 AND deadline < `+o.dialect.now)
}

// The most bytes of a text from outside.
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
