package smslink_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

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
