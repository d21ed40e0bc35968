package smslink_test

import (
	"bytes"
	"context"
	"crypto/sha256"
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
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

const urlSecret = "v3rySecret-of_18.~"

// reports collects what a handler hands on.
type reports struct {
	mu  sync.Mutex
	got []smslink.DeliveryReport
	err error // what the callback returns
}

func (r *reports) take(_ context.Context, report smslink.DeliveryReport) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, report)
	return r.err
}

func deliveryHandler(t testing.TB, handle func(context.Context, smslink.DeliveryReport) error, opts *smslink.DeliveryOptions) http.Handler {
	t.Helper()
	h, err := smslink.DeliveryHandler(urlSecret, handle, opts)
	require.NoError(t, err)
	return h
}

// call makes one request over real HTTP.
func call(t testing.TB, method, url, form string) (status int, header http.Header, body string) {
	t.Helper()
	var sent io.Reader
	if method == http.MethodPost {
		sent = strings.NewReader(form)
	} else if form != "" {
		url += "?" + form
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, sent)
	require.NoError(t, err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	direct := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := direct.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header, string(raw)
}

func TestDeliveryHandler_answers(t *testing.T) {
	var got reports
	server := httptest.NewServer(deliveryHandler(t, got.take, nil))
	defer server.Close()
	million := plainReport + "&x=" + strings.Repeat("a", 1_000_000)
	for _, c := range []struct {
		name, method, path, form string
		want                     int
	}{
		{"a GET", "GET", "/sms/" + urlSecret, plainReport, 200},
		{"a POST", "POST", "/sms/" + urlSecret, plainReport, 200},
		{"on any path", "GET", "/a//b/" + urlSecret, plainReport, 200},
		{"at the root", "GET", "/" + urlSecret, plainReport, 200},
		{"an escaped secret", "GET", "/%76" + urlSecret[1:], plainReport, 200},
		{"no report", "GET", "/" + urlSecret, "message_id=" + secretNumber, 400},
		{"nothing", "GET", "/" + urlSecret, "", 400},
		{"a query of a megabyte", "GET", "/" + urlSecret, million, 400},
		{"a body of a megabyte", "POST", "/" + urlSecret, million, 400},
		{"HEAD", "HEAD", "/" + urlSecret, plainReport, 405},
		{"PUT", "PUT", "/" + urlSecret, plainReport, 405},
		{"DELETE", "DELETE", "/" + urlSecret, plainReport, 405},
		{"a method of nobody's", "REPORT", "/" + urlSecret, plainReport, 405},
		{"under a long path", "GET", "/" + strings.Repeat("sms/", 300) + urlSecret, plainReport, 200},
		{"under a long element", "GET", "/" + strings.Repeat("s", 2000) + "/" + urlSecret, plainReport, 200},
		{"after a long prefix", "GET", "/" + strings.Repeat("s", 300) + urlSecret, plainReport, 404},
		{"a guess of 100 KB", "GET", "/" + strings.Repeat("s", 100_000), plainReport, 404},
		{"the secret and more than 1 KiB", "GET", "/" + urlSecret + strings.Repeat("s", 1100), plainReport, 404},
		{"no secret", "GET", "/", plainReport, 404},
		{"another secret", "GET", "/" + strings.Repeat("x", len(urlSecret)), plainReport, 404},
		{"the start of the secret", "GET", "/" + urlSecret[:len(urlSecret)-1], plainReport, 404},
		{"more than the secret", "GET", "/" + urlSecret + "x", plainReport, 404},
		{"in other case", "GET", "/" + strings.ToUpper(urlSecret), plainReport, 404},
		{"a slash after the secret", "GET", "/" + urlSecret + "/", plainReport, 404},
		{"the secret not last", "GET", "/" + urlSecret + "/x", plainReport, 404},
		{"the secret in the query", "GET", "/?secret=" + urlSecret, "", 404},
		{"HEAD without it", "HEAD", "/x", plainReport, 404},
		{"PUT without it", "PUT", "/x", plainReport, 404},
		{"a POST without it", "POST", "/x", plainReport, 404},
		{"a megabyte without it", "GET", "/x", million, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			got.got = nil
			status, header, body := call(t, c.method, server.URL+c.path, c.form)
			require.Equal(t, c.want, status)
			require.Len(t, got.got, map[bool]int{true: 1}[status == 200])
			require.NotContains(t, body, urlSecret)
			require.Less(t, len(body), 100, "quotes nothing")
			requireNoSecret(t, body)
			if status == 405 {
				require.Equal(t, "GET, POST", header.Get("Allow"))
			}
			if status == 200 {
				require.Nil(t, got.got[0].Other, "the secret is no parameter")
			}
		})
	}
}

