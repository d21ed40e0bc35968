package outboxtest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
)

func commitsLost(k *kit) {
	sent := messages(3)
	k.enqueue(sent...)
	k.start()
	for _, m := range sent {
		k.await(m.Key, outbox.Accepted)
	}
	other := k.outbox(func(opts *outbox.Options) {
		opts.Lanes["other"] = outbox.Lane{Wait: -1, Poll: 10 * time.Millisecond}
		opts.Lanes[outbox.Bulk] = outbox.Lane{Concurrency: -1}
	})
	k.run(other, k.gateway.Client())
	others := message("others")
	others.Lane = "other"
	_, err := other.Enqueue(k.Context(), k.db, others)
	require.NoError(k, err)
	k.await(others.Key, outbox.Accepted)
	sent = append(sent, others)

	// What a restored backup looks like. Its ids come again, here for other messages. One message
	// is cancelled before it is written back, and another one is lost.
	k.exec("DELETE FROM smslink_package", "DELETE FROM smslink_result",
		"UPDATE smslink_message SET package = NULL, id = id + 1000",
		"UPDATE smslink_message SET package = -1, ends = 1 WHERE message_key = '"+sent[1].Key+"'",
		"DELETE FROM smslink_message WHERE message_key = '"+sent[2].Key+"'")

	require.Contains(k, k.awaitPaused(), "lost commits")
	for _, m := range sent {
		r := k.await(m.Key, outbox.Accepted)
		require.Equal(k, smslink.StatusSuccess, r.Result.Status)
		require.NotEmpty(k, r.Result.RemoteID)
	}
	k.eventually(func() bool {
		stats, err := k.box.Stats(k.Context())
		require.NoError(k, err)
		return len(stats.WroteBack) == 2 && len(stats.Silent) == 0
	})
	n, err := k.box.Enqueue(k.Context(), k.db, sent[2])
	require.NoError(k, err)
	require.Zero(k, n, "it was sent")
	k.enqueue(message("later"))
	quiet()
	require.Equal(k, outbox.Queued, k.record("later").State)
	k.resume()
	k.await("later", outbox.Accepted)
	require.Len(k, k.gateway.Messages(), 5)
}

func limited(k *kit) {
	all := messages(5)
	k.enqueue(all[:3]...)
	// The others are enqueued while the first claim waits.
	enqueueRest := sync.OnceValue(func() error {
		_, err := k.box.Enqueue(k.Context(), k.db, all[3:]...)
		return err
	})
	k.run(k.outbox(func(opts *outbox.Options) {
		opts.Lanes[outbox.Bulk] = outbox.Lane{Wait: -1, Poll: 10 * time.Millisecond, Limiter: limiter(enqueueRest)}
	}), k.gateway.Client())
	k.eventually(func() bool { return len(k.gateway.Messages()) == len(all) })
	var sizes []int
	for _, upload := range k.gateway.Uploads() {
		sizes = append(sizes, upload.Receivers)
	}
	require.Equal(k, []int{3, 2}, sizes)
}

// limiter is a limiter that calls a function and does not wait.
type limiter func() error

func (l limiter) WaitN(context.Context, int) error { return l() }

func lanes(k *kit) {
	k.enqueue(messages(300)...)
	box := k.outbox(func(opts *outbox.Options) { opts.Lanes[outbox.Bulk] = outbox.Lane{Concurrency: -1} })
	k.run(box, k.gateway.Client())
	code := message("code")
	code.Lane = outbox.Urgent
	k.enqueue(code)
	box.Wake(outbox.Urgent)
	k.await("code", outbox.Accepted)
	require.Len(k, k.gateway.Messages(), 1)
	code.Key, code.Lane = "typo", "urgnet"
	_, err := k.box.Enqueue(k.Context(), k.db, code)
	require.ErrorContains(k, err, "Options.Lanes")
}

// contents returns all that a table holds.
func (k *kit) contents(table string) string {
	rows, err := k.db.QueryContext(k.Context(), "SELECT * FROM "+table)
	require.NoError(k, err)
	defer func() { require.NoError(k, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(k, err)
	var all strings.Builder
	for rows.Next() {
		fields := make([]any, len(columns))
		for i := range fields {
			fields[i] = new(sql.NullString)
		}
		require.NoError(k, rows.Scan(fields...))
		for _, field := range fields {
			fmt.Fprintln(&all, field.(*sql.NullString).String)
		}
	}
	require.NoError(k, rows.Err())
	return all.String()
}

func erased(k *kit) {
	k.enqueue(message("sent"), message("cancelled"))
	n, err := k.box.Cancel(k.Context(), k.db, "cancelled")
	require.NoError(k, err)
	require.Equal(k, 1, n)
	stop := k.start()
	k.await("sent", outbox.Accepted)
	k.enqueue(message("newest"))
	k.await("newest", outbox.Accepted)
	stop()
	queued := message("queued")
	queued.To, queued.Text = "0799999999", "Cod 1234"
	k.enqueue(queued)
	time.Sleep(10 * time.Millisecond)
	require.NoError(k, k.outbox(func(opts *outbox.Options) { opts.EraseAfter = time.Millisecond }).Erase(k.Context()))
	for _, table := range tables {
		for _, erased := range []string{"0712345678", "curierului"} {
			require.NotContains(k, k.contents(table), erased, "in %s", table)
		}
	}
	require.Contains(k, k.contents("smslink_message"), "0799999999", "what is queued is kept")
	require.Equal(k, outbox.Accepted, k.record("sent").State)
	const hours = "7200000000" // two, in microseconds
	k.exec("UPDATE smslink_package SET ended = ended - "+hours, "UPDATE smslink_message SET ends = ends - "+hours+
		" WHERE package < 0")
	forgetful := k.outbox(func(opts *outbox.Options) {
		opts.EraseAfter, opts.ForgetAfter = time.Hour, time.Hour
	})
	require.NoError(k, forgetful.Erase(k.Context()))
	require.Empty(k, k.record("sent"))
	require.Empty(k, k.record("cancelled"))
	require.Equal(k, outbox.Queued, k.record("queued").State)
}
