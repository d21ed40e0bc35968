package smslink_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func TestStream_stopsIfTheSourceFails(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	failed := errors.New("the cursor is gone")
	for _, n := range []int{0, 10, 15} {
		gateway.Reset()
		read := 0
		stream := gateway.Client().Stream(numbered(n, &read, failed), &smslink.StreamOptions{MaxMessages: 10})
		batches := collect(t, t.Context(), stream)
		require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
		require.ErrorIs(t, stream.Err(), failed)
		if n%10 > 0 {
			last := batches[len(batches)-1]
			require.ErrorIs(t, last.Err, smslink.ErrStopped)
			require.ErrorIs(t, last.Err, failed)
			require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(last.Err))
			require.Equal(t, n%10, last.Package.Len())
		}
		require.Len(t, idsOf(batches), n)
		accepted := 0
		for _, b := range batches {
			if b.Response != nil {
				accepted += b.Response.Count(smslink.StatusSuccess)
			}
		}
		require.Len(t, gateway.Messages(), accepted)
	}
}

func TestStream_stopsIfTheAccountIsRefused(t *testing.T) {
	for _, said := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "14", "07", " 7 "} {
		code := strings.TrimLeft(strings.TrimSpace(said), "0")
		read := 0
		source, wait := taken(numbered(1000, &read, nil), 21)
		gateway := smslinktest.NewGateway(&smslinktest.Options{Fault: func(n int) smslinktest.Fault {
			if n == 1 {
				return smslinktest.Fault{}
			}
			wait()
			return smslinktest.Answer(200, "ERROR;"+said+";no")
		}})
		batches := collect(t, t.Context(), gateway.Client().Stream(source, &smslink.StreamOptions{MaxMessages: 10}))
		require.Len(t, batches, 3)
		require.Equal(t, smslink.OutcomeRejected, smslink.OutcomeOf(batches[1].Err))
		require.ErrorIs(t, batches[2].Err, smslink.ErrStopped)
		require.ErrorIs(t, batches[2].Err, &smslink.GatewayError{Code: code})
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(batches[2].Err))
		require.Equal(t, upTo(read), idsOf(batches), "all that was read, and no more")
		require.LessOrEqual(t, read, 40)
		require.Len(t, gateway.Uploads(), 2)
		gateway.Close()
	}
}

func TestStream_goesOnAfterWhatConcernsOnePackage(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.Inject(smslinktest.Reject("16", ""), smslinktest.LoseReply(), smslinktest.Answer(413, ""))
	read := 0
	batches := collect(t, t.Context(),
		gateway.Client().Stream(numbered(40, &read, nil), &smslink.StreamOptions{MaxMessages: 10, Retry: quick}))
	require.Len(t, batches, 4)
	for i, outcome := range []smslink.Outcome{smslink.OutcomeRejected, smslink.OutcomeInDoubt, smslink.OutcomeRejected,
		smslink.OutcomeAccepted} {
		require.Equal(t, outcome, smslink.OutcomeOf(batches[i].Err))
	}
	require.Len(t, gateway.Uploads(), 4, "nothing is sent again")
}

func TestStream_withoutCredit(t *testing.T) {
	read := 0
	source, wait := taken(numbered(1000, &read, nil), 21)
	gateway := newGateway(t, &smslinktest.Options{Fault: func(n int) smslinktest.Fault {
		if n == 2 {
			wait()
		}
		return smslinktest.Fault{}
	}})
	gateway.SetCredit(15)
	batches := collect(t, t.Context(), gateway.Client().Stream(source, &smslink.StreamOptions{MaxMessages: 10}))
	require.Len(t, batches, 3)
	require.Equal(t, 5, batches[1].Response.Count(smslink.StatusInsufficientCredit))
	var reason *smslink.ResultError
	require.ErrorAs(t, batches[2].Err, &reason)
	require.Equal(t, smslink.StatusInsufficientCredit, reason.Status)
	require.EqualError(t, batches[2].Err,
		"smslink: not sent: the stream stopped: message 15: insufficient credit: top up the account")
	require.True(t, smslink.SafeToResend(batches[2].Err))
	require.Equal(t, upTo(read), idsOf(batches))
}

