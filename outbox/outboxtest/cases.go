package outboxtest

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/go-smslink/smslink/webhook"
)

var cases = []struct {
	name   string
	verify func(k *kit)
}{
	{"a message is sent if its transaction is committed, and never if it is rolled back", committed},
	{"a key is enqueued once", keyedOnce},
	{"texts arrive byte for byte", textsArrive},
	{"many workers send each message once", manyWorkers},
	{"a package whose reply is lost is in doubt", replyLost},
	{"a message that the reply does not decide about is in doubt alone", entryMissing},
	{"the account's report resolves a part of a package", partResolved},
	{"what was not sent is queued again", notSent},
	{"a rejected account pauses all workers", accountRejected},
	{"a client that waits after a rejection sends once it may", clientThatWaits},
	{"a rejected package waits for a person", rejected},
	{"a message that expires is not sent", expires},
	{"an invalid message keeps no other from being sent", invalidAlone},
	{"a message waits for its NotBefore", notBefore},
	{"the row lock decides between Cancel and a claim", cancelled},
	{"without credit a message is queued again", withoutCredit},
	{"a delivery report may come first, and twice", reported},
	{"five packages in doubt in a row pause all workers", inDoubtInARow},
	{"a lane does not wait behind another", lanes},
	{"a package has no more messages than the lane's Limiter was asked for", limited},
	{"workers of a database that has lost commits halt and write back what they sent", commitsLost},
	{"a tracer traces each package, with the traces of those who enqueued it", traced},
	{"a number that has opted out gets no more messages", optedOut},
	{"nothing is claimed while a lane is closed", closed},
	{"numbers and texts are erased, and all of it is forgotten", erased},
}

func committed(k *kit) {
	for _, end := range []struct {
		key string
		of  func(*sql.Tx) error
	}{{"rolled-back", (*sql.Tx).Rollback}, {"committed", (*sql.Tx).Commit}} {
		tx, err := k.db.BeginTx(k.Context(), nil)
		require.NoError(k, err)
		n, err := k.box.Enqueue(k.Context(), tx, message(end.key))
		require.NoError(k, err)
		require.Equal(k, 1, n)
		require.NoError(k, end.of(tx))
	}
	k.start()
	r := k.await("committed", outbox.Accepted)
	require.Equal(k, smslink.StatusSuccess, r.Result.Status)
	require.Equal(k, k.gateway.Messages()[0].RemoteID, r.Result.RemoteID)
	quiet()
	require.Equal(k, 1, k.sent(message("committed")))
	require.Zero(k, k.sent(message("rolled-back")))
	require.Empty(k, k.record("rolled-back"))
}

func keyedOnce(k *kit) {
	first, other := message("order-1"), message("order-1")
	other.Text = "Alt text."
	k.enqueue(first)
	n, err := k.box.Enqueue(k.Context(), k.db, other, message("order-2"), message("order-2"))
	require.NoError(k, err)
	require.Equal(k, 1, n)
	k.start()
	k.await("order-1", outbox.Accepted)
	k.await("order-2", outbox.Accepted)
	require.Len(k, k.gateway.Messages(), 2)
	require.Equal(k, 1, k.sent(first))
	n, err = k.box.Enqueue(k.Context(), k.db, first)
	require.NoError(k, err)
	require.Zero(k, n)
}

func textsArrive(k *kit) {
	texts := []string{
		"Ștefan, ți-am trimis 3 € – „mulțumim”", "😀👩🏽‍🚀 𝄞",
		`'x' "y" \ \n \u0041 $1 ? %s %41 ; : ,`, "două\nrânduri", "{\"a\":[1,null]}",
		"\u00a0margini\u00a0", "ﷺ中文العربية\u2028\ufeff", strings.Repeat("Ăâîșț ", 3000),
	}
	for i, text := range texts {
		m := message(fmt.Sprintf("text-%d", i))
		m.Text, m.From = strings.TrimRight(text, " "), "SMSLink.ro"
		texts[i] = m.Text
		m.SendAt = time.Date(2030, 3, 31, 3, 30, i, 0, time.UTC)
		k.enqueue(m)
	}
	k.start()
	for i := range texts {
		k.await(fmt.Sprintf("text-%d", i), outbox.Accepted)
	}
	for _, taken := range k.gateway.Messages() {
		i := slices.Index(texts, taken.Text)
		require.GreaterOrEqual(k, i, 0, "altered: %q", taken.Text)
		require.Equal(k, "SMSLink.ro", taken.From)
		require.Equal(k, time.Date(2030, 3, 31, 3, 30, i, 0, time.UTC), taken.SendAt)
	}
}

