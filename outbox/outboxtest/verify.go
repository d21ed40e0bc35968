// Package outboxtest tests a database and its driver for conformance with package outbox.
package outboxtest

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinktest"
)

// Verify runs an outbox on db, against a gateway of its own on 127.0.0.1, and fails t if a rule
// does not hold. It creates the outbox's tables and empties them: give it a database that holds
// nothing else. It takes half a minute at most.
func Verify(t *testing.T, db *sql.DB, dialect *outbox.Dialect) {
	migrate(t, db, dialect)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, db, dialect)
			c.verify(k)
		})
	}
}

// migrate calls Migrate three times at once, as processes that start together do. The tables may be
// there already.
func migrate(t *testing.T, db *sql.DB, dialect *outbox.Dialect) {
	var migrations sync.WaitGroup
	for range 3 {
		migrations.Go(func() {
			box, err := outbox.New(db, dialect, nil)
			if err == nil {
				err = box.Migrate(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	migrations.Wait()
	require.False(t, t.Failed(), "migrating failed")
}

// tables are emptied before each case.
var tables = []string{"smslink_message", "smslink_package", "smslink_result", "smslink_report", "smslink_optout"}

// kit is what a case works with: an empty outbox and a gateway.
type kit struct {
	*testing.T
	db      *sql.DB
	dialect *outbox.Dialect
	gateway *smslinktest.Gateway
	box     *outbox.Outbox
}

func newKit(t *testing.T, db *sql.DB, dialect *outbox.Dialect) *kit {
	for _, table := range tables {
		_, err := db.ExecContext(t.Context(), "DELETE FROM "+table)
		require.NoError(t, err)
	}
	gateway := smslinktest.NewGateway(nil)
	t.Cleanup(gateway.Close)
	k := &kit{T: t, db: db, dialect: dialect, gateway: gateway}
	k.box = k.outbox(nil)
	require.NoError(t, k.box.Resume(t.Context(), "outboxtest", "a new case"))
	return k
}

// outbox returns one that looks at its lanes often.
func (k *kit) outbox(change func(*outbox.Options)) *outbox.Outbox {
	opts := &outbox.Options{Timeout: time.Minute, Lanes: map[string]outbox.Lane{
		outbox.Bulk: {Messages: 100, Wait: -1, Poll: 10 * time.Millisecond},
	}}
	if change != nil {
		change(opts)
	}
	box, err := outbox.New(k.db, k.dialect, opts)
	require.NoError(k, err)
	return box
}

// run runs a worker until the case ends or stop is called.
func (k *kit) run(box *outbox.Outbox, client *smslink.Client) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- box.Run(ctx, client) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(k, <-ended)
	})
	k.Cleanup(stop)
	return stop
}

// exec runs statements in a transaction.
func (k *kit) exec(statements ...string) {
	k.Helper()
	tx, err := k.db.BeginTx(k.Context(), nil)
	require.NoError(k, err)
	defer func() { _ = tx.Rollback() }()
	for _, statement := range statements {
		_, err := tx.ExecContext(k.Context(), statement)
		require.NoError(k, err, statement)
	}
	require.NoError(k, tx.Commit())
}

func (k *kit) start() (stop func()) { return k.run(k.box, k.gateway.Client()) }

func (k *kit) enqueue(messages ...outbox.Message) {
	k.Helper()
	n, err := k.box.Enqueue(k.Context(), k.db, messages...)
	require.NoError(k, err)
	require.Equal(k, len(messages), n)
}

// message returns a message with that key.
func message(key string) outbox.Message {
	return outbox.Message{Key: key, To: "0712345678", Text: "Comanda " + key + " a fost predată curierului."}
}

func messages(n int) []outbox.Message {
	all := make([]outbox.Message, n)
	for i := range all {
		all[i] = message(fmt.Sprintf("order-%05d", i))
		all[i].To = fmt.Sprintf("07%08d", i)
	}
	return all
}

// record returns a key's record.
func (k *kit) record(key string) outbox.Record {
	k.Helper()
	records, err := k.box.Lookup(k.Context(), key)
	require.NoError(k, err)
	if len(records) == 0 {
		return outbox.Record{}
	}
	require.Len(k, records, 1)
	return records[0]
}

// eventually is how long a case waits for a condition.
const eventually = 2 * time.Minute

// eventually waits until cond holds. It calls cond in the case's own goroutine, which may fail in
// it.
func (k *kit) eventually(cond func() bool, msgAndArgs ...any) {
	k.Helper()
	for began := time.Now(); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > eventually {
			require.Fail(k, "the condition does not hold", msgAndArgs...)
		}
	}
}

// await waits until a key's message is in a state.
func (k *kit) await(key string, want outbox.State) outbox.Record {
	k.Helper()
	k.eventually(func() bool { return k.record(key).State == want }, "%s is not %s", key, want)
	return k.record(key)
}

// awaitPaused waits until the outbox is paused, and returns why.
func (k *kit) awaitPaused() string {
	k.Helper()
	var paused string
	k.eventually(func() bool {
		stats, err := k.box.Stats(k.Context())
		require.NoError(k, err)
		paused = stats.Paused
		return paused != ""
	}, "not paused")
	return paused
}

func (k *kit) resume() {
	k.Helper()
	require.NoError(k, k.box.Resume(k.Context(), "outboxtest", "the cause is gone"))
}

// unresolved returns the one package that waits for a person.
func (k *kit) unresolved() outbox.Unresolved {
	k.Helper()
	packages, err := k.box.Unresolved(k.Context())
	require.NoError(k, err)
	require.Len(k, packages, 1)
	return packages[0]
}

// resolve resolves the one package that waits for a person.
func (k *kit) resolve(verdict outbox.Verdict) {
	k.Helper()
	r := outbox.Resolution{Verdict: verdict, By: "outboxtest", Reason: "a test"}
	require.NoError(k, k.box.Resolve(k.Context(), k.unresolved().Package, r))
}

// sent returns how often the gateway has taken a message of that text.
func (k *kit) sent(m outbox.Message) int {
	n := 0
	for _, taken := range k.gateway.Messages() {
		if taken.Text == m.Text && taken.To == m.To {
			n++
		}
	}
	return n
}

// quiet gives the workers time to do what they should not.
func quiet() { time.Sleep(300 * time.Millisecond) }
