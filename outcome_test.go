package smslink_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
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

// requireOutcome checks a failed Send's outcome, and that the package's seal goes
// with it: open if nothing was taken, shut if something may have been.
func requireOutcome(t testing.TB, want smslink.Outcome, p *smslink.Package, err error) {
	t.Helper()
	require.Equal(t, want, sendError(t, err).Outcome, "%v", err)
	require.Equal(t, want, smslink.OutcomeOf(err))
	require.Error(t, sendError(t, err).Err)

	addErr := p.Add(message(1 << 40))
	if want == smslink.OutcomeInDoubt {
		require.ErrorIs(t, addErr, smslink.ErrSealed)
		require.False(t, smslink.SafeToResend(err))
	} else {
		require.True(t, smslink.SafeToResend(err))
		require.NoError(t, addErr)
		require.True(t, p.Remove(1<<40))
	}
}

func sendError(t testing.TB, err error) *smslink.SendError {
	t.Helper()
	var sendErr *smslink.SendError
	require.ErrorAs(t, err, &sendErr)
	return sendErr
}

// abort closes a connection with a reset in place of an orderly end.
func abort(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

func TestSend_outcomeOfEachAnswer(t *testing.T) {
	const good = "MESSAGE;1;ok;77;1:220000001:3,2:220000002:3"
	for _, c := range []struct {
		name   string
		answer string // empty = none
		want   smslink.Outcome
		status int
		reply  string
		says   string
	}{
		{"closed without an answer", "", smslink.OutcomeInDoubt, 0, "", "EOF"},
		{"an empty body", http200(""), smslink.OutcomeInDoubt, 200, "", "the gateway's reply can't be read"},
		{"HTML", http200("<html>hello; dear; user</html>"), smslink.OutcomeInDoubt, 200, "<html>hello; dear; user</html>", "the gateway's reply can't be read"},
		{"too few fields", http200("MESSAGE;1"), smslink.OutcomeInDoubt, 200, "MESSAGE;1", "the gateway's reply can't be read"},
		{"a reply cut short", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + good, smslink.OutcomeInDoubt, 200, good, "the connection ended before the reply did (EOF)"},
		{"a chunked reply cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nMESSA\r\n", smslink.OutcomeInDoubt, 200, "MESSA", "the connection ended before the reply did (EOF)"},
		{"a status line cut short", "HTTP/1.1 20", smslink.OutcomeInDoubt, 0, "", "in doubt"},
		{"no HTTP at all", "220 mail.example.com ESMTP\r\n\r\n", smslink.OutcomeInDoubt, 0, "", "in doubt"},
		{"500", httpStatus("500 Internal Server Error", "oops"), smslink.OutcomeInDoubt, 500, "oops", "HTTP status 500"},
		{"502", httpStatus("502 Bad Gateway", ""), smslink.OutcomeInDoubt, 502, "", "HTTP status 502"},
		{"503 with an ERROR", httpStatus("503 Service Unavailable", "ERROR;3;suspended"), smslink.OutcomeInDoubt, 503, "ERROR;3;suspended", "HTTP status 503: the gateway refused with ERROR 3: the user is suspended"},
		{"301", httpStatus("301 Moved Permanently", ""), smslink.OutcomeRejected, 301, "", "HTTP status 301, a redirect"},
		{"303 with a MESSAGE", httpStatus("303 See Other", good), smslink.OutcomeInDoubt, 303, good, "HTTP status 303 with a MESSAGE reply, or the start of one"},
		{"404 with a MESSAGE", httpStatus("404 Not Found", good), smslink.OutcomeInDoubt, 404, good, "HTTP status 404 with a MESSAGE reply, or the start of one"},
		{"404 with HTML and a MESSAGE", httpStatus("404 Not Found", "<br>Notice\n"+good), smslink.OutcomeInDoubt, 404, "<br>Notice\n" + good, "or the start of one"},
		{"404 cut before its body", "HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n", smslink.OutcomeInDoubt, 404, "", "or the start of one"},
		{"404 with a MESSAGE cut short", "HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nMESSAGE;1", smslink.OutcomeInDoubt, 404, "MESSAGE;1", "or the start of one"},
		{"404 with HTML cut short", "HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n<html>", smslink.OutcomeRejected, 404, "<html>", "HTTP status 404"},
		{"403 with an ERROR cut short", "HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nERROR;5;add", smslink.OutcomeRejected, 403, "ERROR;5;add", "HTTP status 403"},
		{"304", "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n", smslink.OutcomeRejected, 304, "", "HTTP status 304"},
		{"400", httpStatus("400 Bad Request", "no"), smslink.OutcomeRejected, 400, "no", "HTTP status 400"},
		{"403 with an ERROR", httpStatus("403 Forbidden", "ERROR;5;address"), smslink.OutcomeRejected, 403, "ERROR;5;address", "ERROR 5: this machine's address is not allowed"},
		{"404", httpStatus("404 Not Found", ""), smslink.OutcomeRejected, 404, "", "HTTP status 404"},
		{"413", httpStatus("413 Request Entity Too Large", ""), smslink.OutcomeRejected, 413, "", "HTTP status 413"},
		{"ERROR", http200("ERROR;7;wrong password"), smslink.OutcomeRejected, 200, "ERROR;7;wrong password", "ERROR 7: wrong password; repeating it gets this machine's address banned"},
		{"an ERROR with spaces and zeros", http200("ERROR; 007 ;wrong password"), smslink.OutcomeRejected, 200, "ERROR; 007 ;wrong password", "ERROR 7: wrong password"},
		{"an ERROR of nothing but zeros", http200("ERROR;000;hm"), smslink.OutcomeRejected, 200, "ERROR;000;hm", "ERROR 0: its Text says why"},
		{"an undocumented ERROR", http200("ERROR;77;hm"), smslink.OutcomeRejected, 200, "ERROR;77;hm", "ERROR 77: its Text says why"},
		{"an ERROR without a numeric code", http200("ERROR;0712345678;hm"), smslink.OutcomeRejected, 200, "ERROR;0712345678;hm", "an ERROR without a code"},
		{"an ERROR cut short", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nERROR;1;x", smslink.OutcomeInDoubt, 200, "ERROR;1;x", "the connection ended before the reply did (EOF)"},
		{"an endless reply", http200("MESSAGE;1;ok;77;" + strings.Repeat("9:9:3,", 20_000)), smslink.OutcomeInDoubt, 200,
			("MESSAGE;1;ok;77;" + strings.Repeat("9:9:3,", 20_000))[:64<<10+2*128], "longer than a reply to this request can be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, p, err := sendTo(t, replying(t, c.answer), 1, 2)
			require.Nil(t, resp)
			requireOutcome(t, c.want, p, err)
			sendErr := sendError(t, err)
			require.Equal(t, c.status, sendErr.StatusCode)
			require.Equal(t, c.reply, string(sendErr.Reply))
			require.ErrorContains(t, err, c.says)
			prefix := map[smslink.Outcome]string{smslink.OutcomeInDoubt: "smslink: in doubt: ", smslink.OutcomeRejected: "smslink: rejected: "}
			require.True(t, strings.HasPrefix(err.Error(), prefix[c.want]), err.Error())
			require.Equal(t, 1, strings.Count(err.Error(), "smslink: "), err.Error())
		})
	}
}

func TestSend_gatewayErrorHasTheGatewaysWords(t *testing.T) {
	_, _, err := sendTo(t, replying(t, http200("ERROR;8;Credit insuficient")), 1)
	var gatewayErr *smslink.GatewayError
	require.ErrorAs(t, err, &gatewayErr)
	require.Equal(t, "8", gatewayErr.Code)
	require.Equal(t, "Credit insuficient", gatewayErr.Text)
	require.EqualError(t, gatewayErr, "smslink: the gateway refused with ERROR 8: no credit")
	require.ErrorIs(t, err, &smslink.GatewayError{Code: "8"})
	require.NotErrorIs(t, err, &smslink.GatewayError{Code: "7"})
}

func TestSend_resetAfterTheUploadIsInDoubt(t *testing.T) {
	_, p, err := sendTo(t, peer(t, func(conn net.Conn, _ []byte) { abort(conn) }), 1)
	requireOutcome(t, smslink.OutcomeInDoubt, p, err)
}

func TestSend_resetDuringTheUploadIsInDoubt(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var done sync.WaitGroup
	defer done.Wait()
	defer listener.Close()
	done.Go(func() {
		conn, err := listener.Accept()
		if err == nil {
			_, _ = io.ReadFull(conn, make([]byte, 100))
			abort(conn)
		}
	})
	var p smslink.Package
	p.Codec = smslink.CodecNone
	require.NoError(t, p.Add(smslink.Message{ID: 1, To: "0712345678", Text: strings.Repeat("a", 8<<20)}))
	_, err = newClient(t, &smslink.Options{Endpoint: "http://" + listener.Addr().String()}).Send(context.Background(), &p)
	requireOutcome(t, smslink.OutcomeInDoubt, &p, err)
}

func TestSend_lostReplyIsInDoubt(t *testing.T) {
	hang := make(chan struct{})
	endpoint := peer(t, func(net.Conn, []byte) { <-hang })
	defer close(hang)
	client := newClient(t, &smslink.Options{Endpoint: endpoint})

	t.Run("time-out of the context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		p := packageOf(t, 1)
		_, err := client.Send(ctx, p)
		requireOutcome(t, smslink.OutcomeInDoubt, p, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("time-out of the options", func(t *testing.T) {
		client := newClient(t, &smslink.Options{Endpoint: endpoint, Timeout: time.Second})
		p := packageOf(t, 1)
		_, err := client.Send(context.Background(), p)
		requireOutcome(t, smslink.OutcomeInDoubt, p, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("time-out of the caller's http.Client", func(t *testing.T) {
		client := newClient(t, &smslink.Options{Endpoint: endpoint, HTTPClient: &http.Client{Timeout: time.Second}})
		p := packageOf(t, 1)
		_, err := client.Send(context.Background(), p)
		requireOutcome(t, smslink.OutcomeInDoubt, p, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		p := packageOf(t, 1)
		_, err := client.Send(ctx, p)
		requireOutcome(t, smslink.OutcomeInDoubt, p, err)
		require.ErrorIs(t, err, context.Canceled)
	})
}

// After a 101, net/http leaves the connection to its caller, and no context ends a
// read of it.
func TestSend_switchOfProtocolsIsNotWaitedFor(t *testing.T) {
	hang := make(chan struct{})
	endpoint := peer(t, func(conn net.Conn, _ []byte) {
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		<-hang
	})
	_, p, err := sendTo(t, endpoint, 1)
	close(hang)
	requireOutcome(t, smslink.OutcomeInDoubt, p, err)
	require.Equal(t, http.StatusSwitchingProtocols, sendError(t, err).StatusCode)
}

func TestSend_causeOfTheContextIsTold(t *testing.T) {
	hang := make(chan struct{})
	endpoint := peer(t, func(net.Conn, []byte) { <-hang })
	defer close(hang)
	ctx, cancel := context.WithCancelCause(context.Background())
	shutdown := errors.New("shutting down")
	time.AfterFunc(time.Second, func() { cancel(shutdown) })
	p := packageOf(t, 1)
	_, err := newClient(t, &smslink.Options{Endpoint: endpoint}).Send(ctx, p)
	requireOutcome(t, smslink.OutcomeInDoubt, p, err)
	require.ErrorIs(t, err, shutdown)
	require.ErrorContains(t, err, "shutting down")
}

func TestSend_timeoutOfTheOptionsGivesWayToTheContexts(t *testing.T) {
	endpoint := peer(t, func(conn net.Conn, _ []byte) {
		time.Sleep(300 * time.Millisecond)
		_, _ = io.WriteString(conn, http200("MESSAGE;1;ok;1;1:1:3"))
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := newClient(t, &smslink.Options{Endpoint: endpoint, Timeout: time.Millisecond}).Send(ctx, packageOf(t, 1))
	require.NoError(t, err)
}

func TestSend_notSent(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()

	done, cancel := context.WithCancel(context.Background())
	cancel()
	soon := func(t *testing.T) context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	for _, c := range []struct {
		name     string
		ctx      func(t *testing.T) context.Context
		endpoint string
		says     string
	}{
		{"nobody listens", nil, closed.URL, "connection refused"},
		{"a name that does not exist", nil, "http://host.invalid/", "host.invalid"},
		{"a context already done", func(*testing.T) context.Context { return done }, closed.URL, "context canceled"},
		{"no TLS handshake", soon, "https://" + silent.Addr().String(), "deadline exceeded"},
		{"a server without TLS", nil, strings.Replace(plain.URL, "http:", "https:", 1), "HTTP response to HTTPS client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := context.Background()
			if c.ctx != nil {
				ctx = c.ctx(t)
			}
			for _, own := range []*http.Client{nil, {Transport: &http.Transport{}}} {
				p := packageOf(t, 1)
				_, err := newClient(t, &smslink.Options{Endpoint: c.endpoint, HTTPClient: own}).Send(ctx, p)
				requireOutcome(t, smslink.OutcomeNotSent, p, err)
				require.ErrorContains(t, err, "smslink: not sent: ")
				require.ErrorContains(t, err, c.says)
			}
		})
	}
}

func TestSend_tlsIsVerified(t *testing.T) {
	var uploads atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uploads.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "MESSAGE;1;ok;1;1:1:3")
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of the handshake refused
	server.StartTLS()
	defer server.Close()

	p := packageOf(t, 1)
	_, err := newClient(t, &smslink.Options{Endpoint: server.URL}).Send(context.Background(), p)
	requireOutcome(t, smslink.OutcomeNotSent, p, err)
	require.ErrorAs(t, err, new(x509.UnknownAuthorityError))
	require.Zero(t, uploads.Load())

	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	_, err = newClient(t, &smslink.Options{Endpoint: server.URL, HTTPClient: trusting}).Send(context.Background(), p)
	require.NoError(t, err)
	require.EqualValues(t, 1, uploads.Load())
}

// What a RoundTripper has read of the upload decides, and not what it says. Once that was decided,
// it can read nothing more.
func TestSend_notSentIsWhatNoTransportHasRead(t *testing.T) {
	for name, end := range map[string]func() (*http.Response, error){
		"an error":         func() (*http.Response, error) { return nil, errors.New("something happened") },
		"neither":          func() (*http.Response, error) { return nil, nil }, //nolint:nilnil // a broken RoundTripper's
		"an open circuit":  func() (*http.Response, error) { return response(503, "the circuit is open"), nil },
		"an empty reply":   func() (*http.Response, error) { return response(200, ""), nil },
		"a network error":  func() (*http.Response, error) { return nil, &net.OpError{Op: "read", Net: "tcp", Err: io.EOF} },
		"another MESSAGE":  func() (*http.Response, error) { return response(200, "MESSAGE;1;ok;1;9:9:3"), nil },
		"a protocol error": func() (*http.Response, error) { return response(101, ""), nil },
	} {
		for read, want := range map[int64]smslink.Outcome{0: smslink.OutcomeNotSent, 1: smslink.OutcomeInDoubt} {
			t.Run(fmt.Sprintf("%s, %d bytes read", name, read), func(t *testing.T) {
				var body io.Reader
				client := newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					body = r.Body
					_, err := io.CopyN(io.Discard, body, read)
					require.NoError(t, err)
					return end()
				})}})
				p := packageOf(t, 1)
				_, err := client.Send(context.Background(), p)
				requireOutcome(t, want, p, err)
				n, err := body.Read(make([]byte, 1))
				require.Error(t, err)
				require.Zero(t, n)
			})
		}
	}
}

func TestSend_redirectsLeadNowhere(t *testing.T) {
	for _, status := range []int{300, 301, 302, 303, 307, 308} {
		for _, location := range []string{"", "/elsewhere", "://%zz", "ftp://x/"} {
			t.Run(fmt.Sprintf("%d to %q", status, location), func(t *testing.T) {
				var requests atomic.Int32
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					requests.Add(1)
					_, _ = io.Copy(io.Discard, r.Body)
					if location != "" {
						w.Header().Set("Location", location)
					}
					w.WriteHeader(status)
				}))
				defer server.Close()
				for _, own := range []*http.Client{nil, {CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}} {
					requests.Store(0)
					p := packageOf(t, 1)
					_, err := newClient(t, &smslink.Options{Endpoint: server.URL, HTTPClient: own}).Send(context.Background(), p)
					requireOutcome(t, smslink.OutcomeRejected, p, err)
					require.Equal(t, status, sendError(t, err).StatusCode)
					require.EqualValues(t, 1, requests.Load())
				}
			})
		}
	}
}

