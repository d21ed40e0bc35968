//go:build unix

package integration

import (
	"context"
	"log/slog"
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
)

// lines keeps what is logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newLoggedBench returns a bench whose outbox logs, and its log.
func newLoggedBench(t *testing.T, config workerConfig) (*bench, *lines) {
	b, log := newBench(t, config, nil), new(lines)
	box, err := outbox.New(b.db, dialects[config.Dialect], &outbox.Options{
		Timeout: benchTimeout, Logger: slog.New(slog.NewTextHandler(log, nil)),
		Lanes: map[string]outbox.Lane{outbox.Bulk: {Wait: -1, Poll: 10 * time.Millisecond}},
	})
	require.NoError(t, err)
	b.box = box
	return b, log
}

// A package that was rejected for its own sake waits for a person. That of an account that was
// rejected is queued again.
func TestRun_logsARejection(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		want                outbox.State
		logged, isNotLogged string
	}{
		"13": {outbox.Rejected, `level=ERROR msg="outbox: a package was rejected" package=`, "outbox: paused"},
		"7":  {outbox.Queued, `level=ERROR msg="outbox: paused"`, "outbox: a package was rejected"},
	} {
		t.Run(code, func(t *testing.T) {
			b, log := newLoggedBench(t, sqliteIn(t.TempDir()))
			b.gateway.Inject(smslinktest.Reject(code, "not allowed"))
			b.enqueue("order-1")
			stop := b.run(b.box, nil)
			eventually(t, func() bool {
				records, err := b.box.Lookup(t.Context(), "order-1")
				return err == nil && records[0].State == c.want && len(b.gateway.Uploads()) == 1
			})
			stop()
			require.Contains(t, log.String(), c.logged)
			require.NotContains(t, log.String(), c.isNotLogged)
		})
	}
}

// A person gives a verdict, and then the worker records how the upload ended.
func TestResolve_lateResults(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		for name, c := range map[string]struct {
			waitsAt      string // the step at which the worker waits for the verdict
			verdict      outbox.Verdict
			contradicted string
			want         outbox.State
			sent         int
		}{
			"sent, and accepted":     {step.Uploaded, outbox.VerdictSent, "", outbox.Accepted, 1},
			"not sent, but accepted": {step.Uploaded, outbox.VerdictNotSent, "said not sent", outbox.Accepted, 1},
			"abandon, and accepted":  {step.Uploaded, outbox.VerdictAbandon, "", outbox.Accepted, 1},
			"sent, but not sent":     {step.Claimed, outbox.VerdictSent, "said sent", outbox.Accepted, 0},
			"not sent, and not sent": {step.Claimed, outbox.VerdictNotSent, "", outbox.Accepted, 1},
			"abandon, and not sent":  {step.Claimed, outbox.VerdictAbandon, "", outbox.Abandoned, 0},
		} {
			t.Run(name, func(t *testing.T) {
				b, log := newLoggedBench(t, config)
				b.enqueue("order-1")
				b.refused.Store(c.waitsAt == step.Claimed)
				person := pauseAt(c.waitsAt)
				stop := b.run(b.box, func(at string) {
					person.reach(at)
					if at == step.Recorded {
						b.refused.Store(false)
					}
				})
				<-person.reached
				b.overdue()
				b.await("order-1", outbox.InDoubt)
				require.NoError(t, b.resolve(c.verdict))
				close(person.proceed)
				b.await("order-1", c.want)
				b.stays("order-1", c.want)
				require.Len(t, b.gateway.Messages(), c.sent)
				stop()

				var late string
				b.scan("SELECT late FROM smslink_package WHERE verdict IS NOT NULL", &late)
				require.NotEmpty(t, late)
				packages, err := b.box.Unresolved(t.Context())
				require.NoError(t, err)
				if c.contradicted == "" {
					require.Empty(t, packages)
					require.NotContains(t, log.String(), "a verdict was wrong")
				} else {
					require.Len(t, packages, 1)
					require.Contains(t, packages[0].Why, c.contradicted)
					require.Contains(t, log.String(), `level=ERROR msg="outbox: a verdict was wrong"`)
				}
				if c.waitsAt == step.Uploaded {
					records, err := b.box.Lookup(t.Context(), "order-1")
					require.NoError(t, err)
					require.Equal(t, b.gateway.Messages()[0].RemoteID, records[0].Result.RemoteID)
				}
				if c.contradicted != "" { // what was recorded as sent is not queued again
					require.ErrorContains(t, b.resolve(outbox.VerdictNotSent), "not queued again")
					require.NoError(t, b.resolve(outbox.VerdictAbandon))
					require.Equal(t, outbox.Accepted, b.state("order-1"))
				}
			})
		}
	})
}

