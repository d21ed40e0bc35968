package webhook_test

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

	"github.com/go-smslink/smslink/internal/secrets"
	"github.com/go-smslink/smslink/webhook"
)

// outOfRange is an index that looks like a receiver.
var outOfRange = 712345678

type quotingError struct{}

func (quotingError) RuntimeError() {}
func (quotingError) Error() string { return secrets.Text }

type brokenFault struct{ p *error }

func (brokenFault) RuntimeError()   {}
func (f brokenFault) Error() string { return (*f.p).Error() }

func TestReports_callbackThatFails(t *testing.T) {
	wantType := map[string]string{
		"an error": "error_type=*errors.errorString\n", "a panic": "panic_type=string ", "a panic with an error": "panic_type=*errors.errorString ",
		"a panic with a slice": "panic_type=[]string ", "a panic of the runtime": "panic_type=runtime.boundsError ",
		"a panic that says it is the runtime's": "panic_type=webhook_test.quotingError ", "a panic with what panics itself": "panic_type=webhook_test.brokenFault ",
	}
	for name, handle := range map[string]func(context.Context, webhook.Report) error{
		"an error":                              func(context.Context, webhook.Report) error { return errors.New(secrets.Text) },
		"a panic":                               func(context.Context, webhook.Report) error { panic(secrets.Number) },
		"a panic with an error":                 func(context.Context, webhook.Report) error { panic(errors.New(secrets.Password)) },
		"a panic with a slice":                  func(context.Context, webhook.Report) error { panic([]string{secrets.Text}) },
		"a panic of the runtime":                func(context.Context, webhook.Report) error { return []error{}[outOfRange] },
		"a panic that says it is the runtime's": func(context.Context, webhook.Report) error { panic(quotingError{}) },
		"a panic with what panics itself":       func(context.Context, webhook.Report) error { panic(brokenFault{}) },
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&logged, nil))
			server := httptest.NewUnstartedServer(newHandler(t, handle, &webhook.Options{Logger: logger}))
			var complaints bytes.Buffer
			server.Config.ErrorLog = log.New(&complaints, "", 0)
			server.Start()
			for range 2 { // nothing is left locked
				status, _, body := call(t, "GET", server.URL+"/"+urlSecret, plainReport)
				require.Equal(t, 500, status)
				require.Equal(t, "the delivery report was not kept\n", body)
			}
			server.Close()
			require.Empty(t, complaints.String(), "the panic went no further")
			require.Equal(t, 2, strings.Count(logged.String(), "level=ERROR"))
			require.Contains(t, logged.String(), "call.remote_id=220000001")
			if strings.HasPrefix(name, "a panic") {
				require.Contains(t, logged.String(), "TestReports_callbackThatFails.func", "where it panicked")
			}
			require.Contains(t, logged.String(), wantType[name])
			require.NotContains(t, logged.String(), strconv.Itoa(outOfRange))
			secrets.RequireAbsent(t, logged.String())
		})
	}
}

// The logged stack starts at the panic, however deep it is.
func TestReports_logsTheWholeStack(t *testing.T) {
	var logged bytes.Buffer
	h := newHandler(t, func(context.Context, webhook.Report) error { return fall(8) }, &webhook.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	require.Equal(t, 500, record(h, plainReport).Code)
	require.Equal(t, 9, strings.Count(logged.String(), "webhook_test.fall:"))
	require.Contains(t, logged.String(), "webhook.(*handler[...]).serve:")
}

func fall(deeper int) error {
	if deeper == 0 {
		panic("")
	}
	return fmt.Errorf("%w", fall(deeper-1))
}

// With GODEBUG=panicnil=1, recover returns nil for panic(nil).
func TestReports_panicOfNil(t *testing.T) {
	if !strings.Contains(os.Getenv("GODEBUG"), "panicnil=1") {
		run := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestReports_panicOfNil$")
		run.Env = append(os.Environ(), "GODEBUG=panicnil=1")
		out, err := run.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	calls := 0
	h := newHandler(t, func(context.Context, webhook.Report) error {
		calls++
		panic(nil)
	}, nil)
	require.Equal(t, 500, record(h, plainReport).Code)
	require.Equal(t, 500, record(h, plainReport).Code)
	require.Equal(t, 2, calls)
}

// A panic of the logger is not recovered.
func TestReports_loggerThatPanics(t *testing.T) {
	var got reports
	h := newHandler(t, got.take, &webhook.Options{Logger: slog.New(panickingLog{})})
	for range 3 {
		require.PanicsWithValue(t, "the logger", func() { record(h, plainReport) })
	}
	require.Len(t, got.got, 3)
	got.err = errors.New("the database is away")
	require.PanicsWithValue(t, "the logger", func() { record(h, plainReport+"1") })
	got.err = nil
	require.PanicsWithValue(t, "the logger", func() { record(h, plainReport+"1") })
	require.Len(t, got.got, 5)
}

type panickingLog struct{ slog.Handler }

func (panickingLog) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingLog) Handle(context.Context, slog.Record) error { panic("the logger") }

func TestReports_abortPassesThrough(t *testing.T) {
	var aborting atomic.Bool
	aborting.Store(true)
	h := newHandler(t, func(context.Context, webhook.Report) error {
		if aborting.Load() {
			panic(http.ErrAbortHandler)
		}
		return nil
	}, nil)
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { record(h, plainReport) })
	aborting.Store(false)
	require.Equal(t, 200, record(h, plainReport).Code)
}

func TestReports_callbackThatEndsItsGoroutine(t *testing.T) {
	var calls atomic.Int32
	h := newHandler(t, func(context.Context, webhook.Report) error {
		if calls.Add(1) == 1 {
			runtime.Goexit()
		}
		return nil
	}, nil)
	var first sync.WaitGroup
	first.Go(func() { record(h, plainReport) })
	first.Wait()
	require.Equal(t, 200, record(h, plainReport).Code)
	require.EqualValues(t, 2, calls.Load())
}

// A report that has arrived is processed even if the gateway does not wait for the answer.
func TestReports_contextHasTheRequestsValuesButNotItsEnd(t *testing.T) {
	type key struct{}
	ctx, hangUp := context.WithTimeout(context.WithValue(t.Context(), key{}, "value"), time.Hour)
	h := newHandler(t, func(ctx context.Context, _ webhook.Report) error {
		hangUp()
		require.Equal(t, "value", ctx.Value(key{}))
		_, bounded := ctx.Deadline()
		require.False(t, bounded)
		return ctx.Err()
	}, nil)
	r := byGet(plainReport)
	r.URL.Path = "/" + urlSecret
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(ctx))
	require.Equal(t, 200, w.Code)
}

// The same over HTTP. The gateway closes its half of the connection after the request, which
// net/http takes for hanging up.
func TestReports_gatewayThatHalfCloses(t *testing.T) {
	server := httptest.NewServer(newHandler(t, func(ctx context.Context, _ webhook.Report) error {
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
