package outbox

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// resolvedDB is a database in which a person has resolved each package as not sent. It answers
// about a package once two transactions have asked.
type resolvedDB struct{ asked *sync.WaitGroup }

func (d resolvedDB) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (resolvedDB) Driver() driver.Driver                          { return nil }
func (resolvedDB) Prepare(string) (driver.Stmt, error)            { return nil, driver.ErrSkip }
func (resolvedDB) Close() error                                   { return nil }
func (d resolvedDB) Begin() (driver.Tx, error)                    { return d, nil }
func (resolvedDB) Commit() error                                  { return nil }
func (resolvedDB) Rollback() error                                { return nil }

func (resolvedDB) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(0), nil
}

func (d resolvedDB) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	switch {
	case strings.Contains(query, "count(*)"):
		return &oneRow{int64(1)}, nil
	case strings.Contains(query, "resolved_by"):
		d.asked.Done()
		d.asked.Wait()
		return &oneRow{int64(1), "Ana", int64(VerdictNotSent), false, false}, nil
	default:
		return &oneRow{}, nil
	}
}

// oneRow is a result of one row, or of none if it has no columns.
type oneRow []driver.Value

func (r *oneRow) Columns() []string { return make([]string, len(*r)) }
func (r *oneRow) Close() error      { return nil }

func (r *oneRow) Next(row []driver.Value) error {
	if len(*r) == 0 {
		return io.EOF
	}
	copy(row, *r)
	*r = nil
	return nil
}

// slowDB is a database of which each transaction takes 20 seconds and each third one fails.
type slowDB struct {
	resolvedDB
	transactions *int
	recorded     map[string]int // how often the end of each package was recorded
}

func (d slowDB) Connect(context.Context) (driver.Conn, error) { return d, nil }

func (d slowDB) Begin() (driver.Tx, error) {
	time.Sleep(20 * time.Second)
	*d.transactions++
	if *d.transactions%3 == 0 {
		return nil, errors.New("the database is down")
	}
	return d, nil
}

func (slowDB) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &oneRow{int64(1)}, nil
}

func (d slowDB) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if strings.Contains(query, "UPDATE smslink_package") {
		d.recorded[args[len(args)-1].Value.(string)]++
	}
	return driver.RowsAffected(1), nil
}

// All packages together take far longer than one transaction may, and what was written back is not
// written back again after a failure.
func TestHalt_manyPackages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const packages = 20
		slow, want := slowDB{transactions: new(int), recorded: map[string]int{}}, map[string]int{}
		db := sql.OpenDB(slow)
		defer func() { require.NoError(t, db.Close()) }()
		box, err := New(db, SQLite, nil)
		require.NoError(t, err)
		r := &run{Outbox: box, lasting: t.Context()}
		for i := range packages {
			c := &claim{token: fmt.Sprint("package-", i), began: time.Now()}
			r.recent.add(c)
			r.recent.end(c, &smslink.Response{}, nil, "")
			want[c.token] = 1
		}
		for range 2 * packages {
			r.halt(t.Context())
		}
		require.True(t, r.recent.halted)
		require.Equal(t, want, slow.recorded)
	})
}

// An upload's end is recorded while the run halts and writes it back. The race detector must find
// nothing that both change.
func TestHalt_whileAnEndIsRecorded(t *testing.T) {
	var asked sync.WaitGroup
	asked.Add(2)
	db := sql.OpenDB(resolvedDB{&asked})
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	box, err := New(db, SQLite, nil)
	require.NoError(t, err)
	r := &run{Outbox: box, lasting: t.Context()}
	shared := &claim{token: "a-package"}
	r.recent.add(shared)
	own := r.recent.end(shared, &smslink.Response{}, nil, "")
	var both sync.WaitGroup
	both.Go(func() {
		if err := r.record(t.Context(), own); err != nil {
			t.Error(err)
		}
	})
	both.Go(func() { r.halt(t.Context()) })
	both.Wait()
	require.True(t, r.recent.halted)
	require.Contains(t, own.contradicted, "Ana said not sent")
	require.Empty(t, shared.contradicted)
}
