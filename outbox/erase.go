package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// blank is what an UPDATE sets of a message that is erased.
const blank = "receiver = '', sender = '', body = ''"

// Erase erases the receivers, senders and texts of messages that ended more than
// [Options].EraseAfter ago, and deletes what is older than [Options].ForgetAfter. It works in
// transactions of about a thousand rows. Run calls it each hour, in one of the workers.
//
// It is an error if another connection keeps SQLite's write-ahead log in use, which then still has
// what was erased. The next Erase truncates the log.
func (o *Outbox) Erase(ctx context.Context) error {
	s, err := o.state(ctx, nil, packageRef{}, "")
	if err != nil {
		return err
	}
	erase, forget := s.now-o.opts.EraseAfter.Microseconds(), s.now-o.opts.ForgetAfter.Microseconds()
	for _, part := range []func() error{
		func() error { return o.eraseUnpackaged(ctx, erase) },
		func() error { return o.forgetUnpackaged(ctx, forget) },
		func() error { return o.forgetReports(ctx, forget) },
		func() error {
			// The package's row is locked first: a late result may take messages back into it.
			return o.eachEnded(ctx, "erased = 0", erase,
				"UPDATE smslink_package SET erased = 1, digest = NULL WHERE id = ?",
				"UPDATE smslink_message SET "+blank+" WHERE package = ?")
		},
		func() error {
			// The newest package is what workers notice lost commits by.
			return o.eachEnded(ctx, "erased = 1 AND id < (SELECT max(id) FROM smslink_package)", forget,
				"DELETE FROM smslink_message WHERE package = ?",
				"DELETE FROM smslink_result WHERE package = ?",
				"DELETE FROM smslink_package WHERE id = ?")
		},
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return o.truncateLog(ctx)
}

var errLogInUse = errors.New("smslink: what was erased is still in SQLite's write-ahead log, " +
	"which a transaction of another connection keeps in use; end that, and erase again")

// truncateLog removes what was erased from the log, if the database has one that can be truncated.
func (o *Outbox) truncateLog(ctx context.Context) error {
	if o.dialect.truncateLog == "" {
		return nil
	}
	var busy, pages, moved int
	err := o.db.QueryRowContext(ctx, o.dialect.truncateLog).Scan(&busy, &pages, &moved)
	if err == nil && busy != 0 {
		return errLogInUse
	}
	return err
}

// eraseHourly calls Erase unless a worker has within the hour. A time in the future is of a clock
// that was ahead.
func (r *run) eraseHourly(ctx context.Context) error {
	s, err := r.look(ctx, nil)
	if err != nil || s.moved {
		return err
	}
	// Until the year 2286 microseconds since 1970 have 16 digits, and compare as texts.
	n, err := r.exec(ctx, r.db, `
		UPDATE smslink_meta
		SET value = ?
		WHERE name = 'erased' AND (value < ? OR value > ?)`,
		fmt.Sprint(s.now), fmt.Sprint(s.now-time.Hour.Microseconds()), fmt.Sprint(s.now))
	if err != nil || n == 0 {
		return err
	}
	return r.Erase(ctx)
}

// eraseBatch is the number of rows that Erase changes in one transaction, except those of a larger
// package.
const eraseBatch = 1000

// eraseTx runs f in a transaction, and then sleeps for as long as that took. Other writers to
// SQLite poll for its one lock, and would not get it otherwise.
func (o *Outbox) eraseTx(ctx context.Context, f func(tx *sql.Tx) error) error {
	began := time.Now()
	if err := o.inTx(ctx, f); err != nil {
		return err
	}
	sleep(ctx, time.Since(began), nil)
	return nil
}

// eraseUnpackaged erases messages that ended without a package before a time.
func (o *Outbox) eraseUnpackaged(ctx context.Context, before int64) error {
	take := fmt.Sprintf(o.dialect.take, blank+", package = package - 10", "package > -10")
	return o.eachUnpackaged(ctx, "(-1, -2, -3, -4, -5)", before, take)
}

// forgetUnpackaged deletes erased messages that ended without a package before a time.
func (o *Outbox) forgetUnpackaged(ctx context.Context, before int64) error {
	return o.eachUnpackaged(ctx, "(-11, -12, -13, -14, -15)", before, o.dialect.drop)
}

func (o *Outbox) eachUnpackaged(ctx context.Context, packages string, before int64, statement string) error {
	for {
		n := 0
		err := o.eraseTx(ctx, func(tx *sql.Tx) error {
			ids, err := column[int64](ctx, o, tx, fmt.Sprintf(`
				SELECT id
				FROM smslink_message
				WHERE package IN %s AND ends < ?
				LIMIT %d%s`, packages, eraseBatch, o.dialect.skipLocked), before)
			if n = len(ids); err != nil || n == 0 {
				return err
			}
			_, err = o.execEach(ctx, tx, statement, jsonArrays(ids))
			return err
		})
		if err != nil || n < eraseBatch {
			return err
		}
	}
}

// forgetReports deletes the reports that came before a time.
func (o *Outbox) forgetReports(ctx context.Context, before int64) error {
	for {
		until, full := before-1, false
		err := o.each(ctx, o.db, fmt.Sprintf(`
			SELECT came
			FROM smslink_report
			WHERE came < ?
			ORDER BY came
			LIMIT 1 OFFSET %d`, eraseBatch), []any{before},
			func(scan func(...any) error) error {
				full = true
				return scan(&until)
			})
		if err != nil {
			return err
		}
		if _, err := o.exec(ctx, o.db, "DELETE FROM smslink_report WHERE came <= ?", until); err != nil || !full {
			return err
		}
	}
}

// eachEnded runs statements for those packages that ended before a time and do not wait for a
// person.
func (o *Outbox) eachEnded(ctx context.Context, condition string, before int64, statements ...string) error {
	for {
		var packages []struct{ id, messages int64 }
		err := o.each(ctx, o.db, fmt.Sprintf(`
			SELECT id, messages
			FROM smslink_package
			WHERE %s AND ended < ? AND state NOT IN (1, 4, 5)
			ORDER BY ended
			LIMIT %d`, condition, eraseBatch), []any{before},
			func(scan func(...any) error) error {
				var p struct{ id, messages int64 }
				err := scan(&p.id, &p.messages)
				packages = append(packages, p)
				return err
			})
		if err != nil || len(packages) == 0 {
			return err
		}
		for len(packages) > 0 {
			n := 1
			for rows := packages[0].messages; n < len(packages) && rows < eraseBatch; n++ {
				rows += packages[n].messages
			}
			err := o.eraseTx(ctx, func(tx *sql.Tx) error {
				for _, p := range packages[:n] {
					for _, statement := range statements {
						if _, err := o.exec(ctx, tx, statement, p.id); err != nil {
							return err
						}
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			packages = packages[n:]
		}
	}
}
