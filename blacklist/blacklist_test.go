package blacklist_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
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
	require.NoError(t, client.Remove(ctx, number))
	require.Equal(t, smslink.StatusSuccess, status())

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
		{200, "MESSAGE;13;blacklisted for 1,9", "smslink: blacklist: unexpected reply: MESSAGE 13"},
		{200, "<html>0712345678", "smslink: blacklist: unexpected reply: neither MESSAGE nor ERROR"},
		{200, "", "smslink: blacklist: unexpected reply: neither MESSAGE nor ERROR"},
		{302, "MESSAGE;14;not blacklisted", "smslink: blacklist: unexpected reply: HTTP status 302"},
		{500, "MESSAGE;14;not blacklisted", "smslink: blacklist: unexpected reply: HTTP status 500"},
	} {
		client, forms := answering(t, c.status, c.body)
		_, err := client.Lookup(t.Context(), "0712345678")
		require.EqualError(t, err, c.want)
		require.Len(t, *forms, 1, "a redirect is not followed")
	}
	client, _ := answering(t, 200, "ERROR;14;x")
	require.EqualError(t, client.Remove(t.Context(), "0712345678"), "smslink: blacklist: unexpected reply: ERROR 14")
	client, _ = answering(t, 200, "ERROR;12;x")
	require.NoError(t, client.Remove(t.Context(), "0712345678"), "not there")
	require.EqualError(t, client.Add(t.Context(), "0712345678"), "smslink: blacklist: unexpected reply: ERROR 12")
}

// A number that is there already need not be blocked for all services.
func TestClient_addsANumberThatIsThere(t *testing.T) {
	const some = "smslink: blacklist: unexpected reply: the number is not blocked for all services"
	for listing, want := range map[string]string{
		"MESSAGE;12;blacklisted":           "",
		"MESSAGE;13;blacklisted for;1,2":   some,
		"MESSAGE;14;not blacklisted":       some,
		"ERROR;5;the service is not there": "smslink: blacklist: unexpected reply: ERROR 5",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue("mode") == "blacklist-add" {
				_, _ = io.WriteString(w, "ERROR;14;already there")
				return
			}
			_, _ = io.WriteString(w, listing)
		}))
		t.Cleanup(server.Close)
		client, err := blacklist.NewClient("L1", password, &blacklist.Options{Endpoint: server.URL})
		require.NoError(t, err)
		err = client.Add(t.Context(), "0712345678")
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, want)
		require.ErrorIs(t, err, blacklist.ErrUnexpectedReply)
	}
}

func TestClient_showsNoSecrets(t *testing.T) {
	client, _ := answering(t, 200, "x")
	printed := fmt.Sprintf("%v %+v %#v", client, client, *client)
	errs := []error{lookupError(t, "http://127.0.0.1:1/")}
	require.ErrorContains(t, errs[0], "dial tcp 127.0.0.1:1: ")
	for _, reply := range []string{
		"garbage 0712345678 " + password + "\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: http://[x?password=" + password + "&receiver_number=0712345678\r\n\r\n",
		"HTTP/1.1 200 OK\r\n0712345678 " + password + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0712345678 " + password + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: 0712345678 " + password + "\r\n\r\n",
	} {
		errs = append(errs, lookupError(t, "http://"+answeringRaw(t, reply)))
	}
	for _, err := range errs {
		for ; err != nil; err = errors.Unwrap(err) {
			printed += fmt.Sprintf("\n%v %+v %#v", err, err, err)
		}
	}
	for _, secret := range []string{password, "0712345678"} {
		require.NotContains(t, printed, secret)
	}
}

// lookupError returns the error of a lookup of 0712345678.
func lookupError(t *testing.T, endpoint string) error {
	t.Helper()
	client, err := blacklist.NewClient("L1", password, &blacklist.Options{Endpoint: endpoint})
	require.NoError(t, err)
	_, err = client.Lookup(t.Context(), "0712345678")
	require.Error(t, err)
	return err
}

