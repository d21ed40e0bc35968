package outbox

import (
	"cmp"
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
// repeated.
func (o *Outbox) record(ctx context.Context, c *claim) error {
	return o.inTx(ctx, func(tx *sql.Tx) error {
		if c.stop != "" {
			// Whoever resumes must see why a person has paused it.
			if err := o.pause(ctx, tx, c.worker, c.stop, " AND value = ''"); err != nil {
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
// recorded before or a person has said something of the package: see recordLate. inDoubt is the
// number of messages in doubt of an accepted package.
func (o *Outbox) end(ctx context.Context, tx *sql.Tx, c *claim, state, inDoubt int) (bool, error) {
	var remote, note, undecided any
	digest := ""
	if state == stateNotSent {
		digest = noDigest
	}
	switch {
	case c.err != nil:
		note = tidy(c.err.Error(), maxNote)
	case inDoubt > 0:
		state, undecided, note = stateInDoubt, inDoubt, undecidedNote(inDoubt)
	}
	if c.resp != nil {
		remote = tidy(c.resp.PackageID, maxRemote)
	}
	n, err := o.exec(ctx, tx, `
		UPDATE smslink_package
		SET state = ?, ended = `+o.dialect.now+`, remote = ?, in_doubt = ?, note = ?`+digest+`
		WHERE token = ? AND state IN (1, 5) AND ended IS NULL AND resolved_by IS NULL`,
		state, remote, undecided, note, c.token)
	if err != nil || n == 1 {
		return n == 1, err
	}
	return false, o.recordLate(ctx, tx, c)
}

// noDigest is what an UPDATE sets of a package that its messages leave: ErasePerson would no longer
// find it.
const noDigest = ", digest = NULL"

func undecidedNote(messages int) string {
	return fmt.Sprintf("the gateway accepted the package; its reply decides nothing about %d messages", messages)
}

// late is what a person has said about a package before its worker recorded the end of the upload.
type late struct {
	by      string
	open    bool    // some messages are still in doubt
	verdict Verdict // may be 0
	found   map[int64]smslink.Result
}

// recordLate keeps the end of an upload that is recorded after a person has resolved its package or
// a part of it. It does nothing if the row shows that the end was recorded before: see late.
func (o *Outbox) recordLate(ctx context.Context, tx *sql.Tx, c *claim) error {
	l, err := o.late(ctx, tx, c)
	if err != nil || l == nil {
		return err
	}
	how, missed := "accepted", 0
	var remote any
	switch outcome := smslink.OutcomeOf(c.err); {
	case outcome == smslink.OutcomeAccepted:
		remote = tidy(c.resp.PackageID, maxRemote)
		missed, err = o.recordLateResults(ctx, tx, c, l)
	case outcome == smslink.OutcomeNotSent || outcome == smslink.OutcomeRejected:
		how = c.err.Error()
		if len(l.found) > 0 {
			c.contradicted = fmt.Sprintf("%s said sent or failed; then its worker recorded: %v", l.by, c.err)
		}
	case l.open:
		_, err = o.exec(ctx, tx, `
			UPDATE smslink_package
			SET ended = `+o.dialect.now+`, note = ?
			WHERE id = ?`, tidy(c.err.Error(), maxNote), c.id)
		return err
	default:
		how = c.err.Error()
	}
	if err != nil {
		return err
	}
	waiting, err := o.undecidedOf(ctx, tx, c.id)
	if err != nil {
		return err
	}
	state, inDoubt, note := stateResolved, any(nil), any(nil)
	switch {
	case c.contradicted != "":
		state, inDoubt, note = stateInDoubt, len(waiting)+missed, tidy(c.contradicted, maxNote)
	case len(waiting) > 0:
		state, inDoubt, note = stateInDoubt, len(waiting), undecidedNote(len(waiting))
	case l.open:
		state = stateAccepted
	}
	_, err = o.exec(ctx, tx, `
		UPDATE smslink_package
		SET late = ?, remote = ?, state = ?, ended = COALESCE(ended, `+o.dialect.now+`), erased = 0,
			in_doubt = ?, note = ?
		WHERE id = ?`, tidy(how, maxNote), remote, state, inDoubt, note, c.id)
	return err
}

// late locks the claim's package, and returns what a person has said about it. It returns nil if a
// person has said nothing, or if the row shows that the end of the upload was recorded before. It
// does not show that once a person has resolved a package that was rejected or wholly in doubt.
func (o *Outbox) late(ctx context.Context, tx *sql.Tx, c *claim) (*late, error) {
	held, err := o.holds(ctx, tx, c)
	if err != nil || !held {
		return nil, cmp.Or(err, errLostClaim)
	}
	if err := o.lock(ctx, tx, "smslink_package", "token", c.token); err != nil {
		return nil, err
	}
	l := &late{found: make(map[int64]smslink.Result)}
	var known bool
	err = tx.QueryRowContext(ctx, o.dialect.sql(`
		SELECT id, COALESCE(resolved_by, ''), COALESCE(verdict, 0), CASE WHEN verdict IS NULL THEN 1 ELSE 0 END,
			CASE WHEN resolved_by IS NULL
				OR late IS NOT NULL
				OR remote IS NOT NULL
				OR (verdict IS NULL AND ended IS NOT NULL)
				THEN 1 ELSE 0 END
		FROM smslink_package
		WHERE token = ?`), c.token).
		Scan(&c.id, &l.by, &l.verdict, &l.open, &known)
	if err != nil || known {
		return nil, err
	}
	err = o.each(ctx, tx, `
		SELECT message, status, COALESCE(remote, '')
		FROM smslink_result
		WHERE package = ?`, []any{c.id},
		func(scan func(...any) error) error {
			var r smslink.Result
			err := scan(&r.ID, &r.Status, &r.RemoteID)
			l.found[r.ID] = r
			return err
		})
	return l, err
}

// recordLateResults records the results of a package that was accepted after all. If they decide
// nothing about a message, what a person has found is kept. Messages that have since been queued or
// have ended without a package are moved back to this one, except those for which the credit did
// not suffice. It returns the number of messages that could not be moved back, because they were
// claimed again.
func (o *Outbox) recordLateResults(ctx context.Context, tx *sql.Tx, c *claim, l *late) (missed int, err error) {
	if l.verdict == VerdictNotSent {
		c.contradicted = l.by + " said not sent; then its worker recorded that the gateway accepted it"
	}
	var results []smslink.Result
	var unpaid, taken []int64
	for _, r := range c.resp.Results {
		short := r.Status == smslink.StatusInsufficientCredit
		said, isSaid := l.found[r.ID]
		switch {
		case !isSaid && short:
			unpaid = append(unpaid, r.ID)
		case !isSaid:
			taken = append(taken, r.ID)
		case undecided(r.Status):
			r = said
		case said.Status.Outcome() != r.Status.Outcome():
			c.contradicted = fmt.Sprintf("%s said of message %d: %s; then its worker recorded: %s",
				l.by, r.ID, said.Status, r.Status)
			if short { // what a person found to be sent is not queued again
				r = said
			}
		}
		results = append(results, r)
	}
	if _, err := o.exec(ctx, tx, "DELETE FROM smslink_result WHERE package = ?", c.id); err != nil {
		return 0, err
	}
	if err := o.insertResults(ctx, tx, c.id, results); err != nil {
		return 0, err
	}
	if l.open {
		return 0, o.queueUnpaid(ctx, tx, c, unpaid)
	}
	n, err := o.takeBack(ctx, tx, c.id, taken)
	return len(taken) - int(n), err
}

// takeBack moves messages that are queued or have ended without a package into one, and returns how
// many.
func (o *Outbox) takeBack(ctx context.Context, tx *sql.Tx, packageID int64, ids []int64) (int64, error) {
	set := fmt.Sprintf("ends = CASE WHEN package < 0 THEN %d ELSE ends END, package = %d", never, packageID)
	return o.updateMessages(ctx, tx, ids, set, "COALESCE(package, -1) < 0")
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
func undecided(s smslink.Status) bool { return s.Outcome() == smslink.OutcomeInDoubt }

// insertResults inserts results of messages of a package.
func (o *Outbox) insertResults(ctx context.Context, tx *sql.Tx, packageID int64, of []smslink.Result) error {
	results := make([]result, len(of))
	for i, r := range of {
		results[i] = result{Message: r.ID, Status: r.Status}
		if remote := tidy(r.RemoteID, maxRemote); remote != "" {
			results[i].Remote = &remote
		}
	}
	_, err := o.execEach(ctx, tx, fmt.Sprintf(`
		INSERT INTO smslink_result (message, package, status, remote)
		SELECT m, %d, s, r
		FROM %s`, packageID, o.dialect.results), jsonArrays(results))
	return err
}

func (o *Outbox) recordAccepted(ctx context.Context, tx *sql.Tx, c *claim) error {
	var unpaid []int64
	inDoubt := 0
	for _, r := range c.resp.Results {
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
	if err := o.insertResults(ctx, tx, c.id, c.resp.Results); err != nil {
		return err
	}
	return o.queueUnpaid(ctx, tx, c, unpaid)
}

// queueUnpaid queues messages of a package again for which the credit did not suffice.
func (o *Outbox) queueUnpaid(ctx context.Context, tx *sql.Tx, c *claim, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := o.keepSent(ctx, tx, c.id); err != nil {
		return err
	}
	_, err := o.updateMessages(ctx, tx, ids, o.queued(0), fmt.Sprintf("package = %d", c.id))
	return err
}

// keepSent moves the messages of a package that were accepted in another one, or are in doubt
// there, back to that one, so that they are not queued again. A message has been in two packages if
// a person wrongly said that the first was not sent.
func (o *Outbox) keepSent(ctx context.Context, tx *sql.Tx, packageID int64) error {
	const sent = `(
			SELECT r.package
			FROM smslink_result r
			JOIN smslink_package p ON p.id = r.package
			WHERE r.message = smslink_message.id
			AND (r.status = 3 OR r.status NOT IN ` + decided + ` AND p.state = 5 AND p.id <> smslink_message.package)
			ORDER BY CASE WHEN r.status = 3 THEN 0 ELSE 1 END, r.package DESC
			LIMIT 1
		)`
	const elsewhere = "package = ? AND COALESCE(" + sent + ", package) <> package"
	packages, err := column[int64](ctx, o, tx, "SELECT DISTINCT "+sent+" FROM smslink_message WHERE "+elsewhere,
		packageID)
	if err != nil || len(packages) == 0 {
		return err
	}
	for _, id := range packages { // Erase visits them again
		if _, err := o.exec(ctx, tx, "UPDATE smslink_package SET erased = 0 WHERE id = ?", id); err != nil {
			return err
		}
	}
	_, err = o.exec(ctx, tx, "UPDATE smslink_message SET package = "+sent+" WHERE "+elsewhere, packageID)
	return err
}

func (o *Outbox) recordNotSent(ctx context.Context, tx *sql.Tx, c *claim, wait time.Duration) error {
	first, err := o.end(ctx, tx, c, stateNotSent, 0)
	if err != nil || !first {
		return err
	}
	if err := o.keepSent(ctx, tx, c.id); err != nil {
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

// withdraw gives back a claim whose commit may not have happened, or not in time. Inserting the
// same token waits for that commit if it is still under way, and keeps it from happening later.
func (o *Outbox) withdraw(ctx context.Context, c *claim) error {
	return o.inTx(ctx, func(tx *sql.Tx) error {
		withdrawn := &claim{token: c.token, worker: c.worker, lane: c.lane, err: errCommitInDoubt}
		if err := o.insertPackage(ctx, tx, withdrawn); err != nil {
			return err
		}
		return o.recordNotSent(ctx, tx, withdrawn, 0)
	})
}

var errCommitInDoubt = errors.New("the claim's commit may not have happened, or not in time; nothing was uploaded")

// sweep puts overdue packages in doubt, and returns how many. It passes over those that another
// transaction has locked.
func (o *Outbox) sweep(ctx context.Context) (swept int, err error) {
	overdue := `
		SELECT id
		FROM smslink_package
		WHERE state = 1 AND deadline < ` + o.dialect.now
	first, err := column[int64](ctx, o, o.db, overdue+" LIMIT 1")
	if err != nil || len(first) == 0 { // then nothing is written
		return 0, err
	}
	err = o.inTx(ctx, func(tx *sql.Tx) error {
		ids, err := column[int64](ctx, o, tx, overdue+o.dialect.skipLocked)
		swept = len(ids)
		for _, id := range ids {
			_, err = o.exec(ctx, tx, `
				UPDATE smslink_package
				SET state = 5, note = 'its worker has not recorded how the upload ended'
				WHERE id = ?`, id)
			if err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return swept, nil
}

// The most bytes of a text from outside.
const (
	maxRemote = 128
	maxNote   = 500
)

// tidy returns s with a ? for each character other than printable ASCII, cut to n bytes. A database
// or a terminal might refuse the others or act on them.
func tidy(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), n)]
}
