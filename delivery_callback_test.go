package smslink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// record calls the handler with the secret.
func record(h http.Handler, form string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := byGet(form)
	r.URL.Path = "/" + urlSecret
	h.ServeHTTP(w, r)
	return w
}

// outOfRange is an index that is a receiver.
var outOfRange = 712345678

type loudFault struct{}

func (loudFault) RuntimeError() {}
func (loudFault) Error() string { return secretText }

type brokenFault struct{ p *error }

func (brokenFault) RuntimeError()   {}
func (f brokenFault) Error() string { return (*f.p).Error() }

func TestDeliveryHandler_callbackThatFails(t *testing.T) {
	wantType := map[string]string{
		"an error": "error_type=*errors.errorString\n", "a panic": "panic_type=string ", "a panic with an error": "panic_type=*errors.errorString ",
		"a panic with a slice": "panic_type=[]string ", "a panic of the runtime": "panic_type=runtime.boundsError ",
		"a panic that says it is the runtime's": "panic_type=smslink_test.loudFault ", "a panic with what panics itself": "panic_type=smslink_test.brokenFault ",
	}
	for name, handle := range map[string]func(context.Context, smslink.DeliveryReport) error{
		"an error":                              func(context.Context, smslink.DeliveryReport) error { return errors.New(secretText) },
		"a panic":                               func(context.Context, smslink.DeliveryReport) error { panic(secretNumber) },
		"a panic with an error":                 func(context.Context, smslink.DeliveryReport) error { panic(errors.New(secretPassword)) },
		"a panic with a slice":                  func(context.Context, smslink.DeliveryReport) error { panic([]string{secretText}) },
		"a panic of the runtime":                func(context.Context, smslink.DeliveryReport) error { return []error{}[outOfRange] },
		"a panic that says it is the runtime's": func(context.Context, smslink.DeliveryReport) error { panic(loudFault{}) },
		"a panic with what panics itself":       func(context.Context, smslink.DeliveryReport) error { panic(brokenFault{}) },
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&logged, nil))
			server := httptest.NewUnstartedServer(deliveryHandler(t, handle, &smslink.DeliveryOptions{Logger: logger, Dedupe: 10}))
			var complaints bytes.Buffer
			server.Config.ErrorLog = log.New(&complaints, "", 0)
			server.Start()
			for range 2 { // and nothing is remembered or left locked
				status, _, body := call(t, "GET", server.URL+"/"+urlSecret, plainReport)
				require.Equal(t, 500, status)
				require.Equal(t, "the delivery report was not taken\n", body)
			}
			server.Close()
			require.Empty(t, complaints.String(), "the panic went no further")
			require.Equal(t, 2, strings.Count(logged.String(), "level=ERROR"))
			require.Contains(t, logged.String(), "report.remote_id=220000001")
			if strings.HasPrefix(name, "a panic") {
				require.Contains(t, logged.String(), "TestDeliveryHandler_callbackThatFails.func", "where it panicked")
			}
			require.Contains(t, logged.String(), wantType[name])
			require.NotContains(t, logged.String(), strconv.Itoa(outOfRange))
			requireNoSecret(t, logged.String())
		})
	}
}

