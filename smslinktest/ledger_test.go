package smslinktest_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func send(t testing.TB, gateway *smslinktest.Gateway, p *smslink.Package) *smslink.Response {
	t.Helper()
	resp, err := gateway.Client().Send(context.Background(), p)
	require.NoError(t, err)
	return resp
}

func TestMessages_areWhatThePhoneWouldShow(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Senders: []string{"MAGAZIN"}})
	before := time.Now()
	p := new(smslink.Package)
	at := time.Date(2030, 5, 1, 9, 0, 0, 0, time.UTC)
	require.NoError(t, p.Add(smslink.Message{ID: 9, To: "+40 712 345 678", From: "MAGAZIN", Text: " Salut;\r\nce faci? ", SendAt: at}))
	resp := send(t, gateway, p)
	m := gateway.Messages()[0]
	require.False(t, m.Time.Before(before))
	m.Time = time.Time{}
	require.Equal(t, smslinktest.Message{
		PackageID: resp.PackageID, RemoteID: resp.Results[0].RemoteID, Status: smslink.StatusSuccess,
		ID: 9, To: "0040712345678", From: "MAGAZIN", Text: "Salut;\nce faci?", SendAt: at, Segments: 1,
	}, m)
}

func TestUploads_takenOrNot(t *testing.T) {
	gateway := newGateway(t, nil)
	p := packageOf(t, smslink.CodecLZF, 1, 2)
	resp := send(t, gateway, p)
	gateway.Inject(smslinktest.HangUp())
	_, err := gateway.Client().Send(context.Background(), packageOf(t, nil, 3))
	require.Error(t, err)
	wrong, err := smslink.NewClient(gateway.ConnectionID, "wrong", &smslink.Options{Endpoint: gateway.URL, TestMode: true})
	require.NoError(t, err)
	_, err = wrong.Send(context.Background(), packageOf(t, smslink.CodecNone, 4))
	require.Error(t, err)

	uploads := gateway.Uploads()
	require.Len(t, uploads, 3)
	require.Equal(t, resp.PackageID, uploads[0].PackageID)
	require.Equal(t, 3, uploads[0].Compression)
	require.Equal(t, 2, uploads[0].Receivers)
	require.Equal(t, p.Size(), uploads[0].SizePlain)
	require.Positive(t, uploads[0].SizeCompressed)
	require.Empty(t, uploads[0].Rejection)
	require.Empty(t, uploads[0].Fault)
	require.Equal(t, "hang-up", uploads[1].Fault)
	require.Empty(t, uploads[1].PackageID+uploads[1].Rejection, "a fault")
	require.Equal(t, 1, uploads[1].Receivers)
	require.Empty(t, uploads[2].PackageID)
	require.Equal(t, "7;wrong password", uploads[2].Rejection)
	require.True(t, uploads[2].Test)
}

func TestUploads_fieldsAsTheyCame(t *testing.T) {
	gateway := newGateway(t, nil)
	u := newUpload(gateway, 0, onePlain, onePlain)
	u.post(t)
	u.set("SizePlain", "many")
	u.post(t)
	uploads := gateway.Uploads()
	var want []smslinktest.Field
	for _, field := range u.fields {
		if field[0] != "password" {
			want = append(want, smslinktest.Field{Name: field[0], Value: field[1]})
		}
	}
	require.Equal(t, want[:5], uploads[0].Fields[:5])
	require.Equal(t, smslinktest.Field{Name: "SizePlain", Value: fmt.Sprint(len(onePlain))}, uploads[0].Fields[5])
	require.Equal(t, want[6:], uploads[0].Fields[6:])
	require.Equal(t, want[:6], uploads[1].Fields, "up to the one at fault")
	require.Equal(t, "1;field SizePlain: malformed value", uploads[1].Rejection)
	for _, upload := range uploads {
		require.NotContains(t, fmt.Sprint(upload), gateway.Password)
	}
}

func TestWaitMessages(t *testing.T) {
	gateway := newGateway(t, nil)
	client := gateway.Client()
	p1, p2 := packageOf(t, nil, 1, 2), packageOf(t, nil, 3)
	go func() {
		for _, p := range []*smslink.Package{p1, p2} {
			time.Sleep(10 * time.Millisecond)
			_, _ = client.Send(context.Background(), p)
		}
	}()
	got, err := gateway.WaitMessages(t.Context(), 3)
	require.NoError(t, err)
	require.Len(t, got, 3)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	got, err = gateway.WaitMessages(ctx, 4)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Len(t, got, 3)

	time.AfterFunc(10*time.Millisecond, gateway.Close)
	_, err = gateway.WaitMessages(t.Context(), 4)
	require.EqualError(t, err, "smslink: test gateway: the gateway was closed")
}

