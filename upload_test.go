package smslink_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/stretchr/testify/require"
)

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
		{"HTML", http200("<html>hello; dear; user</html>"), smslink.OutcomeInDoubt, 200,
			"<html>hello; dear; user</html>", "the gateway's reply can't be read"},
		{"too few fields", http200("MESSAGE;1"), smslink.OutcomeInDoubt, 200, "MESSAGE;1",
			"the gateway's reply can't be read"},
		{"a reply cut short", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + good, smslink.OutcomeInDoubt, 200,
			good, "the connection ended before the reply did (EOF)"},
		{"a chunked reply cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nMESSA\r\n",
			smslink.OutcomeInDoubt, 200, "MESSA", "the connection ended before the reply did (EOF)"},
		{"a status line cut short", "HTTP/1.1 20", smslink.OutcomeInDoubt, 0, "", "in doubt"},
		{"no HTTP at all", "220 mail.example.com ESMTP\r\n\r\n", smslink.OutcomeInDoubt, 0, "", "in doubt"},
		{"500", httpStatus("500 Internal Server Error", "oops"), smslink.OutcomeInDoubt, 500, "oops",
			"HTTP status 500"},
		{"502", httpStatus("502 Bad Gateway", ""), smslink.OutcomeInDoubt, 502, "", "HTTP status 502"},
		{"503 with an ERROR", httpStatus("503 Service Unavailable", "ERROR;3;suspended"), smslink.OutcomeInDoubt, 503,
			"ERROR;3;suspended", "HTTP status 503: the gateway answered with ERROR 3: the user is suspended"},
		{"301", httpStatus("301 Moved Permanently", ""), smslink.OutcomeRejected, 301, "",
			"HTTP status 301, a redirect"},
		{"303 with a MESSAGE", httpStatus("303 See Other", good), smslink.OutcomeInDoubt, 303, good,
			"HTTP status 303 with a MESSAGE reply, or the start of one"},
		{"404 with a MESSAGE", httpStatus("404 Not Found", good), smslink.OutcomeInDoubt, 404, good,
			"HTTP status 404 with a MESSAGE reply, or the start of one"},
		{"404 with HTML and a MESSAGE", httpStatus("404 Not Found", "<br>Notice\n"+good), smslink.OutcomeInDoubt, 404,
			"<br>Notice\n" + good, "or the start of one"},
		{"404 cut before its body", "HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n", smslink.OutcomeInDoubt,
			404, "", "or the start of one"},
		{"404 with a MESSAGE cut short", "HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nMESSAGE;1",
			smslink.OutcomeInDoubt, 404, "MESSAGE;1", "or the start of one"},
		{"404 with HTML cut short", "HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n<html>",
			smslink.OutcomeRejected, 404, "<html>", "HTTP status 404"},
		{"403 with an ERROR cut short", "HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nERROR;5;add",
			smslink.OutcomeRejected, 403, "ERROR;5;add", "HTTP status 403"},
		{"304", "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n", smslink.OutcomeRejected, 304, "",
			"HTTP status 304"},
		{"400", httpStatus("400 Bad Request", "no"), smslink.OutcomeRejected, 400, "no",
			"HTTP status 400; check Options.Endpoint"},
		{"403 with an ERROR", httpStatus("403 Forbidden", "ERROR;5;address"), smslink.OutcomeRejected, 403,
			"ERROR;5;address", "ERROR 5: this machine's address is not allowed"},
		{"404", httpStatus("404 Not Found", ""), smslink.OutcomeRejected, 404, "",
			"HTTP status 404; check Options.Endpoint"},
		{"a web site", http200("\ufeff\n<!DOCTYPE html>\n<title>SMSLink</title>"), smslink.OutcomeInDoubt, 200,
			"\ufeff\n<!DOCTYPE html>\n<title>SMSLink</title>", "is Options.Endpoint the URL of bulk-v3.php?"},
		{"a web site in short", http200("<HTML>"), smslink.OutcomeInDoubt, 200, "<HTML>",
			"is Options.Endpoint the URL of bulk-v3.php?"},
		{"413", httpStatus("413 Request Entity Too Large", ""), smslink.OutcomeRejected, 413, "", "HTTP status 413"},
		{"ERROR", http200("ERROR;7;wrong password"), smslink.OutcomeRejected, 200, "ERROR;7;wrong password",
			"ERROR 7: wrong password; repeating it gets this machine's address banned"},
		{"an ERROR with spaces and zeros", http200("ERROR; 007 ;wrong password"), smslink.OutcomeRejected, 200,
			"ERROR; 007 ;wrong password", "ERROR 7: wrong password"},
		{"an ERROR of nothing but zeros", http200("ERROR;000;hm"), smslink.OutcomeRejected, 200, "ERROR;000;hm",
			"ERROR 0: its Text says why"},
		{"an undocumented ERROR", http200("ERROR;77;hm"), smslink.OutcomeRejected, 200, "ERROR;77;hm",
			"ERROR 77: its Text says why"},
		{"an ERROR without a numeric code", http200("ERROR;0712345678;hm"), smslink.OutcomeRejected, 200,
			"ERROR;0712345678;hm", "an ERROR without a code"},
		{"an ERROR cut short", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nERROR;1;x", smslink.OutcomeInDoubt, 200,
			"ERROR;1;x", "the connection ended before the reply did (EOF)"},
		{"an endless reply", http200("MESSAGE;1;ok;77;" + strings.Repeat("9:9:3,", 20_000)), smslink.OutcomeInDoubt,
			200,
			("MESSAGE;1;ok;77;" + strings.Repeat("9:9:3,", 20_000))[:64<<10+2*128],
			"longer than a reply to this request can be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, p, err := sendTo(t, replying(t, c.answer), 1, 2)
			require.Nil(t, resp)
			requireOutcome(t, c.want, p, err)
			sendErr := sendError(t, err)
			require.Equal(t, c.status, sendErr.StatusCode)
			require.Equal(t, c.reply, string(sendErr.Reply))
			require.ErrorContains(t, err, c.says)
			prefix := map[smslink.Outcome]string{smslink.OutcomeInDoubt: "smslink: in doubt: ",
				smslink.OutcomeRejected: "smslink: rejected: "}
			require.True(t, strings.HasPrefix(err.Error(), prefix[c.want]), err.Error())
			require.Equal(t, 1, strings.Count(err.Error(), "smslink: "), err.Error())
		})
	}
}