// The stack leads from the panic to the handler, however deep it is.
func TestDeliveryHandler_logsTheWholeStack(t *testing.T) {
	var logged bytes.Buffer
	h := deliveryHandler(t, func(context.Context, smslink.DeliveryReport) error { return fall(8) }, &smslink.DeliveryOptions{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	require.Equal(t, 500, record(h, plainReport).Code)
	require.Equal(t, 9, strings.Count(logged.String(), "smslink_test.fall:"))
	require.Contains(t, logged.String(), "smslink.(*deliveryHandler).serve:")
}

func fall(deeper int) error {
	if deeper == 0 {
		panic("")
	}
	return fmt.Errorf("%w", fall(deeper-1))
}

// As in a program that sets GODEBUG=panicnil=1, whose recover then tells nothing.
func TestDeliveryHandler_panicOfNil(t *testing.T) {
	if !strings.Contains(os.Getenv("GODEBUG"), "panicnil=1") {
		run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDeliveryHandler_panicOfNil$")
		run.Env = append(os.Environ(), "GODEBUG=panicnil=1")
		out, err := run.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	for _, dedupe := range []int{0, 3} {
		calls := 0
		h := deliveryHandler(t, func(context.Context, smslink.DeliveryReport) error {
			calls++
			panic(nil)
		}, &smslink.DeliveryOptions{Dedupe: dedupe})
		require.Equal(t, 500, record(h, plainReport).Code)
		require.Equal(t, 500, record(h, plainReport).Code)
		require.Equal(t, 2, calls)
	}
}

// A logger's panic is its own: the report was taken, and stays so.
func TestDeliveryHandler_loggerThatPanics(t *testing.T) {
	var got reports
	h := deliveryHandler(t, got.take, &smslink.DeliveryOptions{Dedupe: 3, Logger: slog.New(panickingLog{})})
	for range 3 {
		require.PanicsWithValue(t, "the logger", func() { record(h, plainReport) })
	}
	require.Len(t, got.got, 1)
	got.err = errors.New("the database is away")
	require.PanicsWithValue(t, "the logger", func() { record(h, plainReport+"1") })
	got.err = nil
	require.PanicsWithValue(t, "the logger", func() { record(h, plainReport+"1") })
	require.Len(t, got.got, 3)
}

type panickingLog struct{ slog.Handler }

func (panickingLog) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingLog) Handle(context.Context, slog.Record) error { panic("the logger") }

func TestDeliveryHandler_abortPassesThrough(t *testing.T) {
	var aborting atomic.Bool
	aborting.Store(true)
	h := deliveryHandler(t, func(context.Context, smslink.DeliveryReport) error {
		if aborting.Load() {
			panic(http.ErrAbortHandler)
		}
		return nil
	}, &smslink.DeliveryOptions{Dedupe: 1})
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { record(h, plainReport) })
	aborting.Store(false)
	require.Equal(t, 200, record(h, plainReport).Code, "it was not remembered, nor is it waited for")
}

func TestDeliveryHandler_callbackThatEndsItsGoroutineIsNotWaitedFor(t *testing.T) {
	var calls atomic.Int32
	h := deliveryHandler(t, func(context.Context, smslink.DeliveryReport) error {
		if calls.Add(1) == 1 {
			runtime.Goexit()
		}
		return nil
	}, &smslink.DeliveryOptions{Dedupe: 1})
	var first sync.WaitGroup
	first.Go(func() { record(h, plainReport) })
	first.Wait()
	require.Equal(t, 200, record(h, plainReport).Code)
	require.EqualValues(t, 2, calls.Load())
}

// A report that has arrived is kept, whether or not the gateway waits for the answer.
func TestDeliveryHandler_contextHasTheRequestsValuesButNotItsEnd(t *testing.T) {
	type key struct{}
	for _, dedupe := range []int{0, 3} {
		ctx, hangUp := context.WithTimeout(context.WithValue(t.Context(), key{}, "value"), time.Hour)
		h := deliveryHandler(t, func(ctx context.Context, _ smslink.DeliveryReport) error {
			hangUp()
			require.Equal(t, "value", ctx.Value(key{}))
			_, bounded := ctx.Deadline()
			require.False(t, bounded)
			return ctx.Err()
		}, &smslink.DeliveryOptions{Dedupe: dedupe})
		require.Equal(t, 200, recordUnder(ctx, h))
	}
}

// The same over real HTTP, from a gateway that closes its half of the connection once
// it has asked, as net/http sees to be hanging up.
func TestDeliveryHandler_gatewayThatHalfCloses(t *testing.T) {
	server := httptest.NewServer(deliveryHandler(t, func(ctx context.Context, _ smslink.DeliveryReport) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
			return nil
		}
	}, nil))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /%s?%s HTTP/1.0\r\nHost: shop\r\n\r\n", urlSecret, plainReport)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Contains(t, string(answer), "200 OK")
}
