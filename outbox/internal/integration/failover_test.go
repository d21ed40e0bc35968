//go:build unix

package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
	"github.com/go-smslink/smslink/outbox/internal/step"
	"github.com/go-smslink/smslink/smslinktest"
)

var failoverRuns = flag.Int("failover.runs", 1, "fail-overs to an asynchronous standby")

// The primary dies with commits that its asynchronous standby has not received, while two workers
// send a backlog. They live, so that no message is sent twice.
func TestRun_failover(t *testing.T) {
	needsLong(t)
	t.Parallel()
	for n := range *failoverRuns {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			primary := startPostgres(t)
			var allowed atomic.Int64 // uploads; further ones wait
			allowed.Store(50)
			b := newBench(t, postgresOn(primary), &smslinktest.Options{
				Fault: func(n int) smslinktest.Fault {
					for int64(n) > allowed.Load() && t.Context().Err() == nil {
						time.Sleep(5 * time.Millisecond)
					}
					return smslinktest.Fault{}
				},
			})
			const messages, workers = 4000, 2
			var sms []outbox.Message
			for i := range messages {
				sms = append(sms, outbox.Message{
					Key: fmt.Sprintf("order-%d", i), To: fmt.Sprintf("07%08d", i),
					Text: "Comanda a fost predată curierului.",
				})
			}
			_, err := b.box.Enqueue(t.Context(), b.db, sms...)
			require.NoError(t, err)
			standby, err := primary.Standby()
			started(t, standby, err)
			behind := opened(t, standby)
			front := newProxy(t, primary.Port, 0)
			b.config.DSN, b.config.Messages, b.config.Timeout = primary.Through(front.port), 20, benchTimeout
			for i := range workers {
				worker := spawn(t, b.config, filepath.Join(t.TempDir(), fmt.Sprintf("worker-%d.log", i)))
				t.Cleanup(func() {
					_ = worker.Process.Signal(syscall.SIGTERM)
					_ = worker.Wait()
				})
			}
			eventually(t, func() bool { return len(b.gateway.Messages()) == 1000 })

			// The standby hears no more of the primary, which works on for a while and dies.
			for _, statement := range []string{"ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"} {
				_, err := behind.ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
			eventually(t, func() bool {
				var receivers int
				err := behind.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_wal_receiver").Scan(&receivers)
				return err == nil && receivers == 0
			}, "the standby goes on receiving")
			allowed.Store(100)
			eventually(t, func() bool { return len(b.gateway.Messages()) == 2000 })
			require.NoError(t, primary.Crash())
			front.cut()
			allowed.Store(math.MaxInt64)
			require.NoError(t, standby.Promote())
			var known int
			require.NoError(t, behind.QueryRowContext(t.Context(), `
				SELECT count(*)
				FROM smslink_outbox
				WHERE state <> 'queued'`).Scan(&known))
			require.Less(t, known, len(b.gateway.Messages()), "the standby has lost nothing")
			front.target.Store(int64(standby.Port))

			box, err := outbox.New(behind, outbox.Postgres, nil)
			require.NoError(t, err)
			var stats outbox.Stats
			eventually(t, func() bool {
				stats, err = box.Stats(t.Context())
				require.NoError(t, err)
				return len(stats.WroteBack) == workers && len(stats.Silent) == 0
			}, "the workers have not written back")
			require.Contains(t, stats.Paused, "failed over")
			halted := len(b.gateway.Messages())
			time.Sleep(500 * time.Millisecond)
			require.Len(t, b.gateway.Messages(), halted, "sent after the fail-over and before a person resumed")
			require.Less(t, halted, messages, "there was no backlog left")
			require.NoError(t, box.Resume(t.Context(), "a test", "both have written back"))
			eventually(t, func() bool {
				stats, err := box.Stats(t.Context())
				require.NoError(t, err)
				return stats.Lanes[outbox.Bulk].Queued == 0 && stats.Sending == 0
			})
			numbers, inDoubt := map[string]int{}, 0
			for _, m := range b.gateway.Messages() {
				numbers[m.To]++
			}
			sent, once := len(b.gateway.Messages()), len(numbers) // which print shorter
			require.Equal(t, once, sent, "sent twice")
			for key, state := range states(t, behind) {
				switch state {
				case outbox.Accepted:
					require.Equal(t, 1, numbers["07"+fmt.Sprintf("%08s", strings.TrimPrefix(key, "order-"))], key)
				case outbox.InDoubt:
					inDoubt++
				default:
					require.Failf(t, "lost", "%s is %s", key, state)
				}
			}
			t.Logf("%d messages sent before the fail-over, %d of them known to the standby; %d in doubt",
				halted, known, inDoubt)
		})
	}
}

