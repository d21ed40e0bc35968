package smslinktest_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func TestCredit_runsOutWithinAPackage(t *testing.T) {
	const ok, failed, broke = smslink.StatusSuccess, smslink.StatusNumberFailed, smslink.StatusInsufficientCredit
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0700000001")}})
	require.Equal(t, smslinktest.Unlimited, gateway.Credit())
	gateway.SetCredit(3)

	test, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{Endpoint: gateway.URL, TestMode: true})
	require.NoError(t, err)
	resp, err := test.Send(context.Background(), packageOf(t, nil, 2, 3, 4, 5))
	require.NoError(t, err)
	require.Equal(t, []smslink.Status{ok, ok, ok, ok}, statuses(resp))
	require.Equal(t, 3, gateway.Credit(), "test mode spends nothing")

	require.Equal(t, []smslink.Status{ok, failed, ok, ok, broke, broke}, statuses(send(t, gateway, packageOf(t, nil, 2, 1, 3, 4, 5, 6))))
	require.Zero(t, gateway.Credit())
	require.Equal(t, []smslink.Status{broke}, statuses(send(t, gateway, packageOf(t, nil, 7))))
	gateway.SetCredit(1)
	require.Equal(t, []smslink.Status{ok, broke, broke}, statuses(send(t, gateway, packageOf(t, nil, 7, 8, 1))), "from there on")
	gateway.SetCredit(-9)
	require.Zero(t, gateway.Credit())
	gateway.SetCredit(smslinktest.Unlimited)
	require.Equal(t, []smslink.Status{ok}, statuses(send(t, gateway, packageOf(t, nil, 7))))
	require.Equal(t, smslinktest.Unlimited, gateway.Credit())
}

func TestCredit_isSpentBySegments(t *testing.T) {
	const ok, broke = smslink.StatusSuccess, smslink.StatusInsufficientCredit
	gateway := newGateway(t, nil)
	gateway.SetCredit(6)
	p := new(smslink.Package)
	for i, text := range []string{strings.Repeat("a", 161), strings.Repeat("ș", 135), strings.Repeat("a", 161), "a"} { // 2, 3, 2 and 1
		require.NoError(t, p.Add(smslink.Message{ID: int64(i), To: "0712345678", Text: text}))
	}
	resp := send(t, gateway, p)
	require.Equal(t, []smslink.Status{ok, ok, broke, broke}, statuses(resp))
	require.Equal(t, 1, gateway.Credit())
	for i, m := range gateway.Messages() {
		require.Equal(t, []int{2, 3, 2, 1}[i], m.Segments)
	}
}

func TestBalance_isTheCredit(t *testing.T) {
	gateway := newGateway(t, nil)
	ask := func(form url.Values) string {
		resp, err := http.PostForm(strings.Replace(gateway.URL, smslinktest.BulkPath, smslinktest.BalancePath, 1), form)
		require.NoError(t, err)
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(raw)
	}
	form := url.Values{"connection_id": {gateway.ConnectionID}, "password": {gateway.Password}, "mode": {"account-balance"}}
	require.Regexp(t, `^MESSAGE;4;[^;]+;1000000,1000000,\d{10}$`, ask(form))
	gateway.SetCredit(5)
	send(t, gateway, packageOf(t, nil, 1, 2))
	require.Regexp(t, `^MESSAGE;4;[^;]+;3,3,\d{10}$`, ask(form))
	form.Set("mode", "sms")
	require.Equal(t, "ERROR;14;unknown mode", ask(form))
	form.Set("password", "wrong")
	require.Equal(t, "ERROR;7;wrong password", ask(form))
	require.Equal(t, "ERROR;2;connection id not approved", ask(nil))
}
