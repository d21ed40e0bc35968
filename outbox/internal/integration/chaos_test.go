//go:build unix

package integration

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
	"github.com/go-smslink/smslink/smslinktest"
)

var (
	chaosKills    = flag.Int("chaos.kills", unlessLong(5, 25), "workers killed")
	chaosCrashes  = flag.Int("chaos.crashes", unlessLong(1, 3), "crashes of the database")
	chaosStops    = flag.Int("chaos.stops", unlessLong(0, 1), "workers frozen past their deadline")
	chaosLose     = flag.Float64("chaos.lose", 0.01, "how many replies are lost")
	chaosMessages = flag.Int("chaos.messages", unlessLong(800, 4000), "orders")
	chaosSpread   = flag.Duration("chaos.spread", time.Second*time.Duration(unlessLong(2, 12)), "until all orders came")
	chaosPostgres = flag.String("chaos.postgres", "", "a setting of PostgreSQL, such as synchronous_commit=off")
	chaosVia      = flag.String("chaos.via", "", "what stands before the database: pgbouncer, cutter or nothing")
)

// unlessLong returns the number of the tests' short form, or that of the full one.
func unlessLong(short, full int) int {
	if long {
		return full
	}
	return short
}

// chaosWorkers are the workers, each with as many uploads at a time.
const chaosWorkers, chaosConcurrency = 2, 2

// chaosTimeout is one that no busy machine reaches, and that a frozen worker does.
const chaosTimeout = 15 * time.Second

// Workers are killed and frozen and the database crashes while a shop takes orders. The gateway's
// ledger, in a process of its own as the workers see it, says how often each message was sent.
func TestChaos(t *testing.T) {
	test := func(t *testing.T, config workerConfig, server *servers.Server) {
		if *chaosVia != "" && (server == nil || *chaosVia == "pgbouncer" && config.Dialect != "postgres") {
			t.Skip("there is nothing to stand before the database")
		}
		lostReplies := new(atomic.Int64)
		b := newBench(t, config, &smslinktest.Options{Fault: func(int) smslinktest.Fault {
			if rand.Float64() < *chaosLose {
				lostReplies.Add(1)
				return smslinktest.LoseReply()
			}
			return smslinktest.Delay(time.Duration(rand.Int64N(int64(100 * time.Millisecond))))
		}})
		b.config.Messages, b.config.Concurrency, b.config.Timeout = 20, chaosConcurrency, chaosTimeout
		switch *chaosVia {
		case "pgbouncer":
			bouncer, err := server.PgBouncer()
			b.config.DSN = started(t, bouncer, err).DSN
		case "cutter":
			b.config.DSN = server.Through(newProxy(t, server.Port, 1500*time.Millisecond).port)
		}
		c := &chaos{bench: b, server: server, logs: t.TempDir()}
		c.shop()
		began := time.Now()
		c.harm()
		c.finish()
		c.compare(lostReplies.Load())
		t.Logf("%v in all", time.Since(began).Round(time.Second))
	}
	onSQLite(t, test)
	eachServer(t, true, test)
}

type chaos struct {
	*bench
	server *servers.Server
	logs   string

	trade   sync.WaitGroup
	orders  []bool // by number: committed
	opted   []bool // by number: its customer has opted out, and was sent news after that
	kills   atomic.Int64
	stops   atomic.Int64
	crashes int
	workers [chaosWorkers]*worker
}

// shop takes orders in the background until all have come. Each is in one transaction with its SMS,
// and one of twenty is rolled back.
func (c *chaos) shop() {
	_, err := c.db.ExecContext(c.Context(), "CREATE TABLE IF NOT EXISTS shop_order (id BIGINT PRIMARY KEY)")
	require.NoError(c, err)
	_, err = c.db.ExecContext(c.Context(), "DELETE FROM shop_order")
	require.NoError(c, err)
	c.orders, c.opted = make([]bool, *chaosMessages), make([]bool, *chaosMessages)
	const batch = 10
	pause := *chaosSpread / time.Duration(max(1, len(c.orders)/batch))
	ctx := c.Context()
	c.trade.Go(func() {
		for first := 0; first < len(c.orders); first += batch {
			commit := rand.IntN(20) > 0
			for ctx.Err() == nil && !c.order(ctx, first, min(batch, len(c.orders)-first), commit) {
				time.Sleep(50 * time.Millisecond)
			}
			if commit && rand.IntN(4) == 0 {
				for ctx.Err() == nil && !c.optOut(ctx, first) {
					time.Sleep(50 * time.Millisecond)
				}
			}
			time.Sleep(pause)
		}
	})
}

