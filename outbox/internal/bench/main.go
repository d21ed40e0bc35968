//go:build unix

// Command bench measures the outbox on a PostgreSQL server of its own, and River beside it on the
// same server, and prints a table. Compare by ratio: both run on one machine, which also runs the
// server and the gateway.
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"log"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-smslink/smslink/internal/bench/measure"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
	"github.com/go-smslink/smslink/smslinktest"
)

var (
	behind  = flag.Int("behind", 1_000_000, "messages queued behind the codes")
	dead    = flag.Int("dead", 500_000, "dead rows in the codes' lane, under an open transaction")
	codes   = flag.Int("codes", 300, "codes")
	drained = flag.Int("drain", 300_000, "messages that are drained")
	batched = flag.Int("batch", 200_000, "messages enqueued 1,000 at a time")
	singles = flag.Int("singles", 8_000, "messages enqueued one by one")
	writers = flag.Int("writers", 8, "goroutines that enqueue one by one")
	rivers  = flag.Bool("river", true, "measure River, too")
	runs    = flag.Int("runs", 3, "runs; the median counts")
)

func main() {
	flag.Parse()
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	var measured figures
	for run := range *runs {
		log.Printf("run %d of %d", run+1, *runs)
		if err := measured.measure(context.Background()); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(measure.Header("./outbox/internal/bench",
		fmt.Sprintf("PostgreSQL %s with `fsync` on, medians of %d runs, least and most in brackets", measured.server, *runs)))
	measured.print()
}

// figure is one row of the table: what each run measured, and the target.
type figure struct {
	what, unit string
	target     float64 // the least, or the most if it is negative; 0 means none
	values     []float64
}

type figures struct {
	server string // its version
	rows   []*figure
}

// add notes a run's value of a figure.
func (f *figures) add(what, unit string, target, value float64) {
	for _, known := range f.rows {
		if known.what == what {
			known.values = append(known.values, value)
			return
		}
	}
	f.rows = append(f.rows, &figure{what, unit, target, []float64{value}})
}

func (f *figures) print() {
	table := measure.NewTable("", "measured", "target", "met")
	for _, row := range f.rows {
		target, met := measure.Met(measure.Median(row.values), row.target)
		table.Row(row.what, measure.Spread(row.values, row.unit), target, met)
	}
	fmt.Print(table)
}

func (f *figures) measure(ctx context.Context) error {
	server, err := servers.Postgres("shared_buffers=512MB", "max_wal_size=4GB")
	if err != nil {
		return err
	}
	defer server.Stop()
	db, err := server.Open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	db.SetMaxIdleConns(32)
	if err := db.QueryRowContext(ctx, "SHOW server_version").Scan(&f.server); err != nil {
		return err
	}
	b := &bench{figures: f, db: db, gateway: smslinktest.NewGateway(nil)}
	defer b.gateway.Close()
	open := func(bulk outbox.Lane) (*outbox.Outbox, error) {
		return outbox.New(db, outbox.Postgres, &outbox.Options{Lanes: map[string]outbox.Lane{outbox.Bulk: bulk}})
	}
	if b.box, err = open(outbox.Lane{Concurrency: 2, Poll: 100 * time.Millisecond}); err != nil {
		return err
	}
	if b.codesOnly, err = open(outbox.Lane{Concurrency: -1}); err != nil {
		return err
	}
	if err := b.box.Migrate(ctx); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{b.enqueueBatches, b.enqueueSingles, b.drain, b.latency} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	if *rivers {
		return b.river(ctx, server.DSN)
	}
	return nil
}

type bench struct {
	*figures
	db             *sql.DB
	gateway        *smslinktest.Gateway
	box, codesOnly *outbox.Outbox

	batchRate, singleRate, drainRate float64 // messages a second
}

func text(i int) string {
	return fmt.Sprintf("Buna, Ioana! Comanda %d a fost predata curierului. "+
		"Urmariti-o: https://magazin.example/c/%x Va multumim!", i, i*7919)
}

func messages(prefix, lane string, first, n int) []outbox.Message {
	all := make([]outbox.Message, n)
	for i := range all {
		n := first + i
		key, to := fmt.Sprintf("%s-%d", prefix, n), fmt.Sprintf("07%08d", n)
		all[i] = outbox.Message{Key: key, Lane: lane, To: to, Text: text(n)}
	}
	return all
}

func (b *bench) clear(ctx context.Context) error {
	b.gateway.Reset()
	_, err := b.db.ExecContext(ctx, "TRUNCATE smslink_message, smslink_package, smslink_result")
	return err
}

func (b *bench) enqueueBatches(ctx context.Context) error {
	const batch = 1000
	start := time.Now()
	for first := 0; first < *batched; first += batch {
		if err := b.inTx(ctx, messages("batch", outbox.Bulk, first, batch)); err != nil {
			return err
		}
	}
	b.batchRate = float64(*batched) / time.Since(start).Seconds()
	b.add("enqueue, 1,000 a transaction, 1 writer", "messages a second", 20_000, b.batchRate)
	return b.clear(ctx)
}

func (b *bench) inTx(ctx context.Context, m []outbox.Message) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := b.box.Enqueue(ctx, tx, m...); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

func (b *bench) enqueueSingles(ctx context.Context) (err error) {
	b.singleRate, err = single(func(i int) error { return b.inTx(ctx, messages("single", outbox.Urgent, i, 1)) })
	if err != nil {
		return err
	}
	b.add(fmt.Sprintf("enqueue, 1 a transaction, %d writers", *writers), "messages a second", 1000, b.singleRate)
	return b.clear(ctx)
}

// single returns how many calls a second the writers make.
func single(enqueue func(i int) error) (float64, error) {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	start := time.Now()
	for range *writers {
		all.Go(func() {
			for i := int(next.Add(1)); i <= *singles; i = int(next.Add(1)) {
				if err := enqueue(i); err != nil {
					failed.Store(&err)
					return
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(*singles) / time.Since(start).Seconds(), nil
}

func (b *bench) drain(ctx context.Context) error {
	for first := 0; first < *drained; first += 10_000 {
		if err := b.inTx(ctx, messages("drain", outbox.Bulk, first, 10_000)); err != nil {
			return err
		}
	}
	start := time.Now()
	stop := b.run(ctx, b.box)
	if _, err := b.gateway.WaitMessages(ctx, *drained); err != nil {
		return err
	}
	stop()
	b.drainRate = float64(*drained) / time.Since(start).Seconds()
	b.add("drain in packages of 10,000, 2 uploads at a time", "messages a second", 15_000, b.drainRate)
	return b.clear(ctx)
}

func (b *bench) run(ctx context.Context, box *outbox.Outbox) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- box.Run(ctx, b.gateway.Client()) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			log.Print(err)
		}
	}
}

// latency is the time from a code's commit to its being taken.
func (b *bench) latency(ctx context.Context) error {
	// As Enqueue does, and a few times as fast.
	insert := func(lane, receiver, body string, n int) string {
		return fmt.Sprintf(`
			INSERT INTO smslink_message (message_key, lane, receiver, sender, body, send_at, due, enqueued)
			SELECT '%[1]s-' || g, '%[1]s', %[2]s, 'numeric', %[3]s, 0,
				(extract(epoch FROM clock_timestamp()) * 1000000)::bigint, 0
			FROM generate_series(1, %[4]d) g`, lane, receiver, body, n)
	}
	const body = "'Comanda ' || g || ' a fost predata curierului. Va multumim pentru comanda!'"
	for _, statement := range []string{
		insert(outbox.Bulk, "'07' || lpad(g::text, 8, '0')", body, *behind),
		"VACUUM ANALYZE smslink_message",
	} {
		if _, err := b.db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	what := fmt.Sprintf("a code, from its commit to being taken, with %d queued behind", *behind)
	if err := b.sendCodes(ctx, b.codesOnly, "quiet", what, true); err != nil {
		return err
	}
	tx, err := b.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM smslink_meta").Scan(&n); err != nil {
		return err
	}
	for _, statement := range []string{
		insert(outbox.Urgent, "'0712345678'", "'Cod'", *dead),
		"UPDATE smslink_message SET package = -1 WHERE lane = 'urgent' AND package IS NULL",
	} {
		if _, err := b.db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	what = fmt.Sprintf("the same with %d dead rows under an open transaction", *dead)
	if err := b.sendCodes(ctx, b.codesOnly, "dead", what, true); err != nil {
		return err
	}
	return b.sendCodes(ctx, b.box, "busy", "the same while those behind are sent, too", false)
}

func (b *bench) sendCodes(ctx context.Context, box *outbox.Outbox, prefix, what string, checked bool) error {
	defer b.run(ctx, box)()
	time.Sleep(2 * time.Second)
	committed := map[string]time.Time{}
	for i := range *codes {
		m := messages(prefix, outbox.Urgent, 50_000_000+i, 1)
		m[0].To = fmt.Sprintf("0799%06d", i)
		if err := b.inTx(ctx, m); err != nil {
			return err
		}
		committed[m[0].To] = time.Now()
		time.Sleep(30 * time.Millisecond)
	}
	var took []time.Duration
	for end := time.Now().Add(time.Minute); len(committed) > 0 && time.Now().Before(end); time.Sleep(time.Second) {
		for _, m := range b.gateway.Messages() {
			if at, ok := committed[m.To]; ok {
				took = append(took, max(0, m.Time.Sub(at)))
				delete(committed, m.To)
			}
		}
	}
	slices.Sort(took)
	if len(took) != *codes {
		return fmt.Errorf("%s: %d of %d were taken", what, len(took), *codes)
	}
	p50, p99 := -30.0, -400.0 // ms, at most
	if !checked {
		p50, p99 = 0, 0
	}
	b.add(what+": p50", "ms", p50, took[len(took)/2].Seconds()*1000)
	b.add(what+": p99", "ms", p99, took[len(took)*99/100].Seconds()*1000)
	b.gateway.Reset()
	return nil
}
