//go:build unix

package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
	"github.com/go-smslink/smslink/outbox/internal/step"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/go-smslink/smslink/webhook"
)

// Each role of docs/outbox.md works with exactly the rights that stand there, and not with one
// less.
func TestRights(t *testing.T) {
	roles := documentedRights(t)
	require.Len(t, roles, len(roleWork))
	eachServer(t, long, func(t *testing.T, config workerConfig, _ *servers.Server) {
		for role, rights := range roles {
			rights := slices.DeleteFunc(slices.Clone(rights), func(r right) bool {
				return r.onMySQL && config.Dialect != "mariadb"
			})
			t.Run(role, func(t *testing.T) {
				r := newRole(t, config, role)
				for _, right := range rights {
					r.change("GRANT", right)
				}
				require.NoError(t, r.work(), "with %v", rights)
				if role == "worker" {
					r.recordsLate()
				}
				for _, right := range rights {
					r.change("REVOKE", right)
					err := r.work()
					require.Error(t, err, "without %v", right)
					require.Contains(t, strings.ToLower(err.Error()), "denied", "without %v", right)
					r.change("GRANT", right)
				}
			})
		}
	})
}

// right is one on a table or a view.
type right struct {
	name, table string
	onMySQL     bool // is not needed on PostgreSQL
}

// documentedRights reads the table of docs/outbox.md.
func documentedRights(t *testing.T) map[string][]right {
	text, err := os.ReadFile(filepath.Join(repository, "docs", "outbox.md"))
	require.NoError(t, err)
	_, text2, found := strings.Cut(string(text), "\n## Rights\n")
	require.True(t, found)
	text2, _, _ = strings.Cut(text2, "\n## ")
	roles := map[string][]right{}
	var tables []string
	for line := range strings.Lines(text2) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 9 || strings.HasPrefix(cells[0], "---") {
			continue
		}
		if tables == nil {
			for _, cell := range cells {
				tables = append(tables, strings.Trim(cell, " `"))
			}
			continue
		}
		role := strings.TrimSpace(cells[0])
		for i, cell := range cells[2:] {
			for name := range strings.SplitSeq(cell, ",") {
				if name = strings.TrimSpace(name); name != "" {
					bare := strings.Trim(name, "()")
					roles[role] = append(roles[role], right{bare, tables[i+2], bare != name})
				}
			}
		}
	}
	return roles
}

// role is a login with some rights.
type role struct {
	*bench
	name  string
	login *sql.DB
	box   *outbox.Outbox
	logs  *failures
	keys  int
}

func newRole(t *testing.T, config workerConfig, name string) *role {
	b := newBench(t, config, nil)
	create, login := "CREATE ROLE "+name+" LOGIN", strings.Replace(config.DSN, "smslink@", name+"@", 1)
	if config.Dialect == "mariadb" {
		create, login = "CREATE USER "+name+"@127.0.0.1", strings.Replace(config.DSN, "root@", name+"@", 1)
	}
	_, err := b.db.ExecContext(t.Context(), create)
	require.NoError(t, err)
	db, err := sql.Open(config.Driver, login)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	r := &role{bench: b, name: name, login: db, logs: &failures{}}
	r.box, err = outbox.New(db, dialects[config.Dialect], &outbox.Options{
		Timeout: benchTimeout, EraseAfter: time.Hour, ForgetAfter: 2 * time.Hour,
		Logger: slog.New(slog.NewTextHandler(r.logs, nil)),
		Lanes:  map[string]outbox.Lane{outbox.Bulk: {Wait: -1, Poll: 10 * time.Millisecond}},
	})
	require.NoError(t, err)
	return r
}

// change grants or revokes a right.
func (r *role) change(verb string, of right) {
	to, table, who := map[string]string{"GRANT": "TO", "REVOKE": "FROM"}[verb], of.table, r.name
	if r.config.Dialect == "mariadb" {
		table, who = "outbox."+table, who+"@127.0.0.1"
	}
	statement := fmt.Sprintf("%s %s ON %s %s %s", verb, of.name, table, to, who)
	_, err := r.db.ExecContext(r.Context(), statement)
	require.NoError(r, err, statement)
}

// work does what the role is for.
func (r *role) work() error {
	require.NoError(r, r.bench.box.Resume(r.Context(), "a test", "the next one"))
	return roleWork[r.name](r)
}

var roleWork = map[string]func(r *role) error{
	"enqueuer": (*role).enqueues,
	"consent":  (*role).consents,
	"reporter": (*role).reports,
	"worker":   (*role).sends,
	"operator": (*role).operates,
}

// fresh returns a new key.
func (r *role) fresh() string {
	r.keys++
	return fmt.Sprintf("%s-%d", r.name, r.keys)
}

func (r *role) enqueues() error {
	key := r.fresh()
	n, err := r.box.Enqueue(r.Context(), r.login, outbox.Message{Key: key, To: "0712345678", Text: "Comanda"})
	if err != nil {
		return err
	}
	require.Equal(r, 1, n)
	if n, err = r.box.Cancel(r.Context(), r.login, key); err != nil {
		return err
	}
	require.Equal(r, 1, n)
	records, err := r.box.Lookup(r.Context(), key)
	if err == nil {
		require.Equal(r, outbox.Cancelled, records[0].State)
	}
	return err
}

func (r *role) consents() error {
	const number = "0712345678"
	if _, err := r.box.OptOut(r.Context(), r.login, number); err != nil {
		return err
	}
	if _, err := r.box.OptedOut(r.Context(), r.login, number); err != nil {
		return err
	}
	_, err := r.box.OptIn(r.Context(), r.login, number)
	return err
}

