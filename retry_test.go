package smslink_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func TestStream_triesAgainOnlyWhatWasNotSent(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	client := gateway.Client()
	gateway.Close() // nobody listens
	var attempts []int
	retry := quick
	retry.OnRetry = func(attempt int, pause time.Duration, err error) {
		attempts = append(attempts, attempt)
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))
		require.LessOrEqual(t, pause, retry.MaxBackoff)
	}
	read := 0
	batches := collect(t, t.Context(), client.Stream(numbered(20, &read, nil), &smslink.StreamOptions{MaxMessages: 10, Retry: retry}))
	require.Equal(t, []int{1, 2, 1, 2}, attempts)
	require.Len(t, batches, 2)
	require.Equal(t, upTo(20), idsOf(batches))
}

func TestStream_theStopEndsAPause(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	client := gateway.Client()
	gateway.Close() // nobody listens
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	enough, hooks := errors.New("enough"), 0
	retry := smslink.Retry{MinBackoff: time.Hour, MaxBackoff: time.Hour, OnRetry: func(int, time.Duration, error) { hooks++; cancel(enough) }}
	within(t, 5*time.Second, func() {
		batches := collect(t, ctx, client.Stream(numbered(1, new(int), nil), &smslink.StreamOptions{Retry: retry}))
		require.Len(t, batches, 1)
		err := batches[0].Err
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))
		require.ErrorIs(t, err, smslink.ErrStopped)
		require.ErrorIs(t, err, enough)
		require.ErrorAs(t, err, new(*url.Error), "the attempt before")
		require.ErrorContains(t, err, "smslink: not sent: the stream stopped: enough; an attempt before: Post")
	})
	require.Equal(t, 1, hooks)
}

func TestStream_pausesDoubleAndAreJittered(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	client := gateway.Client()
	gateway.Close() // nobody listens
	pauses := func(jitter float64) (taken []time.Duration) {
		collect(t, t.Context(), client.Stream(numbered(1, new(int), nil), &smslink.StreamOptions{Retry: smslink.Retry{
			MinBackoff: 10 * time.Millisecond, MaxBackoff: 35 * time.Millisecond, Jitter: jitter,
			OnRetry: func(_ int, pause time.Duration, _ error) { taken = append(taken, pause) },
		}}))
		return taken
	}
	const ms = time.Millisecond
	full := []time.Duration{10 * ms, 20 * ms, 35 * ms, 35 * ms}
	require.Equal(t, full, pauses(-1))
	jittered := pauses(0)
	require.Len(t, jittered, len(full))
	require.NotEqual(t, full, jittered)
	for i, pause := range jittered {
		require.GreaterOrEqual(t, pause, full[i]/2)
		require.LessOrEqual(t, pause, full[i])
	}
}