func TestSend_gatewayErrorHasTheGatewaysText(t *testing.T) {
	_, _, err := sendTo(t, replying(t, http200("ERROR;8;Credit insuficient")), 1)
	var gatewayErr *smslink.GatewayError
	require.ErrorAs(t, err, &gatewayErr)
	require.Equal(t, "8", gatewayErr.Code)
	require.Equal(t, "Credit insuficient", gatewayErr.Text)
	require.EqualError(t, gatewayErr, "the gateway answered with ERROR 8: no credit")
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
	_,
		err = newClient(t, &smslink.Options{Endpoint: "http://" + listener.Addr().String()}).Send(context.Background(),
		&p)
	requireOutcome(t, smslink.OutcomeInDoubt, &p, err)
}

// silence is a transport to a server that reads everything and never answers. It uses synctest's
// clock.
func silence() *http.Transport {
	transport := smslink.NewTransport()
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, there) }()
		return here, nil
	}
	return transport
}

func TestSend_lostReplyIsInDoubt(t *testing.T) {
	shutdown := errors.New("shutting down")
	for name, c := range map[string]struct {
		options *smslink.Options
		context func(context.Context) (context.Context, context.CancelFunc)
		want    error
	}{
		"timeout of the context": {&smslink.Options{},
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Second)
			}, context.DeadlineExceeded},
		"timeout of the options": {&smslink.Options{Timeout: time.Second}, context.WithCancel,
			context.DeadlineExceeded},
		"timeout of the caller's http.Client": {&smslink.Options{HTTPClient: &http.Client{Timeout: time.Second}},
			context.WithCancel, context.DeadlineExceeded},
		"cancelled": {&smslink.Options{}, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, context.Canceled},
		"cancelled with a cause": {&smslink.Options{}, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Second, func() { cancel(shutdown) })
			return ctx, func() { cancel(nil) }
		}, shutdown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				options := *c.options
				options.Endpoint = "http://127.0.0.1/"
				client := http.Client{Transport: silence()}
				if options.HTTPClient != nil {
					client.Timeout = options.HTTPClient.Timeout
				}
				options.HTTPClient = &client
				ctx, cancel := c.context(t.Context())
				defer cancel()
				p, start := packageOf(t, 1), time.Now()
				_, err := newClient(t, &options).Send(ctx, p)
				requireOutcome(t, smslink.OutcomeInDoubt, p, err)
				require.ErrorIs(t, err, c.want)
				require.Equal(t, time.Second, time.Since(start))
				if errors.Is(c.want, shutdown) {
					require.ErrorContains(t, err, "shutting down")
				}
			})
		})
	}
}

