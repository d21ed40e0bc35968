//go:build unix

package integration

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
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
	"github.com/go-smslink/smslink/outbox/internal/step"
	"github.com/go-smslink/smslink/smslinktest"
)

// bench is a database with an empty outbox, and a gateway.
type bench struct {
	*testing.T
	db      *sql.DB
	box     *outbox.Outbox
	gateway *smslinktest.Gateway
	client  *smslink.Client
	refused atomic.Bool // the client can't reach the gateway
	config  workerConfig
}

// benchTimeout is one that no busy machine reaches. See [bench.overdue].
const benchTimeout = time.Minute

// eachDatabase runs a test on each kind of database. The server is nil for SQLite. The short form
// runs it on SQLite alone.
func eachDatabase(t *testing.T, test func(t *testing.T, config workerConfig, server *servers.Server)) {
	t.Parallel()
	onSQLite(t, test)
	eachServer(t, long, test)
}

func onSQLite(t *testing.T, test func(t *testing.T, config workerConfig, server *servers.Server)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, sqliteIn(t.TempDir()), nil)
	})
}

// eachServer runs a test on PostgreSQL and MariaDB. The short form runs it on PostgreSQL alone, or
// on neither.
func eachServer(t *testing.T, short bool, test func(t *testing.T, config workerConfig, server *servers.Server)) {
	t.Run("postgres", func(t *testing.T) {
		if !short {
			needsLong(t)
		}
		t.Parallel()
		var settings []string
		if *chaosPostgres != "" {
			settings = append(settings, *chaosPostgres)
		}
		server := startPostgres(t, settings...)
		test(t, postgresOn(server), server)
	})
	t.Run("mariadb", func(t *testing.T) {
		needsLong(t)
		t.Parallel()
		server := startMariaDB(t)
		test(t, mariadbOn(server), server)
	})
}

func sqliteIn(dir string) workerConfig {
	return workerConfig{Dialect: "sqlite", Driver: "sqlite", DSN: filepath.Join(dir, "outbox.db") + sqliteOptions}
}

func postgresOn(s *servers.Server) workerConfig {
	return workerConfig{Dialect: "postgres", Driver: s.Driver, DSN: s.DSN}
}

func mariadbOn(s *servers.Server) workerConfig {
	return workerConfig{Dialect: "mariadb", Driver: s.Driver, DSN: s.DSN}
}

// tables are those that hold messages and what is known of them.
var tables = []string{"smslink_message", "smslink_package", "smslink_result", "smslink_report", "smslink_optout"}

func newBench(t *testing.T, config workerConfig, opts *smslinktest.Options) *bench {
	db, err := sql.Open(config.Driver, config.DSN)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	gateway := smslinktest.NewGateway(opts)
	t.Cleanup(gateway.Close)
	config.Gateway, config.Messages, config.Concurrency, config.Timeout = gateway.URL, 100, 1, benchTimeout
	box, err := outbox.New(db, dialects[config.Dialect], &outbox.Options{
		Timeout: benchTimeout, Lanes: map[string]outbox.Lane{outbox.Bulk: {Wait: -1, Poll: 10 * time.Millisecond}},
	})
	require.NoError(t, err)
	require.NoError(t, box.Migrate(t.Context()))
	require.NoError(t, box.Resume(t.Context(), "a test", "a new one"))
	for _, table := range tables {
		_, err := db.ExecContext(t.Context(), "DELETE FROM "+table)
		require.NoError(t, err)
	}
	b := &bench{T: t, db: db, box: box, gateway: gateway, config: config}
	transport := smslink.NewTransport()
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if b.refused.Load() {
			return nil, syscall.ECONNREFUSED
		}
		return dial(ctx, network, addr)
	}
	b.client, err = smslink.NewClient(gateway.ConnectionID, gateway.Password,
		&smslink.Options{Endpoint: gateway.URL, HTTPClient: &http.Client{Transport: transport}})
	require.NoError(t, err)
	return b
}

// run runs a worker in this process, which calls reach at each step.
func (b *bench) run(box *outbox.Outbox, reach func(at string)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	if reach == nil {
		reach = func(string) {}
	}
	go func() { ended <- box.Run(step.With(ctx, reach), b.client) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(b, <-ended)
	})
	b.Cleanup(stop)
	return stop
}

