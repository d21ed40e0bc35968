//go:build unix

package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/go-smslink/smslink/webhook"
)

// plansRows is how many rows each table has that grows.
var plansRows = unlessLong(5_000, 20_000)

// plansRead is the most rows that one statement may read: a package, and what lies beside it.
const plansRead = 1_500

// Every statement that is repeated finds its rows by an index, however large the tables grow, and
// also if the database still has the statistics of empty tables.
func TestPlans(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		for _, analyzed := range []bool{false, true} {
			t.Run(fmt.Sprintf("analyzed %v", analyzed), func(t *testing.T) {
				b := newBench(t, config, nil)
				b.fill(analyzed)
				r := &recorder{}
				db := sql.OpenDB(&recordingConnector{driver: b.db.Driver(), dsn: config.DSN, recorder: r})
				t.Cleanup(func() { _ = db.Close() })
				exercise(b, db)
				statements := r.statements()
				require.Greater(t, len(statements), 30)
				for _, s := range statements {
					read, plan := explainers[config.Dialect](t, b.db, s)
					if read > plansRead {
						t.Errorf("reads %d rows:\n%s\n%s", read, s.text, plan)
					}
				}
			})
		}
	})
}

// fill gives each table that grows its rows: messages that ended an hour ago, a package each, and
// opt-outs.
func (b *bench) fill(analyzed bool) {
	if b.config.Dialect == "postgres" { // whose deleted rows are there still
		_, err := b.db.ExecContext(b.Context(), "TRUNCATE "+strings.Join(tables, ", "))
		require.NoError(b, err)
	}
	b.analyze()
	optOuts := make([]string, 10*plansRows) // with fewer, reading all of these short rows is the best plan
	for i := range optOuts {
		optOuts[i] = fmt.Sprintf("073%07d", i)
	}
	_, err := b.box.OptOut(b.Context(), b.db, optOuts...)
	require.NoError(b, err)
	const batch = 1000
	for first := 0; first < plansRows; first += batch {
		messages := make([]outbox.Message, batch)
		for i := range messages {
			n := first + i
			messages[i] = outbox.Message{Key: fmt.Sprintf("old-%d", n), To: fmt.Sprintf("07%08d", n), Text: "Comanda"}
		}
		_, err := b.box.Enqueue(b.Context(), b.db, messages...)
		require.NoError(b, err)
	}
	lately := time.Now().Add(-time.Hour).UnixMicro() // so that nothing of it is to be erased
	for _, statement := range []string{
		fmt.Sprintf(`
			INSERT INTO smslink_package (token, worker, lane, state, messages, began, deadline, ended)
			SELECT message_key, 'a worker', lane, 2, 1, %[1]d + id, %[1]d + id, %[1]d + id
			FROM smslink_message`, lately),
		`INSERT INTO smslink_result (message, package, status, remote)
			SELECT m.id, p.id, 3, m.message_key
			FROM smslink_message m
			JOIN smslink_package p ON p.token = m.message_key`,
		fmt.Sprintf(`
			INSERT INTO smslink_report (remote, delivered, reported, came)
			SELECT message_key, 1, 1, %d + id
			FROM smslink_message`, lately),
		"UPDATE smslink_message SET package = (SELECT id FROM smslink_package WHERE token = message_key)",
		fmt.Sprintf("UPDATE smslink_message SET package = -2, ends = %d + id WHERE id %% 4 = 0", lately),
		fmt.Sprintf("UPDATE smslink_message SET package = -12, ends = %d + id WHERE id %% 4 = 1", lately),
	} {
		_, err := b.db.ExecContext(b.Context(), statement)
		require.NoError(b, err, statement)
	}
	if analyzed {
		b.analyze()
	}
}

// analyze makes the tables' statistics, which are then kept.
func (b *bench) analyze() {
	for _, table := range tables {
		for _, statement := range map[string][]string{
			"mariadb":  {"ALTER TABLE " + table + " STATS_AUTO_RECALC=0", "ANALYZE TABLE " + table},
			"postgres": {"ALTER TABLE " + table + " SET (autovacuum_enabled = false)", "ANALYZE " + table},
			"sqlite":   {"ANALYZE " + table},
		}[b.config.Dialect] {
			_, err := b.db.ExecContext(b.Context(), statement)
			require.NoError(b, err, statement)
		}
	}
}

