//go:build unix

package integration

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
	"github.com/go-smslink/smslink/outbox/internal/step"
)

// Erased data is gone from SQLite's files, from their free pages and the log, too.
func TestErase_leavesNothingInSQLitesFiles(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"write-ahead log":  sqliteOptions,
		"rollback journal": "?_pragma=busy_timeout(20000)&_txlock=immediate",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			config := workerConfig{Dialect: "sqlite", Driver: "sqlite", DSN: filepath.Join(dir, "outbox.db") + options}
			b := newBench(t, config, nil)
			const n = 2000
			var sent, kept []outbox.Message
			for i := range n {
				m := outbox.Message{
					Key: fmt.Sprintf("order-%d", i), To: fmt.Sprintf("0711%06d", i),
					Text: strings.Repeat(fmt.Sprintf("Secret %d. ", i), 1+i%60),
				}
				if i%10 == 0 {
					m.To, m.Text = fmt.Sprintf("0722%06d", i), strings.ReplaceAll(m.Text, "Secret", "Queued")
					m.NotBefore = time.Now().Add(time.Hour)
					kept = append(kept, m)
				} else {
					sent = append(sent, m)
				}
			}
			for i := range 100 {
				var some []outbox.Message
				for k := i; k < len(sent); k += 100 {
					some = append(some, sent[k])
				}
				for k := i; k < len(kept); k += 100 {
					some = append(some, kept[k])
				}
				_, err := b.box.Enqueue(t.Context(), b.db, some...)
				require.NoError(t, err)
			}
			_, err := b.box.Cancel(t.Context(), b.db, sent[0].Key, sent[1].Key)
			require.NoError(t, err)
			stop := b.run(b.box, nil)
			b.await(sent[len(sent)-1].Key, outbox.Accepted)
			eventually(t, func() bool {
				stats, err := b.box.Stats(t.Context())
				return err == nil && stats.Lanes[outbox.Bulk].Queued == len(kept) && stats.Sending == 0
			}, "messages are left")
			stop()
			require.Positive(t, inFiles(t, dir, "071100"), "the test looks for nothing")
			require.Positive(t, inFiles(t, dir, "Secret"))

			time.Sleep(2 * time.Millisecond)
			box, err := outbox.New(b.db, outbox.SQLite, &outbox.Options{EraseAfter: time.Millisecond})
			require.NoError(t, err)
			require.NoError(t, box.Erase(t.Context()))
			require.Zero(t, inFiles(t, dir, "071100"))
			require.Zero(t, inFiles(t, dir, "Secret"))
			require.Positive(t, inFiles(t, dir, "Queued"))
			require.Equal(t, outbox.Accepted, b.state(sent[len(sent)-1].Key))
			var check string
			b.scan("PRAGMA integrity_check", &check)
			require.Equal(t, "ok", check)
		})
	}
}

// A reader keeps the log from being truncated: a report that runs long, or a backup.
func TestErase_whileSQLitesLogIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dsn := filepath.Join(dir, "outbox.db") + strings.Replace(sqliteOptions, "20000", "200", 1)
	b := newBench(t, workerConfig{Dialect: "sqlite", Driver: "sqlite", DSN: dsn}, nil)
	m := outbox.Message{Key: "order-1", To: "0711000222", Text: "Secret"}
	_, err := b.box.Enqueue(t.Context(), b.db, m)
	require.NoError(t, err)
	reader, err := b.db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	require.NoError(t, err)
	defer func() { _ = reader.Rollback() }()
	var n int
	require.NoError(t, reader.QueryRow("SELECT count(*) FROM smslink_message").Scan(&n))

	erasure, err := b.box.ErasePerson(t.Context(), m.To, "a test", "asked on 1 March")
	require.ErrorContains(t, err, "write-ahead log")
	require.Equal(t, outbox.Erasure{Cancelled: 1}, erasure)
	require.ErrorContains(t, b.box.Erase(t.Context()), "write-ahead log")
	require.Positive(t, inFiles(t, dir, "Secret"), "the reader keeps nothing")
	require.NoError(t, reader.Rollback())
	require.NoError(t, b.box.Erase(t.Context()))
	require.Zero(t, inFiles(t, dir, "Secret"))
	require.Zero(t, inFiles(t, dir, m.To))
	erasure, err = b.box.ErasePerson(t.Context(), m.To, "a test", "asked on 1 March")
	require.NoError(t, err)
	require.Zero(t, erasure)
}

