package smslink_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

type spanKey struct{}

// recorder is a tracer that records its calls.
type recorder struct {
	mu     sync.Mutex
	starts []smslink.UploadStart
	ends   []smslink.UploadEnd
	spans  []any // of the contexts that TraceUploadEnd got
}

func (r *recorder) TraceUploadStart(ctx context.Context, data smslink.UploadStart) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.starts = append(r.starts, data)
	return context.WithValue(ctx, spanKey{}, len(r.starts))
}

func (r *recorder) TraceUploadEnd(ctx context.Context, data smslink.UploadEnd) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends = append(r.ends, data)
	r.spans = append(r.spans, ctx.Value(spanKey{}))
}

// tracedClient returns a client of the gateway whose tracer is a recorder.
func tracedClient(t *testing.T, gateway *smslinktest.Gateway, opts smslink.Options) (*smslink.Client, *recorder) {
	t.Helper()
	var tracer recorder
	opts.Tracer = &tracer
	return clientOf(t, gateway, opts), &tracer
}

func TestTracer_seesEachUpload(t *testing.T) {
	for _, c := range []struct {
		name     string
		fault    smslinktest.Fault
		testMode bool
		end      smslink.UploadEnd
	}{
		{
			name: "accepted",
			end: smslink.UploadEnd{
				Outcome: smslink.OutcomeAccepted, StatusCode: 200, Segments: 3,
				Statuses: map[smslink.Status]int{smslink.StatusSuccess: 2, smslink.StatusNumberFailed: 1},
			},
		},
		{
			name: "test mode", testMode: true,
			end: smslink.UploadEnd{
				Outcome: smslink.OutcomeAccepted, StatusCode: 200, Segments: 3,
				Statuses: map[smslink.Status]int{smslink.StatusSuccess: 2, smslink.StatusNumberFailed: 1},
			},
		},
		{
			name: "unreported", fault: smslinktest.OmitEntries(1),
			end: smslink.UploadEnd{
				Outcome: smslink.OutcomeAccepted, StatusCode: 200, Segments: 2,
				Statuses: map[smslink.Status]int{smslink.StatusSuccess: 1, smslink.StatusNumberFailed: 1,
					smslink.StatusUnreported: 1},
			},
		},
		{name: "rejected", fault: smslinktest.Reject("8", "no credit"),
			end: smslink.UploadEnd{Outcome: smslink.OutcomeRejected, StatusCode: 200}},
		{name: "in doubt", fault: smslinktest.Answer(503, "busy"),
			end: smslink.UploadEnd{Outcome: smslink.OutcomeInDoubt, StatusCode: 503}},
		{name: "lost reply", fault: smslinktest.LoseReply(), end: smslink.UploadEnd{Outcome: smslink.OutcomeInDoubt}},
	} {
		t.Run(c.name, func(t *testing.T) {
			gateway := smslinktest.NewGateway(
				&smslinktest.Options{Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0700000000")}})
			defer gateway.Close()
			gateway.Inject(c.fault)
			client, tracer := tracedClient(t, gateway, smslink.Options{TestMode: c.testMode})

			p := smslink.Package{Codec: smslink.CodecLZF}
			require.NoError(t, p.Add(smslink.Message{ID: 1, To: "0712345678", Text: "Salut!"}))
			require.NoError(t, p.Add(smslink.Message{ID: 2, To: "0712345679", Text: strings.Repeat("a", 200)}))
			require.NoError(t, p.Add(smslink.Message{ID: 3, To: "0700000000", Text: "Salut!"}))
			_, err := client.Send(t.Context(), &p)

			require.Equal(t,
				[]smslink.UploadStart{{Messages: 3, Bytes: p.Size(), Codec: "lzf", TestMode: c.testMode, Attempt: 1}},
				tracer.starts)
			require.Len(t, tracer.ends, 1)
			end := tracer.ends[0]
			require.Positive(t, end.Bytes)
			require.Equal(t, err, end.Err)
			c.end.Bytes, c.end.Err = end.Bytes, err
			require.Equal(t, c.end, end)
		})
	}
}

func TestTracer_contextGoesToTheRequestTheLogAndTheEnd(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	var requested, logged any
	client, tracer := tracedClient(t, gateway, smslink.Options{
		HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			requested = r.Context().Value(spanKey{})
			return http.DefaultTransport.RoundTrip(r)
		})},
		Logger: slog.New(contextHandler{slog.DiscardHandler,
			func(ctx context.Context) { logged = ctx.Value(spanKey{}) }}),
	})
	_, err := client.Send(t.Context(), packageOf(t, 1))
	require.NoError(t, err)
	require.Equal(t, 1, requested)
	require.Equal(t, 1, logged)
	require.Equal(t, []any{1}, tracer.spans)
}