// A person gives the result of a package's first message, or of both its messages, and then the
// worker records how the upload ended.
func TestResolve_lateResultsAfterOthers(t *testing.T) {
	one, both := []smslink.Status{smslink.StatusSuccess}, []smslink.Status{smslink.StatusSuccess, smslink.StatusSuccess}
	failed := []smslink.Status{smslink.StatusNumberFailed, smslink.StatusNumberFailed}
	const claimed, uploaded = step.Claimed, step.Uploaded
	const accepted, inDoubt = outbox.Accepted, outbox.InDoubt
	none := func(*bench, int64) {}
	loseReply := func(b *bench, _ int64) { b.gateway.Inject(smslinktest.LoseReply()) }
	omitFirst := func(b *bench, first int64) { b.gateway.Inject(smslinktest.OmitEntries(first)) }
	omitSecond := func(b *bench, first int64) { b.gateway.Inject(smslinktest.OmitEntries(first + 1)) }
	noCredit := func(b *bench, _ int64) { b.gateway.SetCredit(0) }
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		for name, c := range map[string]struct {
			waitsAt       string // the step at which the worker waits for the person
			said          []smslink.Status
			fault         func(b *bench, first int64)
			contradicted  string
			first, second outbox.State
			waits         int // messages, for a person
		}{
			"one sent, and accepted":    {uploaded, one, none, "", accepted, accepted, 0},
			"one failed, but accepted":  {uploaded, failed[:1], none, "number failed", accepted, accepted, 0},
			"one sent, but not sent":    {claimed, one, none, "said sent", accepted, inDoubt, 1},
			"both sent, and accepted":   {uploaded, both, none, "", accepted, accepted, 0},
			"both sent, but not sent":   {claimed, both, none, "said sent", accepted, accepted, 0},
			"both failed, but accepted": {uploaded, failed, none, "number failed", accepted, accepted, 0},
			"one sent, no reply":        {uploaded, one, loseReply, "", accepted, inDoubt, 1},
			"one sent, no entry":        {uploaded, one, omitFirst, "", accepted, accepted, 0},
			"one sent, no other entry":  {uploaded, one, omitSecond, "", accepted, inDoubt, 1},
			"one sent, no credit":       {uploaded, one, noCredit, "insufficient credit", accepted, outbox.Queued, 0},
		} {
			t.Run(name, func(t *testing.T) {
				b, log := newLoggedBench(t, config)
				_, err := b.box.Enqueue(t.Context(), b.db,
					outbox.Message{Key: "order-1", To: "0712345678", Text: "Comanda 1"},
					outbox.Message{Key: "order-2", To: "0712345678", Text: "Comanda 2"})
				require.NoError(t, err)
				records, err := b.box.Lookup(t.Context(), "order-1")
				require.NoError(t, err)
				first := records[0].Result.ID
				c.fault(b, first)
				b.refused.Store(c.waitsAt == step.Claimed)
				person, recorded := pauseAt(c.waitsAt), make(chan struct{})
				var end sync.Once
				stop := b.run(b.box, func(at string) {
					person.reach(at)
					if at == step.Recorded {
						end.Do(func() { close(recorded) })
					}
				})
				<-person.reached
				b.overdue()
				b.await("order-1", outbox.InDoubt)
				b.await("order-2", outbox.InDoubt)
				packages, err := b.box.Unresolved(t.Context())
				require.NoError(t, err)
				require.Len(t, packages, 1)
				r := outbox.Resolution{By: "a test", Reason: "the account's report"}
				for i, status := range c.said {
					r.Results = append(r.Results, smslink.Result{ID: first + int64(i), Status: status, RemoteID: "99"})
				}
				require.NoError(t, b.box.Resolve(t.Context(), packages[0].Package, r))
				close(person.proceed)
				<-recorded
				b.stays("order-1", c.first)
				b.stays("order-2", c.second)
				stop()

				packages, err = b.box.Unresolved(t.Context())
				require.NoError(t, err)
				if c.contradicted == "" {
					require.NotContains(t, log.String(), "a verdict was wrong")
				} else {
					require.Contains(t, packages[0].Why, c.contradicted)
					require.Contains(t, log.String(), `level=ERROR msg="outbox: a verdict was wrong"`)
				}
				if c.contradicted == "" && c.waits == 0 {
					require.Empty(t, packages)
					return
				}
				require.Len(t, packages, 1)
				require.Equal(t, c.waits, packages[0].Messages)
				waiting, err := b.box.UnresolvedMessages(t.Context(), packages[0].Package)
				if c.waits > 0 {
					require.NoError(t, err)
				}
				require.Len(t, waiting, c.waits)
			})
		}
	})
}

