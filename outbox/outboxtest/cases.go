package outboxtest

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/delivery"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinktest"
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
	{"what was not sent is queued again", notSent},
	{"a refused account pauses all workers", accountRefused},
	{"a rejected package is held", rejected},
	{"a message that expires is not sent", expires},
	{"a message that its package refuses keeps no other from being sent", refusedAlone},
	{"a message waits for its NotBefore", notBefore},
	{"the row lock decides between Cancel and a claim", cancelled},
	{"without credit a message is queued again", withoutCredit},
	{"a delivery report may come first, and twice", reported},
	{"five packages in a row that are unknown pause all workers", unknownInARow},
	{"a lane does not wait behind another", lanes},
	{"workers of a database that has lost commits halt and write back what they sent", commitsLost},
	{"a tracer is told of each package, with the words of those who enqueued it", traced},
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
	r := k.await("committed", outbox.Settled)
	require.Equal(k, smslink.StatusSuccess, r.Result.Status)
	require.Equal(k, k.gateway.Messages()[0].RemoteID, r.Result.RemoteID)
	settle()
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
	k.await("order-1", outbox.Settled)
	k.await("order-2", outbox.Settled)
	require.Len(k, k.gateway.Messages(), 2)
	require.Equal(k, 1, k.sent(first))
	n, err = k.box.Enqueue(k.Context(), k.db, first)
	require.NoError(k, err)
	require.Zero(k, n)
}

