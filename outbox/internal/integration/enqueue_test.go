//go:build unix

package integration

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
)

// Some databases compare keys without the spaces at their ends, or cut them to a column's length.
func TestKeys_areComparedExactly(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		long := strings.Repeat("k", 100)
		b.enqueue("a", long)
		for _, key := range []string{"a ", " a", "", long + "k", "ä", "a\x00"} {
			n, err := b.box.Cancel(t.Context(), b.db, "other", key)
			require.ErrorContains(t, err, "keys[1]", "%q", key)
			require.Zero(t, n)
			_, err = b.box.Lookup(t.Context(), key)
			require.ErrorContains(t, err, "keys[0]", "%q", key)
		}
		n, err := b.box.Cancel(t.Context(), b.db, "A", long[1:])
		require.NoError(t, err)
		require.Zero(t, n)
		require.Equal(t, outbox.Queued, b.state("a"))
		require.Equal(t, outbox.Queued, b.state(long))
		n, err = b.box.Cancel(t.Context(), b.db, "a", long)
		require.NoError(t, err)
		require.Equal(t, 2, n)
		b.enqueue("A", long[1:]) // which requires that they are messages of their own
	})
}

func orders(first, n int) []outbox.Message {
	messages := make([]outbox.Message, n)
	for i := range messages {
		messages[i] = outbox.Message{
			Key: fmt.Sprintf("order-%06d", first+i), To: fmt.Sprintf("07%08d", first+i),
			Text: "Comanda dumneavoastră a fost predată curierului.",
		}
	}
	return messages
}

// 100,000 messages in one Enqueue.
func TestEnqueue_aHundredThousand(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		n, some := unlessLong(10_000, 100_000), 5_000 // some take several statements, too
		all := orders(0, n)

		tx, err := b.db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		added, err := b.box.Enqueue(t.Context(), tx, all[:some]...)
		require.NoError(t, err)
		require.Equal(t, some, added)
		require.NoError(t, tx.Rollback())
		records, err := b.box.Lookup(t.Context(), all[0].Key, all[some-1].Key)
		require.NoError(t, err)
		require.Empty(t, records)

		added, err = b.box.Enqueue(t.Context(), b.db, all...)
		require.NoError(t, err)
		require.Equal(t, n, added)
		added, err = b.box.Enqueue(t.Context(), b.db, append(orders(n, 1), all[:some]...)...)
		require.NoError(t, err)
		require.Equal(t, 1, added)

		keys := make([]string, n)
		for i, m := range all {
			keys[i] = m.Key
		}
		records, err = b.box.Lookup(t.Context(), keys...)
		require.NoError(t, err)
		require.Len(t, records, n)
		cancelled, err := b.box.Cancel(t.Context(), b.db, keys...)
		require.NoError(t, err)
		require.Equal(t, n, cancelled)
	})
}

// A database that takes statements of a megabyte takes packages of 10,000.
func TestRun_statementsOfAMegabyte(t *testing.T) {
	needsLong(t)
	t.Parallel()
	server := startMariaDB(t, "--max-allowed-packet=1M")
	for _, interpolate := range []string{"true", "false"} {
		dsn := strings.Replace(server.DSN, "interpolateParams=true",
			"maxAllowedPacket=0&interpolateParams="+interpolate, 1)
		b := newBench(t, workerConfig{Dialect: "mariadb", Driver: server.Driver, DSN: dsn}, nil)
		all := orders(0, 10_000)
		for i := range all {
			all[i].Text = strings.Repeat(`"\"`, 20) + all[i].Text
		}
		added, err := b.box.Enqueue(t.Context(), b.db, all...)
		require.NoError(t, err)
		require.Len(t, all, added)
		box, err := outbox.New(b.db, outbox.MariaDB, nil)
		require.NoError(t, err)
		stop := b.run(box, nil)
		b.await("order-009999", outbox.Accepted)
		stop()
		require.Len(t, b.gateway.Uploads(), 1)
	}
}

