//go:build unix

package integration

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
)

const (
	romanian = "Ștefan, ți-am trimis 3 € – „mulțumim”"
	emoji    = "Gata 😀👩🏽‍🚀"
)

// Texts arrive unchanged, whatever the character set of the enqueuer's connection.
func TestEnqueue_connectionCharacterSets(t *testing.T) {
	t.Parallel()
	server := startMariaDB(t)
	b := newBench(t, mariadbOn(server), nil)
	var texts []string
	for _, charset := range []string{"latin1", "latin2", "binary", "utf8", "utf8mb4"} {
		for _, interpolate := range []string{"true", "false"} {
			dsn := strings.Replace(server.DSN, "interpolateParams=true",
				"interpolateParams="+interpolate+"&charset="+charset, 1)
			db, err := sql.Open(server.Driver, dsn)
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			for _, text := range []string{romanian, emoji} {
				text += " " + charset + " " + interpolate
				texts = append(texts, text)
				n, err := b.box.Enqueue(t.Context(), db, outbox.Message{To: "0712345678", Text: text})
				require.NoError(t, err, text)
				require.Equal(t, 1, n)
			}
			if charset == "latin1" || charset == "latin2" { // in which Run would read altered texts
				box, err := outbox.New(db, outbox.MariaDB, &outbox.Options{AllowLoss: true})
				require.NoError(t, err)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				require.ErrorContains(t, box.Run(ctx, b.gateway.Client()), "character_set_results")
			}
		}
	}
	b.run(b.box, nil)
	eventually(t, func() bool { return len(b.gateway.Messages()) == len(texts) }, "not all arrive")
	var arrived []string
	for _, m := range b.gateway.Messages() {
		arrived = append(arrived, m.Text)
	}
	require.ElementsMatch(t, texts, arrived)
}

// A PostgreSQL database that is not in UTF-8 takes what it can hold, and refuses the rest.
func TestEnqueue_databaseEncodings(t *testing.T) {
	needsLong(t)
	t.Parallel()
	server := startPostgres(t)
	admin := opened(t, server)
	for encoding, c := range map[string]struct{ taken, refused []string }{
		"UTF8":      {[]string{"Comanda", "Plată: 3 €", romanian, emoji}, nil},
		"LATIN1":    {[]string{"Comanda", "Déjà"}, []string{romanian, emoji, "3 €"}},
		"LATIN2":    {[]string{"Comanda", "Plată în întîrziere, ţară"}, []string{romanian, emoji, "3 €"}},
		"SQL_ASCII": {[]string{"Comanda"}, []string{"Plată", romanian, emoji}},
	} {
		t.Run(encoding, func(t *testing.T) {
			name := "in_" + strings.ToLower(encoding)
			_, err := admin.ExecContext(t.Context(),
				"CREATE DATABASE "+name+" TEMPLATE template0 LOCALE 'C' ENCODING '"+encoding+"'")
			require.NoError(t, err)
			config := postgresOn(server)
			config.DSN = strings.Replace(config.DSN, "/postgres?", "/"+name+"?client_encoding=UTF8&", 1)
			b := newBench(t, config, nil)
			for _, text := range c.refused {
				_, err := b.box.Enqueue(t.Context(), b.db, outbox.Message{To: "0712345678", Text: text})
				require.Error(t, err, text)
			}
			for _, text := range c.taken {
				_, err := b.box.Enqueue(t.Context(), b.db, outbox.Message{To: "0712345678", Text: text})
				require.NoError(t, err, text)
			}
			b.run(b.box, nil)
			eventually(t, func() bool { return len(b.gateway.Messages()) == len(c.taken) }, "not all arrive")
			for _, m := range b.gateway.Messages() {
				require.Contains(t, c.taken, m.Text)
			}
			if encoding == "UTF8" || encoding == "SQL_ASCII" { // without conversion, as the database's own bytes
				return
			}
			db, err := sql.Open(server.Driver, strings.Replace(config.DSN, "client_encoding=UTF8&", "", 1))
			require.NoError(t, err)
			t.Cleanup(func() { _ = db.Close() })
			box, err := outbox.New(db, outbox.Postgres, &outbox.Options{AllowLoss: true})
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err = box.Run(ctx, b.gateway.Client())
			require.ErrorContains(t, err, "client_encoding")
		})
	}
}

// alter is a driver that changes a text before it is stored.
type alter struct{ from, to string }

func (a alter) tx(db *sql.DB) outbox.TxFunc {
	return func(ctx context.Context, query string, args ...any) (int64, error) {
		for i, arg := range args {
			if s, ok := arg.(string); ok {
				args[i] = strings.ReplaceAll(s, a.from, a.to)
			}
		}
		result, err := db.ExecContext(ctx, query, args...)
		if err != nil {
			return 0, err
		}
		return result.RowsAffected()
	}
}

// A text that the connection or the database would alter is not stored.
func TestEnqueue_refusesToStoreAlteredTexts(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		for name, a := range map[string]alter{
			"a letter without its mark": {"\\u0218", "S"},
			"a question mark":           {"\\u20ac", "?"},
			"a byte for a character":    {"\\u00ee", "\\u00c3\\u00ae"},
			"an emoji in pieces":        {"\\ud83d\\ude00", "????"},
			"an empty text":             {"\\u0218tefan: \\u20ac \\ud83d\\ude00 \\u00een", ""},
		} {
			n, err := b.box.Enqueue(t.Context(), a.tx(b.db),
				outbox.Message{Key: "order-1", To: "0712345678", Text: "Ștefan: € 😀 în"})
			require.ErrorContains(t, err, "a text would be altered", name)
			require.Zero(t, n)
		}
		records, err := b.box.Lookup(t.Context(), "order-1")
		require.NoError(t, err)
		require.Empty(t, records)
	})
}