func TestStream_contextEndsIt(t *testing.T) {
	read, enough := 0, errors.New("enough")
	source, wait := taken(numbered(1000, &read, nil), 11)
	gateway := newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault {
		wait() // so that there is a message that was read and not sent
		return smslinktest.Fault{}
	}})
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var batches []smslink.Batch
	stream := gateway.Client().Stream(source, &smslink.StreamOptions{MaxMessages: 10})
	for b := range stream.Batches(ctx) {
		batches = append(batches, b)
		cancel(enough)
	}
	require.ErrorIs(t, stream.Err(), enough)
	last := batches[len(batches)-1]
	require.ErrorIs(t, last.Err, smslink.ErrStopped)
	require.ErrorIs(t, last.Err, enough)
	require.Equal(t, upTo(read), idsOf(batches))
	require.Less(t, read, 100)

	read = 0
	stream = gateway.Client().Stream(numbered(10, &read, nil), nil)
	require.Empty(t, collect(t, ctx, stream))
	require.ErrorIs(t, stream.Err(), enough)
	require.Zero(t, read, "the source is not even begun")
}

func TestStream_goesOnAfterCodesThatConcernOnePackage(t *testing.T) {
	for _, code := range []string{"0", "9", "13", "16", "25", "700"} {
		gateway := newGateway(t, nil)
		gateway.Inject(smslinktest.Reject(code, ""), smslinktest.Answer(403, "ERROR;"+code+";"),
			smslinktest.Answer(500, "ERROR;"+code+";"))
		read := 0
		require.Len(t,
			collect(t, t.Context(),
				gateway.Client().Stream(numbered(40, &read, nil), &smslink.StreamOptions{MaxMessages: 10})), 4, code)
	}
}

// broken is a codec that returns an error.
type broken struct {
	method int
	err    error
}

func (c broken) Method() int                                { return c.method }
func (broken) String() string                               { return "broken" }
func (c broken) AppendCompress(_, _ []byte) ([]byte, error) { return nil, c.err }

var errBroken = errors.New("it can't be compressed")

// An error that every package would meet stops the stream.
func TestStream_stopsIfEveryPackageWouldFail(t *testing.T) {
	for _, c := range []struct {
		name    string
		fault   smslinktest.Fault
		codec   smslink.Codec
		outcome smslink.Outcome
		says    string
		is      error
	}{
		{"301", smslinktest.Redirect(301, "https://example.com/"), nil, smslink.OutcomeRejected,
			"HTTP status 301, a redirect", nil},
		{"401", smslinktest.Answer(401, ""), nil, smslink.OutcomeRejected, "HTTP status 401", nil},
		{"403", smslinktest.Answer(403, "<html>"), nil, smslink.OutcomeRejected, "HTTP status 403", nil},
		{"404", smslinktest.Answer(404, ""), nil, smslink.OutcomeRejected, "HTTP status 404", nil},
		{"407", smslinktest.Answer(407, ""), nil, smslink.OutcomeRejected, "HTTP status 407", nil},
		{"429", smslinktest.Answer(429, ""), nil, smslink.OutcomeRejected, "HTTP status 429", nil},
		{"500 with a wrong password", smslinktest.Answer(500, "ERROR;7;no"), nil, smslink.OutcomeInDoubt, "ERROR 7",
			&smslink.GatewayError{Code: "7"}},
		{"a codec's error", smslinktest.Fault{}, broken{0, errBroken}, smslink.OutcomeNotSent, "it can't be compressed",
			errBroken},
	} {
		t.Run(c.name, func(t *testing.T) {
			gateway := newGateway(t, nil)
			gateway.Inject(c.fault)
			retry, read := quick, 0
			retry.OnRetry = func(int, time.Duration, error) { t.Error("tried again") }
			batches := collect(t, t.Context(),
				clientOf(t, gateway, smslink.Options{Codec: c.codec}).Stream(numbered(1000, &read, nil),
					&smslink.StreamOptions{MaxMessages: 10, Retry: retry}))
			require.Equal(t, c.outcome, smslink.OutcomeOf(batches[0].Err))
			require.NotErrorIs(t, batches[0].Err, smslink.ErrStopped)
			require.Equal(t, upTo(read), idsOf(batches))
			require.LessOrEqual(t, read, 30)
			for _, b := range batches[1:] {
				require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(b.Err))
				require.ErrorIs(t, b.Err, smslink.ErrStopped)
				require.ErrorContains(t, b.Err, c.says)
				if c.is != nil {
					require.ErrorIs(t, b.Err, c.is)
				}
			}
			require.Empty(t, gateway.Messages())
		})
	}
}

