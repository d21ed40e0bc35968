package outbox

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// check reports why Run cannot begin, records the database's epoch if none is recorded, and returns
// the newest package. It tries again if the cause may pass, such as a pooled connection that is
// dead.
func (o *Outbox) check(ctx context.Context) (newest packageRef, err error) {
	for range 5 {
		newest, err = o.checkOnce(ctx)
		final := err == nil || errors.Is(err, errLasting) || errors.Is(err, errUnsafe)
		if final || !sleep(ctx, errorPause, nil) {
			break
		}
	}
	return newest, err
}

func (o *Outbox) checkOnce(ctx context.Context) (newest packageRef, err error) {
	if err := o.db.PingContext(ctx); err != nil {
		return newest, fmt.Errorf("smslink: the outbox's database can't be reached: %w", err)
	}
	if err := o.checkTables(ctx); err != nil {
		return newest, err
	}
	if err := o.checkSession(ctx, o.db); err != nil {
		return newest, err
	}
	s, err := o.state(ctx, nil, packageRef{}, "")
	if err != nil {
		return newest, errDialect(err)
	}
	if err := o.checkSettings(s); err != nil {
		return newest, err
	}
	err = o.inTx(ctx, func(tx *sql.Tx) error {
		found, err := o.countsFound(ctx, tx)
		if err != nil {
			return err
		}
		if found {
			return errFoundRows
		}
		_, err = o.exec(ctx, tx, `
			UPDATE smslink_meta
			SET value = ?
			WHERE name = 'epoch' AND value = ''`, s.epoch)
		return err
	})
	if err != nil {
		return newest, explain("changed", err)
	}
	return s.newest, nil
}

// checkSettings refuses settings of the database that may lose a commit or alter a text.
func (o *Outbox) checkSettings(s state) error {
	switch {
	case s.loses != "" && !o.opts.AllowLoss:
		return fmt.Errorf("%w: %s; change it, or set Options.AllowLoss", errUnsafe, s.loses)
	case s.alters != "":
		return fmt.Errorf("%w: %s; change it", errUnsafe, s.alters)
	}
	return nil
}

// tablesVersion is what the migrations write to smslink_meta.
const tablesVersion = 5

// checkTables reports why the tables can't be used. It asks in SQL that every database understands.
func (o *Outbox) checkTables(ctx context.Context) error {
	var version string
	err := o.db.QueryRowContext(ctx, "SELECT value FROM smslink_meta WHERE name = 'version'").Scan(&version)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return explain("read", err)
	}
	if n, _ := strconv.Atoi(version); n >= tablesVersion {
		return nil
	}
	return fmt.Errorf("%w: they are of an earlier version; call Migrate", errLasting)
}

// errLasting is the error of tables that can't be used until a person changes something.
var errLasting = errors.New("smslink: the outbox's tables can't be used")

var errFoundRows = fmt.Errorf("%w: the connection counts rows that an UPDATE found, not those that it changed; "+
	"leave clientFoundRows off", errLasting)

// explain returns an error that says why the outbox's tables can't be read or changed. It
// recognizes the cause by the text of the driver's error.
func explain(what string, err error) error {
	if errors.Is(err, errLasting) {
		return err
	}
	text := strings.ToLower(err.Error())
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
	}
	var cause string
	switch {
	case has("denied"):
		cause = "the role lacks a right that docs/outbox.md names"
	case has("read-only", "readonly", "read only", standby):
		cause = "the database is read-only; connect to the one that takes writes"
	case has("does not exist", "doesn't exist", "no such table"):
		cause = "they are missing; call Migrate"
	default:
		return fmt.Errorf("smslink: the outbox's tables can't be %s: %w", what, err)
	}
	return fmt.Errorf("%w: %s (%w)", errLasting, cause, err)
}

