//go:build unix

package integration

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
	"github.com/go-smslink/smslink/outbox/internal/step"
	"github.com/go-smslink/smslink/smslinktest"
)

// BenchmarkClaim measures a claim of a full package, from the end of the one before it: without
// opt-outs, and with a million.
func BenchmarkClaim(b *testing.B) {
	const optOuts = 1_000_000
	insert := map[string]string{
		"postgres": "INSERT INTO smslink_optout " +
			"SELECT '+4072' || lpad(n::text, 7, '0'), 0 FROM generate_series(1, %d) AS n",
		"mariadb": "INSERT INTO smslink_optout SELECT CONCAT('+4072', LPAD(seq, 7, '0')), 0 FROM seq_1_to_%d",
		"sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %d) " +
			"INSERT INTO smslink_optout SELECT '+4072' || printf('%%07d', n), 0 FROM s",
	}
	for name, open := range map[string]func() (driver, dsn string){
		"sqlite": func() (string, string) { return "sqlite", filepath.Join(b.TempDir(), "outbox.db") + sqliteOptions },
		"postgres": func() (string, string) {
			s, err := servers.Postgres()
			require.NoError(b, err)
			b.Cleanup(s.Stop)
			return s.Driver, s.DSN
		},
		"mariadb": func() (string, string) {
			s, err := servers.MariaDB()
			require.NoError(b, err)
			b.Cleanup(s.Stop)
			return s.Driver, s.DSN
		},
	} {
		driver, dsn := open()
		db, err := sql.Open(driver, dsn)
		require.NoError(b, err)
		b.Cleanup(func() { _ = db.Close() })
		size := map[string]int{"sqlite": 1000}[name]
		if size == 0 {
			size = 10_000
		}
		box, err := outbox.New(db, dialects[name], &outbox.Options{
			Lanes: map[string]outbox.Lane{outbox.Bulk: {Messages: size, Bytes: 1 << 30, Wait: -1}},
		})
		require.NoError(b, err)
		require.NoError(b, box.Migrate(b.Context()))
		for _, n := range []int{0, optOuts, 0, optOuts} {
			_, err := db.ExecContext(b.Context(), "DELETE FROM smslink_optout")
			require.NoError(b, err)
			if n > 0 {
				_, err := db.ExecContext(b.Context(), fmt.Sprintf(insert[name], n))
				require.NoError(b, err)
			}
			if name == "postgres" {
				_, err := db.ExecContext(b.Context(), "ANALYZE")
				require.NoError(b, err)
			}
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) { benchmarkClaim(b, db, box, size) })
		}
	}
}

func benchmarkClaim(b *testing.B, db *sql.DB, box *outbox.Outbox, size int) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	for range b.N + 1 {
		messages := make([]outbox.Message, size)
		for i := range messages {
			messages[i] = outbox.Message{To: fmt.Sprintf("0711%06d", i), Text: "Comanda a fost predată curierului."}
		}
		_, err := box.Enqueue(b.Context(), db, messages...)
		require.NoError(b, err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var began time.Time
	claims := 0
	b.ResetTimer()
	b.StopTimer()
	require.NoError(b, box.Run(step.With(ctx, func(at string) {
		switch {
		case at == step.Recorded && claims < b.N:
			began = time.Now()
			b.StartTimer()
		case at == step.Claimed && !began.IsZero():
			b.StopTimer()
			if claims++; claims == b.N {
				cancel()
			}
		}
	}), gateway.Client()))
}
