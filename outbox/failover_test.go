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
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// resolvedDB is a database that has lost commits, and in which a person has resolved each package
// as not sent. It answers about a package once two transactions have asked.
type resolvedDB struct {
	asked *sync.WaitGroup
	mark  *atomic.Value // of the worker
}

func newResolvedDB(asked *sync.WaitGroup) resolvedDB {
	d := resolvedDB{asked, new(atomic.Value)}
	d.mark.Store("")
	return d
}

func (d resolvedDB) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (resolvedDB) Driver() driver.Driver                          { return nil }
func (resolvedDB) Prepare(string) (driver.Stmt, error)            { return nil, driver.ErrSkip }
func (resolvedDB) Close() error                                   { return nil }
func (d resolvedDB) Begin() (driver.Tx, error)                    { return d, nil }
func (resolvedDB) Commit() error                                  { return nil }
func (resolvedDB) Rollback() error                                { return nil }

func (d resolvedDB) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	switch {
	case strings.HasPrefix(query, "INSERT INTO smslink_meta"):
		d.mark.Store(args[1].Value)
		return driver.RowsAffected(1), nil
	case strings.HasPrefix(query, "UPDATE smslink_meta SET value = ? WHERE name = ? AND value = ?"):
		if !d.mark.CompareAndSwap(args[2].Value, args[0].Value) {
			return driver.RowsAffected(0), nil
		}
		return driver.RowsAffected(1), nil
	default:
		return driver.RowsAffected(0), nil
	}
}

func (d resolvedDB) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	switch {
	case strings.Contains(query, "AS paused"):
		return &oneRow{int64(0), "an epoch", "", "", "", "commits were lost", int64(0), "", "", d.mark.Load()}, nil
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

// slowDB is a database whose transactions take 20 seconds each, and every third one fails.
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

func (d slowDB) QueryContext(
	ctx context.Context, query string, args []driver.NamedValue,
) (driver.Rows, error) {
	if strings.Contains(query, "count(*)") {
		return &oneRow{int64(1)}, nil
	}
	return d.resolvedDB.QueryContext(ctx, query, args)
}

func (d slowDB) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if strings.Contains(query, "UPDATE smslink_package") {
		d.recorded[args[len(args)-1].Value.(string)]++
		return driver.RowsAffected(1), nil
	}
	return d.resolvedDB.ExecContext(ctx, query, args)
}

// All packages together take far longer than one transaction may, and what was written back is not
// written back again after a failure.
func TestHalt_manyPackages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const packages = 20
		slow, want := slowDB{newResolvedDB(nil), new(int), map[string]int{}}, map[string]int{}
		db := sql.OpenDB(slow)
		defer func() { require.NoError(t, db.Close()) }()
		box, err := New(db, SQLite, nil)
		require.NoError(t, err)
		r := &run{Outbox: box, lasting: t.Context()}
		for i := range packages {
			c := &claim{token: fmt.Sprint("package-", i), began: time.Now()}
			require.NoError(t, r.recent.add(c))
			r.recent.end(c, &smslink.Response{}, nil, "")
			want[c.token] = 1
		}
		for range 2 * packages {
			r.halt(t.Context())
		}
		require.NoError(t, r.writeAllBack(t.Context()))
		require.False(t, r.recent.noticed)
		require.Equal(t, want, slow.recorded)
	})
}

// failingOver is a database that fails over once two packages are written back. Its standby has the
// first mark of the worker, and neither package.
type failingOver struct {
	slowDB
	first *atomic.Value
}

func (d failingOver) Connect(context.Context) (driver.Conn, error) { return d, nil }

func (d failingOver) Begin() (driver.Tx, error) {
	if len(d.recorded) == 2 && *d.transactions == 0 {
		*d.transactions = 1
		d.mark.Store(d.first.Load())
	}
	return d, nil
}