// contextHandler calls a function with each record's context.
type contextHandler struct {
	slog.Handler
	see func(context.Context)
}

func (contextHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h contextHandler) Handle(ctx context.Context, _ slog.Record) error {
	h.see(ctx)
	return nil
}

func TestTracer_seesWhatIsNotSent(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	client, tracer := tracedClient(t, gateway, smslink.Options{})
	gateway.Close()
	_, err := client.Send(t.Context(), packageOf(t, 1, 2))
	require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))
	require.Equal(t, smslink.OutcomeNotSent, tracer.ends[0].Outcome)
	require.Zero(t, tracer.ends[0].StatusCode)
	require.Positive(t, tracer.ends[0].Bytes)

	_, err = client.Send(t.Context(), new(smslink.Package))
	require.ErrorContains(t, err, "the package is empty")
	require.Equal(t, smslink.UploadEnd{Outcome: smslink.OutcomeNotSent, Err: err}, tracer.ends[1])
}

func TestTracer_seesNoSealedPackage(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	client, tracer := tracedClient(t, gateway, smslink.Options{})
	p := packageOf(t, 1)
	_, err := client.Send(t.Context(), p)
	require.NoError(t, err)
	_, err = client.Send(t.Context(), p)
	requireSealed(t, err)
	_, err = client.Send(t.Context(), nil)
	require.ErrorContains(t, err, "the package is empty")
	require.Len(t, tracer.starts, 1)
	require.Len(t, tracer.ends, 1)
}

func TestTracer_seesEachAttemptOfAStream(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	var attempts int
	client, tracer := tracedClient(t, gateway, smslink.Options{
		HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if attempts++; attempts < 3 {
				return nil, errors.New("unreachable")
			}
			return http.DefaultTransport.RoundTrip(r)
		})},
	})
	stream := client.Stream(numbered(2, new(int), nil),
		&smslink.StreamOptions{Retry: smslink.Retry{MinBackoff: time.Millisecond}})
	for batch := range stream.Batches(t.Context()) {
		require.NoError(t, batch.Err)
	}
	require.NoError(t, stream.Err())
	var numbers []int
	for _, start := range tracer.starts {
		numbers = append(numbers, start.Attempt)
	}
	require.Equal(t, []int{1, 2, 3}, numbers)
	require.Equal(t, smslink.OutcomeNotSent, tracer.ends[1].Outcome)
	require.Equal(t, smslink.OutcomeAccepted, tracer.ends[2].Outcome)
}

func TestTracer_seesTheEndIfTheTransportPanics(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	client, tracer := tracedClient(t, gateway, smslink.Options{
		HTTPClient: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			panic("transport")
		})},
	})
	require.PanicsWithValue(t, "transport", func() { _, _ = client.Send(t.Context(), packageOf(t, 1)) })
	require.Len(t, tracer.ends, 1)
	require.Equal(t, smslink.OutcomeInDoubt, tracer.ends[0].Outcome)
	require.NoError(t, tracer.ends[0].Err)
}
