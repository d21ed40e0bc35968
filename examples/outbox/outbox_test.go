package main

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
)

const wanted = `order 2: the card was refused
order-1-taken: accepted, success, delivered true
order-2-taken: no message
order-3-taken: failed, number failed
order-4-taken: accepted, success, delivered true
offer-0700000001: accepted, success, delivered true
offer-0700000004: opted out
`

func TestRun(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, "", ""))
	require.Equal(t, wanted, out.String())
}

// TestRun_postgres needs an empty database of PostgreSQL.
func TestRun_postgres(t *testing.T) {
	url := os.Getenv("SMSLINK_POSTGRES")
	if url == "" {
		t.Skip("SMSLINK_POSTGRES is not set; outbox/internal/integration has it set")
	}
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, url, ""))
	require.Equal(t, wanted, out.String())

	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	box, err := outbox.New(db, outbox.Postgres, nil)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	require.NoError(t, takePgx(t.Context(), conn, box, order{5, "0700000005"}))
	require.Error(t, takePgx(t.Context(), conn, box, order{5, "0700000005"}), "an order twice")
	records, err := box.Lookup(t.Context(), "order-5-taken")
	require.NoError(t, err)
	require.Len(t, records, 1)
	require.Equal(t, outbox.Queued, records[0].State)
}