func TestStream_stopsAfterFiveInDoubtInARow(t *testing.T) {
	down := smslinktest.Answer(502, "")
	gateway := newGateway(t, nil)
	gateway.Inject(down, down, down, down, down)
	read := 0
	batches := collect(t, t.Context(),
		gateway.Client().Stream(numbered(1000, &read, nil), &smslink.StreamOptions{MaxMessages: 10}))
	for i, b := range batches {
		outcome := smslink.OutcomeInDoubt
		if i >= 5 {
			outcome = smslink.OutcomeNotSent
			require.ErrorContains(t, b.Err,
				"the stream stopped: 5 packages in a row are in doubt, the last one: HTTP status 502")
		}
		require.Equal(t, outcome, smslink.OutcomeOf(b.Err))
	}
	require.Greater(t, len(batches), 5)
	require.Equal(t, upTo(read), idsOf(batches))
	require.Empty(t, gateway.Messages())

	for name, answer := range map[string]smslinktest.Fault{"accepted": {}, "rejected": smslinktest.Reject("16", "")} {
		gateway.Inject(down, down, down, down, answer, down, down, down, down)
		require.Len(t,
			collect(t, t.Context(),
				gateway.Client().Stream(numbered(100, &read, nil), &smslink.StreamOptions{MaxMessages: 10})), 10, name)
	}
}

// Drain is called after everything was sent.
func TestStream_nothingIsLeftOfAStreamThatHasEnded(t *testing.T) {
	gateway := newGateway(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read := 0
	stream := gateway.Client().Stream(numbered(10, &read, nil), nil)
	for b := range stream.Batches(ctx) {
		require.NoError(t, b.Err)
		cancel()
	}
	require.NoError(t, stream.Err())
}

// An upload has its own timeout, even if the stream's context has a deadline.
func TestStream_eachUploadHasItsTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, &smslink.Options{
			Endpoint: "http://127.0.0.1/", HTTPClient: &http.Client{Transport: silence()}, Timeout: time.Second,
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		batches := collect(t, ctx, client.Stream(numbered(20, new(int), nil), &smslink.StreamOptions{MaxMessages: 10}))
		require.Equal(t, 2*time.Second, time.Since(start))
		for _, batch := range batches {
			require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(batch.Err))
			require.ErrorIs(t, batch.Err, context.DeadlineExceeded)
		}
	})
}

// tenThen yields ten messages, and ends once entered is closed.
func tenThen(entered <-chan struct{},
	end func(yield func(smslink.Message, error) bool)) func(yield func(smslink.Message, error) bool) {
	return func(yield func(smslink.Message, error) bool) {
		for m, err := range numbered(10, new(int), nil) {
			if !yield(m, err) {
				return
			}
		}
		<-entered
		end(yield)
	}
}

func fails(yield func(smslink.Message, error) bool) {
	yield(smslink.Message{}, errors.New("the cursor"))
}
func panics(func(smslink.Message, error) bool) { panic("the cursor") }

func TestStream_theLimiterIsLetGo(t *testing.T) {
	for name, end := range map[string]func(yield func(smslink.Message, error) bool){"error": fails, "panic": panics} {
		t.Run(name, func(t *testing.T) {
			gateway := newGateway(t, nil)
			entered := make(chan struct{})
			wait := limitFunc(func(ctx context.Context, _ int) error {
				close(entered)
				<-ctx.Done()
				return ctx.Err()
			})
			within(t, time.Minute, func() {
				if name == "panic" {
					defer func() { require.Equal(t, "the cursor", recover()) }()
				}
				stream := gateway.Client().Stream(tenThen(entered, end),
					&smslink.StreamOptions{MaxMessages: 10, Limiter: wait})
				batches := collect(t, context.Background(), stream)
				require.Len(t, batches, 1)
				require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
				require.ErrorIs(t, batches[0].Err, smslink.ErrStopped, "its upload had not begun")
				require.Equal(t, 10, batches[0].Package.Len())
			})
			require.Empty(t, gateway.Uploads())
		})
	}
}