func TestSend_acceptedPackageIsSealed(t *testing.T) {
	gw := newGateway(t, nil)
	client := gw.Client()
	p := packageOf(t, 1, 2)
	_, err := client.Send(context.Background(), p)
	require.NoError(t, err)

	resp, err := client.Send(context.Background(), p)
	require.Nil(t, resp)
	require.ErrorIs(t, err, smslink.ErrSealed)
	require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err))
	require.False(t, smslink.SafeToResend(err))
	require.EqualError(t, err, "smslink: not sent again: the package was accepted before; Reset it for new messages, or Reopen it to send the same ones twice")
	require.ErrorIs(t, p.Add(message(3)), smslink.ErrSealed)
	require.False(t, p.Remove(1))
	require.Equal(t, []int64{1, 2}, ids(p))
	require.Len(t, gw.Messages(), 2)

	p.Reopen()
	require.True(t, p.Remove(1))
	_, err = client.Send(context.Background(), p)
	require.NoError(t, err)
	require.Len(t, gw.Messages(), 3)

	p.Reset()
	require.NoError(t, p.Add(message(1)))
	_, err = client.Send(context.Background(), p)
	require.NoError(t, err)
}

func TestSend_packageInDoubtIsSealed(t *testing.T) {
	gw := newGateway(t, nil)
	gw.Inject(smslinktest.LoseReply())
	client := gw.Client()
	p := packageOf(t, 1)
	_, err := client.Send(context.Background(), p)
	requireOutcome(t, smslink.OutcomeInDoubt, p, err)

	_, err = client.Send(context.Background(), p)
	require.ErrorIs(t, err, smslink.ErrSealed)
	requireOutcome(t, smslink.OutcomeInDoubt, p, err)
	require.EqualError(t, err, "smslink: not sent again: the package was sent before and may have been accepted; find out, then Reset it, or Reopen it to risk sending it twice")
	require.Len(t, gw.Messages(), 1)

	p.Reopen()
	_, err = client.Send(context.Background(), p)
	require.NoError(t, err)
	require.Len(t, gw.Messages(), 2)
}