// exercise does all that an outbox does again and again.
func exercise(b *bench, db *sql.DB) {
	box, err := outbox.New(db, dialects[b.config.Dialect], &outbox.Options{
		Timeout: benchTimeout,
		Lanes:   map[string]outbox.Lane{outbox.Bulk: {Messages: 100, Wait: -1, Poll: 10 * time.Millisecond}},
	})
	require.NoError(b, err)
	var messages []outbox.Message
	for i := range 500 {
		messages = append(messages, outbox.Message{
			Key: fmt.Sprintf("order-%d", i), To: fmt.Sprintf("07%08d", i), Text: "Comanda",
		})
	}
	messages[7].Expires = time.Millisecond
	_, err = box.Enqueue(b.Context(), db, messages...)
	require.NoError(b, err)
	n, err := box.Cancel(b.Context(), db, "order-1", "order-2")
	require.NoError(b, err)
	require.Equal(b, 2, n)
	require.NoError(b, box.Report(b.Context(), webhook.Report{RemoteID: "220000001", Time: time.Now()}))
	b.gateway.Inject(smslinktest.LoseReply())
	b.gateway.Inject(smslinktest.Reject("13", "sender not allowed"))
	stop := b.run(box, nil)
	b.await("order-499", outbox.Accepted)
	b.await("order-7", outbox.Expired)
	packages, err := box.Unresolved(b.Context())
	require.NoError(b, err)
	require.Len(b, packages, 2)
	_, err = box.UnresolvedMessages(b.Context(), packages[0].Package)
	require.NoError(b, err)
	for i, verdict := range []outbox.Verdict{outbox.VerdictSent, outbox.VerdictNotSent} {
		r := outbox.Resolution{Verdict: verdict, By: "a test", Reason: "it is so"}
		require.NoError(b, box.Resolve(b.Context(), packages[i].Package, r))
	}
	eventually(b, func() bool {
		stats, err := box.Stats(b.Context())
		return err == nil && stats.Lanes[outbox.Bulk].Queued+stats.Sending == 0
	})
	_, err = box.Stats(b.Context())
	require.NoError(b, err)
	_, err = box.Lookup(b.Context(), "order-1", "order-9", "old-17")
	require.NoError(b, err)
	_, err = box.OptOut(b.Context(), db, "0744000000")
	require.NoError(b, err)
	_, err = box.OptedOut(b.Context(), db, "0744000000")
	require.NoError(b, err)
	_, err = box.OptIn(b.Context(), db, "0744000000")
	require.NoError(b, err)
	persons, err := box.Person(b.Context(), "0700000011")
	require.NoError(b, err)
	require.NotEmpty(b, persons)
	_, err = box.ErasePerson(b.Context(), "0700000011", "a test", "it may")
	require.NoError(b, err)
	require.NoError(b, box.Pause(b.Context(), "a test", "it may"))
	require.NoError(b, box.Resume(b.Context(), "a test", "it may"))
	stop()
	year := (365 * 24 * time.Hour).Microseconds()
	for _, statement := range []string{ // what was done here was done long ago
		"UPDATE smslink_message SET ends = ends - %d WHERE package < 0 AND message_key LIKE 'order-%%'",
		"UPDATE smslink_package SET ended = ended - %d WHERE token NOT LIKE 'old-%%'",
	} {
		_, err = b.db.ExecContext(b.Context(), fmt.Sprintf(statement, year))
		require.NoError(b, err)
	}
	erasing, err := outbox.New(db, dialects[b.config.Dialect], nil)
	require.NoError(b, err)
	require.NoError(b, erasing.Erase(b.Context()))
	erasing, err = outbox.New(db, dialects[b.config.Dialect], &outbox.Options{ForgetAfter: 100 * 24 * time.Hour})
	require.NoError(b, err)
	require.NoError(b, erasing.Erase(b.Context()))
	var kept int
	b.scan("SELECT count(*) FROM smslink_message WHERE message_key LIKE 'old-%' AND body <> ''", &kept)
	require.Equal(b, plansRows-1, kept, "all but the person's")
	records, err := box.Lookup(b.Context(), "order-1", "order-7", "order-10")
	require.NoError(b, err)
	require.Empty(b, records, "not forgotten")
}

// statement is one that was run, with its last arguments.
type statement struct {
	text string
	args []any
}

// recorder keeps the statements that are run through its connections.
type recorder struct {
	mu   sync.Mutex
	seen map[string]statement
}

var numbers = regexp.MustCompile(`\d{2,}`)

func (r *recorder) add(text string, args []driver.NamedValue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]statement{}
	}
	s := statement{text: text}
	for _, arg := range args {
		s.args = append(s.args, arg.Value)
	}
	r.seen[numbers.ReplaceAllString(text, "#")] = s
}

// statements returns those that read or change tables.
func (r *recorder) statements() []statement {
	var all []statement
	for _, s := range r.seen {
		verb, _, _ := strings.Cut(strings.TrimSpace(s.text), " ")
		if slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}, verb) {
			all = append(all, s)
		}
	}
	return all
}

type recordingConnector struct {
	driver   driver.Driver
	dsn      string
	recorder *recorder
}

func (c *recordingConnector) Driver() driver.Driver { return c.driver }

func (c *recordingConnector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	return &recordingConn{Conn: conn, recorder: c.recorder}, err
}

// recordingConn passes all on to a connection of one of our three drivers.
type recordingConn struct {
	driver.Conn
	recorder *recorder
}