// HTTP/2 returns the context's error, not its cause.
func TestSend_keepsTheCauseOverHTTP2(t *testing.T) {
	for _, replyBegan := range []bool{false, true} {
		ctx, cancel := context.WithCancelCause(t.Context())
		shutdown := errors.New("shutting down")
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if replyBegan {
				_, _ = io.WriteString(w, "MESSAGE;1;ok")
				_ = http.NewResponseController(w).Flush()
			} else {
				cancel(shutdown)
			}
			<-r.Context().Done()
		}))
		server.EnableHTTP2 = true
		server.StartTLS()
		defer server.Close()
		opts := via(func(r *http.Request) (*http.Response, error) {
			resp, err := server.Client().Transport.RoundTrip(r)
			if replyBegan {
				require.NoError(t, err)
				require.Equal(t, 2, resp.ProtoMajor)
				cancel(shutdown)
			}
			return resp, err
		})
		opts.Endpoint = server.URL
		p := packageOf(t, 1)
		_, err := newClient(t, opts).Send(ctx, p)
		requireOutcome(t, smslink.OutcomeInDoubt, p, err)
		require.ErrorIs(t, err, shutdown, "the reply has begun: %v", replyBegan)
		require.ErrorIs(t, err, context.Canceled)
		require.EqualError(t, err, "smslink: in doubt: shutting down")
	}
}

// After a 101, net/http leaves the connection to its caller, and no context ends a read.
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

func TestSend_timeoutOfTheOptionsGivesWayToTheContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		_, err := newClient(t,
			&smslink.Options{Endpoint: "http://127.0.0.1/", HTTPClient: &http.Client{Transport: silence()},
				Timeout: time.Minute}).Send(ctx, packageOf(t, 1))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Hour, time.Since(start))
	})
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
		{"no one listens", nil, closed.URL, "connection refused"},
		{"a name that does not exist", nil, "http://host.invalid/", "host.invalid"},
		{"a context already done", func(*testing.T) context.Context { return done }, closed.URL, "context canceled"},
		{"no TLS handshake", soon, "https://" + silent.Addr().String(), "deadline exceeded"},
		{"a server without TLS", nil, strings.Replace(plain.URL, "http:", "https:", 1),
			"HTTP response to HTTPS client"},
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

