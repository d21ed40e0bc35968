//go:build unix

package integration

import (
	"database/sql"
	"fmt"
	"testing"
	"time"
	_ "time/tzdata" // where the system has no time zones

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
)

// The database's clock crosses 22:00, and both changes of clocks.
func TestRun_hoursByTheDatabasesClock(t *testing.T) {
	needsLong(t)
	t.Parallel()
	bucharest, err := time.LoadLocation("Europe/Bucharest")
	require.NoError(t, err)
	lanes := map[string]outbox.Lane{outbox.Bulk: {
		Wait: -1, Poll: 10 * time.Millisecond,
		Hours: outbox.Hours{From: 8 * time.Hour, To: 22 * time.Hour, Location: bucharest},
	}}
	for name, open := range map[string]func(t *testing.T) (b *bench, at func(time.Time) *sql.DB){
		"postgres": func(t *testing.T) (*bench, func(time.Time) *sql.DB) {
			server := startPostgres(t)
			b := newBench(t, postgresOn(server), nil)
			for _, statement := range []string{
				"CREATE SCHEMA set", "CREATE TABLE set.clock (now timestamptz)", "INSERT INTO set.clock VALUES (now())",
				"CREATE FUNCTION set.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT now FROM set.clock'",
			} {
				_, err := b.db.ExecContext(t.Context(), statement)
				require.NoError(t, err)
			}
			db, err := sql.Open(server.Driver, server.DSN+"&search_path=set,pg_catalog,public")
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			return b, func(now time.Time) *sql.DB {
				_, err := b.db.ExecContext(t.Context(), "UPDATE set.clock SET now = $1", now)
				require.NoError(t, err)
				return db
			}
		},
		"mariadb": func(t *testing.T) (*bench, func(time.Time) *sql.DB) {
			server := startMariaDB(t)
			b := newBench(t, mariadbOn(server), nil)
			return b, func(now time.Time) *sql.DB {
				db, err := sql.Open(server.Driver, server.DSN+fmt.Sprintf("&timestamp=%d", now.Unix()))
				require.NoError(t, err)
				t.Cleanup(func() { _ = db.Close() })
				return db
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, at := open(t)
			for i, c := range []struct {
				enqueued, closed, open string // by the clock on the wall in Bucharest; the last has the offset
			}{
				{"2026-03-28T21:59", "", "2026-03-28T21:59:59+02:00"},
				{"2026-03-28T22:00", "2026-03-29T07:59", "2026-03-29T08:00:00+03:00"}, // clocks go forward
				{"2026-06-01T23:30", "2026-06-02T07:59", "2026-06-02T08:00:00+03:00"},
				{"2026-10-24T22:00", "2026-10-25T03:30", "2026-10-25T08:00:00+02:00"}, // clocks go back
				{"2026-10-25T22:00", "2026-10-26T07:59", "2026-10-26T08:00:00+02:00"},
			} {
				key := fmt.Sprintf("order-%d", i)
				parse := func(s string) time.Time {
					at, err := time.ParseInLocation("2006-01-02T15:04", s, bucharest)
					require.NoError(t, err)
					return at
				}
				db := at(parse(c.enqueued))
				box, err := outbox.New(db, dialects[name], &outbox.Options{Lanes: lanes})
				require.NoError(t, err)
				// It would be due in the middle of the night.
				m := outbox.Message{Key: key, To: "0712345678", Text: "Comanda " + key}
				if c.closed != "" {
					m.NotBefore = parse(c.enqueued).Add(time.Hour)
				}
				_, err = box.Enqueue(t.Context(), db, m)
				require.NoError(t, err)
				if c.closed != "" {
					for _, closed := range []string{c.enqueued, c.closed} {
						box, err := outbox.New(at(parse(closed)), dialects[name], &outbox.Options{Lanes: lanes})
						require.NoError(t, err)
						stop := b.run(box, nil)
						b.stays(key, outbox.Queued)
						stats, err := box.Stats(t.Context())
						require.NoError(t, err)
						require.Equal(t, c.open, stats.Lanes[outbox.Bulk].Opens.Format(time.RFC3339))
						stop()
					}
				}
				opens, err := time.Parse(time.RFC3339, c.open)
				require.NoError(t, err)
				box, err = outbox.New(at(opens), dialects[name], &outbox.Options{Lanes: lanes})
				require.NoError(t, err)
				stop := b.run(box, nil)
				b.await(key, outbox.Accepted)
				stop()
			}
			require.Len(t, b.gateway.Messages(), 5)
		})
	}
}
