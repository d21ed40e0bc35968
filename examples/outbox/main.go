// Command outbox is a shop that texts its customers: an order and its SMS are committed together,
// two workers send what is queued, and the delivery reports come back. See shop.go for the shop.
// The gateway is a sandbox in this process, and the database is a SQLite file, or PostgreSQL with
// --db postgres://… With --metrics ADDRESS it then takes orders until Ctrl-C, and serves
// http://ADDRESS/metrics to Prometheus: see load.go and metrics.go.
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // a driver
	_ "modernc.org/sqlite"             // a driver

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/go-smslink/smslink/webhook"
)

// sqliteSettings let workers wait for each other.
const sqliteSettings = "?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)&_txlock=immediate"

func main() {
	url := flag.String("db", "", "`URL` of a PostgreSQL database; otherwise a SQLite file is made")
	metrics := flag.String("metrics", "", "`ADDRESS` to serve /metrics at, under load, until Ctrl-C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *url, *metrics); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, url, metrics string) error {
	driver, dialect := "pgx", outbox.Postgres
	if url == "" {
		folder, err := os.MkdirTemp("", "outbox")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(folder) }()
		url = filepath.Join(folder, "shop.db") + sqliteSettings
		driver, dialect = "sqlite", outbox.SQLite
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	telemetry, err := newTelemetry()
	if err != nil {
		return err
	}
	box, err := outbox.New(db, dialect, &outbox.Options{
		Lanes:  map[string]outbox.Lane{outbox.Bulk: {Wait: 100 * time.Millisecond, Poll: 50 * time.Millisecond}},
		Tracer: telemetry.packages,
	})
	if err != nil {
		return err
	}
	if err := box.Migrate(ctx); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, createOrders); err != nil {
		return err
	}

	s := &shop{db, box}
	gateway, stop, err := sandbox(s)
	if err != nil {
		return err
	}
	defer stop()
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{Endpoint: gateway.URL, Tracer: telemetry.uploads})
	if err != nil {
		return err
	}
	if err := telemetry.observe(client, box); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	for range 2 { // in production: in processes of their own, on machines of their own
		workers.Go(func() {
			if err := box.Run(ctx, client); err != nil {
				log.Print(err)
			}
		})
	}
	if err := trade(ctx, out, s); err != nil {
		return err
	}
	if err := gateway.Unsubscribe(ctx, "0700000004", "STOP"); err != nil {
		return err
	}
	if err := promote(ctx, out, s, customer{1, "0700000001"}, customer{4, "0700000004"}); err != nil || metrics == "" {
		return err
	}
	return serveUnderLoad(ctx, out, metrics, telemetry.handler, s, gateway)
}

// sandbox starts a gateway in place of the live one, and the server that receives its delivery
// reports and unsubscriptions.
func sandbox(s *shop) (gateway *smslinktest.Gateway, stop func(), err error) {
	secret := rand.Text() // in production: made once and kept, since it stands in the account's settings
	reports, err := webhook.Reports(secret, s.box.Report, nil)
	if err != nil {
		return nil, nil, err
	}
	unsubscriptions, err := webhook.Unsubscriptions(secret, s.stop, nil)
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/sms/reports/{secret}", reports)
	mux.Handle("/sms/unsubscriptions/{secret}", unsubscriptions)
	server := httptest.NewServer(mux) // in production: one with https
	gateway = smslinktest.NewGateway(&smslinktest.Options{
		Rules:    []smslinktest.Rule{smslinktest.UnknownNumbers("0700000003")},
		Reports:  &smslinktest.Reports{URL: server.URL + "/sms/reports/" + secret},
		Webhooks: &smslinktest.Webhooks{Unsubscriptions: server.URL + "/sms/unsubscriptions/" + secret},
	})
	gateway.SetCredit(1_000_000)
	return gateway, func() {
		gateway.Close()
		server.Close()
	}, nil
}

// trade takes four orders, can't charge one of them, and prints the states of their messages.
func trade(ctx context.Context, out io.Writer, s *shop) error {
	last, err := s.last(ctx)
	if err != nil {
		return err
	}
	var keys []string
	for n := 1; n <= 4; n++ {
		o := order{last + n, fmt.Sprintf("07%08d", n)}
		keys = append(keys, o.sms().Key)
		err := s.take(ctx, o, func() error {
			if n == 2 {
				return errors.New("the card was refused")
			}
			return nil
		})
		if err != nil {
			fmt.Fprintf(out, "order %d: %v\n", o.number, err)
		}
	}
	return printEnded(ctx, out, s.box, keys)
}

// customer is someone whom a campaign is sent to.
type customer struct {
	number int
	phone  string
}

// promote sends a campaign to these customers, and prints the states of its messages. A customer
// who wants no more messages is left out. The keys have no phone number in them, since they are
// logged, and kept longer than the receivers.
func promote(ctx context.Context, out io.Writer, s *shop, customers ...customer) error {
	var keys []string
	for _, c := range customers {
		offer := outbox.Message{
			Key:  fmt.Sprintf("offer-%d", c.number),
			To:   c.phone,
			Text: "Reduceri de 20 % până duminică. Nu mai doriți mesaje? STOP la 1812",
		}
		if _, err := s.box.Enqueue(ctx, s.db, offer); err != nil {
			return err
		}
		keys = append(keys, offer.Key)
	}
	return printEnded(ctx, out, s.box, keys)
}

// printEnded waits until the messages with these keys have ended, and prints their states.
func printEnded(ctx context.Context, out io.Writer, box *outbox.Outbox, keys []string) error {
	records, err := waitEnded(ctx, box, keys)
	if err != nil {
		return err
	}
	byKey := map[string]outbox.Record{}
	for _, r := range records {
		byKey[r.Key] = r
	}
	for _, key := range keys {
		r, ok := byKey[key]
		switch {
		case !ok:
			fmt.Fprintf(out, "%s: no message\n", key)
		case r.State == outbox.OptedOut:
			fmt.Fprintf(out, "%s: %s\n", key, r.State)
		case r.Report == nil:
			fmt.Fprintf(out, "%s: %s, %s\n", key, r.State, r.Result.Status)
		default:
			fmt.Fprintf(out, "%s: %s, %s, delivered %v\n", key, r.State, r.Result.Status, r.Report.Delivered)
		}
	}
	return nil
}

// waitEnded waits until nothing more will come about the messages with these keys. Keys without a
// message are ignored.
func waitEnded(ctx context.Context, box *outbox.Outbox, keys []string) ([]outbox.Record, error) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		records, err := box.Lookup(ctx, keys...)
		if err != nil || !slices.ContainsFunc(records, isOpen) {
			return records, err
		}
	}
	return nil, errors.New("the messages have not ended")
}

// isOpen reports whether the message has not ended, or was accepted and has no report yet.
func isOpen(r outbox.Record) bool {
	return r.State != outbox.Failed && r.State != outbox.OptedOut && (r.State != outbox.Accepted || r.Report == nil)
}