func (r *role) reports() error {
	return r.box.Report(r.Context(), webhook.Report{RemoteID: "220000001", Delivered: true, Time: time.Now()})
}

// sends sends a message, erases and forgets others, and writes back what the database has lost.
func (r *role) sends() error {
	r.logs.reset()
	r.gateway.Reset()
	for _, statement := range []string{
		"DELETE FROM smslink_package", "DELETE FROM smslink_result",
		"UPDATE smslink_meta SET value = '' WHERE name IN ('epoch', 'erased')",
	} {
		_, err := r.db.ExecContext(r.Context(), statement)
		require.NoError(r, err)
	}
	first, lost, later := r.fresh(), r.fresh(), r.fresh()
	r.enqueue(first, lost)
	ctx, cancel := context.WithCancel(r.Context())
	var runError error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runError = r.box.Run(ctx, r.gateway.Client())
	}()
	defer func() {
		cancel()
		<-ended
	}()
	failed := func() error {
		select {
		case <-ended:
			return errors.Join(errors.New("Run has ended"), runError)
		default:
			return r.logs.err()
		}
	}
	if err := r.until(failed, func() bool {
		return r.state(first) == outbox.Accepted && r.state(lost) == outbox.Accepted
	}); err != nil {
		return err
	}
	if err := r.box.Erase(r.Context()); err != nil { // each statement needs its right, whether or not it finds rows
		return err
	}
	_, err := r.db.ExecContext(r.Context(), "UPDATE smslink_package SET ended = ended - 20000000000")
	require.NoError(r, err)
	r.enqueue(later)
	if err := r.until(failed, func() bool { return r.state(later) == outbox.Accepted }); err != nil {
		return err
	}
	for range 2 { // erased, then forgotten
		if err := r.box.Erase(r.Context()); err != nil {
			return err
		}
	}
	_, err = r.db.ExecContext(r.Context(), "DELETE FROM smslink_package")
	require.NoError(r, err)
	if err := r.until(failed, func() bool {
		stats, err := r.bench.box.Stats(r.Context())
		require.NoError(r, err)
		return len(stats.WroteBack) == 1
	}); err != nil {
		return err
	}
	return nil
}

// recordsLate records that a package was accepted after a person has said that it was not sent.
func (r *role) recordsLate() {
	require.NoError(r, r.bench.box.Resume(r.Context(), "a test", "the next one"))
	r.logs.reset()
	key := r.fresh()
	r.enqueue(key)
	person := pauseAt(step.Uploaded)
	stop := r.run(r.box, person.reach)
	<-person.reached
	r.overdue()
	r.await(key, outbox.InDoubt)
	require.NoError(r, r.resolve(outbox.VerdictNotSent))
	close(person.proceed)
	r.await(key, outbox.Accepted)
	stop()
	require.NoError(r, r.logs.err())
	require.NoError(r, r.resolve(outbox.VerdictSent), "for the next time")
}

// until waits for a condition or a failure.
func (r *role) until(failed func() error, condition func() bool) error {
	for began := time.Now(); !condition(); time.Sleep(20 * time.Millisecond) {
		if err := failed(); err != nil {
			return err
		}
		if time.Since(began) > 3*time.Minute {
			return errors.New("nothing happens")
		}
	}
	return failed()
}

// operates resolves packages that other roles have left in doubt.
func (r *role) operates() error {
	for _, verdict := range []outbox.Verdict{0, outbox.VerdictSent, outbox.VerdictAbandon} {
		key := r.fresh()
		r.enqueue(key)
		r.gateway.Inject(smslinktest.LoseReply())
		stop := r.run(r.bench.box, nil)
		r.await(key, outbox.InDoubt)
		stop()
		packages, err := r.bench.box.Unresolved(r.Context())
		require.NoError(r, err)
		require.NotEmpty(r, packages)
		defer func() { // for the next time
			abandon := outbox.Resolution{Verdict: outbox.VerdictAbandon, By: "a test", Reason: "it may"}
			for _, p := range packages {
				_ = r.bench.box.Resolve(r.Context(), p.Package, abandon)
			}
		}()
		if _, err := r.box.Unresolved(r.Context()); err != nil {
			return err
		}
		messages, err := r.box.UnresolvedMessages(r.Context(), packages[0].Package)
		if err != nil {
			return err
		}
		require.Len(r, messages, 1)
		resolution := outbox.Resolution{Verdict: verdict, By: "a test", Reason: "it may"}
		if verdict == 0 {
			resolution.Results = []smslink.Result{{ID: messages[0].ID, Status: smslink.StatusSuccess}}
		}
		if err := r.box.Resolve(r.Context(), packages[0].Package, resolution); err != nil {
			return err
		}
	}
	if _, err := r.box.ErasePerson(r.Context(), "0799999999", "a test", "it may"); err != nil {
		return err
	}
	if _, err := r.box.Person(r.Context(), "0799999999"); err != nil {
		return err
	}
	if err := r.box.Pause(r.Context(), "a test", "it may"); err != nil {
		return err
	}
	if _, err := r.box.Stats(r.Context()); err != nil {
		return err
	}
	if _, err := r.box.Lookup(r.Context(), "operator-1"); err != nil {
		return err
	}
	return r.box.Resume(r.Context(), "a test", "it may")
}

// failures is a log that keeps what was denied.
type failures struct {
	mu    sync.Mutex
	lines []string
}

func (f *failures) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, string(line))
	return len(line), nil
}

func (f *failures) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = nil
}

func (f *failures) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.IndexFunc(f.lines, func(line string) bool { return strings.Contains(line, "denied") }); i >= 0 {
		return errors.New(f.lines[i])
	}
	return nil
}
