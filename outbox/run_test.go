package outbox

import (
	"context"
	"database/sql/driver"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// monotonicLater returns t with another monotonic reading. Package time has no function for that.
func monotonicLater(t time.Time, d time.Duration) time.Time {
	parts := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&t))
	parts.ext += int64(d)
	return t
}

// suspended is a time that has passed by the wall clock only: the machine was suspended for an
// hour, which the monotonic clock does not count.
func suspended() time.Time { return monotonicLater(time.Now().Add(-time.Second), time.Hour) }

func TestSend_notPastTheExpiry(t *testing.T) {
	for name, c := range map[string]struct {
		startBy time.Time
		want    smslink.Outcome
	}{
		"not expired":            {time.Now().Add(time.Hour), smslink.OutcomeAccepted},
		"by both clocks":         {time.Now().Add(-time.Second), smslink.OutcomeNotSent},
		"by the wall clock only": {suspended(), smslink.OutcomeNotSent},
		// The wall clock was set back.
		"by the monotonic clock only": {monotonicLater(time.Now().Add(time.Hour), -2*time.Hour), smslink.OutcomeNotSent},
	} {
		t.Run(name, func(t *testing.T) {
			gateway := smslinktest.NewGateway(nil)
			defer gateway.Close()
			p := new(smslink.Package)
			require.NoError(t, p.Add(smslink.Message{ID: 1, To: "0712345678", Text: "Cod 1234"}))
			r := &run{client: gateway.Client()}
			_, err := r.send(t.Context(), &claim{pkg: p, startBy: c.startBy, deadline: time.Now().Add(time.Hour)})
			require.Equal(t, c.want, smslink.OutcomeOf(err), "%v", err)
			require.Equal(t, c.want == smslink.OutcomeAccepted, len(gateway.Uploads()) == 1)
		})
	}
}

// queuedDB is a database with one queued message.
type queuedDB struct {
	resolvedDB
	commitTakes time.Duration
}

func (d queuedDB) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d queuedDB) Begin() (driver.Tx, error)                    { return d, nil }

func (d queuedDB) Commit() error {
	time.Sleep(d.commitTakes)
	return nil
}

func (queuedDB) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), nil
}

func (queuedDB) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	switch {
	case strings.Contains(query, "AS paused"):
		return &oneRow{int64(0), "an epoch", "", "", "", "an epoch", int64(0), "", "", ""}, nil
	case strings.Contains(query, "message_key"):
		return &oneRow{int64(1), "code", "0712345678", "", "Cod 1234", int64(0), never, int64(0), int64(0), ""}, nil
	case strings.Contains(query, "FROM smslink_package WHERE token"):
		return &oneRow{int64(1)}, nil
	default:
		return &oneRow{}, nil
	}
}

// silentDB is a database that does not answer queries with a part, and does not hang up, as if its
// host were dead or cut off.
type silentDB struct {
	queuedDB
	part    string
	queries *int
}

func (d silentDB) Connect(context.Context) (driver.Conn, error) { return d, nil }

func (d silentDB) QueryContext(
	ctx context.Context, query string, args []driver.NamedValue,
) (driver.Rows, error) {
	if !strings.Contains(query, d.part) {
		return d.queuedDB.QueryContext(ctx, query, args)
	}
	*d.queries++
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestRun_queriesASilentDatabaseAgain(t *testing.T) {
	claim := func(ctx context.Context, r *run) {
		c, _ := r.claimer(Urgent)(ctx)
		require.Nil(t, c)
	}
	watch := func(ctx context.Context, r *run) { r.every(ctx, time.Second, r.watch) }
	for name, c := range map[string]struct {
		part string
		f    func(ctx context.Context, r *run)
	}{
		"to claim":                 {"count(*)", claim},
		"to notice a fail-over":    {"AS paused", watch},
		"to put packages in doubt": {"deadline <", watch},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				queries := 0
				r := &run{Outbox: newBox(t, silentDB{part: c.part, queries: &queries}, SQLite, nil)}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				c.f(ctx, r)
				require.Greater(t, queries, 5)
			})
		})
	}
}

// A person who has paused the outbox and waited for 30 seconds relies on that.
func TestClaim_committedTooLate(t *testing.T) {
	claim := func(t *testing.T, commitTakes time.Duration, deadline time.Time, want error) {
		t.Helper()
		r := &run{Outbox: newBox(t, queuedDB{commitTakes: commitTakes}, SQLite, nil)}
		ctx, cancel := context.WithDeadline(t.Context(), deadline)
		defer cancel()
		c, err := r.claim(ctx, Urgent, 0, 1)
		require.NotNil(t, c, "it must be uploaded or withdrawn")
		require.ErrorIs(t, err, want)
		require.Equal(t, want == nil, len(r.recent.claims) == 1)
	}
	t.Run("by the wall clock only", func(t *testing.T) { claim(t, 0, suspended(), context.DeadlineExceeded) })
	t.Run("because the driver's commit does not know its context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			claim(t, 20*time.Second, time.Now().Add(txBudget), nil)
			claim(t, time.Minute, time.Now().Add(txBudget), context.DeadlineExceeded)
		})
	})
}