// optOut reports whether a customer's opt-out and the news that were enqueued after it are there.
func (c *chaos) optOut(ctx context.Context, i int) bool {
	c.opted[i] = true
	number := fmt.Sprintf("07%08d", i)
	if _, err := c.box.OptOut(ctx, c.db, number); err != nil {
		return false
	}
	news := outbox.Message{Key: fmt.Sprintf("news-%d", i), To: number, Text: "Noutăți."}
	_, err := c.box.Enqueue(ctx, c.db, news)
	return err == nil
}

// order takes n orders in a transaction, and reports whether it has ended.
func (c *chaos) order(ctx context.Context, first, n int, commit bool) bool {
	var there int
	query := fmt.Sprintf("SELECT count(*) FROM shop_order WHERE id = %d", first)
	if err := c.db.QueryRowContext(ctx, query).Scan(&there); err != nil {
		return false
	}
	if there == 0 {
		tx, err := c.db.BeginTx(ctx, nil)
		if err != nil {
			return false
		}
		defer func() { _ = tx.Rollback() }()
		var sms []outbox.Message
		for i := first; i < first+n; i++ {
			if _, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO shop_order (id) VALUES (%d)", i)); err != nil {
				return false
			}
			sms = append(sms, outbox.Message{
				Key: fmt.Sprintf("order-%d", i), To: fmt.Sprintf("07%08d", i),
				Text: fmt.Sprintf("Comanda %d a fost predată curierului.", i),
			})
		}
		if added, err := c.box.Enqueue(ctx, tx, sms...); err != nil || added != n {
			return false
		}
		if !commit {
			return tx.Rollback() == nil
		}
		if tx.Commit() != nil {
			return false // it may have happened: see above
		}
	}
	for i := first; i < first+n; i++ {
		c.orders[i] = true
	}
	return true
}

// worker is a process that is started again each time it is killed.
type worker struct {
	*exec.Cmd
	start func()
}

// harm kills and freezes workers, and crashes the database.
func (c *chaos) harm() {
	var harm sync.WaitGroup
	for i := range c.workers {
		w := &worker{}
		w.start = func() { w.Cmd = spawn(c.T, c.config, filepath.Join(c.logs, fmt.Sprintf("worker-%d.log", i))) }
		c.workers[i] = w
		w.start()
		c.Cleanup(func() { _ = w.Process.Kill() })
		harm.Go(func() {
			for int(c.kills.Load()) < *chaosKills {
				time.Sleep(200*time.Millisecond + rand.N(600*time.Millisecond))
				if int(c.stops.Load()) < *chaosStops && rand.IntN(4) == 0 {
					c.stops.Add(1)
					_ = w.Process.Signal(syscall.SIGSTOP)
					time.Sleep(c.config.Timeout + c.config.Timeout/2)
					_ = w.Process.Signal(syscall.SIGCONT)
					time.Sleep(time.Second)
					continue
				}
				_ = w.Process.Kill()
				_ = w.Wait()
				c.kills.Add(1)
				w.start()
			}
		})
	}
	if c.server != nil {
		harm.Go(func() {
			for c.crashes < *chaosCrashes {
				time.Sleep(time.Second + rand.N(2500*time.Millisecond))
				if err := c.server.Crash(); err != nil {
					c.Error(err)
				}
				if err := c.server.Start(); err != nil {
					c.Error(err)
				}
				c.crashes++
			}
		})
	}
	harm.Wait()
	c.trade.Wait()
}

