// Command reports sends messages, receives the delivery reports and joins both in a database. See
// reports.go for the tables, and main.go for the sandbox around them.
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func main() {
	folder, err := os.MkdirTemp("", "reports")
	if err != nil {
		log.Fatal(err)
	}
	err = run(context.Background(), os.Stdout, folder)
	_ = os.RemoveAll(folder)
	if err != nil {
		log.Fatal(err)
	}
}

// run sends five messages. The first reports overtake the reply that has their remote ids, and the
// last report comes while the server is down.
func run(ctx context.Context, out io.Writer, folder string) error {
	db, err := sql.Open("sqlite", filepath.Join(folder, "shop.db")+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, tables); err != nil {
		return err
	}

	secret := rand.Text() // in production: made once and kept, since it stands in the account's settings
	mux, err := newMux(db, secret)
	if err != nil {
		return err
	}
	server := httptest.NewServer(mux) // in production: one with https
	defer server.Close()

	gateway := smslinktest.NewGateway(&smslinktest.Options{
		Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0700000004")},
		Reports: &smslinktest.Reports{
			URL:         server.URL + "/sms/reports/" + secret,
			Undelivered: func(m smslinktest.Message) bool { return m.ID == 2 },
		},
	})
	defer gateway.Close()

	send := func(ids ...int64) error {
		var p smslink.Package
		for _, id := range ids {
			if err := p.Add(smslink.Message{ID: id, To: fmt.Sprintf("07%08d", id), Text: "Coletul dvs. a plecat."}); err != nil {
				return err
			}
		}
		resp, err := gateway.Client().Send(ctx, &p)
		if err != nil {
			return err
		}
		lostErr := gateway.WaitReports(ctx) // so that each report comes before its remote id is known
		var came int
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM report`).Scan(&came); err != nil {
			return err
		}
		fmt.Fprintf(out, "%d sent; reports so far: %d; one was lost: %t\n", p.Len(), came, lostErr != nil)
		for _, r := range resp.Results {
			if err := keep(ctx, db, r); err != nil {
				return err
			}
		}
		return nil
	}
	gateway.Inject(smslinktest.Delay(100 * time.Millisecond)) // of the reply
	if err := send(1, 2, 3, 4); err != nil {
		return err
	}
	server.Close()
	if err := send(5); err != nil {
		return err
	}

	rows, err := db.QueryContext(ctx, delivered)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int64
		var what string
		if err := rows.Scan(&id, &what); err != nil {
			return err
		}
		fmt.Fprintln(out, id, what)
	}
	return rows.Err()
}