func manyWorkers(k *kit) {
	const n, workers = 3000, 4
	k.enqueue(messages(n)...)
	for range workers {
		k.run(k.outbox(func(opts *outbox.Options) {
			opts.Lanes[outbox.Bulk] = outbox.Lane{Messages: 20, Wait: -1, Poll: time.Millisecond, Concurrency: 2}
		}), k.gateway.Client())
	}
	k.eventually(func() bool {
		stats, err := k.box.Stats(k.Context())
		require.NoError(k, err)
		return stats.Lanes[outbox.Bulk].Queued == 0 && stats.Sending == 0
	})
	numbers := map[string]int{}
	for _, m := range k.gateway.Messages() {
		numbers[m.To]++
	}
	sent, once := len(k.gateway.Messages()), len(numbers) // which print shorter
	require.Equal(k, n, once, "a message was not sent")
	require.Equal(k, n, sent, "a message was sent twice")
}

func replyLost(k *kit) {
	m := message("lost")
	k.gateway.Inject(smslinktest.LoseReply())
	k.enqueue(m)
	stop := k.start()
	k.await(m.Key, outbox.InDoubt)
	quiet()
	require.Equal(k, 1, k.sent(m))
	u := k.unresolved()
	require.Equal(k, outbox.InDoubt, u.State)
	require.Equal(k, 1, u.Messages)
	unsigned := outbox.Resolution{Verdict: outbox.VerdictSent}
	require.Error(k, k.box.Resolve(k.Context(), u.Package, unsigned))
	k.resolve(outbox.VerdictSent)
	require.Equal(k, outbox.Accepted, k.record(m.Key).State)
	require.Equal(k, smslink.StatusSuccess, k.record(m.Key).Result.Status)
	again := outbox.Resolution{Verdict: outbox.VerdictNotSent, By: "outboxtest", Reason: "again"}
	require.ErrorIs(k, k.box.Resolve(k.Context(), u.Package, again), outbox.ErrResolved)

	stop()
	second := message("lost-too")
	k.gateway.Inject(smslinktest.HangUp())
	k.enqueue(second)
	stop = k.start()
	k.await(second.Key, outbox.InDoubt)
	stop()
	u = k.unresolved()
	r := outbox.Resolution{Verdict: outbox.VerdictNotSent, By: "outboxtest", Reason: "a test"}
	err := k.box.Resolve(k.Context(), u.Package, r)
	require.ErrorIs(k, err, outbox.ErrTooSoon, "the upload may still be in the network's hands")
	require.ErrorContains(k, err, u.Worker)
	long := k.outbox(func(opts *outbox.Options) { opts.Timeout = time.Hour })
	require.EqualError(k, long.Resolve(k.Context(), u.Package, r), err.Error(), "the worker's Timeout does not count")
	k.exec("UPDATE smslink_package SET began = began - 3600000000, deadline = deadline - 3600000000")
	require.NoError(k, long.Resolve(k.Context(), u.Package, r), "an hour later")
	k.start()
	k.await(second.Key, outbox.Accepted)
	require.Equal(k, 1, k.sent(second))
}

func entryMissing(k *kit) {
	k.start()
	for _, c := range []struct {
		verdict outbox.Verdict
		want    outbox.State
		sent    int
	}{
		{outbox.VerdictSent, outbox.Accepted, 1},
		{outbox.VerdictNotSent, outbox.Accepted, 2},
		{outbox.VerdictAbandon, outbox.Abandoned, 1},
	} {
		missing, other := message(fmt.Sprintf("missing-%d", c.verdict)), message(fmt.Sprintf("other-%d", c.verdict))
		require.NoError(k, k.box.Pause(k.Context(), "outboxtest", "until the fault is there"))
		k.enqueue(missing, other)
		k.gateway.Inject(smslinktest.OmitEntries(k.record(missing.Key).Result.ID))
		k.resume()
		k.await(other.Key, outbox.Accepted)
		k.await(missing.Key, outbox.InDoubt)
		u := k.unresolved()
		require.Equal(k, outbox.InDoubt, u.State)
		require.Equal(k, 1, u.Messages)
		k.resolve(c.verdict)
		k.await(missing.Key, c.want)
		require.Equal(k, c.sent, k.sent(missing))
		require.Equal(k, 1, k.sent(other))
		require.Equal(k, outbox.Accepted, k.record(other.Key).State)
	}
}