// The database's clock was ahead when a worker last erased.
func TestErase_afterTheClockWasAhead(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		b.enqueue("order-1")
		n, err := b.box.Cancel(t.Context(), b.db, "order-1")
		require.NoError(t, err)
		require.Equal(t, 1, n)
		time.Sleep(2 * time.Millisecond)
		_, err = b.db.ExecContext(t.Context(), fmt.Sprintf("UPDATE smslink_meta SET value = '%d' WHERE name = 'erased'",
			time.Now().AddDate(1, 0, 0).UnixMicro()))
		require.NoError(t, err)
		box, err := outbox.New(b.db, dialects[config.Dialect], &outbox.Options{EraseAfter: time.Millisecond})
		require.NoError(t, err)
		b.run(box, nil)
		eventually(t, func() bool {
			var receiver string
			b.scan("SELECT receiver FROM smslink_message", &receiver)
			return receiver == ""
		}, "nothing is erased")
	})
}

// A connection that only changes opt-outs leaves no number in SQLite's files, although the message
// that the opt-out ended is written elsewhere in its page.
func TestOptIn_leavesNothingInSQLitesFiles(t *testing.T) {
	t.Parallel()
	for name, idle := range map[string]int{"one connection": 2, "a new connection each time": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			dsn := filepath.Join(dir, "outbox.db") + sqliteOptions
			b := newBench(t, workerConfig{Dialect: "sqlite", Driver: "sqlite", DSN: dsn}, nil)
			const n = 300
			numbers := make([]string, n)
			for i := range numbers {
				numbers[i] = fmt.Sprintf("0711%06d", i)
				_, err := b.box.Enqueue(t.Context(), b.db, outbox.Message{To: numbers[i], Text: "Comanda"})
				require.NoError(t, err)
			}
			db, err := sql.Open("sqlite", dsn) // whose connections have run nothing else of the outbox
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			db.SetMaxIdleConns(idle)
			added, err := b.box.OptOut(t.Context(), db, numbers...)
			require.NoError(t, err)
			require.Equal(t, n, added)
			require.Positive(t, inFiles(t, dir, "+40711"), "the test looks for nothing")
			removed, err := b.box.OptIn(t.Context(), db, numbers...)
			require.NoError(t, err)
			require.Equal(t, n, removed)

			time.Sleep(2 * time.Millisecond)
			box, err := outbox.New(b.db, outbox.SQLite, &outbox.Options{EraseAfter: time.Millisecond})
			require.NoError(t, err)
			require.NoError(t, box.Erase(t.Context()))
			require.Zero(t, inFiles(t, dir, "+40711"), "opt-outs")
			require.Zero(t, inFiles(t, dir, "0711"), "messages")
		})
	}
}