// The outcome depends on what a RoundTripper has read, and not on its error. After it has returned,
// it can read nothing more.
func TestSend_notSentIsWhatNoTransportHasRead(t *testing.T) {
	for name, end := range map[string]func() (*http.Response, error){
		"an error": func() (*http.Response, error) { return nil, errors.New("something happened") },
		//nolint:nilnil // a broken RoundTripper's
		"neither":         func() (*http.Response, error) { return nil, nil },
		"an open circuit": func() (*http.Response, error) { return response(503, "the circuit is open"), nil },
		"an empty reply":  func() (*http.Response, error) { return response(200, ""), nil },
		"a network error": func() (*http.Response, error) {
			return nil,
				&net.OpError{Op: "read", Net: "tcp", Err: io.EOF}
		},
		"another MESSAGE":  func() (*http.Response, error) { return response(200, "MESSAGE;1;ok;1;9:9:3"), nil },
		"a MESSAGE":        func() (*http.Response, error) { return response(200, "MESSAGE;1;ok;1;1:1:3"), nil },
		"a protocol error": func() (*http.Response, error) { return response(101, ""), nil },
	} {
		for read, want := range map[int64]smslink.Outcome{0: smslink.OutcomeNotSent, 1: smslink.OutcomeInDoubt} {
			t.Run(fmt.Sprintf("%s, %d bytes read", name, read), func(t *testing.T) {
				var body io.Reader
				var again func() (io.ReadCloser, error)
				client := newClient(t,
					&smslink.Options{HTTPClient: &http.Client{Transport: roundTripper(
						func(r *http.Request) (*http.Response, error) {
							body, again = r.Body, r.GetBody
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
				_, err = again()
				require.Error(t, err)
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
				for _, own := range []*http.Client{nil,
					{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}} {
					requests.Store(0)
					p := packageOf(t, 1)
					_, err := newClient(t,
						&smslink.Options{Endpoint: server.URL, HTTPClient: own}).Send(context.Background(), p)
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
	requireSealed(t, err)
	require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err))
	require.False(t, smslink.SafeToResend(err))
	require.EqualError(t, err,
		"smslink: the package was accepted before; Reset it for new messages, or Reopen it to send the same ones twice")
	requireSealed(t, p.Add(message(3)))
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
	requireSealed(t, err)
	requireOutcome(t, smslink.OutcomeInDoubt, p, err)
	require.EqualError(t, err,
		"smslink: the package was sent before and may have been accepted; find out, then Reset it, or Reopen it to "+
			"risk sending it twice")
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
				} else if !isSealed(err) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, accepted.Load())
		require.Len(t, gw.Messages(), before+1)
	}
}

// If the server has closed a kept connection, the next upload gets another one.
func TestSend_serverThatClosesAfterEachReply(t *testing.T) {
	requests := make(chan []byte, 1)
	endpoint := peer(t, func(conn net.Conn, request []byte) {
		_, _ = io.WriteString(conn, strings.Replace(http200("MESSAGE;1;ok;1;1:1:3"), "Connection: close\r\n", "", 1))
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn) // until the client has seen it
		requests <- request
	})
	client := newClient(t, &smslink.Options{Endpoint: endpoint, ReuseConnections: true})
	for range 5 {
		_, err := client.Send(t.Context(), packageOf(t, 1))
		require.NoError(t, err)
		require.NotContains(t, string(<-requests), "Connection: close")
	}
}

func TestSend_reusesConnectionsIfAsked(t *testing.T) {
	for _, reuse := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) { // its clock stands still, so that no connection idles too long
			var conns atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, "MESSAGE;1;ok;1;1:1:3")
			}))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					conns.Add(1)
				}
			}
			server.Start()
			defer server.Close()
			client := newClient(t, &smslink.Options{Endpoint: server.URL, ReuseConnections: reuse})
			for range 3 {
				_, err := client.Send(t.Context(), packageOf(t, 1))
				require.NoError(t, err)
			}
			want := 3
			if reuse {
				want = 1
			}
			require.EqualValues(t, want, conns.Load())
		})
	}
}