// A person wrongly says "not sent", and the message is claimed again. Then the first worker records
// that it was accepted. However the second upload ends, the message is not queued a third time.
func TestResolve_whatWasAcceptedIsNotQueuedAgain(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		for name, second := range map[string]func(b *bench){
			"not sent":  func(b *bench) { b.refused.Store(true) },
			"rejected":  func(b *bench) { b.gateway.Inject(smslinktest.Reject("13", "sender not allowed")) },
			"no credit": func(b *bench) { b.gateway.SetCredit(0) },
		} {
			t.Run(name, func(t *testing.T) {
				b := newBench(t, config, nil)
				run := func(p *pause) (stop func()) {
					box, err := outbox.New(b.db, dialects[config.Dialect], &outbox.Options{
						Lanes: map[string]outbox.Lane{outbox.Bulk: {Wait: -1, Poll: 10 * time.Millisecond}},
					})
					require.NoError(t, err)
					stop = b.run(box, p.reach)
					<-p.reached
					return stop
				}
				b.enqueue("order-1")
				first, other := pauseAt(step.Uploaded), pauseAt(step.Claimed)
				stopFirst := run(first)
				b.overdue()
				b.await("order-1", outbox.InDoubt)
				require.NoError(t, b.resolve(outbox.VerdictNotSent))
				stopOther := run(other)
				close(first.proceed)
				eventually(t, func() bool {
					packages, err := b.box.Unresolved(t.Context())
					return err == nil && len(packages) == 1
				}, "the contradiction is not recorded")
				stopFirst()
				second(b)
				close(other.proceed)
				if name == "rejected" {
					b.await("order-1", outbox.Rejected)
					packages, err := b.box.Unresolved(t.Context())
					require.NoError(t, err)
					require.Len(t, packages, 2)
					r := outbox.Resolution{Verdict: outbox.VerdictNotSent, By: "a test", Reason: "it was rejected"}
					require.NoError(t, b.box.Resolve(t.Context(), packages[1].Package, r))
				}
				b.await("order-1", outbox.Accepted)
				b.stays("order-1", outbox.Accepted)
				stopOther()
				require.Equal(t, smslink.StatusSuccess, b.gateway.Messages()[0].Status)
				for _, m := range b.gateway.Messages()[1:] {
					require.NotEqual(t, smslink.StatusSuccess, m.Status, "sent twice")
				}
			})
		}
	})
}

// A transaction that holds one package hides no other, and nothing waits for it for long.
func TestRun_aStuckTransactionHidesNoDoubt(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, server *servers.Server) {
		if server == nil {
			t.Skip("SQLite has one lock, for the whole database")
		}
		b := newBench(t, config, nil)
		b.config.DieAt, b.config.Signal = step.Uploaded, 9
		for _, key := range []string{"stuck", "order-1"} {
			b.enqueue(key)
			_ = spawned(t, b.config).Wait()
		}
		b.overdue()
		tx, err := b.db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer func() { _ = tx.Rollback() }()
		_, err = tx.ExecContext(t.Context(), `
			UPDATE smslink_package
			SET note = 'stuck'
			WHERE id = (SELECT package FROM smslink_message WHERE message_key = 'stuck')`)
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), "UPDATE smslink_meta SET value = value WHERE name = 'paused'")
		require.NoError(t, err)

		b.run(b.box, nil)
		b.await("order-1", outbox.InDoubt)
		require.NoError(t, b.resolve(outbox.VerdictSent))
		eventually(t, func() bool {
			stats, err := b.box.Stats(t.Context())
			return err == nil && stats.Sending == 1 && stats.Overdue > time.Second
		}, "what is stuck shows in no figure")
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		require.ErrorContains(t, b.box.Pause(ctx, "a test", "a test"), "locked by another transaction")
		require.ErrorContains(t, b.box.Resume(ctx, "a test", "a test"), "locked by another transaction")
		require.NoError(t, tx.Rollback())
		b.await("stuck", outbox.InDoubt)
		require.NoError(t, b.box.Pause(t.Context(), "a test", "a test"))
		require.NoError(t, b.box.Resume(t.Context(), "a test", "a test"))
	})
}

