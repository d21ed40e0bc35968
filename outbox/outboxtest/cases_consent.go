package outboxtest

import (
	"database/sql"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
)

func optedOut(k *kit) {
	const national, international, other = "0712345678", "+40 712 345 678", "0712345679"
	to := func(key, lane, number string) outbox.Message {
		m := message(key)
		m.Lane, m.To = lane, number
		return m
	}
	ignoring := k.outbox(func(opts *outbox.Options) {
		opts.Lanes["receipts"] = outbox.Lane{Wait: -1, Poll: 10 * time.Millisecond, IgnoreOptOuts: true}
	})
	k.box = ignoring
	k.enqueue(to("queued", "", national), to("queued-too", "", international), to("other", "", other),
		to("receipt", "receipts", national), to("code", outbox.Urgent, national))
	for _, end := range []struct {
		of   func(*sql.Tx) error
		want []string
	}{{(*sql.Tx).Rollback, nil}, {(*sql.Tx).Commit, []string{national}}} {
		tx, err := k.db.BeginTx(k.Context(), nil)
		require.NoError(k, err)
		added, err := k.box.OptOut(k.Context(), tx, international)
		require.NoError(k, err)
		require.Equal(k, 1, added)
		out, err := k.box.OptedOut(k.Context(), tx, other, national)
		require.NoError(k, err)
		require.Equal(k, []string{national}, out, "within the transaction")
		require.NoError(k, end.of(tx))
		out, err = k.box.OptedOut(k.Context(), k.db, national, other)
		require.NoError(k, err)
		require.Equal(k, end.want, out)
	}
	added, err := k.box.OptOut(k.Context(), k.db, national, national)
	require.NoError(k, err)
	require.Zero(k, added, "opted out before")
	_, err = k.box.OptOut(k.Context(), k.db, "not a number")
	require.Error(k, err)
	require.Equal(k, outbox.OptedOut, k.record("queued").State)
	require.Equal(k, outbox.OptedOut, k.record("queued-too").State)

	k.enqueue(to("later", "", national), to("later-too", "", international), to("later-code", outbox.Urgent, national))
	k.start()
	for key, want := range map[string]outbox.State{
		"other": outbox.Accepted, "receipt": outbox.Accepted, "code": outbox.Accepted, "later-code": outbox.Accepted,
		"later": outbox.OptedOut, "later-too": outbox.OptedOut,
	} {
		k.await(key, want)
	}
	require.Len(k, k.gateway.Messages(), 4)

	removed, err := k.box.OptIn(k.Context(), k.db, national, other)
	require.NoError(k, err)
	require.Equal(k, 1, removed)
	k.enqueue(to("again", "", national))
	k.await("again", outbox.Accepted)
	quiet()
	require.Len(k, k.gateway.Messages(), 5)
	require.Equal(k, outbox.OptedOut, k.record("later").State, "queued again by OptIn")
}

// hours returns the hours from one hour before to one hour after the time of day that is offset
// from now.
func hours(offset time.Duration) outbox.Hours {
	const day = 24 * time.Hour
	now := time.Now().UTC()
	wall := time.Duration(now.Hour())*time.Hour + time.Duration(now.Minute())*time.Minute
	return outbox.Hours{From: (wall + offset - time.Hour + day) % day, To: (wall + offset + time.Hour) % day}
}

func closed(k *kit) {
	k.enqueue(message("order-1"))
	night := k.outbox(func(opts *outbox.Options) {
		opts.Lanes[outbox.Bulk] = outbox.Lane{Wait: -1, Poll: 10 * time.Millisecond, Hours: hours(3 * time.Hour)}
	})
	stop := k.run(night, k.gateway.Client())
	quiet()
	require.Equal(k, outbox.Queued, k.record("order-1").State)
	k.eventually(func() bool { // as the worker has recorded it
		stats, err := k.box.Stats(k.Context())
		require.NoError(k, err)
		lane := stats.Lanes[outbox.Bulk]
		return lane.Queued == 1 && lane.Oldest == 0 && time.Until(lane.Opens) > time.Hour
	}, "other processes do not see that the lane is closed")
	stop()
	day := k.outbox(func(opts *outbox.Options) {
		opts.Lanes[outbox.Bulk] = outbox.Lane{Wait: -1, Poll: 10 * time.Millisecond, Hours: hours(0)}
	})
	k.run(day, k.gateway.Client())
	k.await("order-1", outbox.Accepted)
	k.eventually(func() bool {
		stats, err := k.box.Stats(k.Context())
		require.NoError(k, err)
		return stats.Lanes[outbox.Bulk].Opens.IsZero()
	}, "other processes do not see that the lane is open")
}