// A statement that fails in the middle leaves nothing behind, however the database is given.
func TestEnqueue_allOrNone(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		conn, err := b.db.Conn(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		given := map[string]outbox.Tx{"a pool": b.db, "a type that embeds one": struct{ *sql.DB }{b.db}, "a connection": conn}
		count := func(condition string) (n int) {
			b.scan("SELECT count(*) FROM smslink_message WHERE "+condition, &n)
			return n
		}
		all := orders(0, 10_000)
		keys := make([]string, len(all))
		for i := range all {
			all[i].Key += strings.Repeat("k", 80) // so that Cancel, too, takes several statements
			keys[i] = all[i].Key
		}
		_, err = b.box.Enqueue(t.Context(), b.db, all...)
		require.NoError(t, err)
		refuse := map[string]string{
			"sqlite": "CREATE TRIGGER refused BEFORE UPDATE ON smslink_message WHEN new.message_key = '%s'" +
				" BEGIN SELECT RAISE(ABORT, 'refused'); END",
			"postgres": "ALTER TABLE smslink_message ADD CONSTRAINT refused" +
				" CHECK (message_key <> '%s' OR package IS NULL) NOT VALID",
			"mariadb": "ALTER TABLE smslink_message ADD CONSTRAINT refused" +
				" CHECK (message_key <> '%s' OR package IS NULL)",
		}[config.Dialect]
		_, err = b.db.ExecContext(t.Context(), fmt.Sprintf(refuse, keys[len(keys)-1]))
		require.NoError(t, err)
		for name, tx := range given {
			n, err := b.box.Cancel(t.Context(), tx, keys...)
			require.Error(t, err, name)
			require.Zero(t, n, name)
			require.Zero(t, count("package = -1"), name)
		}

		_, err = b.db.ExecContext(t.Context(), "DELETE FROM smslink_message")
		require.NoError(t, err)
		_, err = b.db.ExecContext(t.Context(), "DROP VIEW smslink_outbox")
		require.NoError(t, err)
		_, err = b.db.ExecContext(t.Context(), "CREATE UNIQUE INDEX one_each ON smslink_message (receiver)")
		require.NoError(t, err)
		all[9_999].To = all[0].To
		if config.Dialect == "mariadb" { // where a receiver that is there already counts as a key that is
			all[9_999].Text = strings.Repeat("ș", 1<<19)
			_, err = b.db.ExecContext(t.Context(), "ALTER TABLE smslink_message MODIFY body varchar(1000) NOT NULL")
			require.NoError(t, err)
		}
		for name, tx := range given {
			added, err := b.box.Enqueue(t.Context(), tx, all...)
			require.Error(t, err, name)
			require.Zero(t, added, name)
			require.Zero(t, count("1 = 1"), name)
		}
	})
}

// A connection may be in a transaction that the caller has begun in SQL.
func TestEnqueue_inATransactionOfAConnection(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		all := orders(0, 5_000) // several statements
		for end, want := range map[string]int{"ROLLBACK": 0, "COMMIT": len(all)} {
			conn, err := b.db.Conn(t.Context())
			require.NoError(t, err)
			for _, do := range []func() error{
				func() error { _, err := conn.ExecContext(t.Context(), "BEGIN"); return err },
				func() error { _, err := b.box.Enqueue(t.Context(), conn, all...); return err },
				func() error { _, err := b.box.OptOut(t.Context(), conn, "0722000000"); return err },
				func() error { _, err := conn.ExecContext(t.Context(), end); return err },
			} {
				require.NoError(t, do())
			}
			require.NoError(t, conn.Close())
			var n, optOuts int
			b.scan("SELECT count(*) FROM smslink_message", &n)
			require.Equal(t, want, n, end)
			b.scan("SELECT count(*) FROM smslink_optout", &optOuts)
			require.Equal(t, min(want, 1), optOuts, end)
			_, err = b.db.ExecContext(t.Context(), "DELETE FROM smslink_message")
			require.NoError(t, err)
			_, err = b.db.ExecContext(t.Context(), "DELETE FROM smslink_optout")
			require.NoError(t, err)
		}
	})
}
