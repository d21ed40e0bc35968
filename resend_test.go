package smslink_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// A transport may begin anew, as HTTP/2's does, but not once it may have sent a whole
// upload.
func TestSend_bodyIsGivenAgainUntilItWasReadWhole(t *testing.T) {
	for _, short := range []int64{1, 0} {
		var first, second []byte
		var again error
		client := newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			first, _ = io.ReadAll(io.LimitReader(r.Body, r.ContentLength-short))
			body, err := r.GetBody()
			if again = err; err != nil {
				return nil, err
			}
			second, _ = io.ReadAll(body)
			return response(200, "MESSAGE;1;ok;1;1:1:3"), nil
		})}})
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

// No header of ours makes a POST one that net/http sends again, as an
// Idempotency-Key would.
func TestSend_headers(t *testing.T) {
	var header http.Header
	client := newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		header = r.Header.Clone()
		require.Equal(t, http.MethodPost, r.Method)
		return response(200, "MESSAGE;1;ok;1;1:1:3"), nil
	})}})
	_, err := client.Send(context.Background(), packageOf(t, 1))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"Content-Type", "User-Agent"}, slices.Collect(maps.Keys(header)))
}

// A RoundTripper that asks for a second body beforehand, as one does that hedges,
// can still read only one of them.
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
		both.Go(func() { resps[0], errs[0] = inner.RoundTrip(r) })      //nolint:bodyclose // one is for the client to close, and the other is an error
		both.Go(func() { resps[1], errs[1] = inner.RoundTrip(second) }) //nolint:bodyclose // the same
		both.Wait()
		if resps[1] != nil {
			return resps[1], nil
		}
		return resps[0], errs[0]
	})
	_, err := newClient(t, &smslink.Options{Endpoint: server.URL, HTTPClient: &http.Client{Transport: hedging}}).Send(context.Background(), packageOf(t, 1))
	require.NoError(t, err)
	require.EqualValues(t, 1, whole.Load())
}

// Ways on which no trace sees an upload go, before a dial that fails: what the
// gateway may have taken is not said to be unsent.
func TestSend_untracedWaysAreNotTakenForUnsent(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	nowhere := strings.TrimPrefix(closed.URL, "http://")
	// sends the upload where no trace hears it, and fails at another place where one does
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
			t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{"http/1.1": func(_ string, conn *tls.Conn) http.RoundTripper {
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
				Endpoint: strings.Replace(gw.URL, "http:", "https:", 1), HTTPClient: &http.Client{Transport: transport(gw)},
			})
			require.NoError(t, err)
			p := packageOf(t, 1)
			_, err = client.Send(context.Background(), p)
			require.Len(t, gw.Messages(), 1)
			requireOutcome(t, smslink.OutcomeInDoubt, p, err)
		})
	}
}

// A kept connection that turns out to be dead before a byte is written costs nothing.
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
	client, err := smslink.NewClient(gw.ConnectionID, gw.Password, &smslink.Options{Endpoint: gw.URL, HTTPClient: &http.Client{Transport: transport}})
	require.NoError(t, err)
	_, err = client.Send(context.Background(), packageOf(t, 1))
	require.NoError(t, err)
	conns[0].dead.Store(true)
	_, err = client.Send(context.Background(), packageOf(t, 2))
	require.NoError(t, err)
	require.Len(t, conns, 2)
	require.Len(t, gw.Messages(), 2)
}

// breakableConn is a connection to which, once it is dead, nothing can be written.
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