// pause stops a worker at a step, the first time that it is there.
type pause struct {
	at      string
	once    sync.Once
	reached chan struct{} // closed when the worker is there
	proceed chan struct{} // to be closed
}

func pauseAt(at string) *pause {
	return &pause{at: at, reached: make(chan struct{}), proceed: make(chan struct{})}
}

// reach is for [bench.run].
func (p *pause) reach(at string) {
	if at == p.at {
		p.once.Do(func() {
			close(p.reached)
			<-p.proceed
		})
	}
}

func (b *bench) enqueue(keys ...string) {
	for _, key := range keys {
		n, err := b.box.Enqueue(b.Context(), b.db, outbox.Message{Key: key, To: "0712345678", Text: "Comanda " + key})
		require.NoError(b, err)
		require.Equal(b, 1, n)
	}
}

// scan reads a query's only row.
func (b *bench) scan(query string, into ...any) {
	b.Helper()
	require.NoError(b, b.db.QueryRowContext(b.Context(), query).Scan(into...), query)
}

func (b *bench) state(key string) outbox.State {
	records, err := b.box.Lookup(b.Context(), key)
	require.NoError(b, err)
	require.Len(b, records, 1)
	return records[0].State
}

// eventually waits until cond holds. It calls cond in the test's own goroutine, which may fail in
// it.
func eventually(t testing.TB, cond func() bool, msgAndArgs ...any) {
	t.Helper()
	for began := time.Now(); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 3*time.Minute {
			require.Fail(t, "the condition does not hold", msgAndArgs...)
		}
	}
}

// await waits until a message is in a state. The database may be down meanwhile.
func (b *bench) await(key string, want outbox.State) {
	b.Helper()
	eventually(b, func() bool {
		records, err := b.box.Lookup(b.Context(), key)
		return err == nil && len(records) == 1 && records[0].State == want
	}, "%s is not %s", key, want)
}

// overdue moves the claims of the packages that are being sent or in doubt an hour back, in their
// rows alone: their workers may go on.
func (b *bench) overdue() {
	b.Helper()
	const hour = 3_600_000_000 // microseconds
	_, err := b.db.ExecContext(b.Context(), fmt.Sprintf(`
		UPDATE smslink_package
		SET began = began - %[1]d, deadline = deadline - %[1]d
		WHERE state IN (1, 5)`, int64(hour)))
	require.NoError(b, err)
}

// resolve resolves the one package that waits for a person.
func (b *bench) resolve(verdict outbox.Verdict) error {
	b.Helper()
	packages, err := b.box.Unresolved(b.Context())
	require.NoError(b, err)
	require.Len(b, packages, 1)
	r := outbox.Resolution{Verdict: verdict, By: "a test", Reason: "a test"}
	return b.box.Resolve(b.Context(), packages[0].Package, r)
}

// stays reports an error if the message's state changes while a worker runs.
func (b *bench) stays(key string, want outbox.State) {
	b.Helper()
	time.Sleep(300 * time.Millisecond)
	require.Equal(b, want, b.state(key))
}

func TestRun_killedAtEachStep(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		for _, c := range []struct {
			step string
			want outbox.State
			sent []int // any of these
		}{
			{step.Claiming, outbox.Accepted, []int{1}}, // rolled back and queued, so that the next worker sends it
			{step.Claimed, outbox.InDoubt, []int{0}},
			{"during the upload", outbox.InDoubt, []int{0, 1}},
			{step.Uploaded, outbox.InDoubt, []int{1}},
			{step.Recording, outbox.InDoubt, []int{1}},
			{step.Recorded, outbox.Accepted, []int{1}},
		} {
			t.Run(c.step, func(t *testing.T) {
				var kill atomic.Pointer[func()]
				b := newBench(t, config, &smslinktest.Options{Fault: func(int) smslinktest.Fault {
					if f := kill.Load(); f != nil {
						(*f)()
					}
					return smslinktest.Fault{}
				}})
				b.config.DieAt, b.config.Signal = c.step, syscall.SIGKILL
				b.enqueue("order-1")
				worker := spawned(t, b.config)
				if c.step == "during the upload" {
					f := func() { _ = worker.Process.Kill() }
					kill.Store(&f)
				}
				_ = worker.Wait()
				require.Equal(t, syscall.SIGKILL, worker.ProcessState.Sys().(syscall.WaitStatus).Signal())
				kill.Store(nil)
				b.overdue()
				b.run(b.box, nil)
				b.await("order-1", c.want)
				b.stays("order-1", c.want)
				require.Contains(t, c.sent, len(b.gateway.Messages()))
			})
		}
	})
}

