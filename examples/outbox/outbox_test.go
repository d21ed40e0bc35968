package main

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinktest"
)

const wanted = `order 2: the card was refused
order-1-taken: accepted, success, delivered true
order-2-taken: no message
order-3-taken: failed, number failed
order-4-taken: accepted, success, delivered true
offer-1: accepted, success, delivered true
offer-4: opted out
`

func TestRun(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, "", ""))
	require.Equal(t, wanted, out.String())
}

// An order gets a new number, also in a database with the orders of an earlier run.
func TestLoad_afterAnEarlierRun(t *testing.T) {
	t.Parallel()
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	w := startWorker(t, gateway)
	_, err := w.db.Exec(createOrders + "; INSERT INTO shop_order (number) VALUES (1), (1000)")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- load(ctx, nil, w.shop, gateway) }()
	require.Eventually(t, func() bool {
		last, err := w.last(t.Context())
		return err == nil && last > 1001 || len(ended) > 0
	}, time.Minute, 10*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
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
	out.Reset()
	require.NoError(t, run(t.Context(), &out, url, ""), "a second time on the same database")
	require.Equal(t, `order 6: the card was refused
order-5-taken: accepted, success, delivered true
order-6-taken: no message
order-7-taken: failed, number failed
order-8-taken: opted out
offer-1: accepted, success, delivered true
offer-4: opted out
`, out.String())

	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	box, err := outbox.New(db, outbox.Postgres, nil)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	require.NoError(t, takePgx(t.Context(), conn, box, order{9, "0700000005"}))
	require.Error(t, takePgx(t.Context(), conn, box, order{9, "0700000005"}), "an order twice")
	records, err := box.Lookup(t.Context(), "order-9-taken")
	require.NoError(t, err)
	require.Len(t, records, 1)
	require.Equal(t, outbox.Queued, records[0].State)
}
