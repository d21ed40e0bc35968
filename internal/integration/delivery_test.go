package integration_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/delivery"
	"github.com/go-smslink/smslink/smslinktest"
)

// A report may come before its message's remote id is known, may come twice, and not
// in order. So it has a table of its own, keyed by the remote id, and whoever reads
// joins the two. A remote id is the gateway's word: nothing here relies on its being
// the only one.
const deliveryTables = `
	CREATE TABLE sent (id INTEGER PRIMARY KEY, remote TEXT, status TEXT NOT NULL);
	CREATE INDEX sent_remote ON sent (remote);
	CREATE TABLE report (remote TEXT PRIMARY KEY, delivered BOOLEAN NOT NULL, at INTEGER NOT NULL);`

// keep is a delivery handler's callback: what it has kept lasts when it returns, and
// of several reports the latest counts; of those of one second, that it was delivered.
func (t table) keep(ctx context.Context, r delivery.Report) error {
	_, err := t.ExecContext(ctx, `
		INSERT INTO report (remote, delivered, at) VALUES (?, ?, ?)
		ON CONFLICT (remote) DO UPDATE SET delivered = excluded.delivered, at = excluded.at
		WHERE (excluded.at, excluded.delivered) > (at, delivered)`,
		r.RemoteID, r.Delivered, r.Time.Unix())
	return err
}

// sent keeps the remote ids that a Send has told. A message that is sent again, as
// Retryable allows, has the new one.
func (t table) sent(ctx context.Context, results []smslink.Result) error {
	return t.together(ctx, func(tx *sql.Tx) error {
		for _, r := range results {
			remote := sql.NullString{String: r.RemoteID, Valid: r.RemoteID != ""}
			_, err := tx.ExecContext(ctx, `
				INSERT INTO sent (id, remote, status) VALUES (?, ?, ?)
				ON CONFLICT (id) DO UPDATE SET remote = excluded.remote, status = excluded.status`,
				r.ID, remote, r.Status.String())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// print prints what is known of each message.
func (t table) print(ctx context.Context) error {
	rows, err := t.QueryContext(ctx, `
		SELECT id, CASE
			WHEN status <> 'success' THEN status
			WHEN delivered THEN 'delivered'
			WHEN NOT delivered THEN 'undelivered'
			ELSE 'pending' END
		FROM sent LEFT JOIN report USING (remote) ORDER BY id`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int64
		var fate string
		if err := rows.Scan(&id, &fate); err != nil {
			return err
		}
		fmt.Println(id, fate)
	}
	return rows.Err()
}

// From a Send to what arrived: remote ids and reports in a real SQLite, the reports
// of the first package there before its Send has returned.
func Example_deliveryReports() {
	folder, err := os.MkdirTemp("", "shop")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	opened, err := sql.Open("sqlite", filepath.Join(folder, "shop.db")+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	db, ctx := table{opened}, context.Background()
	if _, err := db.Exec(deliveryTables); err != nil {
		log.Fatal(err)
	}

	secret := rand.Text() // in earnest: made once and kept, as it stands in the account's settings
	handler, err := delivery.NewHandler(secret, db.keep, &delivery.Options{ConnectionID: "test-connection"})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(handler) // in earnest: https
	defer server.Close()

	gateway := smslinktest.NewGateway(&smslinktest.Options{
		Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0700000004")},
		Reports: &smslinktest.Reports{
			URL:         server.URL + "/sms/" + secret,
			Optional:    true,
			Undelivered: func(m smslinktest.Message) bool { return m.ID == 2 },
		},
	})
	defer gateway.Close()
	send := func(ids ...int64) {
		var p smslink.Package
		for _, id := range ids {
			if err := p.Add(smslink.Message{ID: id, To: fmt.Sprintf("07%08d", id), Text: "Coletul dvs. a plecat."}); err != nil {
				log.Fatal(err)
			}
		}
		resp, err := gateway.Client().Send(ctx, &p)
		if err != nil {
			log.Fatal(err)
		}
		lost := gateway.WaitReports(ctx) // so that each comes before its remote id is known
		var came int
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM report`).Scan(&came); err != nil {
			log.Fatal(err)
		}
		fmt.Println("reports in all:", came, "lost:", lost != nil)
		if err := db.sent(ctx, resp.Results); err != nil {
			log.Fatal(err)
		}
	}

	gateway.Inject(smslinktest.Delay(100 * time.Millisecond)) // of the reply: the reports overtake it
	send(1, 2, 3, 4)
	server.Close() // the shop's server is away when the next reports come
	send(5)
	if err := db.print(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// reports in all: 3 lost: false
	// reports in all: 3 lost: true
	// 1 delivered
	// 2 undelivered
	// 3 delivered
	// 4 number failed
	// 5 pending
}
