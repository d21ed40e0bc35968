package blacklist_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/blacklist"
	"github.com/go-smslink/smslink/smslinktest"
)

const password = "hunter2-Xq7"

func TestClient_againstTheTestGateway(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	endpoint := gateway.Server.URL + smslinktest.BlacklistPath
	client, err := blacklist.NewClient(gateway.ConnectionID, gateway.Password, &blacklist.Options{Endpoint: endpoint})
	require.NoError(t, err)
	ctx := t.Context()
	const number, written = "0712345678", "+40 712 345 678"
	status := func() smslink.Status {
		_, err := gateway.Client().SendMessage(ctx, smslink.Message{To: number, Text: "a"})
		var failed *smslink.ResultError
		if errors.As(err, &failed) {
			return failed.Status
		}
		require.NoError(t, err)
		return smslink.StatusSuccess
	}
	lookup := func() blacklist.Listing {
		listing, err := client.Lookup(ctx, written)
		require.NoError(t, err)
		return listing
	}
	require.Equal(t, blacklist.Listing{}, lookup())
	require.NoError(t, client.Remove(ctx, number), "it is not there")
	require.NoError(t, client.Add(ctx, number))
	require.NoError(t, client.Add(ctx, written), "it is there")
	require.Equal(t, blacklist.Listing{Blocked: true}, lookup())
	require.Equal(t, smslink.StatusInternalOrBlacklisted, status())
	require.NoError(t, client.Remove(ctx, written))
	require.Equal(t, blacklist.Listing{}, lookup())
	require.Equal(t, smslink.StatusSuccess, status())
	require.NoError(t, gateway.Unsubscribe(ctx, number, "STOP"))
	require.Equal(t, blacklist.Listing{Blocked: true}, lookup())

	wrong, err := blacklist.NewClient(gateway.ConnectionID, password, &blacklist.Options{Endpoint: endpoint})
	require.NoError(t, err)
	_, err = wrong.Lookup(ctx, number)
	require.EqualError(t, err, "smslink: blacklist: unexpected reply: ERROR 7")
	_, err = client.Lookup(ctx, "07")
	require.ErrorIs(t, err, smslink.ErrReceiver)
}

// answering returns a client of a server with that answer, and the forms that the server gets.
func answering(t *testing.T, status int, body string) (*blacklist.Client, *[]string) {
	t.Helper()
	var forms []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		forms = append(forms, r.Method+" "+r.URL.RawQuery+" "+string(raw))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	client, err := blacklist.NewClient("L1", password, &blacklist.Options{Endpoint: server.URL + "/x"})
	require.NoError(t, err)
	return client, &forms
}

func TestClient_answers(t *testing.T) {
	for body, want := range map[string]blacklist.Listing{
		"MESSAGE;12;Number blacklisted":          {Blocked: true},
		"MESSAGE;13;blacklisted for;1,9":         {Blocked: true, Services: "1,9"},
		"\ufeffMESSAGE;14;not blacklisted;x\r\n": {},
	} {
		client, forms := answering(t, 200, body)
		got, err := client.Lookup(t.Context(), "0040712345678")
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, []string{"POST  connection_id=L1&mode=blacklist-verify&password=" + password + "&receiver_number=0040712345678"}, *forms, "nothing in the URL")
	}
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{200, "ERROR;7;wrong password " + password, "smslink: blacklist: unexpected reply: ERROR 7"},
		{200, "ERROR;0712345678;x", "smslink: blacklist: unexpected reply: ERROR (not a number)"},
		{200, "MESSAGE;99;what", "smslink: blacklist: unexpected reply: MESSAGE 99"},
		{200, "<html>0712345678", "smslink: blacklist: unexpected reply: neither MESSAGE nor ERROR"},
		{200, "", "smslink: blacklist: unexpected reply: neither MESSAGE nor ERROR"},
		{302, "MESSAGE;14;not blacklisted", "smslink: blacklist: unexpected reply: HTTP status 302"},
		{500, "MESSAGE;14;not blacklisted", "smslink: blacklist: unexpected reply: HTTP status 500"},
	} {
		client, forms := answering(t, c.status, c.body)
		_, err := client.Lookup(t.Context(), "0712345678")
		require.EqualError(t, err, c.want)
		require.Len(t, *forms, 1, "a redirect leads nowhere")
	}
	for body, want := range map[string]string{"ERROR;14;x": "ERROR 14", "ERROR;12;x": "ERROR 12"} {
		client, _ := answering(t, 200, body)
		add, remove := client.Add(t.Context(), "0712345678"), client.Remove(t.Context(), "0712345678")
		require.NotEqual(t, add == nil, remove == nil)
		require.ErrorContains(t, errors.Join(add, remove), want)
	}
}

func TestClient_showsNoSecrets(t *testing.T) {
	client, _ := answering(t, 200, "x")
	printed := fmt.Sprintf("%v %+v %#v", client, client, *client)
	away, err := blacklist.NewClient("L1", password, &blacklist.Options{Endpoint: "http://127.0.0.1:1/", Timeout: time.Second})
	require.NoError(t, err)
	_, err = away.Lookup(context.Background(), "0712345678")
	require.Error(t, err)
	printed += fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err))
	for _, secret := range []string{password, "0712345678"} {
		require.NotContains(t, printed, secret)
	}
}

func TestNewClient_refuses(t *testing.T) {
	for _, c := range []struct{ id, password, endpoint, want string }{
		{"", "p", "", "the connection id or the password is empty"},
		{"c", "", "", "the connection id or the password is empty"},
		{"c", "p", "gateway", "the endpoint is not an http or https URL without a user"},
		{"c", "p", "https://u:" + password + "@host/", "the endpoint is not an http or https URL without a user"},
		{"c", "p", "ftp://host/", "the endpoint is not an http or https URL without a user"},
	} {
		_, err := blacklist.NewClient(c.id, c.password, &blacklist.Options{Endpoint: c.endpoint})
		require.EqualError(t, err, "smslink: blacklist: "+c.want)
	}
	_, err := blacklist.NewClient("c", "p", nil)
	require.NoError(t, err)
}
