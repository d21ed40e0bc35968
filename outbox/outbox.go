package outbox

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"time"
)

// Options are an outbox's settings. Nil and zero fields mean the defaults.
type Options struct {
	// Lanes adds lanes to "urgent" and "bulk", or changes these two. A message never waits for
	// those of another lane. A name has 1 to 32 characters of visible ASCII, without ?, ' and \.
	Lanes map[string]Lane

	// Timeout bounds an upload and the claim before it; 0 means 5 minutes, and 24 hours is the
	// maximum. The package's deadline is 1.2 times as long after the claim: if its worker has not
	// recorded the end of the upload by then, it is in doubt.
	Timeout time.Duration

	// EraseAfter is how long receivers, senders and texts are kept after a message has ended; 0
	// means 30 days. Those of packages that wait for a person are kept until they are resolved.
	EraseAfter time.Duration

	// ForgetAfter is how long keys, results and delivery reports are kept, an hour at least; 0
	// means 400 days. Keys and results are kept for EraseAfter if that is longer. A key that is
	// forgotten can be enqueued again.
	ForgetAfter time.Duration

	// AllowLoss lets Run work on a database whose settings may lose a commit. Messages can then be
	// sent twice.
	AllowLoss bool

	// Tracer traces enqueues and packages; nil disables tracing.
	Tracer Tracer

	// Logger receives counts, ids, lanes and errors, and never a receiver, a text or a key. Nil
	// means no logging.
	Logger *slog.Logger
}

// Lane configures how the messages of one lane become packages. Zero fields mean the defaults.
// "urgent" has its own.
type Lane struct {
	// Messages is the most that a package holds; 0 means 100 for "urgent" and 10,000 for other
	// lanes (1,000 on SQLite).
	Messages int

	// Bytes is the most that a package's plain form takes; 0 means 2,000,000. A longer message is a
	// package of its own.
	Bytes int

	// Wait is how long a package waits to be filled; 0 means no waiting for "urgent" and 1 second
	// for other lanes. A negative Wait means no waiting.
	Wait time.Duration

	// Poll is how often an empty lane is checked; 0 means 25 milliseconds for "urgent" and 1 second
	// for other lanes. See [Outbox.Wake].
	Poll time.Duration

	// Concurrency is the number of uploads that a Run has at a time; 0 means 2 for "urgent" and 1
	// for other lanes. A negative Concurrency means that Run leaves the lane to other processes.
	Concurrency int

	// Hours are when the lane is open; the zero value means always. Nothing is claimed outside
	// them, by the database's clock, and a NotBefore outside them waits for the next opening. They
	// do not bound a message's SendAt.
	Hours Hours

	// IgnoreOptOuts sends also to numbers that have opted out. It is always set for "urgent".
	IgnoreOptOuts bool

	// Limiter.WaitN is called before each claim with the number of messages that are due; nil means
	// no limit. The claim has no more messages than that. A *rate.Limiter of golang.org/x/time/rate
	// will do, if its burst is at least Messages. Goroutines call it concurrently if lanes share
	// it.
	Limiter interface {
		WaitN(ctx context.Context, messages int) error
	}
}

// Names of the lanes that every outbox has. Bulk is the default of a message.
const (
	Urgent = "urgent"
	Bulk   = "bulk"
)

// Outbox is a queue of messages in a database. Make it with [New]. Goroutines may use it
// concurrently.
type Outbox struct {
	db      *sql.DB
	dialect *Dialect
	opts    Options
	lanes   map[string]Lane
	wake    map[string]chan struct{}
	logger  *slog.Logger

	enqueues atomic.Bool // checkEnqueuer has succeeded
}