// Guesses whose digest starts, or ends, as the secret's does are guesses.
func TestDeliveryHandler_comparesAllOfTheDigest(t *testing.T) {
	h := deliveryHandler(t, new(reports).take, nil)
	digest := sha256.Sum256([]byte(urlSecret))
	starts, ends := 0, 0
	for i := 0; starts < 2 || ends < 2; i++ {
		guess := fmt.Sprintf("%s%d", urlSecret[:16], i)
		sum := sha256.Sum256([]byte(guess))
		starting, ending := bytes.Equal(sum[:2], digest[:2]), bytes.Equal(sum[30:], digest[30:])
		if i >= 1000 && !starting && !ending {
			continue
		}
		r := byGet(plainReport)
		r.URL.Path = "/" + guess
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, 404, w.Code)
		if starting {
			starts++
		}
		if ending {
			ends++
		}
	}
}

// A stranger can't tell the handler, mounted as in the README, from a server that has
// no such page.
func TestDeliveryHandler_withoutTheSecretIsAnyUnknownPage(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/sms/reports/{secret}", deliveryHandler(t, new(reports).take, nil))
	handler := httptest.NewServer(mux)
	defer handler.Close()
	nothing := httptest.NewServer(http.NewServeMux())
	defer nothing.Close()
	for _, method := range []string{"GET", "POST", "HEAD", "PUT", "OPTIONS"} {
		for _, path := range []string{
			"/", "/sms", "/sms/", "/sms/reports", "/sms/reports/", "/sms/reports/guess", "/sms/reports/guess/", "/sms/reports/guess/x", "/sms/reports//", "/sms//reports/guess",
			"/sms/./reports/guess", "/sms/reports/..", "/sms/reports/%2e%2e", "/sms/reports/%2F", "/sms/reports/a%2Fb", "/sms/reports/" + strings.Repeat("a", 2000),
			"/sms/reports/" + urlSecret + "/", "/sms//reports/" + urlSecret, "/sms/reports//" + urlSecret,
		} {
			status, header, body := call(t, method, handler.URL+path, plainReport)
			wantStatus, wantHeader, wantBody := call(t, method, nothing.URL+path, plainReport)
			header.Del("Date")
			wantHeader.Del("Date")
			require.Equal(t, wantStatus, status, path)
			require.Equal(t, wantHeader, header, path)
			require.Equal(t, wantBody, body, path)
		}
	}
	status, _, _ := call(t, "POST", handler.URL+"/sms/reports/"+urlSecret, plainReport)
	require.Equal(t, 200, status)
}