// errgroup makes the error of one goroutine the cause of every goroutine's context. The error says
// nothing about their packages and accounts.
func TestSend_causeThatIsAnotherPackagesErrorHasNoOutcomeHere(t *testing.T) {
	for _, other := range []error{
		&smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: errors.New("the package is empty")},
		&smslink.SendError{Outcome: smslink.OutcomeRejected, Err: &smslink.GatewayError{Code: "9"}},
		&smslink.SendError{Outcome: smslink.OutcomeRejected, Err: &smslink.GatewayError{Code: "7"}},
		&smslink.GatewayError{Code: "7"},
		tls.RecordHeaderError{RecordHeader: [5]byte([]byte("HTTP/"))},
	} {
		ctx, cancel := context.WithCancelCause(context.Background())
		returned := make(chan struct{})
		endpoint := peer(t, func(net.Conn, []byte) {
			cancel(fmt.Errorf("lane 1: %w", other))
			<-returned
		})
		p := packageOf(t, 1)
		client := newClient(t, &smslink.Options{Endpoint: endpoint})
		_, err := client.Send(ctx, p)
		close(returned)
		requireOutcome(t, smslink.OutcomeInDoubt, p, err)
		require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err))
		require.ErrorAs(t, err, new(*url.Error))
		require.ErrorIs(t, err, other)
		require.ErrorContains(t, err, "lane 1: ")
		require.NoError(t, smslink.StopReason(nil, err))
		_, err = client.Send(t.Context(), packageOf(t, 1))
		require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err), "there is no pause")
	}
}

// A transport may start the body again, as HTTP/2's does, but not once it may have sent all of it.
func TestSend_bodyIsGivenAgainUntilItWasReadWhole(t *testing.T) {
	for _, short := range []int64{1, 0} {
		var first, second []byte
		var again error
		client := newClient(t, via(func(r *http.Request) (*http.Response, error) {
			first, _ = io.ReadAll(io.LimitReader(r.Body, r.ContentLength-short))
			body, err := r.GetBody()
			if again = err; err != nil {
				return nil, err
			}
			second, _ = io.ReadAll(body)
			return response(200, "MESSAGE;1;ok;1;1:1:3"), nil
		}))
		p := packageOf(t, 1)
		_, err := client.Send(context.Background(), p)
		require.NotEmpty(t, first)
		if short == 0 {
			requireOutcome(t, smslink.OutcomeInDoubt, p, err)
			require.ErrorContains(t, err, "the upload was read to its end")
			require.Error(t, again)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, string(first), string(second[:len(first)]))
		require.Len(t, second, len(first)+1)
	}
}

// No header makes net/http retry a POST, as an Idempotency-Key would.
func TestSend_headers(t *testing.T) {
	var header http.Header
	client := newClient(t, via(func(r *http.Request) (*http.Response, error) {
		header = r.Header.Clone()
		require.Equal(t, http.MethodPost, r.Method)
		_, err := io.Copy(io.Discard, r.Body)
		require.NoError(t, err)
		return response(200, "MESSAGE;1;ok;1;1:1:3"), nil
	}))
	_, err := client.Send(context.Background(), packageOf(t, 1))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"Content-Type", "User-Agent"}, slices.Collect(maps.Keys(header)))
}

// A RoundTripper that gets a second body in advance, for hedging, can still read only one of them.
func TestSend_onlyOneBodyAtATimeCanBeRead(t *testing.T) {
	var whole atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); err == nil && n == r.ContentLength {
			whole.Add(1)
		}
		_, _ = io.WriteString(w, "MESSAGE;1;ok;1;1:1:3")
	}))
	defer server.Close()
	hedging := roundTripper(func(r *http.Request) (*http.Response, error) {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		second := r.Clone(r.Context())
		second.Body = body
		inner := &http.Transport{}
		defer inner.CloseIdleConnections()
		var resps [2]*http.Response
		var errs [2]error
		var both sync.WaitGroup
		//nolint:bodyclose // one is for the client to close, and the other is an error
		both.Go(func() { resps[0], errs[0] = inner.RoundTrip(r) })
		both.Go(func() { resps[1], errs[1] = inner.RoundTrip(second) }) //nolint:bodyclose // the same
		both.Wait()
		if resps[1] != nil {
			return resps[1], nil
		}
		return resps[0], errs[0]
	})
	_, err := newClient(t,
		&smslink.Options{Endpoint: server.URL, HTTPClient: &http.Client{Transport: hedging}}).Send(context.Background(),
		packageOf(t, 1))
	require.NoError(t, err)
	require.EqualValues(t, 1, whole.Load())
}