// New returns an outbox in the tables that [Outbox.Migrate] makes. It does no I/O. The error names
// the argument or option at fault.
func New(db *sql.DB, dialect *Dialect, opts *Options) (*Outbox, error) {
	if opts == nil {
		opts = &Options{}
	}
	o := &Outbox{
		db: db, dialect: dialect, opts: *opts, logger: opts.Logger,
		lanes: map[string]Lane{Urgent: {}, Bulk: {}}, wake: map[string]chan struct{}{},
	}
	switch {
	case db == nil:
		return nil, errors.New("smslink: the outbox's database is nil")
	case dialect == nil:
		return nil, errors.New("smslink: the outbox's dialect is nil; give it Postgres, MySQL, MariaDB or SQLite")
	case opts.ForgetAfter > 0 && opts.ForgetAfter < recentAge:
		return nil, errors.New("smslink: outbox.Options: ForgetAfter is less than an hour")
	case opts.Timeout < 0 || opts.EraseAfter < 0 || opts.ForgetAfter < 0:
		return nil, errors.New("smslink: outbox.Options: Timeout, EraseAfter or ForgetAfter is negative")
	case opts.Timeout > maxTimeout:
		return nil, errors.New("smslink: outbox.Options: Timeout is longer than 24 hours")
	}
	o.opts.Timeout = cmp.Or(opts.Timeout, 5*time.Minute)
	o.opts.EraseAfter = cmp.Or(opts.EraseAfter, 30*24*time.Hour)
	o.opts.ForgetAfter = cmp.Or(opts.ForgetAfter, 400*24*time.Hour)
	if o.logger == nil {
		o.logger = slog.New(slog.DiscardHandler)
	}
	maps.Copy(o.lanes, opts.Lanes)
	for name, lane := range o.lanes {
		if !visible(name, 32) || strings.ContainsAny(name, `?'\`) { // names stand in SQL
			return nil, errors.New("smslink: outbox.Options: " +
				"a lane's name is not 1 to 32 characters of visible ASCII without ?, ' and \\")
		}
		if err := lane.Hours.check(); err != nil {
			return nil, fmt.Errorf("smslink: outbox.Options: Hours of the lane %q: %w", name, err)
		}
		if lane.Messages < 0 || lane.Bytes < 0 || lane.Poll < 0 {
			return nil, fmt.Errorf("smslink: outbox.Options: Messages, Bytes or Poll of the lane %q is negative", name)
		}
		defaults := Lane{Messages: dialect.messages, Wait: time.Second, Poll: time.Second, Concurrency: 1}
		if name == Urgent {
			defaults = Lane{Messages: 100, Poll: 25 * time.Millisecond, Concurrency: 2}
			lane.IgnoreOptOuts = true
		}
		lane.Messages = cmp.Or(lane.Messages, defaults.Messages)
		lane.Bytes = cmp.Or(lane.Bytes, 2_000_000)
		lane.Wait = cmp.Or(lane.Wait, defaults.Wait)
		lane.Poll = cmp.Or(lane.Poll, defaults.Poll)
		lane.Concurrency = cmp.Or(lane.Concurrency, defaults.Concurrency)
		o.lanes[name] = lane
		o.wake[name] = make(chan struct{}, 1)
	}
	return o, nil
}

// maxTimeout keeps a package's deadline, and how long it can't be resolved as not sent, in range.
const maxTimeout = 24 * time.Hour

// visible reports whether s is 1 to n characters of visible ASCII.
func visible(s string, n int) bool {
	hidden := func(r rune) bool { return r <= ' ' || r > '~' }
	return s != "" && len(s) <= n && !strings.ContainsFunc(s, hidden)
}

// inTx runs f in a transaction whose commit is durable. If Commit returns an error, the transaction
// may still have been committed.
func (o *Outbox) inTx(ctx context.Context, f func(tx *sql.Tx) error) (err error) {
	tx, err := o.begin(ctx)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

func (o *Outbox) begin(ctx context.Context) (*sql.Tx, error) {
	tx, err := o.db.BeginTx(ctx, &sql.TxOptions{Isolation: o.dialect.isolation})
	if err != nil || o.dialect.begin == "" {
		return tx, err
	}
	if _, err := tx.ExecContext(ctx, o.dialect.begin); err != nil {
		_ = tx.Rollback()
		return nil, err
	}
	return tx, nil
}

// lockWait is how long the outbox waits for another transaction, which may be a frozen worker's.
const lockWait = 5 * time.Second

var errLocked = errors.New(
	"smslink: the row to be changed is locked by another transaction, perhaps a frozen worker's; end that first")

// lock locks the row of a table whose column has that value.
func (o *Outbox) lock(ctx context.Context, tx *sql.Tx, table, column, value string) error {
	if o.dialect.skipLocked == "" { // begin has locked the whole database
		return nil
	}
	query := o.dialect.sql("SELECT 1 FROM " + table + " WHERE " + column + " = ?" + o.dialect.skipLocked)
	for began := time.Now(); ; {
		var one int
		err := tx.QueryRowContext(ctx, query, value).Scan(&one)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if !sleep(ctx, 20*time.Millisecond, nil) {
			return ctx.Err()
		}
		if time.Since(began) > lockWait {
			return errLocked
		}
	}
}

// exec runs a statement and returns how many rows it changed.
func (o *Outbox) exec(ctx context.Context, tx Tx, statement string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, o.dialect.sql(statement), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// setMeta sets the value of a name in smslink_meta.
func (o *Outbox) setMeta(ctx context.Context, tx *sql.Tx, name, value string) error {
	if _, err := o.exec(ctx, tx, "DELETE FROM smslink_meta WHERE name = ?", name); err != nil {
		return err
	}
	_, err := o.exec(ctx, tx, "INSERT INTO smslink_meta (name, value) VALUES (?, ?)", name, value)
	return err
}

type rowsQuerier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// querier is a *sql.DB, *sql.Conn or *sql.Tx.
type querier interface {
	Tx
	rowsQuerier
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// state is the state of the outbox and its database.
type state struct {
	now    int64  // microseconds since 1970
	paused string // why, or empty
	moved  bool   // the database has failed over, was restored or has lost commits
	epoch  string // of the database as it is now
	loses  string // the setting that may lose a commit, or empty
	alters string // the setting that may alter a text, or empty
	newest packageRef
	mark   string // of the worker; see recent
	losses int    // that the run had noticed before; see run.look
}

// packageRef identifies a committed package. If it is missing, commits were lost. Tokens are
// compared, because ids can be reused.
type packageRef struct {
	id    int64
	token string
}

// state reads the state, in a transaction of its own if tx is nil, and compares it with the newest
// package seen before. The zero packageRef matches any state. It must read committed packages only,
// in one snapshot. Otherwise a package whose transaction is rolled back or still open would look
// lost.
func (o *Outbox) state(ctx context.Context, tx *sql.Tx, seen packageRef, worker string) (s state, err error) {
	var q querier = o.db
	switch {
	case tx != nil:
		q = tx
	case o.dialect.isolation != sql.LevelDefault:
		own, err := o.db.BeginTx(ctx, &sql.TxOptions{Isolation: o.dialect.isolation, ReadOnly: true})
		if err != nil {
			return state{}, err
		}
		defer func() { _ = own.Rollback() }()
		q = own
	}
	var recorded, token string
	err = q.QueryRowContext(ctx, o.dialect.sql(`
		SELECT `+o.dialect.state+`, paused.value, epoch.value,
			COALESCE(newest.id, 0), COALESCE(newest.token, ''), COALESCE(seen.token, ''), COALESCE(wrote.value, '')
		FROM smslink_meta AS paused
		JOIN smslink_meta AS epoch ON epoch.name = 'epoch'
		LEFT JOIN smslink_package AS newest ON newest.id = (SELECT max(id) FROM smslink_package)
		LEFT JOIN smslink_package AS seen ON seen.id = ?
		LEFT JOIN smslink_meta AS wrote ON wrote.name = ?
		WHERE paused.name = 'paused'`), seen.id, wroteBackPrefix+worker).
		Scan(&s.now, &s.epoch, &s.loses, &s.alters, &s.paused, &recorded, &s.newest.id, &s.newest.token, &token,
			&s.mark)
	s.moved = recorded != "" && recorded != s.epoch || token != seen.token
	return s, err
}

// sleep waits for d, a wake-up or ctx. It reports whether ctx is not done.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
	return ctx.Err() == nil
}
