//go:build unix

package integration

import (
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
	"github.com/go-smslink/smslink/outbox/outboxtest"
)

// long is whether the tests run in full: see CONTRIBUTING.md.
var long = os.Getenv("SMSLINK_LONG") != ""

// needsLong skips what only SMSLINK_LONG=1 runs.
func needsLong(t *testing.T) {
	t.Helper()
	if !long {
		t.Skip("only with SMSLINK_LONG=1")
	}
}

const sqliteOptions = "?_pragma=journal_mode(wal)&_pragma=busy_timeout(20000)&_txlock=immediate"

func openSQLite(t *testing.T) *sql.DB {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "outbox.db")+sqliteOptions)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// started ends the server with the test. It skips the test if the server is not installed, except
// if SMSLINK_NEED_SERVERS is set.
func started(t *testing.T, s *servers.Server, err error) *servers.Server {
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("SMSLINK_NEED_SERVERS") == "" {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	return s
}

func opened(t *testing.T, s *servers.Server) *sql.DB {
	db, err := s.Open()
	require.NoError(t, err)
	db.SetMaxIdleConns(16) // PostgreSQL starts a process for each new one
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func startPostgres(t *testing.T, settings ...string) *servers.Server {
	s, err := servers.Postgres(settings...)
	return started(t, s, err)
}

func startMariaDB(t *testing.T, options ...string) *servers.Server {
	s, err := servers.MariaDB(options...)
	return started(t, s, err)
}

func TestVerify_sqlite(t *testing.T) {
	t.Parallel()
	t.Run("as the documentation says", func(t *testing.T) { outboxtest.Verify(t, openSQLite(t), outbox.SQLite) })
	t.Run("with a rollback journal and deferred transactions", func(t *testing.T) {
		needsLong(t)
		db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "outbox.db")+"?_pragma=busy_timeout(20000)")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		outboxtest.Verify(t, db, outbox.SQLite)
	})
}

func TestVerify_postgres(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	t.Run("directly", func(t *testing.T) { outboxtest.Verify(t, opened(t, server), outbox.Postgres) })
	t.Run("through PgBouncer", func(t *testing.T) {
		needsLong(t)
		bouncer, err := server.PgBouncer()
		outboxtest.Verify(t, opened(t, started(t, bouncer, err)), outbox.Postgres)
	})
}

func TestVerify_mariadb(t *testing.T) {
	t.Parallel()
	server := startMariaDB(t)
	t.Run("parameters in the text", func(t *testing.T) { outboxtest.Verify(t, opened(t, server), outbox.MariaDB) })
	server.DSN = server.DSN[:len(server.DSN)-len("?interpolateParams=true")]
	t.Run("prepared statements", func(t *testing.T) {
		needsLong(t)
		outboxtest.Verify(t, opened(t, server), outbox.MariaDB)
	})
}