func TestRun_frozenPastItsDeadline(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		for _, c := range []struct {
			step     string
			resolved bool
		}{
			{step.Claimed, false},  // nothing was uploaded: queued again
			{step.Uploaded, false}, // its late result counts
			{step.Uploaded, true},  // also after a person has abandoned it
		} {
			t.Run(fmt.Sprintf("%s, resolved %v", c.step, c.resolved), func(t *testing.T) {
				b := newBench(t, config, nil)
				b.config.DieAt, b.config.Signal = c.step, syscall.SIGSTOP
				if c.step == step.Claimed {
					b.config.Timeout = 5 * time.Second // which must pass
				}
				b.enqueue("order-1")
				worker := spawned(t, b.config)
				b.awaitStopped(worker)
				stop := b.run(b.box, nil)
				if c.step == step.Uploaded {
					require.Equal(t, outbox.Sending, b.state("order-1"))
					b.overdue()
				}
				b.await("order-1", outbox.InDoubt)
				stop()
				if c.resolved {
					require.NoError(t, b.resolve(outbox.VerdictAbandon))
				}
				require.NoError(t, worker.Process.Signal(syscall.SIGCONT))
				b.await("order-1", outbox.Accepted)
				b.stays("order-1", outbox.Accepted)
				require.Len(t, b.gateway.Messages(), 1)
			})
		}
	})
}

// awaitStopped waits until a process has stopped itself.
func (b *bench) awaitStopped(worker *exec.Cmd) {
	b.Helper()
	eventually(b, func() bool {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(worker.Process.Pid, &status, syscall.WUNTRACED|syscall.WNOHANG, nil)
		return err == nil && pid == worker.Process.Pid && status.Stopped()
	}, "the worker does not stop")
}

// The connection is cut before the claim's commit reaches the database, or before its answer comes.
func TestRun_commitInDoubtIsWithdrawn(t *testing.T) {
	t.Parallel()
	eachServer(t, true, func(t *testing.T, config workerConfig, server *servers.Server) {
		for _, committed := range []bool{false, true} {
			t.Run(fmt.Sprintf("committed %v", committed), func(t *testing.T) {
				b := newBench(t, config, nil)
				p := newProxy(t, server.Port, 0)
				db, err := sql.Open(server.Driver, server.Through(p.port))
				require.NoError(t, err)
				t.Cleanup(func() { _ = db.Close() })
				box, err := outbox.New(db, dialects[config.Dialect], &outbox.Options{
					Lanes: map[string]outbox.Lane{outbox.Bulk: {Wait: -1, Poll: 10 * time.Millisecond}},
				})
				require.NoError(t, err)
				b.enqueue("order-1")
				var once sync.Once
				uploaded := make(chan struct{})
				stop := b.run(box, func(at string) {
					if at == step.Claimed {
						close(uploaded)
					}
					if at != step.Claiming {
						return
					}
					once.Do(func() {
						if !committed {
							p.cut()
							return
						}
						p.deaf.Store(true)
						go func() {
							for state := 0; state != 1 && t.Context().Err() == nil; time.Sleep(10 * time.Millisecond) {
								_ = b.db.QueryRow("SELECT state FROM smslink_package").Scan(&state)
							}
							p.cut()
							p.deaf.Store(false)
						}()
					})
				})
				<-uploaded
				b.await("order-1", outbox.Accepted)
				stop()
				require.Len(t, b.gateway.Messages(), 1)
				var withdrawn int
				b.scan(`
					SELECT count(*)
					FROM smslink_package
					WHERE state = 3 AND note LIKE '%may not have happened%'`, &withdrawn)
				if committed {
					require.Equal(t, 1, withdrawn)
				}
				b.scan("SELECT count(*) FROM smslink_package", &withdrawn)
				require.Equal(t, 2, withdrawn)
			})
		}
	})
}