func TestReset_startsFromNothing(t *testing.T) {
	var numbers []int
	gateway := newGateway(t, &smslinktest.Options{BanAfter: 1, Fault: func(n int) smslinktest.Fault {
		numbers = append(numbers, n)
		return smslinktest.Fault{}
	}})
	gateway.SetCredit(10)
	send(t, gateway, packageOf(t, nil, 1, 2))
	wrong, err := smslink.NewClient(gateway.ConnectionID, "wrong", &smslink.Options{Endpoint: gateway.URL})
	require.NoError(t, err)
	_, err = wrong.Send(context.Background(), packageOf(t, nil, 3))
	require.Error(t, err)

	gateway.Inject(smslinktest.HangUp())
	gateway.Reset()
	require.Empty(t, gateway.Messages())
	require.Empty(t, gateway.Uploads())
	require.Equal(t, 8, gateway.Credit())
	resp := send(t, gateway, packageOf(t, nil, 1))
	require.Equal(t, "1001", resp.PackageID)
	require.Equal(t, "220000001", resp.Results[0].RemoteID)
	require.Equal(t, []int{1, 2, 1}, numbers)
}

func TestBan_afterWrongPasswordsInARow(t *testing.T) {
	for _, c := range []struct {
		banAfter int
		want     string
	}{{0, "7777766"}, {2, "7766666"}, {-1, "7777777"}} {
		gateway := newGateway(t, &smslinktest.Options{BanAfter: c.banAfter})
		var got strings.Builder
		for range c.want { // a client each, since one that was rejected for its account waits
			wrong, err := smslink.NewClient(gateway.ConnectionID, "wrong", &smslink.Options{Endpoint: gateway.URL})
			require.NoError(t, err)
			_, err = wrong.Send(context.Background(), packageOf(t, nil, 1))
			var gatewayErr *smslink.GatewayError
			require.ErrorAs(t, err, &gatewayErr)
			got.WriteString(gatewayErr.Code)
		}
		require.Equal(t, c.want, got.String())
		_, err := gateway.Client().Send(context.Background(), packageOf(t, nil, 1))
		require.Equal(t, c.banAfter >= 0, err != nil, "the right password does not lift a ban")
	}
}

func TestBan_rightPasswordStartsTheCountAgain(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{BanAfter: 2})
	for range 3 {
		wrong, err := smslink.NewClient(gateway.ConnectionID, "wrong", &smslink.Options{Endpoint: gateway.URL})
		require.NoError(t, err)
		_, err = wrong.Send(context.Background(), packageOf(t, nil, 1))
		require.ErrorIs(t, err, &smslink.GatewayError{Code: "7"})
		send(t, gateway, packageOf(t, nil, 1))
	}
}

func TestRules_unreportedMessagesAreLeftOut(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{func(m smslink.Message) smslink.Status {
		if m.ID == 2 {
			return smslink.StatusUnreported
		}
		return smslink.StatusSuccess
	}}})
	resp := send(t, gateway, packageOf(t, nil, 1, 2, 3))
	require.Equal(t, []smslink.Status{smslink.StatusSuccess, smslink.StatusUnreported, smslink.StatusSuccess}, statuses(resp))
	require.Empty(t, resp.Unmatched)
	require.Len(t, gateway.Messages(), 3)
}

func TestRules_firstObjectionCounts(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Senders: []string{"MAGAZIN"}, Rules: []smslinktest.Rule{
		smslinktest.UnknownNumbers("0700000001"),
		smslinktest.BlacklistedNumbers("0700000001", "0700 000 002"),
		func(m smslink.Message) smslink.Status {
			if strings.Contains(m.Text, "?") {
				return 42
			}
			return smslink.StatusSuccess
		},
	}})
	var p smslink.Package
	for i, m := range []smslink.Message{
		{To: "+40 700 000 001", Text: "a"},
		{To: "+40700000002", Text: "a"},
		{To: "0700000003", From: "ALTUL", Text: "a"},
		{To: "0700000003", From: "MAGAZIN", Text: "a"},
		{To: "0700000003", From: smslink.SenderTest, Text: "a"},
		{To: "0700000003", Text: "a?"},
	} {
		m.ID = int64(i)
		require.NoError(t, p.Add(m))
	}
	require.Equal(t, []smslink.Status{
		smslink.StatusNumberFailed, smslink.StatusInternalOrBlacklisted, smslink.StatusSenderFailed, smslink.StatusSuccess, smslink.StatusSuccess, 42,
	}, statuses(send(t, gateway, &p)))
}

func TestNewUnstartedGateway_withTheTestsOwnListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gateway := smslinktest.NewUnstartedGateway(nil)
	gateway.Server.Listener.Close()
	gateway.Server.Listener = listener
	gateway.Start()
	defer gateway.Close()
	require.Equal(t, "http://"+listener.Addr().String()+smslinktest.BulkPath, gateway.URL)
	send(t, gateway, packageOf(t, nil, 1))
}

func TestNewUnstartedGateway_withTLS(t *testing.T) {
	gateway := smslinktest.NewUnstartedGateway(nil)
	require.Panics(t, func() { gateway.Client() }, "not started")
	gateway.StartTLS()
	defer gateway.Close()
	require.Contains(t, gateway.URL, "https://")
	send(t, gateway, packageOf(t, nil, 1))
}