// limitFunc is a limiter.
type limitFunc func(ctx context.Context, n int) error

func (f limitFunc) WaitN(ctx context.Context, n int) error { return f(ctx, n) }

func TestStream_anUploadThatHasBegunFinishes(t *testing.T) {
	for name, end := range map[string]func(yield func(smslink.Message, error) bool){"error": fails, "panic": panics} {
		t.Run(name, func(t *testing.T) {
			entered := make(chan struct{})
			gateway := newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault {
				close(entered)
				return smslinktest.Delay(100 * time.Millisecond)
			}})
			j := newSpy()
			var batches []smslink.Batch
			within(t, time.Minute, func() {
				if name == "panic" {
					defer func() { require.Equal(t, "the cursor", recover()) }()
				}
				for b := range gateway.Client().Stream(tenThen(entered, end),
					&smslink.StreamOptions{MaxMessages: 10, Journal: j}).Batches(context.Background()) {
					batches = append(batches, b)
				}
			})
			require.Len(t, j.states, 10)
			for _, result := range j.states {
				require.Equal(t, smslink.StatusSuccess, result.Status, "nothing runs on")
			}
			require.Len(t, gateway.Messages(), 10)
			if name == "error" {
				require.NoError(t, batches[0].Err)
			}
		})
	}
}

// optionsThatCall returns options with which a stream runs call in a goroutine of its own, at a
// place for a caller's code.
func optionsThatCall(place string, j *spy, call func()) *smslink.StreamOptions {
	opts := &smslink.StreamOptions{Journal: j, Retry: quick}
	switch place {
	case "OnRetry":
		opts.Retry.OnRetry = func(int, time.Duration, error) { call() }
	case "Limiter":
		opts.Limiter = limitFunc(func(context.Context, int) error { call(); return nil })
	case "Known":
		j.known = func(known []smslink.Result) ([]smslink.Result, error) { call(); return known, nil }
	case "Intend":
		j.intending = func([]int64) { call() }
	case "Record":
		j.recording = func([]int64) { call() }
	}
	return opts
}

type calling struct{ call func() }

func (calling) Method() int    { return 0 }
func (calling) String() string { return "calling" }
func (c calling) AppendCompress(dst, plain []byte) ([]byte, error) {
	c.call()
	return append(dst, plain...), nil
}

// If a panic or Goexit ends a goroutine of the stream, its batch is yielded, and sealed if its
// messages may have been sent. A panic goes on in the caller's goroutine.
func TestStream_panicsAndGoexits(t *testing.T) {
	for place, outcome := range map[string]smslink.Outcome{
		"OnRetry": smslink.OutcomeInDoubt, "Limiter": smslink.OutcomeNotSent, "Known": smslink.OutcomeInDoubt,
		"Intend": smslink.OutcomeInDoubt, "Record": smslink.OutcomeAccepted, "Codec": smslink.OutcomeInDoubt,
	} {
		for how, call := range map[string]func(){"panic": func() { panic(errBroken) }, "Goexit": runtime.Goexit} {
			t.Run(fmt.Sprint(place, " ", how), func(t *testing.T) {
				gateway := newGateway(t, nil)
				var opts smslink.Options
				if place == "Codec" {
					opts.Codec = calling{call}
				}
				client := clientOf(t, gateway, opts)
				if place == "OnRetry" {
					gateway.Close() // no one listens
				}
				j := newSpy()
				stream := client.Stream(numbered(5, new(int), nil), optionsThatCall(place, j, call))
				var batches []smslink.Batch
				var raised any
				within(t, time.Minute, func() {
					defer func() { raised = recover() }()
					for b := range stream.Batches(t.Context()) {
						batches = append(batches, b)
					}
				})
				require.ErrorIs(t, stream.Err(), smslink.ErrStopped, "the journal was not told, or a package not sent")
				if how == "panic" {
					require.Equal(t, any(errBroken), raised)
				} else {
					require.Nil(t, raised)
				}
				require.Equal(t, upTo(5), idsOf(batches))
				b := batches[0]
				require.Equal(t, outcome, smslink.OutcomeOf(b.Err), "%v", b.Err)
				err := b.Package.Add(smslink.Message{ID: 100, To: "0712345678", Text: "a"})
				switch outcome {
				case smslink.OutcomeInDoubt:
					require.ErrorIs(t, b.Err, smslink.ErrStopped)
					requireSealed(t, err)
				case smslink.OutcomeAccepted:
					requireSealed(t, err)
					require.Len(t, batches, 1)
				default:
					require.NoError(t, err)
				}
				for id, result := range j.states {
					require.NotEqual(t, smslink.OutcomeNotSent, outcome)
					require.Equal(t, smslink.Result{ID: id}, result, "in doubt")
				}
			})
		}
	}
}