// answeringRaw returns the address of a server that reads one request and answers with reply.
func answeringRaw(t *testing.T, reply string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(conn, reply)
		}
	}()
	return listener.Addr().String()
}

func TestClient_keepsTheCauseOfAnError(t *testing.T) {
	errStopped := errors.New("the shop closes")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStopped)
	client, _ := answering(t, 200, "MESSAGE;14;not blacklisted")
	_, err := client.Lookup(ctx, "0712345678")
	require.ErrorIs(t, err, errStopped)

	require.ErrorIs(t, lookupError(t, "http://"+answeringRaw(t, "")), io.EOF)
	short := "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nMESSAGE;14"
	require.ErrorIs(t, lookupError(t, "http://"+answeringRaw(t, short)), io.ErrUnexpectedEOF)

	noHost := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "gateway", IsNotFound: true}}
	offline := &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) { return nil, noHost })}
	client, err = blacklist.NewClient("L1", password, &blacklist.Options{HTTPClient: offline})
	require.NoError(t, err)
	_, err = client.Lookup(t.Context(), "0712345678")
	require.EqualError(t, err, "smslink: blacklist: dial tcp: lookup gateway: no such host")

	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	require.ErrorAs(t, lookupError(t, server.URL), new(*tls.CertificateVerificationError))

	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer silent.Close()
	client, err = blacklist.NewClient("L1", password, &blacklist.Options{Endpoint: silent.URL, Timeout: time.Millisecond})
	require.NoError(t, err)
	_, err = client.Lookup(t.Context(), "0712345678")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// HTTP/2 returns the context's error, not its cause.
func TestClient_keepsTheCauseOverHTTP2(t *testing.T) {
	for _, replyBegan := range []bool{false, true} {
		ctx, cancel := context.WithCancelCause(t.Context())
		errStopped := errors.New("the shop closes")
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if replyBegan {
				_, _ = io.WriteString(w, "MESSAGE;14;not black")
				_ = http.NewResponseController(w).Flush()
			} else {
				cancel(errStopped)
			}
			<-r.Context().Done()
		}))
		server.EnableHTTP2 = true
		server.StartTLS()
		defer server.Close()
		overHTTP2 := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			resp, err := server.Client().Transport.RoundTrip(r)
			if replyBegan {
				require.NoError(t, err)
				require.Equal(t, 2, resp.ProtoMajor)
				cancel(errStopped)
			}
			return resp, err
		})}
		client, err := blacklist.NewClient("L1", password, &blacklist.Options{Endpoint: server.URL, HTTPClient: overHTTP2})
		require.NoError(t, err)
		_, err = client.Lookup(ctx, "0712345678")
		require.ErrorIs(t, err, errStopped, "the reply has begun: %v", replyBegan)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNewClient_refuses(t *testing.T) {
	for _, c := range []struct{ id, password, endpoint, want string }{
		{"", "p", "", "the connection id or the password is empty"},
		{"c", "", "", "the connection id or the password is empty"},
		{"c", "p", "gateway", "the endpoint is not an http or https URL"},
		{"c", "p", "https://u:" + password + "@host/", "the endpoint has a user; leave it out"},
		{"c", "p", "ftp://host/", "the endpoint is not an http or https URL"},
	} {
		_, err := blacklist.NewClient(c.id, c.password, &blacklist.Options{Endpoint: c.endpoint})
		require.EqualError(t, err, "smslink: blacklist: "+c.want)
	}
	insecure := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	_, err := blacklist.NewClient("c", "p", &blacklist.Options{HTTPClient: insecure})
	require.EqualError(t, err, "smslink: blacklist: the HTTP client turns TLS verification off; "+
		"give its transport the server's certificate as RootCAs instead")
	_, err = blacklist.NewClient("c", "p", nil)
	require.NoError(t, err)
}