func TestRun_databaseDownAtRecording(t *testing.T) {
	t.Parallel()
	eachServer(t, true, func(t *testing.T, config workerConfig, server *servers.Server) {
		b := newBench(t, config, nil)
		b.enqueue("order-1")
		restarted := make(chan error, 1)
		var once sync.Once
		stop := b.run(b.box, func(at string) {
			if at == step.Uploaded {
				once.Do(func() {
					require.NoError(t, server.Crash())
					time.AfterFunc(time.Second, func() { restarted <- server.Start() })
				})
			}
		})
		require.NoError(t, <-restarted)
		b.await("order-1", outbox.Accepted)
		stop()
		require.Len(t, b.gateway.Messages(), 1)
		stats, err := b.box.Stats(t.Context())
		require.NoError(t, err)
		require.Empty(t, stats.Paused, "crash recovery is no fail-over")
	})
}

// The server commits the end of an upload, and its answer never comes. The connection stays open.
func TestRun_commitIsNotAnswered(t *testing.T) {
	needsLong(t)
	t.Parallel()
	server := startMariaDB(t)
	b := newBench(t, mariadbOn(server), nil)
	p := newProxy(t, server.Port, 0)
	defer p.cut()                                                                // so that Run ends if the test fails
	db, err := sql.Open(server.Driver, server.Through(p.port)+"&readTimeout=5s") // as docs/outbox.md advises
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	log := new(lines)
	box, err := outbox.New(db, outbox.MariaDB, &outbox.Options{
		Timeout: benchTimeout, Logger: slog.New(slog.NewTextHandler(log, nil)),
		Lanes: map[string]outbox.Lane{outbox.Bulk: {Wait: -1, Poll: 10 * time.Millisecond}},
	})
	require.NoError(t, err)
	b.enqueue("order-1")
	var once sync.Once
	stop := b.run(box, func(at string) {
		if at == step.Recording {
			once.Do(func() { p.deaf.Store(true) })
		}
	})
	b.await("order-1", outbox.Accepted)
	eventually(t, func() bool { return strings.Contains(log.String(), "recording failed and is repeated") },
		"the worker waits for the answer")
	p.deaf.Store(false)
	stop()
	require.Len(t, b.gateway.Messages(), 1)
}

func TestCancel_againstClaim(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		b.enqueue("order-1")
		cancelled := make(chan int, 1)
		var once sync.Once
		b.run(b.box, func(at string) {
			if at == step.Claiming {
				once.Do(func() {
					go func() {
						n, err := b.box.Cancel(context.Background(), b.db, "order-1")
						if err != nil {
							n = -1
						}
						cancelled <- n
					}()
					select {
					case n := <-cancelled:
						t.Errorf("Cancel did not wait for the claim: %d", n)
					case <-time.After(100 * time.Millisecond):
					}
				})
			}
		})
		require.Zero(t, <-cancelled, "Cancel counted a message that is being sent")
		b.await("order-1", outbox.Accepted)
	})
}

// A worker is ended during its upload.
func TestRun_gracefulStop(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		began := make(chan struct{}, 1)
		b := newBench(t, config, &smslinktest.Options{Fault: func(int) smslinktest.Fault {
			began <- struct{}{}
			return smslinktest.Delay(300 * time.Millisecond)
		}})
		b.enqueue("order-1")
		worker := spawned(t, b.config)
		<-began
		require.NoError(t, worker.Process.Signal(syscall.SIGTERM))
		require.NoError(t, worker.Wait())
		require.Equal(t, outbox.Accepted, b.state("order-1"))
	})
}

// A Limiter that waits as long as its context may return nil.
func TestRun_claimsNothingOnceItIsToEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, sqliteIn(t.TempDir()), nil)
	b.enqueue("order-1")
	waiting := make(chan struct{})
	box, err := outbox.New(b.db, outbox.SQLite, &outbox.Options{Lanes: map[string]outbox.Lane{
		outbox.Bulk: {Wait: -1, Poll: 10 * time.Millisecond, Limiter: patient{waiting}},
	}})
	require.NoError(t, err)
	stop := b.run(box, nil)
	<-waiting
	stop()
	require.Equal(t, outbox.Queued, b.state("order-1"))
	require.Empty(t, b.gateway.Uploads())
}

// patient waits until its context is done, once.
type patient struct{ waiting chan struct{} }

