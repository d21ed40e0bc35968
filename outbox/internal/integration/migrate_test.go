//go:build unix

package integration

import (
	"database/sql"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
)

// Tables of the first version are brought up to date with what they hold.
func TestMigrate_tablesOfTheFirstVersion(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		db, err := sql.Open(config.Driver, config.DSN)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		d := dialects[config.Dialect]
		database := map[string]goose.Dialect{
			"postgres": goose.DialectPostgres, "mariadb": goose.DialectMySQL, "sqlite": goose.DialectSQLite3,
		}[config.Dialect]
		provider, err := goose.NewProvider(database, db, outbox.Migrations(d),
			goose.WithTableName("smslink_goose"), goose.WithDisableGlobalRegistry(true))
		require.NoError(t, err)
		_, err = provider.UpTo(t.Context(), 1)
		require.NoError(t, err)
		for _, statement := range []string{
			`INSERT INTO smslink_message
				(id, message_key, lane, receiver, sender, body, send_at, due, package, enqueued)
			VALUES
				(1, 'queued', 'bulk', '0712345678', '', 'x', 0, 0, NULL, 0),
				(2, 'accepted', 'bulk', '0712345678', '', 'x', 0, 0, 1, 0),
				(3, 'unreported', 'bulk', '0712345678', '', 'x', 0, 0, 1, 0),
				(4, 'was-sent', 'bulk', '0712345678', '', 'x', 0, 0, 2, 0),
				(5, 'held', 'bulk', '0712345678', '', 'x', 0, 0, 3, 0),
				(6, 'refused', 'bulk', '0712345678', '', 'x', 0, 0, -3, 0)`,
			`INSERT INTO smslink_package (id, token, worker, lane, state, messages, began, deadline, ended)
			VALUES
				(1, 'accepted', 'w', 'bulk', 2, 2, 0, 0, 1),
				(2, 'resolved', 'w', 'bulk', 6, 1, 0, 0, 1),
				(3, 'held', 'w', 'bulk', 4, 1, 0, 0, 1)`,
			`INSERT INTO smslink_result (message, package, status) VALUES (2, 1, 3), (3, 1, 0), (4, 2, 0)`,
		} {
			_, err := db.ExecContext(t.Context(), statement)
			require.NoError(t, err, statement)
		}
		box, err := outbox.New(db, d, nil)
		require.NoError(t, err)
		require.NoError(t, box.Migrate(t.Context()))
		require.NoError(t, box.Migrate(t.Context()), "again")
		want := map[string]outbox.State{
			"queued": outbox.Queued, "accepted": outbox.Accepted, "unreported": outbox.InDoubt,
			"was-sent": outbox.Accepted, "held": outbox.Rejected, "refused": outbox.Invalid,
		}
		for key, state := range want {
			records, err := box.Lookup(t.Context(), key)
			require.NoError(t, err)
			require.Len(t, records, 1)
			require.Equal(t, state, records[0].State, key)
			if state == outbox.Accepted {
				require.Equal(t, smslink.StatusSuccess, records[0].Result.Status)
			}
		}
		packages, err := box.Unresolved(t.Context())
		require.NoError(t, err)
		require.Len(t, packages, 2)
		require.Equal(t, 1, packages[0].Messages, "one of two is in doubt")
		_, err = provider.DownTo(t.Context(), 1)
		require.NoError(t, err)
	})
}
