package smslink_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/secrets"
	"github.com/go-smslink/smslink/smslinktest"
)

func TestBalance_ofTheTestGateway(t *testing.T) {
	gateway := newGateway(t, nil)
	gateway.SetCredit(3)
	client := gateway.Client()
	_, err := client.Send(context.Background(), packageOf(t, 1, 2))
	require.NoError(t, err)
	before := time.Now().Truncate(time.Second)
	got, err := client.Balance(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 1, got.National)
	require.EqualValues(t, 1, got.International)
	require.False(t, got.Time.Before(before))
	require.False(t, got.Time.After(time.Now()))
	require.Equal(t, time.UTC, got.Time.Location())
}

// The password is in no URL and no header.
func TestBalance_request(t *testing.T) {
	for endpoint, want := range map[string]string{
		smslink.DefaultEndpoint:                     "https://secure.smslink.ro/sms/gateway/communicate/index.php",
		"http://www.smslink.ro/gateway/bulk-v3.php": "http://www.smslink.ro/gateway/index.php",
		"http://127.0.0.1:8080":                     "http://127.0.0.1:8080/index.php",
		"http://host/a%2Fb/x;y/z.php":               "http://host/a%2Fb/x;y/index.php",
		"http://host/path/":                         "http://host/path/index.php",
		"http://[::1]:80//a/bulk.php":               "http://[::1]:80//a/index.php",
		"http://host/bulk-v3.php":                   "http://host/index.php",
		"http://host/a/../bulk-v3.php":              "http://host/index.php",
	} {
		client, err := smslink.NewClient("C&1", "p=&%ș ",
			&smslink.Options{Endpoint: endpoint, UserAgent: "agent", TestMode: true, HTTPClient: &http.Client{
				Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					require.Equal(t, want, r.URL.String())
					require.Equal(t, http.MethodPost, r.Method)
					require.Equal(t, "agent", r.Header.Get("User-Agent"))
					require.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
					require.Len(t, r.Header, 2)
					body, err := io.ReadAll(r.Body)
					require.NoError(t, err)
					require.Equal(t, "connection_id=C%261&mode=account-balance&password=p%3D%26%25%C8%99+",
						string(body))
					require.EqualValues(t, len(body), r.ContentLength)
					return response(200, "MESSAGE;4;sold;12,7"), nil
				}),
			}})
		require.NoError(t, err)
		got, err := client.Balance(context.Background())
		require.NoError(t, err)
		require.Equal(t, smslink.Balance{National: 12, International: 7}, got)
	}
}

func TestBalance_outcomeOfEachAnswer(t *testing.T) {
	const good = "MESSAGE;4;ok;1,2,3"
	for _, c := range []struct {
		name, answer string // empty = none
		want         smslink.Outcome
		status       int
		reply, says  string
	}{
		{"closed without an answer", "", smslink.OutcomeInDoubt, 0, "", "EOF"},
		{"HTML", http200("<html>;;"), smslink.OutcomeInDoubt, 200, "<html>;;", "the gateway's reply can't be read"},
		{"numbers that are not whole", http200("MESSAGE;4;ok;1.5,2;x;y;z"), smslink.OutcomeInDoubt, 200,
			"MESSAGE;4;ok;1.5,2;x;y;z", "the gateway's reply can't be read"},
		{"a package's reply", http200("MESSAGE;1;ok;12,34;1:220000001:3"), smslink.OutcomeInDoubt, 200,
			"MESSAGE;1;ok;12,34;1:220000001:3", "the gateway's reply can't be read"},
		{"leading zeros", http200("MESSAGE;4;ok;1,034"), smslink.OutcomeInDoubt, 200, "MESSAGE;4;ok;1,034",
			"the gateway's reply can't be read"},
		{"one number", http200("MESSAGE;4;ok;1"), smslink.OutcomeInDoubt, 200, "MESSAGE;4;ok;1",
			"the gateway's reply can't be read"},
		{"cut short", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + good, smslink.OutcomeInDoubt, 200, good,
			"the connection ended before the reply did (EOF)"},
		{"an endless reply", http200("MESSAGE;4;ok;1,2," + strings.Repeat("9", 1<<17)), smslink.OutcomeInDoubt, 200,
			("MESSAGE;4;ok;1,2," + strings.Repeat("9", 1<<17))[:64<<10], "longer than a reply to this request can be"},
		{"502", httpStatus("502 Bad Gateway", "oops"), smslink.OutcomeInDoubt, 502, "oops", "HTTP status 502"},
		{"404", httpStatus("404 Not Found", "no"), smslink.OutcomeRejected, 404, "no", "HTTP status 404"},
		{"302", httpStatus("302 Found", ""), smslink.OutcomeRejected, 302, "",
			"HTTP status 302, a redirect, which is not followed since the request holds the password"},
		{"ERROR", http200("ERROR;7;parola gresita"), smslink.OutcomeRejected, 200, "ERROR;7;parola gresita",
			"ERROR 7: wrong password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := newClient(t, &smslink.Options{Endpoint: replying(t, c.answer)}).Balance(context.Background())
			require.Zero(t, got)
			sendErr := sendError(t, err)
			require.Equal(t, c.want, sendErr.Outcome)
			require.Equal(t, c.want, smslink.OutcomeOf(err))
			require.Equal(t, c.status, sendErr.StatusCode)
			require.Equal(t, c.reply, string(sendErr.Reply))
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestBalance_refusedByTheTestGateway(t *testing.T) {
	gateway := newGateway(t, nil)
	client, err := smslink.NewClient(gateway.ConnectionID, secrets.Password, &smslink.Options{Endpoint: gateway.URL})
	require.NoError(t, err)
	_, err = client.Balance(context.Background())
	require.ErrorIs(t, err, &smslink.GatewayError{Code: "7"})
	secrets.RequireHidden(t, err)
}

func TestBalance_notSent(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	gateway.Close()
	_, err := gateway.Client().Balance(context.Background())
	require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_,
		err = newClient(t, via(func(*http.Request) (*http.Response, error) {
		t.Error("a request was made")
		return nil, io.EOF
	})).Balance(ctx)
	require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))
	require.ErrorIs(t, err, context.Canceled)
}

func TestBalance_timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := roundTripper(func(r *http.Request) (*http.Response, error) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		for _, c := range []struct{ option, context, want time.Duration }{
			{0, 0, 5 * time.Minute}, {time.Second, 0, time.Second}, {time.Second, time.Hour, time.Hour},
			{time.Hour, time.Second, time.Second},
		} {
			client := newClient(t, &smslink.Options{Timeout: c.option, HTTPClient: &http.Client{Transport: hanging}})
			ctx, cancel := context.WithCancel(t.Context())
			if c.context > 0 {
				ctx, cancel = context.WithTimeout(t.Context(), c.context)
			}
			start := time.Now()
			_, err := client.Balance(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err))
			require.Equal(t, c.want, time.Since(start))
			cancel()
		}
	})
}

