package outbox

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func newBox(t *testing.T, connector driver.Connector, dialect *Dialect, opts *Options) *Outbox {
	db := sql.OpenDB(connector)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	box, err := New(db, dialect, opts)
	require.NoError(t, err)
	return box
}

// lockedDB is a database in which every row is locked. It cancels a context when it is asked.
type lockedDB struct {
	resolvedDB
	cancel context.CancelFunc
}

func (d lockedDB) Connect(context.Context) (driver.Conn, error)                 { return d, nil }
func (d lockedDB) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return d, nil }
func (lockedDB) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), nil
}

func (d lockedDB) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	d.cancel()
	return &oneRow{}, nil
}

func TestPause_cancelledWhileItWaitsForALock(t *testing.T) {
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		box := newBox(t, lockedDB{cancel: cancel}, Postgres, nil)
		require.ErrorIs(t, box.Pause(ctx, "Ana", "a test"), context.Canceled)
	}
}

// overdueDB is a database with one overdue package, in which no transaction is committed.
type overdueDB struct{ resolvedDB }

var errNotCommitted = errors.New("not committed")

func (d overdueDB) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d overdueDB) Begin() (driver.Tx, error)                    { return d, nil }
func (overdueDB) Commit() error                                  { return errNotCommitted }

func (overdueDB) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &oneRow{int64(1)}, nil
}

func TestSweep_countsWhatWasCommitted(t *testing.T) {
	n, err := newBox(t, overdueDB{}, SQLite, nil).sweep(t.Context())
	require.ErrorIs(t, err, errNotCommitted)
	require.Zero(t, n)
}

// A driver may keep each different statement.
func TestOptOut_repeatsItsStatements(t *testing.T) {
	opts := &Options{Lanes: map[string]Lane{}}
	for i := range 6 {
		opts.Lanes[fmt.Sprint("lane-", i)] = Lane{}
	}
	box := newBox(t, overdueDB{}, Postgres, opts)
	updates := map[string]bool{}
	for range 20 {
		tx := TxFunc(func(_ context.Context, query string, _ ...any) (int64, error) {
			if strings.Contains(query, "UPDATE") {
				updates[query] = true
			}
			return 1, nil
		})
		_, err := box.OptOut(t.Context(), tx, "0712345678")
		require.NoError(t, err)
	}
	require.Len(t, updates, 1)
}
