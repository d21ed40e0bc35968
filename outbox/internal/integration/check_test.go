//go:build unix

package integration

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
	"github.com/go-smslink/smslink/webhook"
)

// Each reason why Run can't begin has an error text of its own.
func TestRun_saysWhyItCannotBegin(t *testing.T) {
	const worker = "worker"
	become := map[string]func(dsn string) string{ // another role
		"postgres": func(dsn string) string { return strings.Replace(dsn, "smslink@", worker+"@", 1) },
		"mariadb":  func(dsn string) string { return strings.Replace(dsn, "root@", worker+"@", 1) },
	}
	create := map[string]string{"postgres": "CREATE ROLE worker LOGIN", "mariadb": "CREATE USER worker@127.0.0.1"}
	grant := map[string][]string{
		"postgres": {
			"GRANT SELECT ON smslink_message, smslink_package, smslink_result, smslink_report, smslink_meta TO worker",
		},
		"mariadb": {"GRANT SELECT ON outbox.* TO worker@127.0.0.1"},
	}
	eachDatabase(t, func(t *testing.T, config workerConfig, server *servers.Server) {
		gateway := newBench(t, config, nil).gateway
		open := func(dsn string) (*sql.DB, *outbox.Outbox) {
			db, err := sql.Open(config.Driver, dsn)
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			box, err := outbox.New(db, dialects[config.Dialect], nil)
			require.NoError(t, err)
			return db, box
		}
		db, box := open(config.DSN)
		exec := func(statements ...string) {
			t.Helper()
			for _, statement := range statements {
				_, err := db.ExecContext(t.Context(), statement)
				require.NoError(t, err, statement)
			}
		}
		refuses := func(box *outbox.Outbox, want string) {
			t.Helper()
			err := box.Run(t.Context(), gateway.Client())
			require.ErrorContains(t, err, want)
			require.Equal(t, 1, strings.Count(err.Error(), "smslink:"))
		}
		if server != nil {
			exec(create[config.Dialect])
			_, other := open(become[config.Dialect](config.DSN))
			if config.Dialect == "mariadb" {
				exec("GRANT CREATE ON outbox.nothing TO worker@127.0.0.1") // to connect, and no more
			}
			refuses(other, "the role lacks a right")
			exec(grant[config.Dialect]...)
			refuses(other, "the role lacks a right")
		}
		switch config.Dialect {
		case "postgres":
			_, readOnly := open(config.DSN + "&default_transaction_read_only=on")
			refuses(readOnly, "the database is read-only")
			standby, err := server.Standby()
			_, onStandby := open(started(t, standby, err).DSN)
			refuses(onStandby, "the database is read-only")
		case "mariadb":
			exec("GRANT SELECT, INSERT, UPDATE, DELETE ON outbox.* TO worker@127.0.0.1", "SET GLOBAL read_only = 1")
			_, readOnly := open(become[config.Dialect](config.DSN))
			refuses(readOnly, "the database is read-only")
			exec("SET GLOBAL read_only = 0")
		case "sqlite":
			_, readOnly := open("file:" + config.DSN + "&mode=ro")
			refuses(readOnly, "the database is read-only")
		}

		wrong := map[string]*outbox.Dialect{
			"postgres": outbox.SQLite, "mariadb": outbox.Postgres, "sqlite": outbox.MariaDB,
		}
		mistaken, err := outbox.New(db, wrong[config.Dialect], nil)
		require.NoError(t, err)
		refuses(mistaken, "is it the database's?")

		exec("UPDATE smslink_meta SET value = '1' WHERE name = 'version'")
		refuses(box, "earlier version; call Migrate")
		exec("DELETE FROM smslink_meta WHERE name = 'version'")
		refuses(box, "earlier version; call Migrate")
		exec("DROP TABLE smslink_meta")
		refuses(box, "they are missing; call Migrate")

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, box.Run(ended, gateway.Client()), "a context that is done is no failure")

		if server != nil {
			require.NoError(t, server.Crash())
			refuses(box, "can't be reached")
		} else {
			_, nowhere := open(filepath.Join(t.TempDir(), "missing", "outbox.db"))
			refuses(nowhere, "can't be reached")
		}
	})
}

// The pool's connections died with the server, which is up again.
func TestRun_deadPooledConnections(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, server *servers.Server) {
		if server == nil {
			t.Skip("SQLite has no server")
		}
		b := newBench(t, config, nil)
		b.enqueue("order-1")
		b.db.SetMaxIdleConns(4)
		var conns []*sql.Conn
		for range 4 {
			conn, err := b.db.Conn(t.Context())
			require.NoError(t, err)
			require.NoError(t, conn.PingContext(t.Context()))
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			require.NoError(t, conn.Close())
		}
		require.NoError(t, server.Crash())
		require.NoError(t, server.Start())
		b.run(b.box, nil)
		b.await("order-1", outbox.Accepted)
	})
}

