package outbox

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox/internal/step"
)

// claim is the right to upload one package once. It exists once its transaction is committed.
type claim struct {
	token  string // worker and 128 random bits; compared in place of ids, which can be reused
	worker string
	lane   string
	most   int   // messages
	id     int64 // of the package's row

	pkg       *smslink.Package
	ids       []int64  // of the messages
	receivers []string // of the messages, in the form of E.164, until opt-outs are looked up
	keys      []string // of the messages
	enqueued  []int64  // when, of the messages: microseconds since 1970, by the database's clock
	traces    []string // see [PackageStart]; one more than maxTraces if there are too many
	attempts  int64    // the highest attempt count among the messages
	now       int64    // of the claim: microseconds since 1970, by the database's clock

	losses   int       // that the run had noticed before its look
	began    time.Time // before the claim, by this machine's clock
	deadline time.Time // of the upload
	startBy  time.Time // the latest start, because a message expires; zero means the deadline

	resp  *smslink.Response
	err   error
	stop  string    // why no more should be uploaded after this one, or empty
	ended time.Time // of the upload, by this machine's clock; zero until resp, err and stop are set

	contradicted string // how, if a person had resolved the package otherwise; set as the end is recorded
}

func (c *claim) done() bool { return !c.ended.IsZero() }

// old reports whether the upload ended more than an hour ago. The time of a suspended machine does
// not count.
func (c *claim) old() bool { return c.done() && time.Since(c.ended) > recentAge }

var (
	errPaused  = errors.New("paused")
	errClosed  = errors.New("the lane is closed")
	errMoved   = errors.New("the database has failed over, was restored or has lost commits")
	errNothing = errors.New("nothing is due")
	errUnsafe  = errors.New("smslink: the outbox refuses the database's settings")
)

// queue is what is due in a lane.
type queue struct {
	messages int
	now      int64 // microseconds since 1970, by the database's clock
	oldest   int64
}

// peek counts the messages of a lane that have been due since from, up to a full package.
func (o *Outbox) peek(ctx context.Context, lane string, from int64) (q queue, err error) {
	d := o.dialect
	err = o.db.QueryRowContext(ctx, d.sql(fmt.Sprintf(`
		SELECT count(*), COALESCE(min(due), 0), %[1]s
		FROM (
			SELECT due
			FROM smslink_message%[2]s
			WHERE package IS NULL AND lane = ? AND due >= ? AND due <= (SELECT %[1]s) AND ends > (SELECT %[1]s)
			ORDER BY due
			LIMIT %[3]d
		) AS q`, d.now, d.queueIndex, o.lanes[lane].Messages)), lane, from).
		Scan(&q.messages, &q.oldest, &q.now)
	return q, err
}

// claim puts messages of a lane that have been due since from into a package. If the commit fails
// or ends past ctx's deadline, the claim comes with an error: the commit may have happened, and the
// claim must be withdrawn. The error is errNothing if another worker was faster or if nothing that
// was due was valid.
func (r *run) claim(ctx context.Context, lane string, from int64, most int) (*claim, error) {
	began := time.Now()
	c := &claim{
		token: r.worker + "/" + rand.Text(), worker: r.worker, lane: lane, most: most,
		pkg: new(smslink.Package), began: began, deadline: began.Add(r.opts.Timeout),
	}
	tx, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.fill(ctx, tx, c, from); err != nil {
		_ = tx.Rollback()
		return nil, err
	}
	step.Reach(ctx, step.Claiming)
	err = tx.Commit()
	if c.id == 0 { // no message was left
		return nil, cmp.Or(err, errNothing)
	}
	// The commit may have succeeded past the deadline: go-sql-driver's does not know ctx, and ctx
	// does not know how long the machine was suspended.
	if limit, ok := ctx.Deadline(); err == nil && ok && passed(limit) {
		err = context.DeadlineExceeded
	}
	if err == nil {
		err = r.recent.add(c)
	}
	return c, err
}

// fill does all of a claim except its commit.
func (r *run) fill(ctx context.Context, tx *sql.Tx, c *claim, from int64) error {
	s, err := r.look(ctx, tx)
	if err != nil {
		return err
	}
	if err := r.checkSettings(s); err != nil {
		return err
	}
	switch {
	case s.moved:
		return errMoved
	case s.paused != "":
		return errPaused
	case !r.lanes[c.lane].Hours.open(time.UnixMicro(s.now)):
		return errClosed
	}
	c.now, c.losses = s.now, s.losses
	invalid, err := r.add(ctx, tx, c, from)
	if err != nil {
		return err
	}
	optedOut, err := r.endOptedOut(ctx, tx, c)
	if err != nil {
		return err
	}
	if len(c.ids)+len(invalid)+optedOut == 0 {
		return errNothing
	}
	if err := r.endInvalid(ctx, tx, invalid); err != nil {
		return err
	}
	if len(c.ids) == 0 {
		return nil
	}
	if err := r.insertPackage(ctx, tx, c); err != nil {
		return err
	}
	n, err := r.updateMessages(ctx, tx, c.ids, fmt.Sprintf("package = %d", c.id), isQueued)
	if err == nil && n != int64(len(c.ids)) {
		err = fmt.Errorf("smslink: a claim of %d messages took %d", len(c.ids), n)
	}
	return err
}

