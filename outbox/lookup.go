package outbox

import (
	"context"
	"database/sql"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/webhook"
)

// Record is one message's record in an outbox.
type Record struct {
	Key      string
	State    State
	Result   smslink.Result  // from the gateway's reply or a person's Resolution; Status 0 means none
	Report   *webhook.Report // the last delivery report's RemoteID, Delivered and Time, or nil
	Attempts int             // how often it was queued again after a claim
	Note     string          // why it is invalid, or how its package's upload ended if not well; else empty
}

// Lookup returns the records of the given keys, in no particular order. Keys without a record are
// omitted. It is an error if a key is invalid: see [Message].Key. The view smslink_outbox shows the
// same to SQL.
func (o *Outbox) Lookup(ctx context.Context, keys ...string) ([]Record, error) {
	if err := checkKeys(keys); err != nil {
		return nil, err
	}
	var records []Record
	for _, parameter := range jsonArrays(keys) {
		if err := o.lookup(ctx, parameter, &records); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// lookup appends the records of the keys in a JSON array.
func (o *Outbox) lookup(ctx context.Context, keys string, records *[]Record) error {
	return o.each(ctx, o.db, `
		SELECT `+recordColumns+`
		FROM `+o.dialect.joinKeys+` smslink_outbox v ON v.message_key = x.k`, []any{keys},
		func(scan func(...any) error) error {
			var r Record
			err := scanRecord(&r, scan)
			*records = append(*records, r)
			return err
		})
}

// recordColumns are those of the view, named v, that scanRecord reads.
const recordColumns = `v.id, v.message_key, v.state, COALESCE(v.status, 0), COALESCE(v.remote, ''),
			v.delivered, v.reported, v.attempts, COALESCE(v.note, '')`

func scanRecord(r *Record, scan func(...any) error) error {
	var delivered, reported sql.NullInt64
	err := scan(&r.Result.ID, &r.Key, &r.State, &r.Result.Status, &r.Result.RemoteID,
		&delivered, &reported, &r.Attempts, &r.Note)
	if delivered.Valid {
		r.Report = &webhook.Report{
			RemoteID:  r.Result.RemoteID,
			Delivered: delivered.Int64 == 1,
			Time:      time.Unix(reported.Int64, 0).UTC(),
		}
	}
	return err
}

// Report keeps a delivery report: give it to [webhook.Reports]. It may come before its message's
// result, and any number of times. Of several, the one with the latest Time counts.
func (o *Outbox) Report(ctx context.Context, report webhook.Report) error {
	delivered := 0
	if report.Delivered {
		delivered = 1
	}
	_, err := o.within(ctx, o.db, 1, func(tx Tx) (int64, error) {
		return o.exec(ctx, tx, o.dialect.report, tidy(report.RemoteID, maxRemote), delivered, report.Time.Unix())
	})
	return err
}