// lose makes the database what a standby or a backup has that lacks all packages.
func (b *bench) lose(more ...string) {
	b.Helper()
	b.change(append([]string{
		"DELETE FROM smslink_package", "DELETE FROM smslink_result", "UPDATE smslink_message SET package = NULL",
	}, more...)...)
}

// change runs statements in a transaction.
func (b *bench) change(statements ...string) {
	b.Helper()
	tx, err := b.db.BeginTx(b.Context(), nil)
	require.NoError(b, err)
	defer func() { _ = tx.Rollback() }()
	for _, statement := range statements {
		_, err := tx.ExecContext(b.Context(), statement)
		require.NoError(b, err, statement)
	}
	require.NoError(b, tx.Commit())
}

// awaitWroteBack waits until as many workers have written back, and returns the silent ones.
func (b *bench) awaitWroteBack(workers int) (silent []string) {
	b.Helper()
	eventually(b, func() bool {
		stats, err := b.box.Stats(b.Context())
		silent = stats.Silent
		return err == nil && len(stats.WroteBack) == workers
	}, "the workers have not written back")
	return silent
}

// staysSentOnce resumes the outbox, and requires that a worker leaves alone what was sent.
func (b *bench) staysSentOnce(key string) {
	b.Helper()
	require.Equal(b, outbox.Accepted, b.state(key))
	require.NoError(b, b.box.Resume(b.Context(), "a test", "no worker is silent"))
	b.enqueue("after-" + key)
	b.run(b.another(), nil)
	b.await("after-"+key, outbox.Accepted)
	require.Len(b, b.gateway.Messages(), 2, "%s was sent twice", key)
}

// another returns an outbox on the same database.
func (b *bench) another() *outbox.Outbox {
	box, err := outbox.New(b.db, dialects[b.config.Dialect], &outbox.Options{
		Timeout: benchTimeout, Lanes: map[string]outbox.Lane{outbox.Bulk: {Wait: -1, Poll: 10 * time.Millisecond}},
	})
	require.NoError(b, err)
	return box
}

// A worker that notices the loss while it uploads halts the others at once, among them one that has
// not seen the lost package. It is silent until its upload has ended and it has written back.
func TestRun_failoverDuringAnUpload(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		b.enqueue("order-1")
		at := pauseAt(step.Uploaded)
		b.run(b.box, at.reach)
		<-at.reached
		b.lose()
		eventually(t, func() bool {
			stats, err := b.box.Stats(t.Context())
			return err == nil && stats.Paused != "" && len(stats.Silent) == 1
		}, "the worker waits for its upload before it halts the others")
		b.run(b.another(), nil)
		require.Len(t, b.awaitWroteBack(1), 1)
		require.Len(t, b.gateway.Messages(), 1, "sent twice; no person has resumed")
		close(at.proceed)
		require.Empty(t, b.awaitWroteBack(2))
		b.staysSentOnce("order-1")
	})
}

// A person resumes the outbox although a worker that is still uploading is silent. It halts all
// workers again.
func TestRun_resumedBeforeItHasWrittenBack(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		b.enqueue("order-1")
		at := pauseAt(step.Uploaded)
		b.run(b.box, at.reach)
		<-at.reached
		silent := func() bool {
			stats, err := b.box.Stats(t.Context())
			return err == nil && stats.Paused != "" && len(stats.Silent) == 1
		}
		b.lose()
		eventually(t, silent)
		require.NoError(t, b.box.Resume(t.Context(), "a test", "in haste"))
		eventually(t, silent, "it has forgotten the loss")
		close(at.proceed)
		require.Empty(t, b.awaitWroteBack(1))
		b.staysSentOnce("order-1")
	})
}