func (p patient) WaitN(ctx context.Context, _ int) error {
	close(p.waiting)
	<-ctx.Done()
	return nil
}

// The database goes away during an upload, the worker is ended, and the database stays away.
func TestRun_givesUpWithoutItsDatabase(t *testing.T) {
	needsLong(t)
	t.Parallel()
	server := startPostgres(t)
	b := newBench(t, postgresOn(server), nil)
	b.enqueue("order-1")
	box, err := outbox.New(b.db, outbox.Postgres, &outbox.Options{Timeout: time.Second}) // after which it gives up
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = box.Run(step.With(ctx, func(at string) {
		if at == step.Uploaded {
			require.NoError(t, server.Crash())
			cancel()
		}
	}), b.client)
	require.ErrorContains(t, err, "1 packages could not be recorded")
	require.NoError(t, server.Start())
	b.run(b.box, nil)
	b.await("order-1", outbox.InDoubt)
	require.LessOrEqual(t, len(b.gateway.Messages()), 1)
}

// Whoever resumes sees why a person has paused, also if a worker would have paused since.
func TestRun_keepsAPersonsPause(t *testing.T) {
	t.Parallel()
	b := newBench(t, sqliteIn(t.TempDir()), nil)
	b.gateway.Inject(smslinktest.Reject("7", "wrong password"))
	b.enqueue("order-1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	require.NoError(t, b.box.Run(step.With(ctx, func(at string) {
		switch at {
		case step.Uploaded:
			require.NoError(t, b.box.Pause(t.Context(), "Ana", "a wrong text"))
		case step.Recorded:
			cancel()
		}
	}), b.client))
	stats, err := b.box.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Ana: a wrong text", stats.Paused)
	require.Equal(t, outbox.Queued, b.state("order-1"))
}

// Thousands of invalid messages fill no claim's transaction, and keep none behind them from being
// sent.
func TestRun_endsInvalidMessagesInSeveralClaims(t *testing.T) {
	t.Parallel()
	b := newBench(t, sqliteIn(t.TempDir()), nil)
	var messages []outbox.Message
	for i := range 1200 {
		messages = append(messages, outbox.Message{Key: fmt.Sprintf("order-%04d", i), To: "0712345678", Text: "Comanda"})
	}
	n, err := b.box.Enqueue(t.Context(), b.db, messages...)
	require.NoError(t, err)
	require.Equal(t, len(messages), n)
	b.change("UPDATE smslink_message SET body = '' WHERE message_key <> 'order-1199'")
	db, err := sql.Open(b.config.Driver, b.config.DSN) // the worker has the only connection of b.db
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var ended []int // before the commit of each claim
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	require.NoError(t, b.box.Run(step.With(ctx, func(at string) {
		switch at {
		case step.Claiming:
			var n int
			err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM smslink_message WHERE note IS NOT NULL").Scan(&n)
			require.NoError(t, err)
			ended = append(ended, n)
		case step.Recorded:
			cancel()
		}
	}), b.client))
	require.Equal(t, outbox.Accepted, b.state("order-1199"))
	require.Equal(t, []int{0, 500, 1000}, ended)
	require.Equal(t, outbox.Invalid, b.state("order-0000"))
	require.Equal(t, outbox.Invalid, b.state("order-1198"))
}

// A refusal by a server in front of the gateway is about every package, so no verdict is needed.
func TestRun_queuesAgainAfterAServersRefusal(t *testing.T) {
	for name, refusal := range map[string]smslinktest.Fault{
		"302": smslinktest.Redirect(302, "https://example.com/"),
		"403": smslinktest.Answer(403, "<html>"),
		"429": smslinktest.Answer(429, ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, sqliteIn(t.TempDir()), nil)
			b.gateway.Inject(refusal)
			b.enqueue("order-1")
			b.run(b.box, nil)
			eventually(t, func() bool {
				stats, err := b.box.Stats(t.Context())
				require.NoError(t, err)
				return stats.Paused != ""
			}, "not paused")
			b.stays("order-1", outbox.Queued)
			require.Len(t, b.gateway.Uploads(), 1)
			require.NoError(t, b.box.Resume(t.Context(), "a test", "the server was mended"))
			b.await("order-1", outbox.Accepted)
			require.Len(t, b.gateway.Messages(), 1)
		})
	}
}