// finish waits until nothing is queued, ends the workers, and puts in doubt what those that were
// killed have left.
func (c *chaos) finish() {
	empties := func(sending bool) {
		eventually(c, func() bool {
			stats, err := c.box.Stats(c.Context())
			if err != nil {
				return false
			}
			require.Empty(c, stats.Paused)
			return (stats.Sending == 0 || sending) && stats.Lanes[outbox.Bulk].Queued == 0
		}, "messages are left")
	}
	empties(true)
	for _, w := range c.workers {
		_ = w.Process.Signal(syscall.SIGTERM)
		_ = w.Wait()
	}
	c.overdue()
	c.run(c.box, nil)
	empties(false)
}

// compare compares the database with the gateway's ledger.
func (c *chaos) compare(lostReplies int64) {
	sent := map[int]int{}
	twice := 0
	news := 0
	for _, m := range c.gateway.Messages() {
		if m.Text == "Noutăți." {
			news++
			continue
		}
		number, err := strconv.Atoi(strings.TrimPrefix(m.To, "07"))
		require.NoError(c, err)
		if sent[number]++; sent[number] == 2 {
			twice++
		}
	}
	committed, lost, unsent, accepted, inDoubt, optedOut, phantom := 0, 0, 0, 0, 0, 0, 0
	states, kept := states(c.T, c.db), c.kept()
	for i, order := range c.orders {
		state := states[fmt.Sprintf("order-%d", i)]
		switch {
		case !kept[i]:
			if sent[i] > 0 || state != "" {
				phantom++
			}
			require.False(c, order && *chaosPostgres == "", "the database has lost the order %d", i)
			continue
		case state == outbox.Accepted:
			accepted++
			if sent[i] == 0 {
				unsent++
			}
		case state == outbox.InDoubt:
			inDoubt++
		case state == outbox.OptedOut && c.opted[i] && sent[i] == 0:
			optedOut++
		default:
			lost++
		}
		committed++
	}
	unresolved, err := c.box.Unresolved(c.Context())
	require.NoError(c, err)
	limit := (int(c.kills.Load())+c.crashes)*chaosConcurrency + int(lostReplies)
	c.Logf("%d orders, %d kills, %d crashes, %d stops, %d lost replies: %d accepted, %d opted out, "+
		"%d in doubt in %d packages (at most %d), twice %d, lost %d, accepted and not in the ledger %d, "+
		"rolled back and sent %d, sent after an opt-out %d",
		committed, c.kills.Load(), c.crashes, c.stops.Load(), lostReplies, accepted, optedOut,
		inDoubt, len(unresolved), limit, twice, lost, unsent, phantom, news)
	for i, opted := range c.opted {
		if opted && *chaosPostgres == "" {
			require.Equal(c, outbox.OptedOut, states[fmt.Sprintf("news-%d", i)])
		}
	}
	require.Zero(c, news, "sent to a number that had opted out")
	require.Zero(c, twice, "sent twice")
	require.Zero(c, lost, "lost")
	require.Zero(c, unsent, "accepted and not in the ledger")
	require.Zero(c, phantom, "rolled back and sent, or kept")
	require.LessOrEqual(c, len(unresolved), limit)
	require.Positive(c, accepted)
}

// kept returns the orders that the database has.
func (c *chaos) kept() map[int]bool {
	rows, err := c.db.QueryContext(c.Context(), "SELECT id FROM shop_order")
	require.NoError(c, err)
	defer func() { require.NoError(c, rows.Close()) }()
	kept := map[int]bool{}
	for rows.Next() {
		var id int
		require.NoError(c, rows.Scan(&id))
		kept[id] = true
	}
	require.NoError(c, rows.Err())
	return kept
}

// states returns the states of all messages, by key.
func states(t *testing.T, db *sql.DB) map[string]outbox.State {
	rows, err := db.QueryContext(t.Context(), "SELECT message_key, state, status FROM smslink_outbox")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	states := map[string]outbox.State{}
	for rows.Next() {
		var key string
		var state outbox.State
		var status sql.NullInt64
		require.NoError(t, rows.Scan(&key, &state, &status))
		if state == outbox.Accepted {
			require.EqualValues(t, smslink.StatusSuccess, status.Int64, key)
		}
		states[key] = state
	}
	require.NoError(t, rows.Err())
	return states
}