// checkSession refuses a connection whose settings would break a promise in silence.
func (o *Outbox) checkSession(ctx context.Context, q querier) error {
	if o.dialect.session == "" {
		return nil
	}
	var setting string
	if err := q.QueryRowContext(ctx, "SELECT "+o.dialect.session).Scan(&setting); err != nil {
		return errDialect(err)
	}
	if setting != "" {
		return fmt.Errorf("%w over a connection with %s; change that in the DSN or on the server", errLasting, setting)
	}
	return nil
}

// standby is what a PostgreSQL standby says to a query of its log's position.
const standby = "recovery is in progress"

func errDialect(err error) error {
	if text := err.Error(); strings.Contains(text, standby) || strings.Contains(text, "denied") {
		return explain("read", err)
	}
	return fmt.Errorf(
		"smslink: the database does not answer as the outbox's dialect expects; is it the database's? %w", err)
}

// countsFound reports whether an UPDATE counts rows that it does not change.
func (o *Outbox) countsFound(ctx context.Context, tx *sql.Tx) (bool, error) {
	if o.dialect.session == "" { // the databases that count changed rows have session settings, too
		return false, nil
	}
	n, err := o.exec(ctx, tx, "UPDATE smslink_meta SET value = value WHERE name = 'epoch'")
	return n > 0, err
}

// checkEnqueuer checks the connection of the first Enqueue. It uses the caller's own, because the
// pool may have no other.
func (o *Outbox) checkEnqueuer(ctx context.Context, tx Tx) error {
	if o.dialect.session == "" {
		return nil
	}
	if q, ok := tx.(querier); ok && o.inTransaction(ctx, q) {
		return o.checkConnection(ctx, q)
	}
	b, ok := tx.(beginner)
	if !ok { // a TxFunc can't be queried
		waiting, cancel := context.WithTimeout(ctx, poolWait)
		defer cancel()
		conn, err := o.db.Conn(waiting)
		if waiting.Err() != nil && ctx.Err() == nil {
			return errNoConnection
		}
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		b = conn
	}
	own, err := b.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = own.Rollback() }()
	return o.checkConnection(ctx, own)
}

// poolWait is how long the first Enqueue waits for a connection besides the caller's.
const poolWait = 10 * time.Second

var errNoConnection = errors.New("smslink: the first Enqueue in a TxFunc checks another connection of the " +
	"outbox's pool, and none is free; allow more with SetMaxOpenConns")

const (
	savepoint           = "SAVEPOINT smslink_check"
	releaseSavepoint    = "RELEASE SAVEPOINT smslink_check"
	rollbackToSavepoint = "ROLLBACK TO SAVEPOINT smslink_check"
)

// inTransaction reports whether tx is in a transaction. Beginning another one could commit it.
func (o *Outbox) inTransaction(ctx context.Context, tx Tx) bool {
	_, begins := tx.(beginner)
	_, connection := tx.(interface {
		Raw(f func(driverConn any) error) error
	})
	if begins && !connection { // a pool
		return false
	}
	if o.dialect.name == SQLite.name { // where a savepoint would begin one
		if _, err := tx.ExecContext(ctx, "BEGIN"); err != nil {
			return true
		}
		_, err := tx.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return err != nil
	}
	// Outside a transaction a savepoint is an error, or does not outlive its statement.
	for _, statement := range []string{savepoint, releaseSavepoint} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return false
		}
	}
	return true
}

// checkConnection checks the connection of a transaction. It inserts a row twice and rolls that
// back, because an enqueuer may lack the right to do anything else.
func (o *Outbox) checkConnection(ctx context.Context, tx querier) error {
	if err := o.checkSession(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, savepoint); err != nil {
		return err
	}
	probe := row{Key: "check-" + rand.Text(), Lane: Bulk, NotBefore: never}
	n, err := o.exec(ctx, tx, o.dialect.enqueue, jsonArrays([]row{probe, probe})[0])
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, rollbackToSavepoint); err != nil {
		return err
	}
	if n > 1 {
		return errFoundRows
	}
	return nil
}
