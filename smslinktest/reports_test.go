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
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// callbacks is an endpoint for delivery reports.
type callbacks struct {
	*httptest.Server
	mu     sync.Mutex
	method []string
	forms  map[string]url.Values // by remote id
}

// received returns the remote ids that were reported so far.
func (c *callbacks) received() map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := map[string]bool{}
	for id := range c.forms {
		ids[id] = true
	}
	return ids
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
	const delay = 50 * time.Millisecond
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL, Delay: delay}})
	start := time.Now()
	send(t, gateway, packageOf(t, nil, 1))
	require.NoError(t, gateway.WaitReports(t.Context()))
	require.GreaterOrEqual(t, time.Since(start), delay)

	gateway = newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL, Delay: time.Hour}})
	send(t, gateway, packageOf(t, nil, 1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, gateway.WaitReports(ctx), context.DeadlineExceeded)
}

func TestReports_failuresAreReturned(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer broken.Close()
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: broken.URL}})
	send(t, gateway, packageOf(t, nil, 1, 2))
	err := gateway.WaitReports(t.Context())
	require.ErrorContains(t, err, "smslink: test gateway: delivery report of 220000001: answered with HTTP status 500")
	require.ErrorContains(t, err, "smslink: test gateway: delivery report of 220000002: answered with HTTP status 500")

}

// A callback's URL contains a secret, which errors do not quote.
func TestReports_failuresDoNotQuoteTheURL(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	for _, post := range []bool{false, true} {
		for _, url := range []string{away.URL + "/sms/hunter2?key=hunter2", "http://127.0.0.1/hunter2\x00", "smtp://127.0.0.1/hunter2"} {
			gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: url, Post: post, Manual: true}})
			remoteID := send(t, gateway, packageOf(t, nil, 1)).Results[0].RemoteID
			err := gateway.Deliver(t.Context(), remoteID, true)
			require.ErrorContains(t, err, "smslink: test gateway: delivery report of 220000001: ")
			require.Equal(t, err, deliveryOf(t, gateway, remoteID).Err)
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err)), "/hunter2")
		}
		gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: away.URL + "/sms/hunter2", Post: post}})
		send(t, gateway, packageOf(t, nil, 1))
		err := gateway.WaitReports(t.Context())
		require.ErrorContains(t, err, "smslink: test gateway: delivery report of 220000001: ")
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

// A gateway on another server may be closed during uploads. Accepted messages are once in its
// ledger; messages that were not sent or were rejected are not.
func TestClose_whileUploadsCome(t *testing.T) {
	c := newCallbacks(t)
	for range 5 {
		gateway := smslinktest.NewGateway(&smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL}})
		server := httptest.NewServer(gateway)
		client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{Endpoint: server.URL + smslinktest.BulkPath})
		require.NoError(t, err)
		const senders, each = 4, 10
		errs := make([]error, senders*each)
		packages := make([]*smslink.Package, senders*each)
		for id := range packages {
			packages[id] = packageOf(t, nil, int64(id))
		}
		var sending sync.WaitGroup
		for sender := range senders {
			sending.Go(func() {
				for id := sender; id < len(packages); id += senders {
					_, errs[id] = client.Send(context.Background(), packages[id])
				}
			})
		}
		_, err = gateway.WaitMessages(t.Context(), 1) // so that some come before
		require.NoError(t, err)
		gateway.Close()
		sending.Wait()
		server.Close()

		taken := make([]int, len(errs))
		for _, m := range gateway.Messages() {
			taken[m.ID]++
		}
		for id, err := range errs {
			switch smslink.OutcomeOf(err) {
			case smslink.OutcomeAccepted:
				require.Equal(t, 1, taken[id])
			case smslink.OutcomeInDoubt:
				require.LessOrEqual(t, taken[id], 1)
			default:
				require.Zero(t, taken[id], "%v", err)
			}
		}
	}
}

func TestClose_dropsReportsToCome(t *testing.T) {
	c := newCallbacks(t)
	gateway := smslinktest.NewGateway(&smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL, Delay: time.Hour}})
	send(t, gateway, packageOf(t, nil, 1))
	gateway.Close()
	require.Empty(t, c.forms)
}