// lateContext calls act while a request is made, before the transport gets it.
type lateContext struct {
	context.Context
	act func()
}

func (c lateContext) Value(key any) any {
	if fmt.Sprintf("%T", key) == "httptrace.clientEventContextKey" {
		c.act()
	}
	return c.Context.Value(key)
}

// Once Drain has returned, the transport gets no other upload.
func TestDrain_whileTheRequestIsMade(t *testing.T) {
	gateway := newGateway(t, nil)
	var drained, late atomic.Bool
	var stream *smslink.Stream
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		late.Store(drained.Load())
		return http.DefaultTransport.RoundTrip(r)
	})
	client := clientOf(t, gateway, smslink.Options{HTTPClient: &http.Client{Transport: transport}})
	stream = client.Stream(numbered(5, new(int), nil), nil)
	ctx := lateContext{t.Context(), func() {
		stream.Drain(nil)
		drained.Store(true)
	}}
	batches := collect(t, ctx, stream)
	require.True(t, drained.Load())
	require.False(t, late.Load())
	require.Equal(t, upTo(5), idsOf(batches))
	require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(batches[0].Err))
}

// If the journal panics when it is asked, at the end, about messages that were read and not sent,
// they are yielded as in doubt, and the panic goes on in the caller's goroutine.
func TestStream_panicInKnownAtTheEnd(t *testing.T) {
	for how, call := range map[string]func(){"panic": func() { panic(errBroken) }, "Goexit": runtime.Goexit} {
		t.Run(how, func(t *testing.T) {
			journal := newSpy()
			var drained atomic.Bool
			journal.known = func(known []smslink.Result) ([]smslink.Result, error) {
				if drained.Load() {
					call()
				}
				return known, nil
			}
			var stream *smslink.Stream
			source := func(yield func(smslink.Message, error) bool) {
				for id := range int64(13) { // a package of 10, and 3 of the next
					if id == 12 {
						stream.Drain(nil)
						drained.Store(true)
					}
					if !yield(message(id), nil) {
						return
					}
				}
			}
			opts := &smslink.StreamOptions{Journal: journal, MaxMessages: 10}
			stream = newGateway(t, nil).Client().Stream(source, opts)
			var batches []smslink.Batch
			loop := func() {
				for b := range stream.Batches(t.Context()) {
					batches = append(batches, b)
				}
			}
			if how == "panic" {
				require.PanicsWithError(t, errBroken.Error(), loop)
			} else {
				loop()
			}
			require.Equal(t, upTo(13), idsOf(batches))
			last := batches[len(batches)-1]
			require.Equal(t, 3, last.Package.Len())
			require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(last.Err))
		})
	}
}