func (c *recordingConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
}

func (c *recordingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
}

func (c *recordingConn) ExecContext(
	ctx context.Context, query string, args []driver.NamedValue,
) (driver.Result, error) {
	c.recorder.add(query, args)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *recordingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.recorder.add(query, args)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *recordingConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// explainers run a statement, undo it, and return how many rows it read and how.
var explainers = map[string]func(t *testing.T, db *sql.DB, s statement) (read int, plan string){
	"postgres": explainPostgres,
	"mariadb":  explainMariaDB,
	"sqlite":   explainSQLite,
}

// literal returns an argument as SQL.
func literal(arg any) string {
	switch arg := arg.(type) {
	case nil:
		return "NULL"
	case int64:
		return fmt.Sprint(arg)
	default:
		return "'" + strings.ReplaceAll(fmt.Sprint(arg), "'", "''") + "'"
	}
}

// explainPostgres uses the plan that a prepared statement gets after some runs, which may know
// nothing of its arguments.
func explainPostgres(t *testing.T, db *sql.DB, s statement) (read int, plan string) {
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	exec := func(statement string) {
		_, err := conn.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	exec("PREPARE repeated AS " + s.text)
	defer exec("DEALLOCATE repeated")
	exec("BEGIN")
	defer exec("ROLLBACK")
	execute := "EXECUTE repeated"
	if len(s.args) > 0 {
		var args []string
		for _, arg := range s.args {
			args = append(args, literal(arg))
		}
		execute += "(" + strings.Join(args, ", ") + ")"
	}
	const runs = 6
	for range runs {
		exec("SAVEPOINT run")
		_, _ = conn.ExecContext(t.Context(), execute) // it may fail, of a row that is there already
		exec("ROLLBACK TO run")
	}
	err = conn.QueryRowContext(t.Context(), "EXPLAIN (ANALYZE, FORMAT JSON) "+execute).Scan(&plan)
	if err != nil && strings.Contains(err.Error(), "duplicate key") {
		return 0, "" // of a row that was inserted and is there still
	}
	require.NoError(t, err)
	type node struct {
		Relation string  `json:"Relation Name"`
		Rows     float64 `json:"Actual Rows"`
		Removed  float64 `json:"Rows Removed by Filter"`
		Recheck  float64 `json:"Rows Removed by Index Recheck"`
		Loops    float64 `json:"Actual Loops"`
		Plans    []json.RawMessage
	}
	var count func(raw json.RawMessage)
	count = func(raw json.RawMessage) {
		var n node
		require.NoError(t, json.Unmarshal(raw, &n))
		read = max(read, int((n.Rows+n.Removed+n.Recheck)*n.Loops))
		for _, p := range n.Plans {
			count(p)
		}
	}
	var explained []struct{ Plan json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(plan), &explained))
	count(explained[0].Plan)
	return read, plan
}

// explainMariaDB counts what the storage engine was asked for.
func explainMariaDB(t *testing.T, db *sql.DB, s statement) (read int, plan string) {
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(t.Context(), "FLUSH STATUS") // which would commit a transaction
	require.NoError(t, err)
	tx, err := conn.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	if strings.HasPrefix(s.text, "SELECT") {
		rows, err := tx.QueryContext(t.Context(), s.text, s.args...)
		require.NoError(t, err, s.text)
		for rows.Next() {
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	} else {
		_, err := tx.ExecContext(t.Context(), s.text, s.args...)
		if err != nil && strings.Contains(err.Error(), "Duplicate entry") {
			err = nil // of a row that was inserted and is there still
		}
		require.NoError(t, err, s.text)
	}
	rows, err := tx.QueryContext(t.Context(), `
		SHOW SESSION STATUS
		WHERE Variable_name IN (
			'Handler_read_first', 'Handler_read_key', 'Handler_read_last', 'Handler_read_next',
			'Handler_read_prev', 'Handler_read_rnd', 'Handler_read_rnd_next', 'Handler_icp_attempts'
		)`)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		var n int
		require.NoError(t, rows.Scan(&name, &n))
		read = max(read, n)
		plan += fmt.Sprintln(name, n)
	}
	require.NoError(t, rows.Err())
	return read, plan
}

// explainSQLite knows of scans only: what is searched is found by an index's first column.
func explainSQLite(t *testing.T, db *sql.DB, s statement) (read int, plan string) {
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+s.text, s.args...)
	require.NoError(t, err, s.text)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		plan += detail + "\n"
	}
	require.NoError(t, rows.Err())
	if scanned.MatchString(plan) {
		read = plansRows
	}
	return read, plan
}

// The tables' names and those that statements give them.
var scanned = regexp.MustCompile(`SCAN (smslink_message|smslink_package|smslink_result|smslink_report|smslink_optout|m|p|r|d|o|other|newest|seen)\b`)