func partResolved(k *kit) {
	for range 4 {
		k.gateway.Inject(smslinktest.LoseReply())
	}
	k.enqueue(messages(12)...) // a database may give them to more than one package
	stop := k.start()
	for _, m := range messages(12) {
		k.await(m.Key, outbox.InDoubt)
	}
	stop()
	packages, err := k.box.Unresolved(k.Context())
	require.NoError(k, err)
	u := slices.MaxFunc(packages, func(a, b outbox.Unresolved) int { return a.Messages - b.Messages })
	found, err := k.box.UnresolvedMessages(k.Context(), u.Package)
	require.NoError(k, err)
	require.Len(k, found, u.Messages)
	require.Contains(k, found[0].Text, "Comanda order-")
	by := outbox.Resolution{By: "outboxtest", Reason: "the account's report"}
	by.Results = []smslink.Result{{ID: found[0].ID, Status: smslink.StatusUnreported}}
	require.ErrorContains(k, k.box.Resolve(k.Context(), u.Package, by), "does not say")
	by.Results = []smslink.Result{{ID: found[0].ID + 1000, Status: smslink.StatusSuccess}}
	require.ErrorContains(k, k.box.Resolve(k.Context(), u.Package, by), "not in doubt in this package")
	by.Results = []smslink.Result{
		{ID: found[0].ID, Status: smslink.StatusSuccess, RemoteID: "220000001"},
		{ID: found[1].ID, Status: smslink.StatusNumberFailed},
	}
	require.NoError(k, k.box.Resolve(k.Context(), u.Package, by))
	left, err := k.box.UnresolvedMessages(k.Context(), u.Package)
	require.NoError(k, err)
	require.Len(k, left, len(found)-2)
	require.Error(k, k.box.Resolve(k.Context(), u.Package, by), "said twice")
	by.Results, by.Verdict = nil, outbox.VerdictNotSent
	require.ErrorIs(k, k.box.Resolve(k.Context(), u.Package, by), outbox.ErrTooSoon, "the gateway has not answered")
	by.Results, by.Verdict = nil, outbox.VerdictAbandon
	require.NoError(k, k.box.Resolve(k.Context(), u.Package, by))
	states := map[int64]outbox.Record{}
	for _, m := range messages(12) {
		r := k.record(m.Key)
		states[r.Result.ID] = r
	}
	require.Equal(k, outbox.Accepted, states[found[0].ID].State)
	require.Equal(k, "220000001", states[found[0].ID].Result.RemoteID)
	require.Equal(k, outbox.Failed, states[found[1].ID].State)
	require.Equal(k, outbox.Abandoned, states[found[2].ID].State)
}

func notSent(k *kit) {
	m := message("order-1")
	k.enqueue(m)
	closed, err := smslink.NewClient(k.gateway.ConnectionID, k.gateway.Password,
		&smslink.Options{Endpoint: "http://127.0.0.1:1/bulk-v3.php"})
	require.NoError(k, err)
	stop := k.run(k.box, closed)
	k.eventually(func() bool { return k.record(m.Key).Attempts >= 2 })
	stop()
	require.Equal(k, outbox.Queued, k.record(m.Key).State)
	k.start()
	k.await(m.Key, outbox.Accepted)
	require.Equal(k, 1, k.sent(m))
}

func accountRejected(k *kit) {
	const workers = 4
	k.enqueue(messages(500)...)
	wrong, err := smslink.NewClient(k.gateway.ConnectionID, "wrong", &smslink.Options{Endpoint: k.gateway.URL})
	require.NoError(k, err)
	var stops []func()
	for range workers {
		stops = append(stops, k.run(k.box, wrong))
	}
	require.Contains(k, k.awaitPaused(), "wrong password")
	quiet()
	require.LessOrEqual(k, len(k.gateway.Uploads()), workers)
	for _, stop := range stops {
		stop()
	}
	stats, err := k.box.Stats(k.Context())
	require.NoError(k, err)
	require.Equal(k, 500, stats.Lanes[outbox.Bulk].Queued)
	k.gateway.Reset()
	k.start()
	quiet()
	require.Empty(k, k.gateway.Messages(), "sent while paused")
	k.resume()
	k.await("order-00499", outbox.Accepted)
}

// clientThatWaits has an outbox resumed at once, while its worker's client still sends nothing.
func clientThatWaits(k *kit) {
	client, err := smslink.NewClient(k.gateway.ConnectionID, k.gateway.Password,
		&smslink.Options{Endpoint: k.gateway.URL, Cooldown: 2 * time.Second})
	require.NoError(k, err)
	k.gateway.Inject(smslinktest.Reject("3", "user suspended"))
	m := message("order-1")
	k.enqueue(m)
	k.run(k.box, client)
	require.Contains(k, k.awaitPaused(), "the user is suspended")
	k.resume()
	k.await(m.Key, outbox.Accepted)
	require.Len(k, k.gateway.Uploads(), 2)
	stats, err := k.box.Stats(k.Context())
	require.NoError(k, err)
	require.Empty(k, stats.Paused)
}