// The package beside the one that panics ends as it would, and is yielded first.
func TestStream_aPanicWaitsForTheOtherPackages(t *testing.T) {
	var uploading chan struct{}
	gateway := newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault {
		close(uploading)
		return smslinktest.Delay(50 * time.Millisecond)
	}})
	wait := limitFunc(func(_ context.Context, n int) error {
		if n == 5 {
			<-uploading
			panic(errBroken)
		}
		return nil
	})
	for _, leave := range []bool{false, true} {
		uploading = make(chan struct{})
		gateway.Reset()
		var batches []smslink.Batch
		require.PanicsWithValue(t, errBroken, func() {
			for b := range gateway.Client().Stream(numbered(15, new(int), nil),
				&smslink.StreamOptions{MaxMessages: 10, Concurrency: 2, Limiter: wait}).Batches(t.Context()) {
				batches = append(batches, b)
				if leave {
					break
				}
			}
		})
		require.Len(t, gateway.Messages(), 10)
		if !leave {
			require.Equal(t, upTo(15), idsOf(batches))
			require.Len(t, batches, 2)
			require.NoError(t, batches[1].Err)
		}
	}
}

func TestStream_drainLetsUploadsFinishAndEndsPauses(t *testing.T) {
	gateway := newGateway(t,
		&smslinktest.Options{Fault: func(int) smslinktest.Fault { return smslinktest.Delay(200 * time.Millisecond) }})
	reason := errors.New("good night")
	read := 0
	stream := gateway.Client().Stream(numbered(1000, &read, nil), &smslink.StreamOptions{MaxMessages: 10})
	go func() {
		_, _ = gateway.WaitMessages(t.Context(), 20)
		stream.Drain(reason)
	}()
	batches := collect(t, t.Context(), stream)
	require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
	require.ErrorIs(t, stream.Err(), reason)
	require.Len(t, gateway.Messages(), 20)
	accepted := 0
	for _, b := range batches {
		if b.Response != nil {
			accepted += b.Package.Len()
			continue
		}
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(b.Err))
		require.ErrorIs(t, b.Err, smslink.ErrStopped)
		require.ErrorIs(t, b.Err, reason)
	}
	require.Equal(t, 20, accepted)
	require.Equal(t, upTo(read), idsOf(batches))

	// In a pause of Retry, and before the first upload.
	closed := smslinktest.NewGateway(nil)
	client := closed.Client()
	closed.Close()
	retry := smslink.Retry{MinBackoff: time.Hour, MaxBackoff: time.Hour,
		OnRetry: func(int, time.Duration, error) { stream.Drain(reason) }}
	stream = client.Stream(numbered(5, &read, nil), &smslink.StreamOptions{Retry: retry})
	batches = collect(t, t.Context(), stream)
	require.Len(t, batches, 1)
	require.ErrorIs(t, batches[0].Err, reason)
	require.ErrorIs(t, stream.Err(), reason)

	read = 0
	stream = client.Stream(numbered(5, &read, nil), &smslink.StreamOptions{Retry: retry})
	stream.Drain(reason)
	require.Empty(t, collect(t, t.Context(), stream))
	require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
	require.ErrorIs(t, stream.Err(), reason)
	require.Zero(t, read)
}

// Drain is called while a package is being compressed. The transport does not get it.
func TestStream_noUploadBeginsAfterDrain(t *testing.T) {
	gateway := newGateway(t, nil)
	for name, transport := range map[string]http.RoundTripper{
		"own transport": nil,
		"a caller's": roundTripper(func(r *http.Request) (*http.Response, error) {
			return http.DefaultTransport.RoundTrip(r)
		}),
	} {
		j := newSpy()
		var stream *smslink.Stream
		client := clientOf(t, gateway,
			smslink.Options{HTTPClient: &http.Client{Transport: transport},
				Codec: calling{func() { stream.Drain(nil) }}})
		stream = client.Stream(numbered(5, new(int), nil), &smslink.StreamOptions{Journal: j})
		batches := collect(t, t.Context(), stream)
		require.Len(t, batches, 1, name)
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(batches[0].Err))
		require.ErrorIs(t, batches[0].Err, smslink.ErrStopped)
		require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
		require.Empty(t, gateway.Uploads())
		require.Empty(t, j.states)
	}
}

// yielding returns a source of messages with these ids.
func yielding(ids ...int64) iter.Seq2[smslink.Message, error] {
	return func(yield func(smslink.Message, error) bool) {
		for _, id := range ids {
			if !yield(smslink.Message{ID: id, To: "0712345678", Text: "a"}, nil) {
				return
			}
		}
	}
}

