package smslink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

var noContext context.Context // nil, as a careless caller's

func TestSend_nilContext(t *testing.T) {
	gw := newGateway(t, nil)
	p := packageOf(t, 1)
	_, err := gw.Client().Send(noContext, p)
	requireOutcome(t, smslink.OutcomeNotSent, p, err)
	require.EqualError(t, err, "smslink: not sent: the context is nil")
	_, err = gw.Client().SendMessage(noContext, message(1))
	require.ErrorIs(t, err, smslink.ErrNotSent)
	_, err = gw.Client().Balance(noContext)
	require.ErrorIs(t, err, smslink.ErrNotSent)
	require.Empty(t, gw.Uploads())
}

func TestStream_refusesBadInput(t *testing.T) {
	gw := newGateway(t, nil)
	read := 0
	for says, run := range map[string]func() (*smslink.Stream, context.Context){
		"the context is nil": func() (*smslink.Stream, context.Context) {
			return gw.Client().Stream(numbered(5, &read, nil), nil), noContext
		},
		"the sequence of messages is nil": func() (*smslink.Stream, context.Context) {
			return gw.Client().Stream(nil, nil), t.Context()
		},
		"Concurrency is 1001; the most is 1000": func() (*smslink.Stream, context.Context) {
			return gw.Client().Stream(numbered(5, &read, nil), &smslink.StreamOptions{Concurrency: 1001}), t.Context()
		},
		fmt.Sprintf("Concurrency is %d; the most", math.MaxInt): func() (*smslink.Stream, context.Context) {
			return gw.Client().Stream(numbered(5, &read, nil), &smslink.StreamOptions{Concurrency: math.MaxInt}), t.Context()
		},
	} {
		stream, ctx := run()
		require.NoError(t, stream.Err())
		require.Empty(t, slices.Collect(stream.Batches(ctx)))
		require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
		require.ErrorContains(t, stream.Err(), says)
		require.Zero(t, stream.Stats().Read)
	}
	require.Zero(t, read)
	require.Empty(t, gw.Uploads())
}

func TestStream_numbersBelowZeroMeanTheDefaults(t *testing.T) {
	gw := newGateway(t, nil)
	stream := gw.Client().Stream(numbered(5, new(int), nil), &smslink.StreamOptions{
		MaxMessages: math.MinInt, MaxBytes: -1, Concurrency: -1, Retry: smslink.Retry{Attempts: -1, MinBackoff: -1, MaxBackoff: -1, Jitter: -1},
	})
	require.Len(t, collect(t, t.Context(), stream), 1)
	require.NoError(t, stream.Err())
}

func TestStream_drainedTwiceAndAfterItsEnd(t *testing.T) {
	gw := newGateway(t, nil)
	first := errors.New("first")
	stream := gw.Client().Stream(numbered(5, new(int), nil), nil)
	stream.Drain(first)
	stream.Drain(errors.New("second"))
	require.ErrorIs(t, stream.Err(), first)
	require.Empty(t, collect(t, t.Context(), stream))
	require.ErrorIs(t, stream.Err(), first)

	stream = gw.Client().Stream(numbered(5, new(int), nil), nil)
	stream.Drain(nil)
	require.EqualError(t, stream.Err(), "smslink: the stream stopped: drained")

	stream = gw.Client().Stream(numbered(5, new(int), nil), nil)
	require.Len(t, collect(t, t.Context(), stream), 1)
	stream.Drain(first)
	require.NoError(t, stream.Err())
}

// A loop inside the loop gets nothing, and does not disturb the first.
func TestStream_rangedOverWithinItsOwnLoop(t *testing.T) {
	gw := newGateway(t, nil)
	stream := gw.Client().Stream(numbered(25, new(int), nil), &smslink.StreamOptions{MaxMessages: 10})
	batches := 0
	for range stream.Batches(t.Context()) {
		batches++
		require.Empty(t, slices.Collect(stream.Batches(t.Context())))
	}
	require.Equal(t, 3, batches)
	require.ErrorContains(t, stream.Err(), "ranged over before")
	require.Len(t, gw.Messages(), 25)
}

// A wrapper that reads the body twice gets it once.
func TestSend_bodyIsReadOnce(t *testing.T) {
	var first, second []byte
	client := newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		first, _ = io.ReadAll(r.Body)
		second, _ = io.ReadAll(r.Body)
		return response(200, "MESSAGE;1;ok;1;1:1:3"), nil
	})}})
	_, err := client.Send(context.Background(), packageOf(t, 1))
	require.NoError(t, err)
	require.NotEmpty(t, first)
	require.Empty(t, second)
}

func TestSendMessage(t *testing.T) {
	gw := newGateway(t, nil)
	result, err := gw.Client().SendMessage(t.Context(), smslink.Message{To: "0712 345 678", Text: "Salut!"})
	require.NoError(t, err)
	require.Equal(t, smslink.Result{RemoteID: "220000001", Status: smslink.StatusSuccess}, result)

	result, err = gw.Client().SendMessage(t.Context(), smslink.Message{ID: 7, To: "712345678", Text: "Salut!"})
	require.ErrorIs(t, err, smslink.ErrReceiver)
	require.True(t, smslink.SafeToResend(err))
	require.Equal(t, smslink.Result{ID: 7}, result)

	for status, want := range map[smslink.Status]smslink.Outcome{
		smslink.StatusSenderFailed: smslink.OutcomeRejected, smslink.StatusNumberFailed: smslink.OutcomeRejected,
		smslink.StatusInternalOrBlacklisted: smslink.OutcomeInDoubt, smslink.StatusInsufficientCredit: smslink.OutcomeRejected, 77: smslink.OutcomeInDoubt,
	} {
		client := newClient(t, &smslink.Options{Endpoint: replying(t, http200("MESSAGE;1;ok;1;0:9:"+statusDigits(status)))})
		result, err = client.SendMessage(t.Context(), smslink.Message{To: "0712345678", Text: "a"})
		require.Equal(t, status, result.Status)
		require.Equal(t, want, smslink.OutcomeOf(err))
		require.ErrorAs(t, err, new(*smslink.ResultError))
	}
	for answer, want := range map[string]smslink.Outcome{
		http200("MESSAGE;1;ok;1"): smslink.OutcomeInDoubt, http200("ERROR;7;no"): smslink.OutcomeRejected, http200(""): smslink.OutcomeInDoubt,
	} {
		_, err = newClient(t, &smslink.Options{Endpoint: replying(t, answer)}).SendMessage(t.Context(), smslink.Message{To: "0712345678", Text: "a"})
		require.Equal(t, want, smslink.OutcomeOf(err))
		require.Equal(t, want == smslink.OutcomeRejected, smslink.SafeToResend(err))
	}
}

func statusDigits(s smslink.Status) string {
	if s > 9 {
		return string(rune('0'+s/10)) + string(rune('0'+s%10))
	}
	return string(rune('0' + s))
}
