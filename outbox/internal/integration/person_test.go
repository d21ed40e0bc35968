//go:build unix

package integration

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
	"github.com/go-smslink/smslink/outbox/internal/step"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/go-smslink/smslink/webhook"
)

// A person's messages are found by each form of the number, and erased from each table.
func TestPerson(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		enqueue := func(key, to string, change func(*outbox.Message)) {
			m := outbox.Message{Key: key, To: to, Text: "Secret " + key}
			if change != nil {
				change(&m)
			}
			_, err := b.box.Enqueue(t.Context(), b.db, m)
			require.NoError(t, err)
		}
		const another = "0733333333"
		b.gateway.Inject(smslinktest.LoseReply())
		enqueue("doubtful", "0711000222", nil)
		stop := b.run(b.box, nil)
		b.await("doubtful", outbox.InDoubt)
		enqueue("sent", "+40711000222", nil)
		enqueue("another", another, nil)
		b.await("sent", outbox.Accepted)
		b.await("another", outbox.Accepted)
		stop()
		sent := b.gateway.Messages()[1]
		for _, m := range b.gateway.Messages() {
			if m.Text == "Secret sent" {
				sent = m
			}
		}
		report := webhook.Report{RemoteID: sent.RemoteID, Delivered: true, Time: time.Unix(1_900_000_000, 0)}
		require.NoError(t, b.box.Report(t.Context(), report))
		enqueue("queued", "0711000222", func(m *outbox.Message) { m.NotBefore = time.Now().Add(time.Hour) })
		enqueue("cancelled", "0040711000222", nil)
		_, err := b.box.Cancel(t.Context(), b.db, "cancelled")
		require.NoError(t, err)

		for _, form := range []string{"0711000222", "0040711000222", "+40 711 000 222"} {
			records, err := b.box.Person(t.Context(), form)
			require.NoError(t, err, form)
			states := map[string]outbox.State{}
			for _, r := range records {
				states[r.Key] = r.State
				require.Equal(t, "Secret "+r.Key, r.Text)
				require.NotContains(t, fmt.Sprintf("%v %+v %#v", r, r, r), "Secret")
				require.WithinDuration(t, time.Now(), r.Enqueued, time.Hour)
				if r.Key == "sent" {
					require.Equal(t, smslink.StatusSuccess, r.Result.Status)
					require.True(t, r.Report.Delivered)
				}
			}
			require.Equal(t, map[string]outbox.State{
				"doubtful": outbox.InDoubt, "sent": outbox.Accepted,
				"queued": outbox.Queued, "cancelled": outbox.Cancelled,
			}, states, form)
		}
		_, err = b.box.Person(t.Context(), "07")
		require.Error(t, err)
		_, err = b.box.ErasePerson(t.Context(), "0711000222", "", "")
		require.Error(t, err)

		erasure, err := b.box.ErasePerson(t.Context(), "0711000222", "a test", "asked on 1 March")
		require.NoError(t, err)
		require.Equal(t, outbox.Erasure{Cancelled: 1, Erased: 2, Waiting: 1}, erasure)
		records, err := b.box.Person(t.Context(), "0711000222")
		require.NoError(t, err)
		require.Len(t, records, 1)
		require.Equal(t, "doubtful", records[0].Key)
		require.Equal(t, outbox.Cancelled, b.state("queued"))
		require.Equal(t, outbox.Accepted, b.state("sent"))

		require.NoError(t, b.resolve(outbox.VerdictSent))
		erasure, err = b.box.ErasePerson(t.Context(), "+40711000222", "a test", "asked on 1 March")
		require.NoError(t, err)
		require.Equal(t, outbox.Erasure{Erased: 1}, erasure)

		var all string
		for _, table := range append(tables, "smslink_meta") {
			all += contents(t, b.db, table)
		}
		require.NotContains(t, all, "711000222")
		for _, key := range []string{"sent", "doubtful", "queued", "cancelled"} {
			require.NotContains(t, all, "Secret "+key)
		}
		require.Contains(t, all, another)
		require.Contains(t, all, "a test: asked on 1 March (1 cancelled, 2 erased, 1 waiting)")
		if config.Dialect == "sqlite" {
			folder := filepath.Dir(config.DSN)
			require.Positive(t, inFiles(t, folder, another))
			require.Zero(t, inFiles(t, folder, "711000222"))
			require.Zero(t, inFiles(t, folder, "Secret sent"))
		}
	})
}

