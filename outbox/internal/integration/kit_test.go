package integration

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/outboxtest"
)

const sqliteOptions = "?_pragma=journal_mode(wal)&_pragma=busy_timeout(20000)&_txlock=immediate"

func TestVerify_sqlite(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "outbox.db")+sqliteOptions)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	outboxtest.Verify(t, db, outbox.SQLite)
}