func TestDeliveryHandler_readsNoBodyWithoutTheSecretOrForAWrongMethod(t *testing.T) {
	for path, method := range map[string]string{"/guess": http.MethodPost, "/" + urlSecret: http.MethodPut} {
		r := httptest.NewRequest(method, path, unreadable{t})
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		deliveryHandler(t, new(reports).take, nil).ServeHTTP(w, r)
		require.GreaterOrEqual(t, w.Code, 404)
	}
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestDeliveryHandler_wherever(t *testing.T) {
	var got reports
	h := deliveryHandler(t, got.take, nil)
	mux := http.NewServeMux()
	mux.Handle("/dlr/", h)
	mux.Handle("GET /one/{secret}", h)
	mux.Handle("/stripped/", http.StripPrefix("/stripped/", h))
	mux.Handle("/rooted/", http.StripPrefix("/rooted", h))
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, under := range []string{"/dlr/", "/one/", "/stripped/", "/rooted/"} {
		status, _, _ := call(t, "GET", server.URL+under+urlSecret, plainReport)
		require.Equal(t, 200, status, under)
		status, _, _ = call(t, "GET", server.URL+under+"guess", plainReport)
		require.Equal(t, 404, status, under)
	}
	require.Len(t, got.got, 4)
}

func TestDeliveryHandler_refuses(t *testing.T) {
	take := new(reports).take
	for _, c := range []struct {
		secret string
		handle func(context.Context, smslink.DeliveryReport) error
		opts   *smslink.DeliveryOptions
		want   string
	}{
		{"", take, nil, "smslink: the delivery reports' secret is shorter than 16 characters"},
		{"hunter2-Xq7hunt", take, nil, "smslink: the delivery reports' secret is shorter than 16 characters"},
		{"hunter2-Xq7/hunter2", take, nil, "smslink: the delivery reports' secret holds a character other than A-Z, a-z, 0-9, -, ., _ and ~"},
		{"hunter2-Xq7 hunter2", take, nil, "smslink: the delivery reports' secret holds a character other than A-Z, a-z, 0-9, -, ., _ and ~"},
		{"hunter2-Xq7%hunter2", take, nil, "smslink: the delivery reports' secret holds a character other than A-Z, a-z, 0-9, -, ., _ and ~"},
		{"hunter2-Xq7șhunter2", take, nil, "smslink: the delivery reports' secret holds a character other than A-Z, a-z, 0-9, -, ., _ and ~"},
		{strings.Repeat("s", 1025), take, nil, "smslink: the delivery reports' secret is longer than 1024 characters"},
		{urlSecret, nil, nil, "smslink: the delivery reports' callback is nil"},
		{urlSecret, take, &smslink.DeliveryOptions{Dedupe: -1}, "smslink: the delivery reports' Dedupe is negative: -1"},
	} {
		h, err := smslink.DeliveryHandler(c.secret, c.handle, c.opts)
		require.Nil(t, h)
		require.EqualError(t, err, c.want)
		requireDiscreet(t, err)
	}
	for _, secret := range []string{"0123456789abcdef", strings.Repeat("s", 1024)} {
		h, err := smslink.DeliveryHandler(secret, take, &smslink.DeliveryOptions{})
		require.NoError(t, err)
		r := byGet(plainReport)
		r.URL.Path = "/" + secret
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, 200, w.Code)
	}
}

func TestDeliveryHandler_connectionID(t *testing.T) {
	var got reports
	h := deliveryHandler(t, got.take, &smslink.DeliveryOptions{ConnectionID: "C1"})
	for form, want := range map[string]int{
		plainReport + "&connection_id=C1":                  200,
		plainReport + "&connection_id=C1&connection_id=C1": 200,
		plainReport:                                        403,
		plainReport + "&connection_id=":                    403,
		plainReport + "&connection_id=c1":                  403,
		plainReport + "&connection_id=C11":                 403,
		plainReport + "&connection_id=C1&connection_id=C2": 403,
		"connection_id=C1":                                 400,
	} {
		got.got = nil
		require.Equal(t, want, record(h, form).Code, form)
		require.Len(t, got.got, map[bool]int{true: 1}[want == 200])
	}
	require.Equal(t, 200, record(h, plainReport+"&connection_id=C1%0D%0A").Code)
}