// Nothing is left from which a number could be computed, whichever packages its messages were in.
func TestErasePerson_leavesNoDigest(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b, _ := newLoggedBench(t, config)
		digests := func() (n int) {
			b.scan("SELECT count(*) FROM smslink_package WHERE digest IS NOT NULL", &n)
			return n
		}
		const number = "0711000222"
		send := func(key, to string, until func() bool) {
			_, err := b.box.Enqueue(t.Context(), b.db, outbox.Message{Key: key, To: to, Text: "Comanda"})
			require.NoError(t, err)
			stop := b.run(b.box, nil)
			eventually(t, until, "%s", key)
			stop()
		}
		is := func(key string, want outbox.State) func() bool {
			return func() bool { return b.state(key) == want }
		}
		cancel := func(key string) {
			n, err := b.box.Cancel(t.Context(), b.db, key)
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}
		send("another", "0733333333", is("another", outbox.Accepted))
		send("accepted", number, is("accepted", outbox.Accepted))
		require.Equal(t, 2, digests())

		b.gateway.SetCredit(0)
		send("without-credit", number, func() bool {
			stats, err := b.box.Stats(t.Context())
			require.NoError(t, err)
			return stats.Paused != ""
		})
		b.gateway.SetCredit(smslinktest.Unlimited)
		cancel("without-credit")
		require.NoError(t, b.box.Resume(t.Context(), "a test", "there is credit"))

		b.refused.Store(true)
		send("not-sent", number, func() bool {
			records, err := b.box.Lookup(t.Context(), "not-sent")
			require.NoError(t, err)
			return records[0].Attempts > 0
		})
		b.refused.Store(false)
		cancel("not-sent")

		for key, verdict := range map[string]outbox.Verdict{
			"said-not-sent": outbox.VerdictNotSent, "abandoned": outbox.VerdictAbandon, "said-sent": outbox.VerdictSent,
		} {
			b.gateway.Inject(smslinktest.LoseReply())
			send(key, number, is(key, outbox.InDoubt))
			b.overdue()
			require.NoError(t, b.resolve(verdict))
			if verdict == outbox.VerdictNotSent {
				cancel(key)
			}
		}
		b.gateway.Inject(smslinktest.LoseReply())
		send("in-doubt", number, is("in-doubt", outbox.InDoubt))

		erasure, err := b.box.ErasePerson(t.Context(), number, "a test", "asked on 1 March")
		require.NoError(t, err)
		require.Equal(t, outbox.Erasure{Erased: 6, Waiting: 1}, erasure)
		require.Equal(t, 2, digests(), "those of another and in-doubt")
		packages, err := b.box.Unresolved(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, packages[0].Digest)
		require.NoError(t, b.resolve(outbox.VerdictSent))
		erasure, err = b.box.ErasePerson(t.Context(), number, "a test", "asked on 1 March")
		require.NoError(t, err)
		require.Equal(t, outbox.Erasure{Erased: 1}, erasure)
		require.Equal(t, 1, digests())
	})
}