func TestSend_rejectedPackageCanBeSentAgain(t *testing.T) {
	gw := newGateway(t, nil)
	p := packageOf(t, 1)
	wrong, err := smslink.NewClient(gw.ConnectionID, "wrong", &smslink.Options{Endpoint: gw.URL})
	require.NoError(t, err)
	_, err = wrong.Send(context.Background(), p)
	requireOutcome(t, smslink.OutcomeRejected, p, err)
	require.ErrorContains(t, err, "ERROR 7")
	_, err = gw.Client().Send(context.Background(), p)
	require.NoError(t, err)
	require.Len(t, gw.Messages(), 1)
}

func TestSend_twiceAtOnceIsSentOnce(t *testing.T) {
	gw := newGateway(t, nil)
	client := gw.Client()
	for range 20 {
		p := packageOf(t, 1)
		before := len(gw.Messages())
		var accepted atomic.Int32
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := client.Send(context.Background(), p); err == nil {
					accepted.Add(1)
				} else if !errors.Is(err, smslink.ErrSealed) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, accepted.Load())
		require.Len(t, gw.Messages(), before+1)
	}
}

// A server that closes kept connections early must not make a fresh upload
// in doubt if net/http can tell that nothing of it was written.
func TestSend_serverThatClosesAfterEachReply(t *testing.T) {
	endpoint := peer(t, func(conn net.Conn, _ []byte) {
		_, _ = io.WriteString(conn, strings.Replace(http200("MESSAGE;1;ok;1;1:1:3"), "Connection: close\r\n", "", 1))
	})
	client := newClient(t, &smslink.Options{Endpoint: endpoint})
	for range 5 {
		_, err := client.Send(context.Background(), packageOf(t, 1))
		require.NoError(t, err)
		time.Sleep(100 * time.Millisecond) // let the end of the connection arrive
	}
}

