package outbox

import (
	"context"
	"database/sql"
	"fmt"
)

// Erase erases the receivers, senders and texts of messages that ended more than
// [Options].EraseAfter ago, and deletes what is older than [Options].ForgetAfter. Run calls it at
// its start and each hour.
func (o *Outbox) Erase(ctx context.Context) error {
	s, err := o.state(ctx, o.db, packageRef{})
	if err != nil {
		return err
	}
	const loose = "package IN (-1, -2, -3, -4) AND due < ?"
	erase, forget := s.now-o.opts.EraseAfter.Microseconds(), s.now-o.opts.ForgetAfter.Microseconds()
	if _, err := o.exec(ctx, o.db, `
		UPDATE smslink_message
		SET receiver = '', sender = '', body = ''
		WHERE body <> '' AND `+loose, erase); err != nil {
		return err
	}
	if _, err := o.exec(ctx, o.db, "DELETE FROM smslink_message WHERE "+loose, forget); err != nil {
		return err
	}
	if _, err := o.exec(ctx, o.db, "DELETE FROM smslink_report WHERE came < ?", forget); err != nil {
		return err
	}
	if err := o.eachEnded(ctx, "erased = 0", erase,
		"UPDATE smslink_message SET receiver = '', sender = '', body = '' WHERE package = ?",
		"UPDATE smslink_package SET erased = 1, digest = NULL WHERE id = ?"); err != nil {
		return err
	}
	// The newest package is what workers notice lost commits by.
	return o.eachEnded(ctx, "erased = 1 AND id < (SELECT max(id) FROM smslink_package)", forget,
		"DELETE FROM smslink_message WHERE package = ?",
		"DELETE FROM smslink_result WHERE package = ?",
		"DELETE FROM smslink_package WHERE id = ?")
}

// eachEnded runs statements, in one transaction a package, for those packages that ended before a
// time and do not wait for a person.
func (o *Outbox) eachEnded(ctx context.Context, condition string, before int64, statements ...string) error {
	const batch = 1000
	for {
		var ids []int64
		err := o.each(ctx, fmt.Sprintf(`
			SELECT id
			FROM smslink_package
			WHERE %s AND ended < ? AND state IN (2, 3, 6)
			ORDER BY ended
			LIMIT %d`, condition, batch), []any{before},
			func(scan func(...any) error) error {
				var id int64
				err := scan(&id)
				ids = append(ids, id)
				return err
			})
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := o.inTx(ctx, func(tx *sql.Tx) error {
				for _, statement := range statements {
					if _, err := o.exec(ctx, tx, statement, id); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				return err
			}
		}
	}
}