// maxInvalid is the most messages that a claim ends as invalid, each with a statement of its own:
// there may be thousands if what a fail-over has lost is queued.
const maxInvalid = 500

// endInvalid ends the messages that a claim could not add, with the reasons by their ids.
func (o *Outbox) endInvalid(ctx context.Context, tx *sql.Tx, invalid map[int64]string) error {
	for id, reason := range invalid {
		_, err := o.exec(ctx, tx, `
			UPDATE smslink_message
			SET `+o.atEnd(invalidPackage)+`, note = ?
			WHERE id = ?`, reason, id)
		if err != nil {
			return err
		}
	}
	return nil
}

// add fills the claim's package, and returns why messages are invalid, by their ids. What has
// expired is left to [run.expire].
func (o *Outbox) add(ctx context.Context, tx *sql.Tx, c *claim, from int64) (_ map[int64]string, err error) {
	lane := o.lanes[c.lane]
	rows, err := tx.QueryContext(ctx, o.dialect.sql(fmt.Sprintf(`
		SELECT id, message_key, receiver, sender, body, send_at,
			ends, attempts, enqueued, COALESCE(trace, '')
		FROM smslink_message%s
		WHERE package IS NULL AND lane = ? AND due >= ? AND due <= ? AND ends > ?
		ORDER BY due, id
		LIMIT %d%s`, o.dialect.queueIndex, c.most, o.dialect.skipLocked)), c.lane, from, c.now, c.now)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	invalid := map[int64]string{}
	for rows.Next() {
		var m smslink.Message
		var key, trace string
		var sendAt, ends, attempts, enqueued int64
		if err := rows.Scan(&m.ID, &key, &m.To, &m.From, &m.Text, &sendAt,
			&ends, &attempts, &enqueued, &trace); err != nil {
			return nil, err
		}
		if sendAt > 0 {
			m.SendAt = time.Unix(sendAt, 0)
		}
		if err := c.pkg.Add(m); err != nil {
			invalid[m.ID] = tidy(err.Error(), maxNote)
			if len(invalid) == maxInvalid { // the next claim goes on
				break
			}
			continue
		}
		if c.pkg.Size() > lane.Bytes && c.pkg.Len() > 1 {
			c.pkg.Remove(m.ID)
			break
		}
		c.ids, c.keys = append(c.ids, m.ID), append(c.keys, key)
		if !lane.IgnoreOptOuts {
			number, _ := smslink.E164(m.To) // Add has taken it
			c.receivers = append(c.receivers, number)
		}
		c.attempts = max(c.attempts, attempts)
		c.enqueued = append(c.enqueued, enqueued)
		c.addTrace(trace)
		if ends < never {
			startBy := c.began.Add(time.Duration(ends-c.now) * time.Microsecond)
			if c.startBy.IsZero() || startBy.Before(c.startBy) {
				c.startBy = startBy
			}
		}
	}
	return invalid, rows.Err()
}

// expireBatch is the most messages that are expired in one transaction.
const expireBatch = 1000

// expire ends the queued messages that have expired, in batches. It is not part of a claim, so that
// what is fresh does not wait for it.
func (r *run) expire(ctx context.Context) error {
	for ctx.Err() == nil {
		// Looking for rows to lock may hold up what has not expired, so it is done only if need be.
		expired := fmt.Sprintf(`
			SELECT id
			FROM smslink_message
			WHERE package IS NULL AND ends < %d AND ends <= `, never)
		first, err := column[int64](ctx, r.Outbox, r.db, expired+r.dialect.now+" LIMIT 1")
		if err != nil || len(first) == 0 {
			return err
		}
		n := 0
		err = r.inTx(ctx, func(tx *sql.Tx) error {
			s, err := r.look(ctx, tx)
			if err != nil || s.moved {
				return err
			}
			ids, err := column[int64](ctx, r.Outbox, tx, fmt.Sprintf(`%s?
				ORDER BY ends
				LIMIT %d%s`, expired, expireBatch, r.dialect.skipLocked), s.now)
			if n = len(ids); err != nil || n == 0 {
				return err
			}
			_, err = r.updateMessages(ctx, tx, ids, r.atEnd(expiredPackage), isQueued)
			return err
		})
		if err != nil || n < expireBatch {
			return err
		}
	}
	return nil
}

// insertPackage inserts a claim's package. One that is written back has begun at the time of its
// claim, too: around that time, a person looks for it in the account's report.
func (o *Outbox) insertPackage(ctx context.Context, tx *sql.Tx, c *claim) error {
	var digest any
	if c.pkg != nil {
		sum := md5.Sum(c.pkg.AppendPlain(nil))
		digest = hex.EncodeToString(sum[:])
	}
	deadline := c.now + (o.opts.Timeout + o.opts.Timeout/5).Microseconds()
	if _, err := o.exec(ctx, tx, `
		INSERT INTO smslink_package (token, worker, lane, state, messages, digest, began, deadline)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`+o.dialect.ignore,
		c.token, c.worker, c.lane, stateSending, len(c.ids), digest, c.now, deadline); err != nil {
		return err
	}
	return tx.QueryRowContext(ctx, o.dialect.sql("SELECT id FROM smslink_package WHERE token = ?"), c.token).Scan(&c.id)
}