func TestOutcome_String(t *testing.T) {
	require.Equal(t, "in doubt", smslink.Outcome(0).String(), "the zero value is the cautious one")
	require.Equal(t, "not sent", smslink.OutcomeNotSent.String())
	require.Equal(t, "rejected", smslink.OutcomeRejected.String())
	require.Equal(t, "accepted", smslink.OutcomeAccepted.String())
	require.Equal(t, "Outcome(9)", smslink.Outcome(9).String())
}

// errgroup makes one lane's error the cause of every lane's context. It says nothing of their
// packages.
func TestSend_causeThatIsAnotherPackagesErrorHasNoOutcomeHere(t *testing.T) {
	for _, other := range []error{
		&smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: smslink.ErrEmptyPackage},
		&smslink.SendError{Outcome: smslink.OutcomeRejected, Err: &smslink.GatewayError{Code: "9"}},
		smslink.ErrSealed,
	} {
		ctx, cancel := context.WithCancelCause(context.Background())
		endpoint := peer(t, func(net.Conn, []byte) { cancel(fmt.Errorf("lane 1: %w", other)); time.Sleep(50 * time.Millisecond) })
		p := packageOf(t, 1)
		_, err := newClient(t, &smslink.Options{Endpoint: endpoint}).Send(ctx, p)
		requireOutcome(t, smslink.OutcomeInDoubt, p, err)
		require.ErrorIs(t, err, smslink.ErrUnknown)
		for _, sentinel := range []error{smslink.ErrNotSent, smslink.ErrRejected, smslink.ErrSealed} {
			require.NotErrorIs(t, err, sentinel)
		}
		require.ErrorAs(t, err, new(*url.Error))
		require.ErrorContains(t, err, "lane 1: ")
	}
}