// A stream numbers messages without ids, unless it has a Journal.
func TestStream_numbersMessagesWithoutIDs(t *testing.T) {
	for _, c := range []struct {
		name    string
		ids     []int64
		journal bool
		arrive  []int64
		invalid []int64
		why     string // why it stops
	}{
		{"none has one", []int64{0, 0, 0, 0, 0}, false, []int64{0, 1, 2, 3, 4}, nil, ""},
		{"only one message", []int64{0}, false, []int64{0}, nil, ""},
		{"only one message, with a journal", []int64{0}, true, []int64{0}, nil, ""},
		{"ids from 0", []int64{0, 1, 2}, true, []int64{0, 1, 2}, nil, ""},
		{"0 comes again later", []int64{0, 7, 0}, false, []int64{0, 7}, []int64{0}, ""},
		{"0 is among the ids", []int64{7, 0, 3}, false, []int64{7, 0, 3}, nil, ""},
		{"none has one, with a journal", []int64{0, 0, 0}, true, nil, []int64{0},
			"with a Journal, give each message an id of your own"},
		{"one has one, and those before have none", []int64{0, 0, 0, 9, 0}, false, []int64{0, 1, 2}, []int64{9},
			"give all messages of a stream an id, or none"},
	} {
		test := func(t *testing.T, most int) {
			gateway := newGateway(t, nil)
			opts := &smslink.StreamOptions{MaxMessages: most, UniqueIDs: true}
			if c.journal {
				opts.Journal = newSpy()
			}
			stream := gateway.Client().Stream(yielding(c.ids...), opts)
			var invalid []int64
			for b := range stream.Batches(t.Context()) {
				for _, err := range b.Invalid {
					invalid = append(invalid, err.ID)
				}
			}
			var arrived []int64
			for _, m := range gateway.Messages() {
				arrived = append(arrived, m.ID)
			}
			require.Equal(t, c.invalid, invalid)
			if c.why == "" {
				require.Equal(t, c.arrive, arrived)
				require.NoError(t, stream.Err())
			} else {
				require.Subset(t, append([]int64{}, c.arrive...), arrived)
				require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
				require.ErrorContains(t, stream.Err(), c.why)
			}
		}
		for _, most := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d in a package", c.name, most), func(t *testing.T) { test(t, most) })
		}
	}
}

// A stream with a Journal needs ids even in test mode, in which the Journal is not used.
func TestStream_asksForIDsInTestModeToo(t *testing.T) {
	gateway := newGateway(t, nil)
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password,
		&smslink.Options{Endpoint: gateway.URL, TestMode: true})
	require.NoError(t, err)
	stream := client.Stream(yielding(0, 0), &smslink.StreamOptions{Journal: newSpy()})
	collect(t, t.Context(), stream)
	require.ErrorContains(t, stream.Err(), "with a Journal, give each message an id")
	require.Empty(t, gateway.Uploads())
}

// A dry run finds the repeated ids that a real run with a Journal would.
func TestStream_comparesAllIDsInTestModeToo(t *testing.T) {
	client := clientOf(t, newGateway(t, nil), smslink.Options{TestMode: true})
	opts := &smslink.StreamOptions{Journal: newSpy(), MaxMessages: 2}
	stream := client.Stream(yielding(1, 2, 1), opts)
	collect(t, t.Context(), stream)
	require.NoError(t, stream.Err())
	require.Equal(t, 2, stream.Stats().Accepted)
	require.Equal(t, 1, stream.Stats().Invalid)
}

// The reason given to Drain says nothing about the outcome of the stream's messages.
func TestStream_reasonHasNoOutcome(t *testing.T) {
	reason := &smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: errors.New("the package is empty")}
	read := 0
	j := newSpy()
	stream := newGateway(t, nil).Client().Stream(numbered(3, &read, reason), &smslink.StreamOptions{Journal: j})
	j.fail = "Known"
	batches := collect(t, context.Background(), stream)
	require.Len(t, batches, 1)
	for _, err := range []error{stream.Err(), batches[0].Err} {
		require.ErrorIs(t, err, smslink.ErrStopped)
		require.ErrorIs(t, err, reason)
		require.ErrorContains(t, err, "the package is empty")
		require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err))
	}
}