// A transport may send an upload without a trace, and then fail to dial again. The package is
// not reported as not sent.
func TestSend_untracedWaysAreNotTakenForUnsent(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	nowhere := strings.TrimPrefix(closed.URL, "http://")
	// sends the upload without a trace, and then fails with one
	fallingBack := func(gw *smslinktest.Gateway) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			there, err := url.Parse(gw.URL)
			if err != nil {
				return nil, err
			}
			there.RawQuery = r.URL.RawQuery
			untraced, err := http.NewRequest(http.MethodPost, there.String(), r.Body)
			if err != nil {
				return nil, err
			}
			untraced.Header, untraced.ContentLength = r.Header, r.ContentLength
			if resp, err := (&http.Transport{}).RoundTrip(untraced); err == nil {
				return resp, nil
			}
			again := r.Clone(r.Context())
			again.URL.Host, again.Body = nowhere, nil
			return (&http.Transport{}).RoundTrip(again)
		})
	}
	for name, transport := range map[string]func(gw *smslinktest.Gateway) http.RoundTripper{
		"a RoundTripper that falls back": fallingBack,
		"a registered protocol": func(gw *smslinktest.Gateway) http.RoundTripper {
			t := &http.Transport{Protocols: new(http.Protocols)}
			t.Protocols.SetHTTP1(true)
			t.RegisterProtocol("https", fallingBack(gw))
			return t
		},
		"a protocol negotiated by TLS": func(gw *smslinktest.Gateway) http.RoundTripper {
			t := gw.Server.Client().Transport.(*http.Transport).Clone()
			t.TLSClientConfig.NextProtos = []string{"http/1.1"}
			t.TLSNextProto = map[string]func(string,
				*tls.Conn) http.RoundTripper{"http/1.1": func(_ string, conn *tls.Conn) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					if err := r.Write(conn); err != nil {
						return nil, err
					}
					return http.ReadResponse(bufio.NewReader(conn), r)
				})
			}}
			return t
		},
	} {
		t.Run(name, func(t *testing.T) {
			gw := smslinktest.NewUnstartedGateway(nil)
			if name == "a protocol negotiated by TLS" {
				gw.StartTLS()
			} else {
				gw.Start()
			}
			defer gw.Close()
			gw.Inject(smslinktest.LoseReply())
			client, err := smslink.NewClient(gw.ConnectionID, gw.Password, &smslink.Options{
				Endpoint:   strings.Replace(gw.URL, "http:", "https:", 1),
				HTTPClient: &http.Client{Transport: transport(gw)},
			})
			require.NoError(t, err)
			p := packageOf(t, 1)
			_, err = client.Send(context.Background(), p)
			require.Len(t, gw.Messages(), 1)
			requireOutcome(t, smslink.OutcomeInDoubt, p, err)
		})
	}
}

// If a kept connection is dead before a byte is written, the upload gets another one.
func TestSend_keptConnectionThatIsDead(t *testing.T) {
	gw := newGateway(t, nil)
	transport := smslink.NewTransport()
	transport.DisableKeepAlives = false
	defer transport.CloseIdleConnections()
	var conns []*breakableConn
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		conns = append(conns, &breakableConn{Conn: conn})
		return conns[len(conns)-1], err
	}
	client, err := smslink.NewClient(gw.ConnectionID, gw.Password,
		&smslink.Options{Endpoint: gw.URL, HTTPClient: &http.Client{Transport: transport}})
	require.NoError(t, err)
	_, err = client.Send(context.Background(), packageOf(t, 1))
	require.NoError(t, err)
	conns[0].dead.Store(true)
	_, err = client.Send(context.Background(), packageOf(t, 2))
	require.NoError(t, err)
	require.Len(t, conns, 2)
	require.Len(t, gw.Messages(), 2)
}

// breakableConn is a connection to which nothing can be written once it is dead.
type breakableConn struct {
	net.Conn
	dead atomic.Bool
}

