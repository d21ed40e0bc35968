package main

import (
	"context"
	"database/sql"
	"net/http"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/webhook"
)

// Reports may come in any order, more than once, and before the remote ids of their messages are
// known. So they have a table of their own, keyed by all that they say, and a query joins the two.
const tables = `
	CREATE TABLE sent (id INTEGER PRIMARY KEY, remote TEXT, status TEXT NOT NULL);
	CREATE TABLE report (remote TEXT, at INTEGER, delivered BOOLEAN, PRIMARY KEY (remote, at, delivered));`

// newMux returns a mux that receives delivery reports at the URL that is set in the SMSLink
// account, https://shop.example/sms/reports/<secret>. A report that comes again changes nothing.
func newMux(db *sql.DB, secret string) (*http.ServeMux, error) {
	handler, err := webhook.Reports(secret, func(ctx context.Context, r webhook.Report) error {
		_, err := db.ExecContext(ctx, `INSERT INTO report (remote, at, delivered) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
			r.RemoteID, r.Time.Unix(), r.Delivered)
		return err // an error is answered with 500
	}, nil)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/sms/reports/{secret}", handler)
	return mux, nil
}

// keep keeps a message's remote id. A message that is sent again has a new one.
func keep(ctx context.Context, db *sql.DB, r smslink.Result) error {
	remote := sql.NullString{String: r.RemoteID, Valid: r.RemoteID != ""}
	_, err := db.ExecContext(ctx, `INSERT INTO sent (id, remote, status) VALUES (?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET remote = excluded.remote, status = excluded.status`, r.ID, remote, r.Status.String())
	return err
}

// delivered is a query for the state of each message. The latest report counts; of several in one
// second, the one that says delivered.
const delivered = `
	SELECT id, CASE
		WHEN status <> 'success' THEN status
		ELSE coalesce((
			SELECT CASE WHEN delivered THEN 'delivered' ELSE 'undelivered' END
			FROM report WHERE report.remote = sent.remote ORDER BY at DESC, delivered DESC LIMIT 1), 'pending')
		END
	FROM sent ORDER BY id`
