package outbox

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/delivery"
)

// State says where a message is, in the words of the view smslink_outbox.
type State string

// The states of a message.
const (
	Queued    State = "queued"
	Sending   State = "sending"   // claimed, and its worker has not said what became of it
	Settled   State = "settled"   // the gateway accepted its package: see Record.Result
	InDoubt   State = "in doubt"  // it may have been sent; see [Outbox.Resolve]
	Held      State = "held"      // the gateway rejected its package; see [Outbox.Resolve]
	Refused   State = "refused"   // [smslink.Package.Add] refused it when it was to be sent; Note says why
	Cancelled State = "cancelled" // by [Outbox.Cancel]
	Expired   State = "expired"   // before it was sent
	Abandoned State = "abandoned" // by [Outbox.Resolve]
)

// Record is what is known of a message.
type Record struct {
	Key      string
	State    State
	Result   smslink.Result   // the gateway's, if State is Settled
	Report   *delivery.Report // the last delivery report's RemoteID, Delivered and Time; nil if there is none
	Attempts int              // that were not sent, or for which the credit did not suffice
	Note     string           // why it was refused, or why its package was not accepted; else empty
}

// Lookup returns the records of the given keys, in no order. Keys that are not known are left out.
// The view smslink_outbox shows the same to SQL.
func (o *Outbox) Lookup(ctx context.Context, keys ...string) (_ []Record, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	rows, err := o.db.QueryContext(ctx, o.dialect.sql("SELECT v.id, v.message_key, v.state, COALESCE(v.status, 0), COALESCE(v.remote, ''), v.delivered, v.reported, v.attempts, COALESCE(v.note, '')"+
		" FROM "+o.dialect.keys+" JOIN smslink_outbox v ON v.message_key = x.k"), asciiJSON(keys))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var records []Record
	for rows.Next() {
		var r Record
		var delivered, reported sql.NullInt64
		if err := rows.Scan(&r.Result.ID, &r.Key, &r.State, &r.Result.Status, &r.Result.RemoteID, &delivered, &reported, &r.Attempts, &r.Note); err != nil {
			return nil, err
		}
		if delivered.Valid {
			r.Report = &delivery.Report{RemoteID: r.Result.RemoteID, Delivered: delivered.Int64 == 1, Time: time.Unix(reported.Int64, 0).UTC()}
		}
		records = append(records, r)
	}
	return records, rows.Err()
}

// Report keeps a delivery report: give it to [delivery.NewHandler]. It may come before its message
// is settled, and any number of times. Of several, the one with the latest Time counts.
func (o *Outbox) Report(ctx context.Context, report delivery.Report) error {
	delivered := 0
	if report.Delivered {
		delivered = 1
	}
	_, err := o.exec(ctx, o.db, o.dialect.report, tidy(report.RemoteID, maxRemote), delivered, report.Time.Unix())
	return err
}