// A report may mean each message to the same number with the same text that was sent, may have been
// or failed, except those that the report is searched for.
func TestUnresolvedMessages_same(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b, _ := newLoggedBench(t, config)
		send := func(want outbox.State, messages ...outbox.Message) {
			_, err := b.box.Enqueue(t.Context(), b.db, messages...)
			require.NoError(t, err)
			stop := b.run(b.box, nil)
			for _, m := range messages {
				b.await(m.Key, want)
			}
			stop()
		}
		inDoubt := func(messages ...outbox.Message) []outbox.UnresolvedMessage {
			b.gateway.Inject(smslinktest.LoseReply())
			send(outbox.InDoubt, messages...)
			packages, err := b.box.Unresolved(t.Context())
			require.NoError(t, err)
			waiting, err := b.box.UnresolvedMessages(t.Context(), packages[len(packages)-1].Package)
			require.NoError(t, err)
			require.Len(t, waiting, len(messages))
			return waiting
		}
		resolve := func(r outbox.Resolution) {
			packages, err := b.box.Unresolved(t.Context())
			require.NoError(t, err)
			require.Len(t, packages, 1)
			r.By, r.Reason = "a test", "it is so"
			require.NoError(t, b.box.Resolve(t.Context(), packages[0].Package, r))
		}
		const national, international = "0712345678", "+40712345678"
		message := func(key, to, text string) outbox.Message { return outbox.Message{Key: key, To: to, Text: text} }
		send(outbox.Accepted, message("accepted", national, "Bună ziua."),
			message("other-number", "0712345679", "Bună ziua."), message("other-text", national, "Bună seara."))
		failed := inDoubt(message("failed", national, "Bună ziua."))
		require.Equal(t, 1, failed[0].Same, "the one that was accepted")
		resolve(outbox.Resolution{Results: []smslink.Result{{ID: failed[0].ID, Status: smslink.StatusNumberFailed}}})
		abandoned := inDoubt(message("abandoned", international, "Buna ziua."))
		require.Equal(t, 2, abandoned[0].Same, "the report may list the one that failed")
		resolve(outbox.Resolution{Verdict: outbox.VerdictAbandon})
		b.gateway.Inject(smslinktest.Reject("13", "sender not allowed"))
		send(outbox.Rejected, message("rejected", national, "Bună ziua."))
		queued := message("queued", national, "Bună ziua.")
		queued.NotBefore = time.Now().Add(time.Hour)
		_, err := b.box.Enqueue(t.Context(), b.db, queued)
		require.NoError(t, err)

		first, second := message("first", national, "Bună ziua."), message("second", international, "Buna ziua.")
		for _, m := range inDoubt(first, second) {
			require.Equal(t, 3, m.Same, "the ones that were accepted, failed and abandoned")
		}
		third := inDoubt(message("third", national, "\tBună\t ziua.\r\n\u00ad")) // to be folded before it is trimmed
		require.Equal(t, 5, third[0].Same)
		_, err = b.db.ExecContext(t.Context(), "UPDATE smslink_message SET receiver = '?' WHERE message_key = 'third'")
		require.NoError(t, err)
		packages, err := b.box.Unresolved(t.Context())
		require.NoError(t, err)
		waiting, err := b.box.UnresolvedMessages(t.Context(), packages[len(packages)-1].Package)
		require.NoError(t, err)
		require.Zero(t, waiting[0].Same, "no number at all")
	})
}

// A person wrongly says that a package was not sent, and its message is claimed again. Then the
// first worker records that the gateway accepted the package, with a reply that lacks the message.
// The second package is not sent.
func TestResolve_whatIsInDoubtElsewhereIsNotQueuedAgain(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		b.enqueue("order-1")
		var id int64
		b.scan("SELECT id FROM smslink_message", &id)
		b.gateway.Inject(smslinktest.OmitEntries(id))
		first, second := pauseAt(step.Uploaded), pauseAt(step.Claimed)
		b.run(b.another(), first.reach)
		<-first.reached
		b.overdue()
		b.await("order-1", outbox.InDoubt)
		require.NoError(t, b.resolve(outbox.VerdictNotSent))
		b.run(b.another(), second.reach)
		<-second.reached
		close(first.proceed)
		eventually(t, func() bool {
			packages, err := b.box.Unresolved(t.Context())
			return err == nil && len(packages) == 1
		}, "the first worker's result does not contradict the verdict")
		b.refused.Store(true)
		close(second.proceed)
		b.await("order-1", outbox.InDoubt)
		b.refused.Store(false)
		b.enqueue("order-2")
		b.await("order-2", outbox.Accepted)
		require.Equal(t, outbox.InDoubt, b.state("order-1"))
		require.Len(t, b.gateway.Messages(), 2, "sent again while it was in doubt")
	})
}