func TestDeliveryHandler_anotherConnectionIsNotQuoted(t *testing.T) {
	var logged bytes.Buffer
	h := deliveryHandler(t, new(reports).take, &smslink.DeliveryOptions{ConnectionID: "ours-4711", Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	w := record(h, plainReport+"&connection_id=theirs-0815")
	require.Equal(t, 403, w.Code)
	require.Equal(t, "this is another connection's delivery report\n", w.Body.String())
	require.Regexp(t, `^time=\S+ level=WARN msg="smslink: delivery report of another connection" report.remote_id=220000001 report.delivered=true report.time=\S+\n$`, logged.String())
}

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

func TestDeliveryHandler_bodyThatBreaksOffMayComeAgain(t *testing.T) {
	var logged bytes.Buffer
	var got reports
	h := deliveryHandler(t, got.take, &smslink.DeliveryOptions{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	for _, kind := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=b"} {
		for body, want := range map[io.Reader]int{
			io.MultiReader(strings.NewReader(plainReport), iotest.ErrReader(io.ErrUnexpectedEOF)): 500,
			strings.NewReader("--b\r\nbroken"): 400,
		} {
			r := httptest.NewRequest(http.MethodPost, "/"+urlSecret, body)
			r.Header.Set("Content-Type", kind)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			require.Equal(t, want, w.Code)
			require.Equal(t, map[int]string{400: "this is no delivery report\n", 500: "the delivery report was not taken\n"}[want], w.Body.String())
		}
	}
	require.Empty(t, got.got)
	require.Equal(t, 4, strings.Count(logged.String(), "level=WARN"))
	require.Equal(t, 2, strings.Count(logged.String(), `"smslink: delivery report: body broke off"`))
}

// Whoever looks for a report that is missing finds it by its remote id.
func TestDeliveryHandler_logsTheRemoteIDOfWhatItRefuses(t *testing.T) {
	for form, want := range map[string]string{
		"message_id=220000001&status=2&timestamp=1": ` remote_id=220000001\n$`,
		"message_id=220000001&status=1":             ` remote_id=220000001\n$`,
		"message_id=0712345678&status=1":            ` remote_id="\(not a number\)"\n$`,
		"message_id=a%20b&status=1&timestamp=1":     `visible ASCII"\n$`,
		"status=1&timestamp=1":                      `missing or empty"\n$`,
	} {
		var logged bytes.Buffer
		h := deliveryHandler(t, new(reports).take, &smslink.DeliveryOptions{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		require.Equal(t, 400, record(h, form).Code)
		require.Regexp(t, want, logged.String())
	}
}

// Requests without the secret come from anybody, in any number.
func TestDeliveryHandler_levels(t *testing.T) {
	var logged bytes.Buffer
	h := deliveryHandler(t, func(_ context.Context, r smslink.DeliveryReport) error {
		if !r.Delivered {
			return errors.New("failed")
		}
		return nil
	}, &smslink.DeliveryOptions{Dedupe: 3, ConnectionID: "C1", Logger: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	const ours = "&connection_id=C1"
	for _, c := range []struct{ path, form, want string }{
		{"/guess", plainReport, `level=DEBUG msg="smslink: request without the delivery reports' secret"`},
		{"/" + urlSecret, plainReport + ours, `level=DEBUG msg="smslink: delivery report taken"`},
		{"/" + urlSecret, plainReport + ours, `level=DEBUG msg="smslink: repeated delivery report"`},
		{"/" + urlSecret, "status=1", `level=WARN msg="smslink: no delivery report"`},
		{"/" + urlSecret, plainReport, `level=WARN msg="smslink: delivery report of another connection"`},
		{"/" + urlSecret, "message_id=7&status=0&timestamp=1" + ours, `level=ERROR msg="smslink: delivery report: the callback failed"`},
	} {
		logged.Reset()
		r := byGet(c.form)
		r.URL.Path = c.path
		h.ServeHTTP(httptest.NewRecorder(), r)
		require.Contains(t, logged.String(), c.want)
		require.Equal(t, 1, strings.Count(logged.String(), "\n"))
	}
}

func TestDeliveryHandler_logsNoSecret(t *testing.T) {
	var logged bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := deliveryHandler(t, new(reports).take, &smslink.DeliveryOptions{Logger: logger, Dedupe: 5, ConnectionID: "C1"})
	rest := "&delivery_report=" + strings.ReplaceAll(secretText, " ", "+") + "&to=" + secretNumber + "&p=" + secretPassword
	for _, form := range []string{
		plainReport + rest + "&connection_id=C1", plainReport + rest + "&connection_id=C1", plainReport + rest, "message_id=" + secretNumber + rest,
		"message_id=" + secretNumber + "&status=1&timestamp=1&connection_id=C1" + rest,
	} {
		record(h, form)
	}
	for _, method := range []string{"GET", "PUT"} {
		for _, path := range []string{"/" + secretPassword, "/" + urlSecret} {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path+"?"+rest, nil))
		}
	}
	require.Equal(t, 9, strings.Count(logged.String(), "\n"), "one event a request")
	requireNoSecret(t, logged.String())
	require.NotContains(t, logged.String(), urlSecret)
	for _, v := range []any{h, &h, struct{ h http.Handler }{h}} {
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", v, v, v), urlSecret)
	}
}

// Ten thousand different reports at once, each of them twice, through a handler that
// remembers them all: each is handed on once.
func TestDeliveryHandler_tenThousandAtOnce(t *testing.T) {
	const n = 10_000
	calls := make([]atomic.Int32, n)
	h := deliveryHandler(t, func(_ context.Context, r smslink.DeliveryReport) error {
		var id int
		_, err := fmt.Sscan(r.RemoteID, &id)
		calls[id-1].Add(1)
		return err
	}, &smslink.DeliveryOptions{Dedupe: n})
	var answered atomic.Int32
	var running sync.WaitGroup
	for i := range 2 * n {
		running.Go(func() {
			form := fmt.Sprintf("message_id=%d&status=1&timestamp=1700000000&network_id=1&x=y", i%n+1)
			r := byGet(form)
			if i%3 == 0 {
				r = byPost("", form)
			}
			r.URL.Path = "/" + urlSecret
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code == 200 {
				answered.Add(1)
			}
		})
	}
	running.Wait()
	require.EqualValues(t, 2*n, answered.Load())
	for i := range calls {
		require.EqualValues(t, 1, calls[i].Load())
	}
}

// What the test gateway calls, by GET and by POST, with all that can be switched on.
func TestDeliveryHandler_takesTheTestGatewaysReports(t *testing.T) {
	for _, post := range []bool{false, true} {
		var got reports
		server := httptest.NewServer(deliveryHandler(t, got.take, &smslink.DeliveryOptions{ConnectionID: "test-connection"}))
		defer server.Close()
		gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{
			URL: server.URL + "/sms/" + urlSecret + "?shop=7", Post: post, Optional: true,
			Undelivered: func(m smslinktest.Message) bool { return m.ID == 2 },
		}})
		resp, err := gateway.Client().Send(context.Background(), packageOf(t, 1, 2, 3))
		require.NoError(t, err)
		require.NoError(t, gateway.WaitReports(t.Context()))
		require.Len(t, got.got, 3)
		for i, r := range got.got {
			require.Equal(t, resp.Results[i].RemoteID, r.RemoteID)
			require.Equal(t, i != 1, r.Delivered)
			require.Equal(t, "Vodafone", r.Network())
			require.Equal(t, "national", r.NetworkType)
			require.Equal(t, map[bool]string{true: "DELIVRD", false: "UNDELIV"}[r.Delivered], r.Text)
			require.Equal(t, gateway.ConnectionID, r.ConnectionID)
			require.Equal(t, 1, r.Segments)
			require.Equal(t, map[string][]string{"shop": {"7"}}, map[string][]string(r.Other))
		}
	}
}
