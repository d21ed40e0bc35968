package smslinktest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

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
	require.Empty(t, c.forms, "none by itself")
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

func TestDeliver_keepsWhatBecameOfTheCallback(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer broken.Close()
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{URL: broken.URL, Manual: true}})
	remoteID := send(t, gateway, packageOf(t, nil, 1)).Results[0].RemoteID
	err := gateway.Deliver(t.Context(), remoteID, true)
	require.EqualError(t, err, "smslinktest: delivery report of 220000001: answered with HTTP status 500")
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
		require.ErrorContains(t, gateway.Deliver(t.Context(), remoteID, true), "was not accepted for sending, or in test mode")
		require.Nil(t, deliveryOf(t, gateway, remoteID))
	}
	for _, remoteID := range []string{"", "x", "0", "220000003", "0220000001", "+220000001", "-1", "99999999999999999999"} {
		require.ErrorContains(t, gateway.Deliver(t.Context(), remoteID, true), "no message has the remote id")
	}
}

// A callback under way does not write into the ledger that Reset has begun.
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