func textsArrive(k *kit) {
	texts := []string{
		"Ștefan, ți-am trimis 3 € – „mulțumim”", "😀👩🏽‍🚀 𝄞", `'x' "y" \ \n \u0041 $1 ? %s %41 ; : ,`, "două\nrânduri", "{\"a\":[1,null]}",
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
		k.await(fmt.Sprintf("text-%d", i), outbox.Settled)
	}
	for i, taken := range k.gateway.Messages() {
		require.Contains(k, texts, taken.Text, "message %d", i)
		require.Equal(k, "SMSLink.ro", taken.From)
		require.Equal(k, 2030, taken.SendAt.Year())
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
	require.Eventually(k, func() bool {
		stats, err := k.box.Stats(k.Context())
		require.NoError(k, err)
		return stats.Lanes[outbox.Bulk].Queued == 0 && stats.Sending == 0
	}, time.Minute, 50*time.Millisecond)
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
	k.start()
	k.await(m.Key, outbox.InDoubt)
	settle()
	require.Equal(k, 1, k.sent(m))
	d := k.doubt()
	require.Equal(k, outbox.InDoubt, d.State)
	require.Equal(k, 1, d.Messages)
	require.Zero(k, d.Strays)
	require.NoError(k, k.box.Report(k.Context(), delivery.Report{RemoteID: k.gateway.Messages()[0].RemoteID, Delivered: true, Time: time.Now()}))
	d = k.doubt()
	require.Equal(k, 1, d.Strays)
	require.Error(k, k.box.Resolve(k.Context(), d.Package, outbox.WasSent, "", ""))
	require.NoError(k, k.box.Resolve(k.Context(), d.Package, outbox.WasSent, "outboxtest", "a delivery report came"))
	require.Equal(k, outbox.Settled, k.record(m.Key).State)
	require.Equal(k, smslink.StatusUnreported, k.record(m.Key).Result.Status)
	require.ErrorIs(k, k.box.Resolve(k.Context(), d.Package, outbox.NotSent, "outboxtest", "again"), outbox.ErrNoDoubt)

	again := message("lost-too")
	k.gateway.Inject(smslinktest.HangUp())
	k.enqueue(again)
	k.await(again.Key, outbox.InDoubt)
	require.NoError(k, k.box.Resolve(k.Context(), k.doubt().Package, outbox.NotSent, "outboxtest", "the gateway's list lacks it"))
	k.await(again.Key, outbox.Settled)
	require.Equal(k, 1, k.sent(again))
}

func notSent(k *kit) {
	m := message("order-1")
	k.enqueue(m)
	closed, err := smslink.NewClient(k.gateway.ConnectionID, k.gateway.Password, &smslink.Options{Endpoint: "http://127.0.0.1:1/bulk-v3.php"})
	require.NoError(k, err)
	stop := k.run(k.box, closed)
	require.Eventually(k, func() bool { return k.record(m.Key).Attempts >= 2 }, 15*time.Second, 20*time.Millisecond)
	stop()
	require.Equal(k, outbox.Queued, k.record(m.Key).State)
	k.start()
	k.await(m.Key, outbox.Settled)
	require.Equal(k, 1, k.sent(m))
}

func accountRefused(k *kit) {
	const workers = 4
	k.enqueue(messages(500)...)
	wrong, err := smslink.NewClient(k.gateway.ConnectionID, "wrong", &smslink.Options{Endpoint: k.gateway.URL})
	require.NoError(k, err)
	var stops []func()
	for range workers {
		stops = append(stops, k.run(k.box, wrong))
	}
	require.Contains(k, k.awaitPaused(), "wrong password")
	settle()
	require.LessOrEqual(k, len(k.gateway.Uploads()), workers)
	for _, stop := range stops {
		stop()
	}
	stats, err := k.box.Stats(k.Context())
	require.NoError(k, err)
	require.Equal(k, 500, stats.Lanes[outbox.Bulk].Queued)
	k.gateway.Reset()
	k.start()
	settle()
	require.Empty(k, k.gateway.Messages(), "sent while paused")
	k.resume()
	k.await("order-00499", outbox.Settled)
}

func rejected(k *kit) {
	k.gateway.Inject(smslinktest.Refuse("13", "sender not allowed"))
	k.enqueue(message("order-1"))
	k.start()
	k.await("order-1", outbox.Held)
	k.enqueue(message("order-2"))
	k.await("order-2", outbox.Settled)
	d := k.doubt()
	require.Equal(k, outbox.Held, d.State)
	require.Contains(k, d.Why, "sender not allowed")
	require.NoError(k, k.box.Resolve(k.Context(), d.Package, outbox.Abandon, "outboxtest", "not worth it"))
	require.Equal(k, outbox.Abandoned, k.record("order-1").State)
}

func expires(k *kit) {
	m := message("code")
	m.Expires = 20 * time.Millisecond
	k.enqueue(m, message("order-1"))
	time.Sleep(50 * time.Millisecond)
	k.start()
	k.await("order-1", outbox.Settled)
	k.await("code", outbox.Expired)
	require.Zero(k, k.sent(m))
}

func refusedAlone(k *kit) {
	k.enqueue(messages(3)...)
	_, err := k.db.ExecContext(k.Context(), "UPDATE smslink_message SET body = 'un%0Atext' WHERE message_key = 'order-00001'")
	require.NoError(k, err)
	k.start()
	k.await("order-00000", outbox.Settled)
	k.await("order-00002", outbox.Settled)
	require.Contains(k, k.await("order-00001", outbox.Refused).Note, "Text")
	require.Len(k, k.gateway.Messages(), 2)
}

func notBefore(k *kit) {
	m := message("later")
	m.NotBefore = time.Now().Add(time.Second)
	k.enqueue(m)
	k.start()
	settle()
	require.Equal(k, outbox.Queued, k.record("later").State)
	k.await("later", outbox.Settled)
}

func cancelled(k *kit) {
	k.enqueue(message("cancelled"), message("kept"))
	for _, end := range []struct {
		key string
		of  func(*sql.Tx) error
	}{{"kept", (*sql.Tx).Rollback}, {"cancelled", (*sql.Tx).Commit}} {
		tx, err := k.db.BeginTx(k.Context(), nil)
		require.NoError(k, err)
		n, err := k.box.Cancel(k.Context(), tx, end.key, "unknown")
		require.NoError(k, err)
		require.Equal(k, 1, n)
		require.NoError(k, end.of(tx))
	}
	k.start()
	k.await("kept", outbox.Settled)
	require.Equal(k, outbox.Cancelled, k.record("cancelled").State)
	require.Zero(k, k.sent(message("cancelled")))
	n, err := k.box.Cancel(k.Context(), k.db, "kept", "cancelled")
	require.NoError(k, err)
	require.Zero(k, n, "what was sent or cancelled before was cancelled")
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
		k.await(m.Key, outbox.Settled)
		require.Equal(k, smslink.StatusSuccess, k.record(m.Key).Result.Status)
	}
}

func reported(k *kit) {
	first := delivery.Report{RemoteID: "220000001", Time: time.Unix(1_900_000_000, 0).UTC()} // the gateway's first remote id
	later := delivery.Report{RemoteID: "220000001", Delivered: true, Time: time.Unix(1_900_000_060, 0).UTC()}
	for _, report := range []delivery.Report{later, first, later} {
		require.NoError(k, k.box.Report(k.Context(), report))
	}
	k.enqueue(message("order-1"))
	k.start()
	r := k.await("order-1", outbox.Settled)
	require.Equal(k, &later, r.Report)
}

func unknownInARow(k *kit) {
	for range 5 {
		k.gateway.Inject(smslinktest.HangUp())
	}
	k.enqueue(messages(20)...)
	k.run(k.outbox(func(opts *outbox.Options) {
		opts.Lanes[outbox.Bulk] = outbox.Lane{Messages: 1, Wait: -1, Poll: time.Millisecond}
	}), k.gateway.Client())
	require.Contains(k, k.awaitPaused(), "5 packages in a row")
	settle()
	stats, err := k.box.Stats(k.Context())
	require.NoError(k, err)
	require.Equal(k, 5, stats.InDoubt)
	require.Equal(k, 15, stats.Lanes[outbox.Bulk].Queued)
}