// Run and the first call of Enqueue refuse settings that would silently break a promise, by
// name.
func TestMariaDB_refusesSettings(t *testing.T) {
	t.Parallel()
	server := startMariaDB(t)
	b := newBench(t, mariadbOn(server), nil)
	for parameter, name := range map[string]string{
		"clientFoundRows=true":                "clientFoundRows",
		"autocommit=0":                        "autocommit = 0",
		"sql_safe_updates=1":                  "sql_safe_updates",
		"sql_mode=%27ORACLE%27":               "sql_mode ORACLE",
		"sql_mode=%27EMPTY_STRING_IS_NULL%27": "sql_mode EMPTY_STRING_IS_NULL",
	} {
		t.Run(name, func(t *testing.T) {
			db, err := sql.Open(server.Driver, server.DSN+"&"+parameter)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			box, err := outbox.New(db, outbox.MariaDB, nil)
			require.NoError(t, err)
			require.ErrorContains(t, box.Run(t.Context(), b.gateway.Client()), name)
			m := outbox.Message{Key: "order-1", To: "0712345678", Text: "Comanda"}
			_, err = box.Enqueue(t.Context(), db, m)
			require.ErrorContains(t, err, name)
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			_, err = box.Enqueue(t.Context(), tx, m)
			require.ErrorContains(t, err, name)
			require.NoError(t, tx.Commit())
			var n int
			b.scan("SELECT count(*) FROM smslink_message", &n)
			require.Zero(t, n, "what was refused is there")
		})
	}
	t.Run("without Enqueue", func(t *testing.T) { testWithoutAutocommit(t, b, server.DSN+"&autocommit=0") })
}

// A process that enqueues nothing is not refused. What it says is committed.
func testWithoutAutocommit(t *testing.T, b *bench, dsn string) {
	db, err := sql.Open(b.config.Driver, dsn)
	require.NoError(t, err)
	box, err := outbox.New(db, outbox.MariaDB, nil)
	require.NoError(t, err)
	b.enqueue("order-1")
	n, err := b.box.OptOut(t.Context(), b.db, "0712345679")
	require.NoError(t, err)
	require.Equal(t, 1, n)

	n, err = box.Cancel(t.Context(), db, "order-1")
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, err = box.OptIn(t.Context(), db, "0712345679")
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, box.Report(t.Context(), webhook.Report{RemoteID: "7", Delivered: true, Time: time.Now()}))
	require.NoError(t, db.Close())

	require.Equal(t, outbox.Cancelled, b.state("order-1"))
	out, err := b.box.OptedOut(t.Context(), b.db, "0712345679")
	require.NoError(t, err)
	require.Empty(t, out)
	b.scan("SELECT count(*) FROM smslink_report", &n)
	require.Equal(t, 1, n)
}

// The first Enqueue checks the caller's own connection, because the pool may have no other, and
// leaves the caller's transaction open.
func TestEnqueue_firstWithOneConnection(t *testing.T) {
	t.Parallel()
	server := startMariaDB(t)
	b := newBench(t, mariadbOn(server), nil)
	db := opened(t, server)
	db.SetMaxOpenConns(1)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	conn := func(t *testing.T, statements ...string) *sql.Conn {
		conn, err := db.Conn(ctx)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		for _, statement := range statements {
			_, err := conn.ExecContext(ctx, statement)
			require.NoError(t, err)
		}
		return conn
	}
	begin := func(t *testing.T) *sql.Tx {
		tx, err := db.BeginTx(ctx, nil)
		require.NoError(t, err)
		t.Cleanup(func() { _ = tx.Rollback() })
		return tx
	}
	for key, c := range map[string]struct {
		open func(t *testing.T) outbox.Tx
		want int    // messages that are there after a rollback
		err  string // or empty
	}{
		"database":                    {func(*testing.T) outbox.Tx { return db }, 1, ""},
		"connection":                  {func(t *testing.T) outbox.Tx { return conn(t) }, 1, ""},
		"transaction":                 {func(t *testing.T) outbox.Tx { return begin(t) }, 0, ""},
		"connection-in-a-transaction": {func(t *testing.T) outbox.Tx { return conn(t, "START TRANSACTION") }, 0, ""},
		"function": {func(t *testing.T) outbox.Tx {
			tx := begin(t)
			return outbox.TxFunc(func(ctx context.Context, query string, args ...any) (int64, error) {
				result, err := tx.ExecContext(ctx, query, args...)
				if err != nil {
					return 0, err
				}
				return result.RowsAffected()
			})
		}, 0, "SetMaxOpenConns"},
	} {
		t.Run(key, func(t *testing.T) {
			box, err := outbox.New(db, outbox.MariaDB, nil)
			require.NoError(t, err)
			tx := c.open(t)
			_, err = box.Enqueue(ctx, tx, outbox.Message{Key: key, To: "0712345678", Text: "Comanda"})
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.err)
			}
			_, err = tx.ExecContext(ctx, "ROLLBACK")
			require.NoError(t, err)
			records, err := b.box.Lookup(ctx, key)
			require.NoError(t, err)
			require.Len(t, records, c.want)
		})
	}
}

// A role's own statement_timeout does not break off the outbox's transactions.
func TestRun_shortStatementTimeout(t *testing.T) {
	needsLong(t)
	t.Parallel()
	server := startPostgres(t)
	b := newBench(t, postgresOn(server), nil)
	b.enqueue("order-1")
	// Each new row of a package takes longer than the role's statements may.
	for _, statement := range []string{
		"CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$",
		"CREATE TRIGGER slow BEFORE INSERT ON smslink_package FOR EACH ROW EXECUTE FUNCTION slow()",
	} {
		_, err := b.db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	db, err := sql.Open(server.Driver, server.DSN+"&statement_timeout=300")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	box, err := outbox.New(db, outbox.Postgres, &outbox.Options{Lanes: map[string]outbox.Lane{outbox.Bulk: {Wait: -1}}})
	require.NoError(t, err)
	b.run(box, nil)
	b.await("order-1", outbox.Accepted)
}