// A person looks for a package in the account's report around the time at which it was claimed.
func TestRun_writesBackWhenAPackageBegan(t *testing.T) {
	t.Parallel()
	b := newBench(t, sqliteIn(t.TempDir()), nil)
	b.gateway.Inject(smslinktest.LoseReply())
	b.enqueue("order-1")
	b.run(b.box, nil)
	b.await("order-1", outbox.InDoubt)
	before, err := b.box.Unresolved(t.Context())
	require.NoError(t, err)
	b.lose()
	require.Empty(t, b.awaitWroteBack(1))
	after, err := b.box.Unresolved(t.Context())
	require.NoError(t, err)
	require.Len(t, after, 1)
	require.Equal(t, before[0].Began, after[0].Began)
}

// A worker that is ended after a fail-over writes back before Run returns.
func TestRun_stoppedAfterAFailover(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		for _, uploading := range []bool{false, true} {
			t.Run(fmt.Sprintf("uploading %v", uploading), func(t *testing.T) {
				b := newBench(t, config, nil)
				b.enqueue("order-1")
				at := pauseAt(step.Uploaded)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- b.box.Run(step.With(ctx, at.reach), b.client) }()
				<-at.reached
				if uploading {
					b.lose()
					cancel()
					close(at.proceed)
				} else {
					close(at.proceed)
					b.await("order-1", outbox.Accepted)
					b.lose()
					cancel()
				}
				require.NoError(t, <-ended)
				require.Empty(t, b.awaitWroteBack(1))
				b.staysSentOnce("order-1")
			})
		}
	})
}

// A worker that can't write back before it ends says so.
func TestRun_endsWithoutWritingBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, sqliteIn(t.TempDir()), nil)
	b.enqueue("order-1")
	box, err := outbox.New(b.db, outbox.SQLite, &outbox.Options{Timeout: 5 * time.Second}) // after which it gives up
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- box.Run(ctx, b.client) }()
	b.await("order-1", outbox.Accepted)
	_, err = b.db.ExecContext(t.Context(), "ALTER TABLE smslink_meta RENAME TO gone")
	require.NoError(t, err)
	cancel()
	require.ErrorContains(t, <-ended, "the database may lack what this worker has sent")
}

// switched is a driver whose connections are used once, and which connects to another database from
// some time on.
type switched struct {
	of            driver.Driver
	before, after string
	isAfter       atomic.Bool
}

func (s *switched) Connect(context.Context) (driver.Conn, error) {
	if s.isAfter.Load() {
		return s.of.Open(s.after)
	}
	return s.of.Open(s.before)
}

func (s *switched) Driver() driver.Driver { return s.of }

// The primary hangs in a claim's commit, and the standby is promoted. The worker halts and writes
// back. Then the primary answers that it has committed.
func TestRun_commitAnsweredAfterAFailover(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newBench(t, sqliteIn(dir), nil)
	b.enqueue("order-0", "order-1")
	standby := filepath.Join(dir, "standby.db")
	_, err := b.db.ExecContext(t.Context(), "VACUUM INTO '"+standby+"'")
	require.NoError(t, err)
	d := &switched{of: b.db.Driver(), before: b.config.DSN, after: standby + sqliteOptions}
	pool := sql.OpenDB(d)
	pool.SetMaxIdleConns(-1)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	lanes := map[string]outbox.Lane{outbox.Bulk: {Wait: -1, Poll: 10 * time.Millisecond, Messages: 1}}
	worker, err := outbox.New(pool, outbox.SQLite, &outbox.Options{Timeout: benchTimeout, Lanes: lanes})
	require.NoError(t, err)
	claims := 0
	hangs, answers := make(chan struct{}), make(chan struct{})
	b.run(worker, func(at string) {
		if at == step.Claiming {
			if claims++; claims == 2 {
				close(hangs)
				<-answers
			}
		}
	})
	<-hangs
	b.await("order-0", outbox.Accepted)
	d.isAfter.Store(true)

	promoted, err := sql.Open("sqlite", standby+sqliteOptions)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, promoted.Close()) })
	b.db = promoted
	b.box = b.another()
	b.awaitWroteBack(1)
	close(answers)
	eventually(t, func() bool {
		var withdrawn int
		b.scan("SELECT count(*) FROM smslink_package WHERE state = 3 AND messages = 0", &withdrawn)
		return withdrawn == 1
	}, "the claim is not withdrawn")
	require.Len(t, b.gateway.Messages(), 1, "it had no right to be uploaded")
	require.NoError(t, b.box.Resume(t.Context(), "a test", "no worker is silent"))
	b.await("order-1", outbox.Accepted)
	require.Len(t, b.gateway.Messages(), 2, "sent twice")
}