func (m *breakableConn) Write(p []byte) (int, error) {
	if m.dead.Load() {
		return 0, net.ErrClosed
	}
	return m.Conn.Write(p)
}

// Each of these settings keeps an upload from being in doubt or sent twice, in a way that no short
// test can show.
func TestNewTransport_settings(t *testing.T) {
	transport := smslink.NewTransport()
	require.True(t, transport.Protocols.HTTP1())
	require.False(t, transport.Protocols.HTTP2(), "HTTP/2 sends a refused stream again")
	require.Less(t, transport.IdleConnTimeout, 5*time.Second, "the shortest of common servers' own")
	require.NotZero(t, transport.IdleConnTimeout)
	require.NotZero(t, transport.TLSHandshakeTimeout)
	require.NotNil(t, transport.Proxy)
	require.LessOrEqual(t, transport.MaxResponseHeaderBytes, int64(64<<10))
	require.NotZero(t, transport.MaxResponseHeaderBytes)
	require.EqualValues(t, tls.VersionTLS12, transport.TLSClientConfig.MinVersion)
	require.False(t, transport.TLSClientConfig.InsecureSkipVerify)
	require.True(t, transport.DisableKeepAlives, "a second answer on a kept connection is taken for the next package's")
	require.NotNil(t, transport.TLSClientConfig.ClientSessionCache)
}

// A wrapper that reads the body twice gets it once.
func TestSend_bodyIsReadOnce(t *testing.T) {
	var first, second []byte
	client := newClient(t, via(func(r *http.Request) (*http.Response, error) {
		first, _ = io.ReadAll(r.Body)
		second, _ = io.ReadAll(r.Body)
		return response(200, "MESSAGE;1;ok;1;1:1:3"), nil
	}))
	_, err := client.Send(context.Background(), packageOf(t, 1))
	require.NoError(t, err)
	require.NotEmpty(t, first)
	require.Empty(t, second)
}

// authority signs certificates for tests.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	signed := a.sign(t, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	a.key, a.cert = signed.PrivateKey.(*ecdsa.PrivateKey), signed.Leaf
	return a
}

// sign returns a certificate for 127.0.0.1, as changed by change. If the authority has no key, the
// certificate signs itself.
func (a *authority) sign(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "smslink test"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	change(template)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	parent, signer := a.cert, a.key
	if signer == nil {
		parent, signer = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(raw)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

func TestSend_tlsThatIsNotGoodEnough(t *testing.T) {
	ca := newAuthority(t)
	good := ca.sign(t, func(*x509.Certificate) {})
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	trusting := func() *http.Client {
		return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	}
	for _, c := range []struct {
		name   string
		config *tls.Config
		client *http.Client // nil = the client's own
		says   string       // empty = all is well
	}{
		{"a good certificate", &tls.Config{Certificates: []tls.Certificate{good}}, trusting(), ""},
		{"an expired certificate",
			&tls.Config{Certificates: []tls.Certificate{ca.sign(t,
				func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-24 * time.Hour) })}},
			trusting(), "certificate has expired"},
		{"a certificate of the future",
			&tls.Config{Certificates: []tls.Certificate{ca.sign(t,
				func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) })}},
			trusting(), "not yet valid"},
		{"another host's certificate",
			&tls.Config{Certificates: []tls.Certificate{ca.sign(t,
				func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)} })}},
			trusting(), "certificate is valid for 10.0.0.1, not 127.0.0.1"},
		{"a self-signed certificate",
			&tls.Config{Certificates: []tls.Certificate{new(authority).sign(t, func(*x509.Certificate) {})}},
			trusting(), "certificate signed by unknown authority"},
		{"an unknown authority", &tls.Config{Certificates: []tls.Certificate{good}}, nil,
			"certificate signed by unknown authority"},
		{"TLS 1.1 and a client of its own",
			&tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS11}, nil,
			"protocol version not supported"},
		{"TLS 1.0 and a client of its own",
			&tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS10}, nil,
			"protocol version not supported"},
		{"TLS 1.1", &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS11}, trusting(),
			"protocol version not supported"},
		{"TLS 1.0", &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS10}, trusting(),
			"protocol version not supported"},
		{"TLS 1.2", &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12}, trusting(), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var requests atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, "MESSAGE;1;ok;1;1:1:3")
			}))
			c.config.MinVersion = tls.VersionTLS10
			server.TLS = c.config
			server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of the handshakes refused
			server.StartTLS()
			defer server.Close()
			p := packageOf(t, 1)
			_, err := newClient(t,
				&smslink.Options{Endpoint: server.URL, HTTPClient: c.client}).Send(context.Background(), p)
			if c.says == "" {
				require.NoError(t, err)
				require.EqualValues(t, 1, requests.Load())
				return
			}
			requireOutcome(t, smslink.OutcomeNotSent, p, err)
			require.ErrorContains(t, err, c.says)
			require.Zero(t, requests.Load())
		})
	}
}

