package smslink_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// A Settle that panics is not called again, so that the last batch is yielded, too.
func TestStream_aSettleThatPanicsLeavesNoBatchOut(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic(errBroken) }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			j, read := newSpy(), 0
			j.settling = func([]int64) { end() }
			stream := newGateway(t, nil).Client().Stream(numbered(35, &read, nil), &smslink.StreamOptions{Journal: j, MaxMessages: 10})
			var batches []smslink.Batch
			within(t, 5*time.Second, func() {
				defer func() { _ = recover() }()
				for b := range stream.Batches(t.Context()) {
					batches = append(batches, b)
				}
			})
			require.Equal(t, upTo(read), idsOf(batches))
			require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
		})
	}
}

// lostReply is a journal whose first Settle takes effect, and fails for its caller.
type lostReply struct {
	*spy
	meanwhile func()
}

func (j *lostReply) Settle(ctx context.Context, judged []smslink.Result, forgotten []int64) error {
	err := j.spy.Settle(ctx, judged, forgotten)
	if meanwhile := j.meanwhile; meanwhile != nil {
		j.meanwhile = nil
		meanwhile()
		return errors.New("the connection was lost at COMMIT")
	}
	return err
}

// What one stream's Settle has forgotten, another one may have put in doubt again before the first
// stream's end.
func TestStream_aSecondSettleForgetsNothing(t *testing.T) {
	closed := newGateway(t, nil)
	closed.Close()
	gateway := newGateway(t, nil)
	j := newSpy()
	send := func(client *smslink.Client, j smslink.Journal) smslink.Batch {
		opts := &smslink.StreamOptions{Journal: j, Retry: smslink.Retry{Attempts: 1}}
		batches := collect(t, t.Context(), client.Stream(numbered(10, new(int), nil), opts))
		require.Len(t, batches, 1)
		return batches[0]
	}
	first := send(closed.Client(), &lostReply{j, func() {
		gateway.Inject(smslinktest.Answer(502, "").AfterTaking())
		require.ErrorIs(t, send(gateway.Client(), j).Err, smslink.ErrUnknown)
	}})
	require.ErrorIs(t, first.Err, smslink.ErrNotSent)
	require.Len(t, send(gateway.Client(), j).Earlier, 10)
	require.Len(t, gateway.Messages(), 10)
}