func (d failingOver) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if strings.HasPrefix(query, "INSERT INTO smslink_meta") {
		d.first.Store(args[1].Value)
	}
	return d.slowDB.ExecContext(ctx, query, args)
}

func TestHalt_failoverWhileItWritesBack(t *testing.T) {
	d := failingOver{slowDB{newResolvedDB(nil), new(int), map[string]int{}}, new(atomic.Value)}
	db := sql.OpenDB(d)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	box, err := New(db, SQLite, nil)
	require.NoError(t, err)
	r := &run{Outbox: box, lasting: t.Context()}
	for i := range 3 {
		c := &claim{token: fmt.Sprint("package-", i)}
		require.NoError(t, r.recent.add(c))
		r.recent.end(c, &smslink.Response{}, nil, "")
	}
	require.ErrorIs(t, r.writeAllBack(t.Context()), errMoved)
	require.NoError(t, r.writeAllBack(t.Context()))
	require.Equal(t, map[string]int{"package-0": 2, "package-1": 2, "package-2": 1}, d.recorded)
}

// A package that ended more than an hour ago may be forgotten, and its keys enqueued again.
func TestHalt_leavesOldPackagesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := slowDB{newResolvedDB(nil), new(int), map[string]int{}}
		db := sql.OpenDB(d)
		defer func() { require.NoError(t, db.Close()) }()
		box, err := New(db, SQLite, nil)
		require.NoError(t, err)
		r := &run{Outbox: box, lasting: t.Context()}
		old, young := &claim{token: "old"}, &claim{token: "young"}
		for _, c := range []*claim{old, young} {
			require.NoError(t, r.recent.add(c))
		}
		r.recent.end(old, &smslink.Response{}, nil, "")
		time.Sleep(time.Hour + time.Second)
		r.recent.end(young, &smslink.Response{}, nil, "")
		for r.recent.noticed = true; r.recent.noticed; {
			r.halt(t.Context())
		}
		require.Equal(t, map[string]int{"young": 1}, d.recorded)
	})
}

// A machine was suspended for longer than ForgetAfter. By its monotonic clock the package ended
// less than an hour ago, but it may be forgotten, and its keys enqueued again.
func TestHalt_leavesForgottenPackagesAlone(t *testing.T) {
	d := failingOver{slowDB{newResolvedDB(nil), new(int), map[string]int{}}, new(atomic.Value)}
	r := &run{Outbox: newBox(t, d, SQLite, nil), lasting: t.Context()}
	forgotten, young := &claim{token: "forgotten"}, &claim{token: "young"}
	for _, c := range []*claim{forgotten, young} {
		require.NoError(t, r.recent.add(c))
		r.recent.end(c, &smslink.Response{}, nil, "")
	}
	suspended := r.opts.ForgetAfter + time.Second
	forgotten.ended = monotonicLater(forgotten.ended.Add(-suspended), suspended)
	err := r.writeAllBack(t.Context())
	require.Equal(t, map[string]int{"young": 1}, d.recorded)
	require.NoError(t, err)
}

// An upload's end is recorded while the run halts and writes it back. The race detector must find
// nothing that both change.
func TestHalt_whileAnEndIsRecorded(t *testing.T) {
	var asked sync.WaitGroup
	asked.Add(2)
	db := sql.OpenDB(newResolvedDB(&asked))
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	box, err := New(db, SQLite, nil)
	require.NoError(t, err)
	r := &run{Outbox: box, lasting: t.Context()}
	shared := &claim{token: "a-package"}
	require.NoError(t, r.recent.add(shared))
	own := r.recent.end(shared, &smslink.Response{}, nil, "")
	var both sync.WaitGroup
	both.Go(func() {
		if err := r.record(t.Context(), own); err != nil {
			t.Error(err)
		}
	})
	both.Go(func() { r.halt(t.Context()) })
	both.Wait()
	require.False(t, r.recent.noticed)
	require.Contains(t, own.contradicted, "Ana said not sent")
	require.Empty(t, shared.contradicted)
}