// The halted database is restored, or fails over again.
func TestRun_restoredWhileHalted(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		for _, halted := range []bool{false, true} {
			t.Run(fmt.Sprintf("to a halted one %v", halted), func(t *testing.T) {
				b := newBench(t, config, nil)
				b.enqueue("order-1")
				b.run(b.box, nil)
				b.await("order-1", outbox.Accepted)
				epoch := "commits were lost"
				if !halted {
					b.scan("SELECT value FROM smslink_meta WHERE name = 'epoch'", &epoch)
				}
				b.lose()
				b.awaitWroteBack(1)
				b.lose("DELETE FROM smslink_meta WHERE name LIKE 'wrote back %'",
					"UPDATE smslink_meta SET value = '"+epoch+"' WHERE name = 'epoch'")
				require.Empty(t, b.awaitWroteBack(1))
				require.Len(t, b.gateway.Messages(), 1, "sent twice; no person has resumed")
				b.staysSentOnce("order-1")
			})
		}
	})
}

// Messages are cancelled after their package was lost and before it is written back: what was sent
// is accepted, and what was not stays cancelled.
func TestRun_cancelledBeforeItIsWrittenBack(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		b.gateway.SetCredit(1)
		_, err := b.box.Enqueue(t.Context(), b.db,
			outbox.Message{Key: "sent", To: "0712345678", Text: "Comanda 1"},
			outbox.Message{Key: "unpaid", To: "0712345679", Text: "Comanda 2"})
		require.NoError(t, err)
		b.run(b.box, nil)
		b.await("sent", outbox.Accepted)
		require.Equal(t, outbox.Queued, b.state("unpaid"))
		b.lose("UPDATE smslink_message SET package = -1, ends = 1900000000000000")
		require.Empty(t, b.awaitWroteBack(1))
		require.Equal(t, outbox.Accepted, b.state("sent"))
		require.Equal(t, outbox.Cancelled, b.state("unpaid"))
	})
}

// A fail-over loses an order whose message is in doubt. Its text is gone: the verdict that it was
// not sent makes it invalid.
func TestRun_inDoubtAndLost(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		b.gateway.Inject(smslinktest.LoseReply())
		b.enqueue("order-1")
		b.run(b.box, nil)
		b.await("order-1", outbox.InDoubt)
		b.lose("DELETE FROM smslink_message")
		require.Empty(t, b.awaitWroteBack(1))
		require.Equal(t, outbox.InDoubt, b.state("order-1"))
		n, err := b.box.Enqueue(t.Context(), b.db, outbox.Message{Key: "order-1", To: "0712345678", Text: "Comanda"})
		require.NoError(t, err)
		require.Zero(t, n, "it may have been sent")
		b.overdue()
		require.NoError(t, b.resolve(outbox.VerdictNotSent))
		require.NoError(t, b.box.Resume(t.Context(), "a test", "no worker is silent"))
		b.await("order-1", outbox.Invalid)
		require.Len(t, b.gateway.Messages(), 1)
	})
}

