//go:build unix

package integration

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/outboxtest"
)

// TestVerify_mysql needs a server: there is no package of MySQL's own. SMSLINK_MYSQL is the DSN of
// an empty database, such as root:secret@tcp(127.0.0.1:3306)/outbox.
func TestVerify_mysql(t *testing.T) {
	dsn := os.Getenv("SMSLINK_MYSQL")
	if dsn == "" {
		t.Skip("SMSLINK_MYSQL is not set")
	}
	db, err := sql.Open("mysql", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	outboxtest.Verify(t, db, outbox.MySQL)
}

// Each statement of the dialect that an outbox's regular work and the conformance tests run, and
// each of its migrations, is MySQL 8's, by Vitess's grammar of it.
func TestMySQL_grammar(t *testing.T) {
	needsLong(t)
	t.Parallel()
	server := startMariaDB(t)
	b := newBench(t, mariadbOn(server), nil)
	b.fill(false)
	r := &recorder{}
	db := sql.OpenDB(&recordingConnector{driver: b.db.Driver(), dsn: server.DSN, recorder: r})
	t.Cleanup(func() { _ = db.Close() })
	exercise(b, db)
	outboxtest.Verify(t, db, outbox.MariaDB) // which also writes back, and resolves a part of a package
	var scripts []string
	for _, s := range r.statements() {
		// The one thing in which the dialect MySQL differs.
		scripts = append(scripts, strings.ReplaceAll(s.text, "@@server_id", "@@server_uuid"))
	}
	require.Greater(t, len(scripts), 40)
	migrations := outbox.Migrations(outbox.MySQL)
	files, err := fs.Glob(migrations, "*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		text, err := fs.ReadFile(migrations, name)
		require.NoError(t, err)
		scripts = append(scripts, string(text))
	}
	check := func(scripts ...string) error {
		raw, err := json.Marshal(scripts)
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), "go", "run", ".")
		cmd.Dir = "grammar"
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOTOOLCHAIN=auto")
		cmd.Stdin = bytes.NewReader(raw)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("%s", out)
		}
		return err
	}
	require.NoError(t, check(scripts...))
	require.Error(t, check("SELECT 1 FROM smslink_message FOR UPDATE SKIP THE LOCKED"), "it refuses nothing")
}
