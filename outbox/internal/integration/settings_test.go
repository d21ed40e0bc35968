//go:build unix

package integration

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/step"
	"github.com/go-smslink/smslink/smslinktest"
)

func TestRun_refusesADatabaseThatMayLoseCommits(t *testing.T) {
	needsLong(t)
	t.Parallel()
	for name, c := range map[string]struct {
		open func(t *testing.T) *sql.DB
		d    *outbox.Dialect
		want string
	}{
		"postgres": {func(t *testing.T) *sql.DB {
			return opened(t, startPostgres(t, "fsync=off"))
		}, outbox.Postgres, "fsync = off"},
		"mariadb": {func(t *testing.T) *sql.DB {
			return opened(t, startMariaDB(t, "--innodb-flush-log-at-trx-commit=2"))
		}, outbox.MariaDB, "innodb_flush_log_at_trx_commit"},
		"mariadb with a binary log": {func(t *testing.T) *sql.DB {
			return opened(t, startMariaDB(t, "--log-bin=log", "--sync-binlog=0"))
		}, outbox.MariaDB, "sync_binlog"},
		"sqlite": {func(t *testing.T) *sql.DB {
			db, err := sql.Open("sqlite", t.TempDir()+"/outbox.db"+sqliteOptions+"&_pragma=synchronous(normal)")
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			return db
		}, outbox.SQLite, "synchronous"},
	} {
		t.Run(name, func(t *testing.T) {
			db := c.open(t)
			gateway := smslinktest.NewGateway(nil)
			defer gateway.Close()
			box, err := outbox.New(db, c.d, nil)
			require.NoError(t, err)
			require.NoError(t, box.Migrate(t.Context()))
			err = box.Run(t.Context(), gateway.Client())
			require.ErrorContains(t, err, "refuses the database's settings")
			require.ErrorContains(t, err, c.want)

			box, err = outbox.New(db, c.d, &outbox.Options{AllowLoss: true})
			require.NoError(t, err)
			_, err = box.Enqueue(t.Context(), db, outbox.Message{Key: "order-1", To: "0712345678", Text: "Comanda"})
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- box.Run(ctx, gateway.Client()) }()
			eventually(t, func() bool { return len(gateway.Messages()) == 1 || len(ended) == 1 }, "it sends nothing")
			cancel()
			require.NoError(t, <-ended)
			require.Len(t, gateway.Messages(), 1)
		})
	}
}

// The claim is durable although the server's own commits are not: it is there after a crash between
// the claim and the upload.
func TestRun_synchronousCommitOff(t *testing.T) {
	needsLong(t)
	t.Parallel()
	// Without a crash such a commit becomes durable some 30 seconds later.
	server := startPostgres(t, "synchronous_commit=off", "wal_writer_delay=10s")
	b := newBench(t, postgresOn(server), nil)
	b.enqueue("order-1")
	_, err := b.db.ExecContext(t.Context(), "CHECKPOINT")
	require.NoError(t, err)
	var once sync.Once
	b.run(b.box, func(at string) {
		if at == step.Claimed {
			once.Do(func() {
				require.NoError(t, server.Crash())
				require.NoError(t, server.Start())
			})
		}
	})
	b.await("order-1", outbox.Accepted)
	require.Len(t, b.gateway.Messages(), 1)
	stats, err := b.box.Stats(t.Context())
	require.NoError(t, err)
	require.Empty(t, stats.Paused, "the claim was lost")
}

func TestRun_needsItsTables(t *testing.T) {
	t.Parallel()
	box, err := outbox.New(openSQLite(t), outbox.SQLite, nil)
	require.NoError(t, err)
	client, err := smslink.NewClient("id", "password", &smslink.Options{Endpoint: "http://127.0.0.1:1/"})
	require.NoError(t, err)
	require.ErrorContains(t, box.Run(t.Context(), client), "Migrate")
}

// A program may be older than its tables.
func TestRun_tablesOfALaterVersion(t *testing.T) {
	t.Parallel()
	b := newBench(t, sqliteIn(t.TempDir()), nil)
	_, err := b.db.ExecContext(t.Context(), "UPDATE smslink_meta SET value = '10' WHERE name = 'version'")
	require.NoError(t, err)
	b.enqueue("order-1")
	b.run(b.box, nil)
	b.await("order-1", outbox.Accepted)
}

// Run ends, and sends nothing more, once a setting has changed that may lose commits.
func TestRun_refusesASettingThatChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t, sqliteIn(t.TempDir()), nil)
	b.db.SetMaxOpenConns(1) // a pragma is a connection's
	b.enqueue("order-1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- b.box.Run(ctx, b.gateway.Client()) }()
	b.await("order-1", outbox.Accepted)
	_, err := b.db.ExecContext(t.Context(), "PRAGMA synchronous = normal")
	require.NoError(t, err)
	b.enqueue("order-2")
	require.ErrorContains(t, <-ended, "refuses the database's settings")
	require.Len(t, b.gateway.Messages(), 1)
}