// A connection that only enqueues and cancels leaves no text in SQLite's files, although messages
// are written elsewhere as their pages fill.
func TestCancel_leavesNothingInSQLitesFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dsn := filepath.Join(dir, "outbox.db") + sqliteOptions
	b := newBench(t, workerConfig{Dialect: "sqlite", Driver: "sqlite", DSN: dsn}, nil)
	db, err := sql.Open("sqlite", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxIdleConns(-1) // each statement or transaction has a new connection
	var messages []outbox.Message
	var keys []string
	for i := range 3000 {
		m := outbox.Message{
			Key: fmt.Sprintf("order-%d", i*7919%3000), To: fmt.Sprintf("0711%06d", i),
			Text: strings.Repeat(fmt.Sprintf("Secret %d. ", i), 1+i%40),
		}
		messages, keys = append(messages, m), append(keys, m.Key)
	}
	for i := 0; i < len(messages); i += 1500 {
		_, err = b.box.Enqueue(t.Context(), db, messages[i:i+1500]...)
		require.NoError(t, err)
	}
	n, err := b.box.Cancel(t.Context(), db, keys...)
	require.NoError(t, err)
	require.Equal(t, len(keys), n)
	require.Positive(t, inFiles(t, dir, "Secret"), "the test looks for nothing")
	time.Sleep(2 * time.Millisecond)
	box, err := outbox.New(b.db, outbox.SQLite, &outbox.Options{EraseAfter: time.Millisecond})
	require.NoError(t, err)
	require.NoError(t, box.Erase(t.Context()))
	require.Zero(t, inFiles(t, dir, "Secret"))
	require.Zero(t, inFiles(t, dir, "0711"))
}

// Messages come back into a package that was erased after they had left it: a person said that it
// was not sent, and it was accepted.
func TestErase_whatComesBackToAnErasedPackage(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		erase := func(b *bench) {
			time.Sleep(2 * time.Millisecond)
			box, err := outbox.New(b.db, dialects[config.Dialect], &outbox.Options{EraseAfter: time.Millisecond})
			require.NoError(b, err)
			require.NoError(b, box.Erase(b.Context()))
		}
		saidNotSent := func(b *bench, first *pause) (stop func()) {
			b.enqueue("order-1")
			stop = b.run(b.box, first.reach)
			<-first.reached
			b.overdue()
			b.await("order-1", outbox.InDoubt)
			require.NoError(b, b.box.Pause(b.Context(), "a test", "until it is erased"))
			require.NoError(b, b.resolve(outbox.VerdictNotSent))
			return stop
		}
		isErased := func(b *bench) {
			require.Equal(b, outbox.Accepted, b.state("order-1"))
			erase(b)
			var receiver, body string
			b.scan("SELECT receiver, body FROM smslink_message", &receiver, &body)
			require.Empty(b, receiver+body)
		}
		t.Run("from the queue", func(t *testing.T) {
			b := newBench(t, config, nil)
			first := pauseAt(step.Uploaded)
			stop := saidNotSent(b, first)
			erase(b)
			close(first.proceed)
			b.await("order-1", outbox.Accepted)
			stop()
			require.NoError(t, b.resolve(outbox.VerdictSent))
			isErased(b)
		})
		t.Run("from another package", func(t *testing.T) {
			b := newBench(t, config, nil)
			first, second := pauseAt(step.Uploaded), pauseAt(step.Claimed)
			stopFirst := saidNotSent(b, first)
			other, err := outbox.New(b.db, dialects[config.Dialect], &outbox.Options{
				Timeout: benchTimeout,
				Lanes:   map[string]outbox.Lane{outbox.Bulk: {Wait: -1, Poll: 10 * time.Millisecond}},
			})
			require.NoError(t, err)
			require.NoError(t, b.box.Resume(t.Context(), "a test", "for the other worker"))
			stopSecond := b.run(other, second.reach)
			<-second.reached
			close(first.proceed)
			eventually(t, func() bool {
				packages, err := b.box.Unresolved(t.Context())
				return err == nil && len(packages) == 1
			}, "the contradiction is not recorded")
			stopFirst()
			require.NoError(t, b.resolve(outbox.VerdictSent))
			erase(b)
			b.refused.Store(true)
			close(second.proceed)
			b.await("order-1", outbox.Accepted)
			stopSecond()
			isErased(b)
		})
	})
}

// inFiles counts how often the files of a folder hold a text.
func inFiles(t *testing.T, dir, text string) (n int) {
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		n += bytes.Count(content, []byte(text))
	}
	return n
}