func TestBalance_passwordIsNotRedirected(t *testing.T) {
	var there atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { there.Add(1) }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		here := httptest.NewServer(http.RedirectHandler(elsewhere.URL, status))
		_, err := newClient(t, &smslink.Options{Endpoint: here.URL}).Balance(context.Background())
		here.Close()
		require.Equal(t, smslink.OutcomeRejected, smslink.OutcomeOf(err))
		require.Zero(t, there.Load())
	}
}

func TestBalance_thirdNumberThatIsNoTime(t *testing.T) {
	for third, want := range map[string]time.Time{
		"1700000000": time.Unix(1_700_000_000, 0).UTC(), "3": {}, "567": {}, "1700000000000": {}, "x": {}, "": {},
	} {
		got,
			err := newClient(t,
			&smslink.Options{Endpoint: replying(t, http200("MESSAGE;4;ok;1,2,"+third))}).Balance(context.Background())
		require.NoError(t, err)
		require.Equal(t, smslink.Balance{National: 1, International: 2, Time: want}, got, third)
	}
}

func TestBalance_event(t *testing.T) {
	var logged bytes.Buffer
	client := newClient(t, &smslink.Options{Endpoint: replying(t, http200("MESSAGE;4;ok;1,2")),
		Logger: slog.New(slog.NewJSONHandler(&logged, nil))})
	_, err := client.Balance(context.Background())
	require.NoError(t, err)
	require.Regexp(t,
		`^\{"time":"[^"]+","level":"INFO","msg":"smslink: balance","national":1,"international":2,"elapsed":\d+\}\n$`,
		logged.String())
}

// No error and no log quotes a server that echoes the form.
func TestBalance_serverThatEchoesTheForm(t *testing.T) {
	for _, answer := range []string{
		"MESSAGE;4;" + secrets.Password + ";1,2", "MESSAGE;4;ok;" + secrets.Password, "ERROR;7;" + secrets.Password,
		"ERROR;" + secrets.Password + ";x", secrets.Password,
	} {
		var logged bytes.Buffer
		client, err := smslink.NewClient("connection", secrets.Password, &smslink.Options{
			Logger:   slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Endpoint: peer(t, func(conn net.Conn, _ []byte) { _, _ = io.WriteString(conn, http200(answer)) }),
		})
		require.NoError(t, err)
		_, err = client.Balance(context.Background())
		secrets.RequireHidden(t, err)
		secrets.RequireAbsent(t, logged.String())
		require.Equal(t, 1, strings.Count(logged.String(), "\n"), "one event a call")
		if err == nil {
			require.Contains(t, logged.String(),
				`"level":"INFO","msg":"smslink: balance","national":1,"international":2,"elapsed":`)
		} else {
			require.Contains(t, logged.String(), `"level":"WARN","msg":"smslink: balance failed","outcome":"`)
		}
	}
}
