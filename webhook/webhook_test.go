package webhook_test

import (
	"bytes"
	"context"
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
	"github.com/go-smslink/smslink/internal/secrets"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/go-smslink/smslink/webhook"
)

func TestReports_answers(t *testing.T) {
	var got reports
	server := httptest.NewServer(newHandler(t, got.take, nil))
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
		{"no report", "GET", "/" + urlSecret, "message_id=" + secrets.Number, 400},
		{"nothing", "GET", "/" + urlSecret, "", 400},
		{"a query of a megabyte", "GET", "/" + urlSecret, million, 400},
		{"a body of a megabyte", "POST", "/" + urlSecret, million, 400},
		{"HEAD", "HEAD", "/" + urlSecret, plainReport, 405},
		{"PUT", "PUT", "/" + urlSecret, plainReport, 405},
		{"DELETE", "DELETE", "/" + urlSecret, plainReport, 405},
		{"an unknown method", "REPORT", "/" + urlSecret, plainReport, 405},
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
			secrets.RequireAbsent(t, body)
			if status == 405 {
				require.Equal(t, "GET, POST", header.Get("Allow"))
			}
			if status == 200 {
				require.Nil(t, got.got[0].Other, "the secret is not a parameter")
			}
		})
	}
}

func TestReports_refuses(t *testing.T) {
	take := new(reports).take
	for _, c := range []struct {
		secret string
		handle func(context.Context, webhook.Report) error
		opts   *webhook.Options
		want   string
	}{
		{"", take, nil, "smslink: the webhook's secret is shorter than 16 characters"},
		{"hunter2-Xq7hunt", take, nil, "smslink: the webhook's secret is shorter than 16 characters"},
		{"hunter2-Xq7/hunter2", take, nil, "smslink: the webhook's secret has a character other than A-Z, a-z, 0-9, -, ., _ and ~"},
		{"hunter2-Xq7 hunter2", take, nil, "smslink: the webhook's secret has a character other than A-Z, a-z, 0-9, -, ., _ and ~"},
		{"hunter2-Xq7%hunter2", take, nil, "smslink: the webhook's secret has a character other than A-Z, a-z, 0-9, -, ., _ and ~"},
		{"hunter2-Xq7șhunter2", take, nil, "smslink: the webhook's secret has a character other than A-Z, a-z, 0-9, -, ., _ and ~"},
		{strings.Repeat("s", 1025), take, nil, "smslink: the webhook's secret is longer than 1024 characters"},
		{urlSecret, nil, nil, "smslink: the webhook's callback is nil"},
	} {
		h, err := webhook.Reports(c.secret, c.handle, c.opts)
		require.Nil(t, h)
		require.EqualError(t, err, c.want)
		secrets.RequireHidden(t, err)
	}
	for _, secret := range []string{"0123456789abcdef", strings.Repeat("s", 1024)} {
		h, err := webhook.Reports(secret, take, &webhook.Options{})
		require.NoError(t, err)
		r := byGet(plainReport)
		r.URL.Path = "/" + secret
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, 200, w.Code)
	}
}

func TestReports_connectionID(t *testing.T) {
	var got reports
	h := newHandler(t, got.take, &webhook.Options{ConnectionID: "C1"})
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

func TestReports_bodyThatBreaksOffMayComeAgain(t *testing.T) {
	var logged bytes.Buffer
	var got reports
	h := newHandler(t, got.take, &webhook.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
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
			require.Equal(t, map[int]string{400: "this is not a delivery report\n", 500: "the delivery report was not kept\n"}[want], w.Body.String())
		}
	}
	require.Empty(t, got.got)
	require.Equal(t, 4, strings.Count(logged.String(), "level=WARN"))
	require.Equal(t, 2, strings.Count(logged.String(), `"body ended early"`))
}

// Ten thousand different reports at once, each of them twice: each request is one call.
func TestReports_tenThousandAtOnce(t *testing.T) {
	const n = 10_000
	calls := make([]atomic.Int32, n)
	h := newHandler(t, func(_ context.Context, r webhook.Report) error {
		var id int
		_, err := fmt.Sscan(r.RemoteID, &id)
		calls[id-1].Add(1)
		return err
	}, nil)
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
		require.EqualValues(t, 2, calls[i].Load())
	}
}

// The handlers take the test gateway's calls, by GET and by POST, with every option on.
func TestReports_takesTheTestGatewaysReports(t *testing.T) {
	for _, post := range []bool{false, true} {
		var got reports
		server := httptest.NewServer(newHandler(t, got.take, &webhook.Options{ConnectionID: "test-connection"}))
		defer server.Close()
		gateway := smslinktest.NewGateway(&smslinktest.Options{Reports: &smslinktest.Reports{
			URL: server.URL + "/sms/" + urlSecret + "?shop=7", Post: post, Optional: true,
			Undelivered: func(m smslinktest.Message) bool { return m.ID == 2 },
		}})
		defer gateway.Close()
		var p smslink.Package
		for id := range int64(3) {
			require.NoError(t, p.Add(smslink.Message{ID: id + 1, To: "0712345678", Text: "Salut!"}))
		}
		resp, err := gateway.Client().Send(context.Background(), &p)
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