// A message is queued again after a rejection, and then its reply is lost. A fail-over loses the
// verdict and the second package. A person says once more that the rejected package was not sent.
func TestRun_inDoubtAndLostAfterARejection(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		for _, rejectionIsLost := range []bool{false, true} {
			t.Run(fmt.Sprintf("the rejection is lost %v", rejectionIsLost), func(t *testing.T) {
				b := newBench(t, config, nil)
				b.gateway.Inject(smslinktest.Reject("13", "sender not allowed"))
				b.enqueue("order-1")
				b.run(b.box, nil)
				b.await("order-1", outbox.Rejected)
				b.gateway.Inject(smslinktest.LoseReply())
				var rejected int
				b.scan("SELECT id FROM smslink_package", &rejected)
				require.NoError(t, b.resolve(outbox.VerdictNotSent))
				b.await("order-1", outbox.InDoubt)
				if rejectionIsLost {
					b.lose()
				} else {
					b.change(fmt.Sprintf("DELETE FROM smslink_package WHERE id > %d", rejected),
						"UPDATE smslink_package SET state = 4, verdict = NULL, resolved_by = NULL, reason = NULL",
						fmt.Sprintf("UPDATE smslink_message SET package = %d", rejected))
				}
				require.Empty(t, b.awaitWroteBack(1))
				packages, err := b.box.Unresolved(t.Context())
				require.NoError(t, err)
				require.Len(t, packages, 2)
				for _, u := range packages {
					if u.State == outbox.Rejected {
						require.NoError(t, b.box.Resolve(t.Context(), u.Package, outbox.Resolution{
							Verdict: outbox.VerdictNotSent, By: "a test", Reason: "it was rejected",
						}))
					}
				}
				require.Equal(t, outbox.InDoubt, b.state("order-1"), "it is queued, and may have been sent")
				require.NoError(t, b.box.Resume(t.Context(), "a test", "no worker is silent"))
				b.enqueue("order-2")
				b.await("order-2", outbox.Accepted)
				require.Len(t, b.gateway.Messages(), 2, "order-1 was sent twice")
				require.NoError(t, b.resolve(outbox.VerdictSent))
				require.Equal(t, outbox.Accepted, b.state("order-1"))
			})
		}
	})
}

// As above, but a person first abandons the package in doubt while its message is in the rejected
// one. The message is abandoned, and the verdict "not sent" on the rejected package is an error.
func TestRun_inDoubtElsewhereIsAbandoned(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		b.gateway.Inject(smslinktest.Reject("13", "sender not allowed"))
		b.enqueue("order-1")
		b.run(b.box, nil)
		b.await("order-1", outbox.Rejected)
		b.gateway.Inject(smslinktest.LoseReply())
		require.NoError(t, b.resolve(outbox.VerdictNotSent))
		b.await("order-1", outbox.InDoubt)
		b.lose()
		require.Empty(t, b.awaitWroteBack(1))
		require.Equal(t, outbox.Rejected, b.state("order-1"))
		packages, err := b.box.Unresolved(t.Context())
		require.NoError(t, err)
		require.Len(t, packages, 2)
		for _, u := range packages {
			if u.State == outbox.InDoubt {
				require.NoError(t, b.box.Resolve(t.Context(), u.Package, outbox.Resolution{
					Verdict: outbox.VerdictAbandon, By: "a test", Reason: "a test",
				}))
			}
		}
		require.Equal(t, outbox.Abandoned, b.state("order-1"))
		require.ErrorContains(t, b.resolve(outbox.VerdictNotSent), "no message of the package is in doubt")
		require.Equal(t, outbox.Abandoned, b.state("order-1"))
		require.NoError(t, b.resolve(outbox.VerdictAbandon))
		require.NoError(t, b.box.Resume(t.Context(), "a test", "no worker is silent"))
		b.enqueue("order-2")
		b.await("order-2", outbox.Accepted)
		require.Len(t, b.gateway.Messages(), 2, "order-1 was sent twice")
	})
}

// A person resumes too early, and another worker claims a message before the first worker writes it
// back as in doubt. The second worker doesn't send it.
func TestRun_inDoubtAndClaimedAgain(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		b.gateway.Inject(smslinktest.LoseReply())
		b.enqueue("order-1")
		first, second := pauseAt(step.Uploaded), pauseAt(step.Claimed)
		b.run(b.another(), first.reach)
		<-first.reached
		b.lose()
		b.run(b.another(), second.reach)
		eventually(t, func() bool {
			require.NoError(t, b.box.Resume(t.Context(), "a test", "in haste"))
			select {
			case <-second.reached:
				return true
			default:
				return false
			}
		}, "the second worker claims nothing")
		close(first.proceed)
		b.awaitWroteBack(1)
		b.refused.Store(true)
		close(second.proceed)
		b.await("order-1", outbox.InDoubt)
		b.refused.Store(false)
		b.awaitWroteBack(2)
		require.NoError(t, b.box.Resume(t.Context(), "a test", "no worker is silent"))
		b.enqueue("order-2")
		b.await("order-2", outbox.Accepted)
		require.Equal(t, outbox.InDoubt, b.state("order-1"))
		require.Len(t, b.gateway.Messages(), 2, "sent again while it was in doubt")
	})
}
