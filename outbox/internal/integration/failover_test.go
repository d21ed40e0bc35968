//go:build unix

package integration

import (
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
	"github.com/go-smslink/smslink/smslinktest"
)

var failoverRuns = flag.Int("failover.runs", 1, "fail-overs to an asynchronous standby")

// The primary dies with commits that its asynchronous standby has not received, while two workers
// send a backlog. They live, so that no message is sent twice.
func TestRun_failover(t *testing.T) {
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