func deliveryOf(t *testing.T, gateway *smslinktest.Gateway, remoteID string) *smslinktest.Delivery {
	t.Helper()
	for _, m := range gateway.Messages() {
		if m.RemoteID == remoteID {
			return m.Delivery
		}
	}
	require.Fail(t, "no message has the remote id "+remoteID)
	return nil
}

func TestDeliver_makesOneReportAndKeepsIt(t *testing.T) {
	c := newCallbacks(t)
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL, Manual: true}})
	resp := send(t, gateway, packageOf(t, nil, 1, 2))
	require.NoError(t, gateway.WaitReports(t.Context()))
	require.Empty(t, c.forms, "none without Deliver")
	first, second := resp.Results[0].RemoteID, resp.Results[1].RemoteID
	require.Nil(t, deliveryOf(t, gateway, first))

	before := time.Now()
	require.NoError(t, gateway.Deliver(t.Context(), first, false))
	require.Equal(t, "0", c.forms[first].Get("status"))
	require.False(t, deliveryOf(t, gateway, first).Delivered)
	require.NoError(t, gateway.Deliver(t.Context(), first, true))
	require.Equal(t, "1", c.forms[first].Get("status"))
	require.True(t, deliveryOf(t, gateway, first).Delivered)
	require.False(t, deliveryOf(t, gateway, first).Time.Before(before))
	require.Nil(t, deliveryOf(t, gateway, second))
	require.Len(t, c.forms, 1)
}

func TestDeliver_comesBeforeTheReportToCome(t *testing.T) {
	c := newCallbacks(t)
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL, Delay: 300 * time.Millisecond}})
	resp := send(t, gateway, packageOf(t, nil, 1, 2))
	require.NoError(t, gateway.Deliver(t.Context(), resp.Results[0].RemoteID, false))
	require.NoError(t, gateway.WaitReports(t.Context()))
	require.Len(t, c.method, 2, "one report a message")
	require.False(t, deliveryOf(t, gateway, resp.Results[0].RemoteID).Delivered)
	require.True(t, deliveryOf(t, gateway, resp.Results[1].RemoteID).Delivered)
}

// WaitReports does not wait for the time of a report that Deliver has dropped.
func TestDeliver_dropsTheReportToCome(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{Delay: time.Hour}})
	resp := send(t, gateway, packageOf(t, nil, 1, 2))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	waited := make(chan error)
	go func() { waited <- gateway.WaitReports(ctx) }()
	for _, result := range resp.Results {
		select {
		case err := <-waited:
			require.Fail(t, "WaitReports did not wait", err)
		default:
		}
		require.NoError(t, gateway.Deliver(t.Context(), result.RemoteID, true))
	}
	require.NoError(t, <-waited)
}

// A report that falls due while Deliver makes its callback is dropped, too.
func TestDeliver_dropsTheReportThatFallsDueMeanwhile(t *testing.T) {
	for delay := 50 * time.Millisecond; ; delay *= 2 { // on a busy machine, the report may be due before
		var calls atomic.Int32
		var sent time.Time
		inTime := false
		receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if calls.Add(1) == 1 {
				inTime = time.Since(sent) < delay // so it is Deliver's
				time.Sleep(delay)
			}
		}))
		gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: receiver.URL, Delay: delay}})
		sent = time.Now()
		resp := send(t, gateway, packageOf(t, nil, 1))
		require.NoError(t, gateway.Deliver(t.Context(), resp.Results[0].RemoteID, false))
		require.NoError(t, gateway.WaitReports(t.Context()))
		gateway.Close()
		receiver.Close()
		if inTime {
			require.EqualValues(t, 1, calls.Load())
			return
		}
	}
}

func TestDeliver_withoutACallback(t *testing.T) {
	for _, reports := range []*smslinktest.Reports{nil, {}} {
		gateway := newGateway(t, &smslinktest.Options{Reports: reports})
		resp := send(t, gateway, packageOf(t, nil, 1))
		require.NoError(t, gateway.WaitReports(t.Context()))
		require.Equal(t, reports != nil, deliveryOf(t, gateway, resp.Results[0].RemoteID) != nil)
		require.NoError(t, gateway.Deliver(t.Context(), resp.Results[0].RemoteID, false))
		require.False(t, deliveryOf(t, gateway, resp.Results[0].RemoteID).Delivered)
	}
}