// A Run that ends because another outbox refuses its database has nothing to report of its own.
func TestRun_causeThatIsAnotherOutboxesRefusal(t *testing.T) {
	t.Parallel()
	b := newBench(t, sqliteIn(t.TempDir()), nil)
	db, err := sql.Open("sqlite", t.TempDir()+"/outbox.db"+sqliteOptions+"&_pragma=synchronous(normal)")
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	other, err := outbox.New(db, outbox.SQLite, nil)
	require.NoError(t, err)
	require.NoError(t, other.Migrate(t.Context()))
	refusal := other.Run(t.Context(), b.gateway.Client())
	require.ErrorContains(t, refusal, "refuses the database's settings")

	b.enqueue("order-1")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	ended := make(chan error, 1)
	go func() { ended <- b.box.Run(ctx, b.gateway.Client()) }()
	b.await("order-1", outbox.Accepted)
	cancel(refusal)
	require.NoError(t, <-ended)
}

// An order and its SMS in one transaction of pgx itself.
func TestEnqueue_inPgxTransaction(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	b := newBench(t, postgresOn(server), nil)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		config, err := pgx.ParseConfig(server.DSN)
		require.NoError(t, err)
		config.DefaultQueryExecMode = mode
		conn, err := pgx.ConnectConfig(t.Context(), config)
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.Background()) }()
		for _, commit := range []bool{false, true} {
			tx, err := conn.Begin(t.Context())
			require.NoError(t, err)
			m := outbox.Message{Key: fmt.Sprintf("order-%d", mode), To: "0712345678", Text: "Ștefan 😀"}
			added, err := b.box.Enqueue(t.Context(), pgxTx(tx), m)
			require.NoError(t, err)
			require.Equal(t, 1, added)
			if commit {
				require.NoError(t, tx.Commit(t.Context()))
			} else {
				require.NoError(t, tx.Rollback(t.Context()))
			}
		}
	}
	b.run(b.box, nil)
	eventually(t, func() bool { return len(b.gateway.Messages()) == 3 })
	for _, m := range b.gateway.Messages() {
		require.Equal(t, "Ștefan 😀", m.Text)
	}
}

// pgxTx is the adapter that the documentation shows.
func pgxTx(tx pgx.Tx) outbox.TxFunc {
	return func(ctx context.Context, query string, args ...any) (int64, error) {
		tag, err := tx.Exec(ctx, query, args...)
		return tag.RowsAffected(), err
	}
}

// A client in test mode would record messages as accepted that were never sent.
func TestRun_refusesAClientInTestMode(t *testing.T) {
	t.Parallel()
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password,
		&smslink.Options{Endpoint: gateway.URL, TestMode: true})
	require.NoError(t, err)
	o, err := outbox.New(openSQLite(t), outbox.SQLite, nil)
	require.NoError(t, err)
	require.ErrorContains(t, o.Run(t.Context(), client), "test mode")
	require.Empty(t, gateway.Uploads())
}

// Reads of what is not committed yet, a server's default, must not look like lost commits.
func TestRun_readUncommittedByDefault(t *testing.T) {
	needsLong(t)
	t.Parallel()
	server := startMariaDB(t, "--transaction-isolation=READ-UNCOMMITTED")
	b := newBench(t, mariadbOn(server), nil)
	const n = 3000
	_, err := b.box.Enqueue(t.Context(), b.db, orders(0, n)...)
	require.NoError(t, err)
	for range 4 {
		box, err := outbox.New(b.db, outbox.MariaDB, &outbox.Options{
			Lanes: map[string]outbox.Lane{outbox.Bulk: {Messages: 1, Wait: -1, Poll: time.Millisecond, Concurrency: 4}},
		})
		require.NoError(t, err)
		b.run(box, nil)
	}
	eventually(t, func() bool {
		stats, err := b.box.Stats(context.Background())
		if err == nil && stats.Paused != "" {
			t.Error(stats.Paused)
		}
		return err == nil && (stats.Paused != "" || stats.Lanes[outbox.Bulk].Queued+stats.Sending == 0)
	}, "messages are left")
	require.Len(t, b.gateway.Messages(), n)
}

// A lane that is emptied while Stats looks at it has no oldest message, and not one of 1970.
func TestStats_aLaneThatEmptiesMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t, sqliteIn(t.TempDir()), nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		for n := 0; ctx.Err() == nil; n++ {
			m := outbox.Message{Key: fmt.Sprintf("order-%d", n), To: "0712345678", Text: "Comanda"}
			if _, err := b.box.Enqueue(t.Context(), b.db, m); err != nil {
				ended <- err
				return
			}
			if _, err := b.box.Cancel(t.Context(), b.db, m.Key); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	for range unlessLong(200, 2000) {
		stats, err := b.box.Stats(t.Context())
		require.NoError(t, err)
		require.Less(t, stats.Lanes[outbox.Bulk].Oldest, time.Hour)
	}
	stop()
	require.NoError(t, <-ended)
}