// No redirect, to another host or to http, receives the password.
func TestSend_passwordIsNotRedirected(t *testing.T) {
	var there atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { there.Add(1) }))
	defer elsewhere.Close()
	toName := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)

	var status atomic.Int32
	var location atomic.Value
	var here atomic.Int32
	redirecting := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		here.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Location", location.Load().(string))
		w.Header().Set("Refresh", "0; url="+location.Load().(string))
		w.WriteHeader(int(status.Load()))
	}))
	defer redirecting.Close()
	client := newClient(t, &smslink.Options{Endpoint: redirecting.URL, HTTPClient: redirecting.Client()})
	for code := 300; code <= 308; code++ {
		for _, to := range []string{elsewhere.URL, toName + "/bulk-v3.php",
			strings.Replace(redirecting.URL, "https:", "http:", 1), strings.TrimPrefix(elsewhere.URL, "http:")} {
			here.Store(0)
			status.Store(int32(code))
			location.Store(to)
			p := packageOf(t, 1)
			_, err := client.Send(context.Background(), p)
			requireOutcome(t, smslink.OutcomeRejected, p, err)
			require.EqualValues(t, 1, here.Load(), "%d to %s", code, to)
			require.Zero(t, there.Load(), "%d to %s", code, to)
		}
	}
}

// A proxy's text is not shown: it may quote the credentials that it got.
func TestSend_proxysTextStaysOutOfTheError(t *testing.T) {
	const mayQuote = "the exchange broke off with an error that may quote the reply"
	for answer, want := range map[string]string{
		"HTTP/1.1 407 \x1b]0;owned\a proxy-password\r\n": "the proxy answered CONNECT with HTTP status 407",
		"proxy-password\r\n":                             mayQuote,
		"HTTP/1.1 proxy-password\r\n":                    mayQuote,
		"HTTP/1.1 200 OK\r\nproxy-password\r\n":          mayQuote,

		"HTTP/1.1 200 OK\r\nContent-Length: proxy-password\r\n":                      mayQuote,
		"HTTP/1.1 407 No\r\nTransfer-Encoding: proxy-password, chunked\r\n":          mayQuote,
		"HTTP/1.1 407 No\r\nContent-Length: 1\r\nContent-Length: proxy-password\r\n": mayQuote,
	} {
		t.Run(answer, func(t *testing.T) { testProxysText(t, answer, want) })
	}
}

func testProxysText(t *testing.T, answer, want string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, answer+"\r\n")
			conn.Close()
		}
	}()
	transport := smslink.NewTransport()
	transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", User: url.UserPassword("me", "proxy-password"),
		Host: listener.Addr().String()})
	client := newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: transport}})
	p := packageOf(t, 1)
	_, err = client.Send(context.Background(), p)
	requireOutcome(t, smslink.OutcomeNotSent, p, err)
	require.ErrorContains(t, err, want)
	require.NotContains(t, err.Error(), "proxy-password")
	requirePrintable(t, err.Error())
}