func TestDeliver_keepsTheCallbacksError(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer broken.Close()
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: broken.URL, Manual: true}})
	remoteID := send(t, gateway, packageOf(t, nil, 1)).Results[0].RemoteID
	err := gateway.Deliver(t.Context(), remoteID, true)
	require.EqualError(t, err, "smslink: test gateway: delivery report of 220000001: answered with HTTP status 500")
	require.Equal(t, err, deliveryOf(t, gateway, remoteID).Err)
	require.True(t, deliveryOf(t, gateway, remoteID).Delivered)
}

func TestDeliver_onlyOfWhatWasAccepted(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0700000001")}})
	failed := send(t, gateway, packageOf(t, nil, 1)).Results[0].RemoteID
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{Endpoint: gateway.URL, TestMode: true})
	require.NoError(t, err)
	resp, err := client.Send(context.Background(), packageOf(t, nil, 2))
	require.NoError(t, err)
	for _, remoteID := range []string{failed, resp.Results[0].RemoteID} {
		require.ErrorContains(t, gateway.Deliver(t.Context(), remoteID, true), "it was not accepted for sending, or was sent in test mode")
		require.Nil(t, deliveryOf(t, gateway, remoteID))
	}
	for _, remoteID := range []string{"", "x", "0", "220000003", "0220000001", "+220000001", "-1", "99999999999999999999"} {
		require.ErrorContains(t, gateway.Deliver(t.Context(), remoteID, true), "no message has the remote id")
	}
}

// A callback under way does not change the ledger after Reset.
func TestDeliver_overAReset(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(entered)
		<-leave
	}))
	defer slow.Close()
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: slow.URL, Manual: true}})
	remoteID := send(t, gateway, packageOf(t, nil, 1)).Results[0].RemoteID
	done := make(chan error)
	go func() { done <- gateway.Deliver(context.Background(), remoteID, true) }()
	<-entered
	gateway.Reset()
	send(t, gateway, packageOf(t, nil, 2))
	close(leave)
	require.NoError(t, <-done)
	require.Nil(t, deliveryOf(t, gateway, remoteID))
}

// A message that is scheduled for later is not delivered before its time, and WaitReports does not
// wait for it.
func TestReports_notBeforeTheScheduledTime(t *testing.T) {
	c := newCallbacks(t)
	now := time.Date(2030, 1, 1, 8, 0, 0, 0, time.UTC)
	gateway := newGateway(t, &smslinktest.Options{Now: func() time.Time { return now }, Reports: &smslinktest.Reports{URL: c.URL}})
	p := new(smslink.Package)
	for id, at := range []time.Time{now.AddDate(0, 0, 1), now.Add(time.Second), {}, time.Unix(1<<62, 0)} {
		require.NoError(t, p.Add(smslink.Message{ID: int64(id), To: "0712345678", Text: "a", SendAt: at}))
	}
	resp := send(t, gateway, p)
	require.NoError(t, gateway.WaitReports(t.Context()))
	require.Contains(t, c.received(), resp.Results[2].RemoteID)
	require.Eventually(t, func() bool { return len(c.received()) == 2 }, 2*time.Minute, 10*time.Millisecond)
	require.Contains(t, c.received(), resp.Results[1].RemoteID, "a second later")
	require.Nil(t, deliveryOf(t, gateway, resp.Results[0].RemoteID))
	require.Nil(t, deliveryOf(t, gateway, resp.Results[3].RemoteID))
	require.NoError(t, gateway.Deliver(t.Context(), resp.Results[0].RemoteID, true), "a test may say otherwise")
}

func TestReports_oneASegment(t *testing.T) {
	c := newCallbacks(t)
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: c.URL, PerSegment: true}})
	p := new(smslink.Package)
	require.NoError(t, p.Add(smslink.Message{ID: 1, To: "0712345678", Text: strings.Repeat("a", 400)}))
	require.NoError(t, p.Add(smslink.Message{ID: 2, To: "0712345678", Text: "a"}))
	send(t, gateway, p)
	require.NoError(t, gateway.WaitReports(t.Context()))
	require.Len(t, c.method, 4)
	require.Len(t, c.received(), 2)
}