// A message leaves a package that keeps its digest. The package has no result of it, or one that
// decides nothing.
func TestErasePerson_leavesNoDigestOfALeftPackage(t *testing.T) {
	const number = "0712345678" // of bench.enqueue
	hasDigests := func(b *bench, want int) {
		b.Helper()
		var n int
		b.scan("SELECT count(*) FROM smslink_package WHERE digest IS NOT NULL", &n)
		require.Equal(b, want, n)
	}
	erase := func(b *bench) {
		b.Helper()
		erasure, err := b.box.ErasePerson(b.Context(), number, "a test", "asked on 1 March")
		require.NoError(b, err)
		require.Equal(b, outbox.Erasure{Erased: 1}, erasure)
		hasDigests(b, 0)
	}
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		t.Run("abandoned in another package", func(t *testing.T) { // as in TestRun_inDoubtElsewhereIsAbandoned
			b := newBench(t, config, nil)
			b.gateway.Inject(smslinktest.Reject("13", "sender not allowed"))
			b.enqueue("order-1")
			b.run(b.box, nil)
			b.await("order-1", outbox.Rejected)
			var rejected int
			var digest string
			b.scan("SELECT id, digest FROM smslink_package", &rejected, &digest)
			b.gateway.Inject(smslinktest.LoseReply())
			require.NoError(t, b.resolve(outbox.VerdictNotSent))
			b.await("order-1", outbox.InDoubt)
			b.change(fmt.Sprintf("DELETE FROM smslink_package WHERE id > %d", rejected), fmt.Sprintf(`
				UPDATE smslink_package
				SET state = 4, verdict = NULL, resolved_by = NULL, reason = NULL, digest = '%s'`, digest),
				fmt.Sprintf("UPDATE smslink_message SET package = %d", rejected))
			require.Empty(t, b.awaitWroteBack(1))
			hasDigests(b, 1)
			packages, err := b.box.Unresolved(t.Context())
			require.NoError(t, err)
			require.Len(t, packages, 2)
			for _, u := range packages {
				if u.State == outbox.InDoubt {
					abandon := outbox.Resolution{Verdict: outbox.VerdictAbandon, By: "a test", Reason: "a test"}
					require.NoError(t, b.box.Resolve(t.Context(), u.Package, abandon))
				}
			}
			require.Equal(t, outbox.Abandoned, b.state("order-1"))
			erase(b)
		})
		t.Run("accepted in another package", func(t *testing.T) {
			b := newBench(t, config, nil)
			b.enqueue("order-1")
			var id int64
			b.scan("SELECT id FROM smslink_message", &id)
			first, second := pauseAt(step.Uploaded), pauseAt(step.Claimed)
			b.run(b.another(), first.reach)
			<-first.reached
			b.overdue()
			b.await("order-1", outbox.InDoubt)
			require.NoError(t, b.resolve(outbox.VerdictNotSent)) // which is wrong
			_, err := b.box.Enqueue(t.Context(), b.db, outbox.Message{Key: "order-2", To: "0733333333", Text: "Comanda"})
			require.NoError(t, err)
			b.run(b.another(), second.reach)
			<-second.reached
			close(first.proceed)
			eventually(t, func() bool {
				packages, err := b.box.Unresolved(t.Context())
				return err == nil && len(packages) == 1
			}, "the first worker's result does not contradict the verdict")
			b.gateway.SetCredit(0)
			b.gateway.Inject(smslinktest.OmitEntries(id))
			close(second.proceed)
			b.await("order-1", outbox.Accepted)
			b.await("order-2", outbox.Queued)
			hasDigests(b, 1)
			erase(b)
		})
	})
}

// While ErasePerson waits for the lock of another message, a worker records that the gateway has
// accepted one.
func TestErasePerson_whileAnEndIsRecorded(t *testing.T) {
	t.Parallel()
	eachServer(t, true, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		b.enqueue("order-1")
		at := pauseAt(step.Uploaded)
		stop := b.run(b.box, at.reach)
		<-at.reached
		later := outbox.Message{Key: "order-2", To: "0712345678", Text: "Comanda", NotBefore: time.Now().Add(time.Hour)}
		_, err := b.box.Enqueue(t.Context(), b.db, later)
		require.NoError(t, err)
		locked, err := b.db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer func() { _ = locked.Rollback() }()
		var id int64
		err = locked.QueryRow("SELECT id FROM smslink_message WHERE message_key = 'order-2' FOR UPDATE").Scan(&id)
		require.NoError(t, err)

		ended := make(chan error, 1)
		erase := func() error {
			_, err := b.box.ErasePerson(t.Context(), later.To, "a test", "asked on 1 March")
			return err
		}
		go func() { ended <- erase() }()
		waiting := "SELECT count(*) FROM pg_locks WHERE NOT granted"
		if config.Dialect == "mariadb" {
			waiting = "SELECT count(*) FROM information_schema.innodb_lock_waits"
		}
		eventually(t, func() bool {
			var n int
			b.scan(waiting, &n)
			return n > 0 || len(ended) > 0
		}, "ErasePerson does not wait")
		close(at.proceed)
		b.await("order-1", outbox.Accepted)
		require.NoError(t, locked.Rollback())
		if <-ended != nil { // it waits for 5 seconds only
			require.NoError(t, erase())
		}
		stop()
		var digests int
		b.scan("SELECT count(*) FROM smslink_package WHERE digest IS NOT NULL", &digests)
		require.Zero(t, digests)
		require.NotContains(t, contents(t, b.db, "smslink_message"), "712345678")
	})
}

// contents returns all that a table holds.
func contents(t *testing.T, db *sql.DB, table string) (all string) {
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	for rows.Next() {
		fields := make([]any, len(columns))
		for i := range fields {
			fields[i] = new(sql.NullString)
		}
		require.NoError(t, rows.Scan(fields...))
		for _, field := range fields {
			all += fmt.Sprintln(field.(*sql.NullString).String)
		}
	}
	require.NoError(t, rows.Err())
	return all
}
