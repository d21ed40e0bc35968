package smslinktest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/go-smslink/smslink/webhook"
)

const webhookSecret = "a-secret-of-16-characters-or-more"

func TestUnsubscribe_callsTheProgramAndBlacklistsTheNumber(t *testing.T) {
	var got []webhook.Unsubscription
	handler, err := webhook.Unsubscriptions(webhookSecret, func(_ context.Context, u webhook.Unsubscription) error {
		got = append(got, u)
		return nil
	}, nil)
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	defer server.Close()
	gateway := newGateway(t, &smslinktest.Options{Webhooks: &smslinktest.Webhooks{Unsubscriptions: server.URL + "/" + webhookSecret}})
	require.NoError(t, gateway.Unsubscribe(t.Context(), "+40 700 000 001", "STOP"))
	require.NoError(t, gateway.Unsubscribe(t.Context(), "0700000002", "stop; ș"))
	require.Len(t, got, 2)
	require.Equal(t, webhook.Unsubscription{
		ID: "00000000-0000-4000-8000-000000000001", From: "0700000001", To: "1812", Text: "STOP", Time: got[0].Time, Status: 1, StatusMessage: "unsubscribed",
		ServiceIDs: "9", NetworkID: "1", NetworkName: "Vodafone",
	}, got[0])
	require.Equal(t, "stop; ș", got[1].Text)
	require.NotEqual(t, got[0].ID, got[1].ID)
	require.Equal(t, []string{"+40700000001", "+40700000002"}, gateway.Blacklist())

	const blocked, ok = smslink.StatusInternalOrBlacklisted, smslink.StatusSuccess
	require.Equal(t, []smslink.Status{blocked, blocked, ok}, statuses(send(t, gateway, packageOf(t, nil, 1, 2, 3))))
	gateway.Reset()
	require.Empty(t, gateway.Blacklist())
	require.Equal(t, []smslink.Status{ok}, statuses(send(t, gateway, packageOf(t, nil, 1))))
}

func TestReply_eachWayThatAnAccountMayHaveSet(t *testing.T) {
	for _, by := range []string{"", smslinktest.ByGet, smslinktest.ByPost, smslinktest.ByJSON} {
		var got webhook.Reply
		handler, err := webhook.Replies(webhookSecret, func(_ context.Context, r webhook.Reply) error {
			got = r
			return nil
		}, &webhook.Options{Answer: func(r webhook.Reply) string { return "Am primit: " + r.Text }})
		require.NoError(t, err)
		server := httptest.NewServer(handler)
		defer server.Close()
		gateway := newGateway(t, &smslinktest.Options{Webhooks: &smslinktest.Webhooks{Replies: server.URL + "/" + webhookSecret, RepliesBy: by}})
		answer, err := gateway.Reply(t.Context(), "0044 7700 900123", "Bună ziua; \"da\"\n& nu")
		require.NoError(t, err)
		require.Equal(t, "Am primit: Bună ziua; \"da\"\n& nu", answer)
		require.False(t, got.Time.IsZero())
		require.Equal(t, webhook.Reply{From: "+447700900123", To: "1812", Text: "Bună ziua; \"da\"\n& nu", Time: got.Time, NetworkID: "1", NetworkName: "Vodafone"}, got, by)
	}
}

// A program that fails is called three times, with the same parameters.
func TestWebhooks_areCalledAgainAfterAFailure(t *testing.T) {
	var got []webhook.Unsubscription
	failures := 2
	handler, err := webhook.Unsubscriptions(webhookSecret, func(_ context.Context, u webhook.Unsubscription) error {
		got = append(got, u)
		if len(got) <= failures {
			return errors.New("the database is down")
		}
		return nil
	}, nil)
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	defer server.Close()
	gateway := newGateway(t, &smslinktest.Options{Webhooks: &smslinktest.Webhooks{Unsubscriptions: server.URL + "/" + webhookSecret, Replies: server.URL + "/hunter2"}})
	require.NoError(t, gateway.Unsubscribe(t.Context(), "0700000001", "STOP"))
	require.Len(t, got, 3)
	require.Equal(t, got[0], got[2])
	got, failures = nil, 3
	require.EqualError(t, gateway.Unsubscribe(t.Context(), "0700000001", "STOP"), "smslink: test gateway: unsubscription: answered with HTTP status 500")
	require.Len(t, got, 3)

	_, err = gateway.Reply(t.Context(), "0700000001", "a")
	require.EqualError(t, err, "smslink: test gateway: reply: answered with HTTP status 404")
	server.Close()
	_, err = gateway.Reply(t.Context(), "0700000001", "a")
	require.ErrorContains(t, err, "smslink: test gateway: reply: ")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestWebhooks_withoutAURL(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{Client: &http.Client{}}})
	require.NoError(t, gateway.Unsubscribe(t.Context(), "0700000001", "STOP"))
	require.Equal(t, []string{"+40700000001"}, gateway.Blacklist())
	_, err := gateway.Reply(t.Context(), "0700000001", "a")
	require.EqualError(t, err, "smslink: test gateway: there is no URL to call with replies; set Options.Webhooks")
	require.ErrorContains(t, gateway.Unsubscribe(t.Context(), "07", "STOP"), "smslink: test gateway: ")
	_, err = gateway.Reply(t.Context(), "Ana", "a")
	require.ErrorContains(t, err, "smslink: test gateway: ")
}
