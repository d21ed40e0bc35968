package smslinktest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// callbacks is a test's own endpoint for delivery reports.
type callbacks struct {
	*httptest.Server
	mu     sync.Mutex
	method []string
	forms  map[string]url.Values // by remote id
}

func newCallbacks(t *testing.T) *callbacks {
	c := &callbacks{forms: map[string]url.Values{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.method = append(c.method, r.Method)
		c.forms[r.Form.Get("message_id")] = r.Form
	}))
	t.Cleanup(c.Close)
	return c
}

func TestReports_oneForEachSuccess(t *testing.T) {
	for _, post := range []bool{false, true} {
		c := newCallbacks(t)
		gateway := newGateway(t, &smslinktest.Options{
			Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0700000002")},
			Reports: &smslinktest.Reports{URL: c.URL + "/dlr?secret=s", Post: post, Undelivered: func(m smslinktest.Message) bool {
				return m.ID == 3
			}},
		})
		resp := send(t, gateway, packageOf(t, nil, 1, 2, 3))
		require.NoError(t, gateway.WaitReports(t.Context()))
		require.Len(t, c.forms, 2, "the failed message has none")
		for at, want := range map[int]string{0: "1", 2: "0"} {
			form := c.forms[resp.Results[at].RemoteID]
			require.Equal(t, want, form.Get("status"))
			require.Equal(t, "s", form.Get("secret"))
			require.Regexp(t, `^\d{10}$`, form.Get("timestamp"))
			require.Len(t, form, 4)
		}
		want := http.MethodGet
		if post {
			want = http.MethodPost
		}
		require.Equal(t, []string{want, want}, c.method)
	}
}

func TestReports_optionalParameters(t *testing.T) {
	c := newCallbacks(t)
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL, Optional: true}})
	p := new(smslink.Package)
	require.NoError(t, p.Add(smslink.Message{ID: 1, To: "0712345678", Text: strings.Repeat("ș", 71)}))
	resp := send(t, gateway, p)
	require.NoError(t, gateway.WaitReports(t.Context()))
	form := c.forms[resp.Results[0].RemoteID]
	for name, want := range map[string]string{
		"network_id": "1", "network_type": "national", "delivery_report": "DELIVRD", "connection_id": gateway.ConnectionID, "message_count": "2",
	} {
		require.Equal(t, want, form.Get(name), name)
	}
}

func TestReports_noneInTestMode(t *testing.T) {
	c := newCallbacks(t)
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL}})
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{Endpoint: gateway.URL, TestMode: true})
	require.NoError(t, err)
	_, err = client.Send(context.Background(), packageOf(t, nil, 1))
	require.NoError(t, err)
	require.NoError(t, gateway.WaitReports(t.Context()))
	require.Empty(t, c.forms)
}

func TestReports_waitForTheirDelay(t *testing.T) {
	c := newCallbacks(t)
	const delay = 500 * time.Millisecond
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL, Delay: delay}})
	start := time.Now()
	send(t, gateway, packageOf(t, nil, 1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, gateway.WaitReports(ctx), context.DeadlineExceeded)
	require.NoError(t, gateway.WaitReports(t.Context()))
	require.GreaterOrEqual(t, time.Since(start), delay)
}

func TestReports_failuresAreTold(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer broken.Close()
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: broken.URL}})
	send(t, gateway, packageOf(t, nil, 1, 2))
	err := gateway.WaitReports(t.Context())
	require.ErrorContains(t, err, "smslinktest: delivery report of 220000001: answered with HTTP status 500")
	require.ErrorContains(t, err, "smslinktest: delivery report of 220000002: answered with HTTP status 500")

}

// In the URL of a callback there is a secret.
func TestReports_failuresDoNotQuoteTheURL(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	for _, post := range []bool{false, true} {
		for _, url := range []string{away.URL + "/sms/hunter2?key=hunter2", "http://127.0.0.1/hunter2\x00", "smtp://127.0.0.1/hunter2"} {
			gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: url, Post: post, Manual: true}})
			remoteID := send(t, gateway, packageOf(t, nil, 1)).Results[0].RemoteID
			err := gateway.Deliver(t.Context(), remoteID, true)
			require.ErrorContains(t, err, "smslinktest: delivery report of 220000001: ")
			require.Equal(t, err, deliveryOf(t, gateway, remoteID).Err)
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err)), "/hunter2")
		}
		gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: away.URL + "/sms/hunter2", Post: post}})
		send(t, gateway, packageOf(t, nil, 1))
		err := gateway.WaitReports(t.Context())
		require.ErrorContains(t, err, "smslinktest: delivery report of 220000001: ")
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestReset_dropsReportsToCome(t *testing.T) {
	c := newCallbacks(t)
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL, Delay: 500 * time.Millisecond}})
	send(t, gateway, packageOf(t, nil, 1, 2))
	gateway.Reset()
	require.NoError(t, gateway.WaitReports(t.Context()))
	send(t, gateway, packageOf(t, nil, 3))
	require.NoError(t, gateway.WaitReports(t.Context()))
	require.Len(t, c.method, 1, "one id, one report")
}

func TestReports_throughTheTestsOwnClient(t *testing.T) {
	c := newCallbacks(t)
	asked := 0
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL, Client: &http.Client{
		Transport: transport(func(r *http.Request) (*http.Response, error) {
			asked++
			return http.DefaultTransport.RoundTrip(r)
		}),
	}}})
	send(t, gateway, packageOf(t, nil, 1))
	require.NoError(t, gateway.WaitReports(t.Context()))
	require.Equal(t, 1, asked)
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A gateway whose handler runs on another server may be closed while uploads come.
func TestClose_whileUploadsCome(t *testing.T) {
	c := newCallbacks(t)
	for range 5 {
		gateway := smslinktest.NewGateway(&smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL}})
		server := httptest.NewServer(gateway)
		var senders sync.WaitGroup
		for range 4 {
			senders.Go(func() {
				client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{Endpoint: server.URL + smslinktest.BulkPath})
				if err == nil {
					_, _ = client.Send(context.Background(), packageOf(t, nil, 1))
				}
			})
		}
		gateway.Close()
		senders.Wait()
		server.Close()
	}
}

func TestClose_dropsReportsToCome(t *testing.T) {
	c := newCallbacks(t)
	gateway := smslinktest.NewGateway(&smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL, Delay: time.Hour}})
	send(t, gateway, packageOf(t, nil, 1))
	gateway.Close()
	require.Empty(t, c.forms)
}