func rejected(k *kit) {
	k.gateway.Inject(smslinktest.Reject("13", "sender not allowed"))
	k.enqueue(message("order-1"))
	k.start()
	k.await("order-1", outbox.Rejected)
	k.enqueue(message("order-2"))
	k.await("order-2", outbox.Accepted)
	u := k.unresolved()
	require.Equal(k, outbox.Rejected, u.State)
	require.Contains(k, u.Why, "sender not allowed")
	k.resolve(outbox.VerdictAbandon)
	require.Equal(k, outbox.Abandoned, k.record("order-1").State)
}

func expires(k *kit) {
	m := message("code")
	m.Expires = 20 * time.Millisecond
	k.enqueue(m, message("order-1"))
	time.Sleep(50 * time.Millisecond)
	k.start()
	k.await("order-1", outbox.Accepted)
	k.await("code", outbox.Expired)
	require.Zero(k, k.sent(m))
}

func invalidAlone(k *kit) {
	k.enqueue(messages(3)...)
	k.exec("UPDATE smslink_message SET body = 'un%0Atext' WHERE message_key = 'order-00001'")
	k.start()
	k.await("order-00000", outbox.Accepted)
	k.await("order-00002", outbox.Accepted)
	require.Contains(k, k.await("order-00001", outbox.Invalid).Note, "Text")
	require.Len(k, k.gateway.Messages(), 2)
}

func notBefore(k *kit) {
	m := message("later")
	m.NotBefore = time.Now().Add(time.Hour)
	k.enqueue(m)
	k.start()
	quiet()
	require.Equal(k, outbox.Queued, k.record("later").State)
	k.exec("UPDATE smslink_message SET due = due - 3600000000")
	k.await("later", outbox.Accepted)
}

func cancelled(k *kit) {
	for _, end := range []struct {
		key  string
		of   func(*sql.Tx) error
		want outbox.State
	}{{"kept", (*sql.Tx).Rollback, outbox.Accepted}, {"cancelled", (*sql.Tx).Commit, outbox.Cancelled}} {
		k.enqueue(message(end.key))
		tx, err := k.db.BeginTx(k.Context(), nil)
		require.NoError(k, err)
		n, err := k.box.Cancel(k.Context(), tx, end.key, "not-there")
		require.NoError(k, err)
		require.Equal(k, 1, n)
		stop := k.start()
		quiet()
		require.Zero(k, k.sent(message(end.key)), "sent while the transaction of Cancel was open")
		require.NoError(k, end.of(tx))
		k.await(end.key, end.want)
		quiet()
		stop()
	}
	require.Equal(k, 1, k.sent(message("kept")))
	require.Zero(k, k.sent(message("cancelled")))
	n, err := k.box.Cancel(k.Context(), k.db, "kept", "cancelled")
	require.NoError(k, err)
	require.Zero(k, n, "a message that was sent or cancelled before was cancelled")
}

func withoutCredit(k *kit) {
	k.gateway.SetCredit(3)
	short := messages(5)
	for i := range short {
		short[i].Text = fmt.Sprintf("Cod %d", i)
	}
	k.enqueue(short...)
	k.start()
	require.Contains(k, k.awaitPaused(), "insufficient credit")
	stats, err := k.box.Stats(k.Context())
	require.NoError(k, err)
	require.Equal(k, 2, stats.Lanes[outbox.Bulk].Queued)
	k.gateway.SetCredit(smslinktest.Unlimited)
	k.resume()
	for _, m := range short {
		k.await(m.Key, outbox.Accepted)
		require.Equal(k, smslink.StatusSuccess, k.record(m.Key).Result.Status)
	}
}

func reported(k *kit) {
	// The gateway's first remote id.
	first := webhook.Report{RemoteID: "220000001", Time: time.Unix(1_900_000_000, 0).UTC()}
	later := webhook.Report{RemoteID: "220000001", Delivered: true, Time: time.Unix(1_900_000_060, 0).UTC()}
	for _, report := range []webhook.Report{later, first, later} {
		require.NoError(k, k.box.Report(k.Context(), report))
	}
	k.enqueue(message("order-1"))
	k.start()
	r := k.await("order-1", outbox.Accepted)
	require.Equal(k, &later, r.Report)
}

func inDoubtInARow(k *kit) {
	for range 5 {
		k.gateway.Inject(smslinktest.HangUp())
	}
	k.enqueue(messages(20)...)
	k.run(k.outbox(func(opts *outbox.Options) {
		opts.Lanes[outbox.Bulk] = outbox.Lane{Messages: 1, Wait: -1, Poll: time.Millisecond}
	}), k.gateway.Client())
	require.Contains(k, k.awaitPaused(), "5 packages in a row")
	quiet()
	stats, err := k.box.Stats(k.Context())
	require.NoError(k, err)
	require.Equal(k, 5, stats.InDoubt)
	require.Equal(k, 15, stats.Lanes[outbox.Bulk].Queued)
}
