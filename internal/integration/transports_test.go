package integration_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/go-smslink/smslink"
)

// transports are those that programs use. Each has the TLS settings and the proxy of the transport
// that it is made from.
var transports = []struct {
	name string
	make func(base *http.Transport) http.RoundTripper
}{
	{"the client's own", func(base *http.Transport) http.RoundTripper { return base }},
	{"an *http.Transport", func(base *http.Transport) http.RoundTripper {
		return &http.Transport{TLSClientConfig: base.TLSClientConfig, Proxy: base.Proxy}
	}},
	{"otelhttp", func(base *http.Transport) http.RoundTripper { return otelhttp.NewTransport(base) }},
	{"HTTP/2", func(base *http.Transport) http.RoundTripper {
		return &http.Transport{TLSClientConfig: base.TLSClientConfig, Proxy: base.Proxy, ForceAttemptHTTP2: true}
	}},
	{"go-retryablehttp", func(base *http.Transport) http.RoundTripper { return retrying(base) }},
}

// With any transport, a package is not sent if the failure comes before the upload was handed to
// it, and the error names the cause. The transport that buffers the upload has taken it by then, so
// that the package is in doubt.
func TestSend_failuresThroughAnyTransport(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	const closed = "127.0.0.1:1" // no program listens there, and the kernel assigns this port to none
	silent := listen(t, func(conn net.Conn) {
		<-ended
		conn.Close() // not before, and not by the garbage collector
	})
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	forbidding := listen(t, func(conn net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\n\r\n")
		conn.Close()
	})
	through := func(host string) func(*http.Request) (*url.URL, error) {
		return http.ProxyURL(&url.URL{Scheme: "http", Host: host})
	}

	for _, failure := range []struct {
		name, endpoint string
		proxy          func(*http.Request) (*url.URL, error)
		dial           bool // never ends
		cancelled      bool
		says           string
	}{
		{name: "refused connection", endpoint: "http://" + closed, says: "connection refused"},
		{name: "no such host", endpoint: "https://host.invalid/", says: "host.invalid"},
		{name: "context already cancelled", endpoint: plain.URL, cancelled: true, says: "context canceled"},
		{name: "untrusted certificate", endpoint: untrusted.URL, says: "x509: certificate signed by unknown authority"},
		{name: "plain HTTP on an https port", endpoint: strings.Replace(plain.URL, "http:", "https:", 1), says: "HTTP response to HTTPS client"},
		{name: "TLS handshake outlasts the deadline", endpoint: "https://" + silent, says: "deadline exceeded"},
		{name: "dial outlasts the deadline", endpoint: "https://127.0.0.1", dial: true, says: "deadline exceeded"},
		{name: "proxy unreachable", endpoint: "https://127.0.0.1", proxy: through(closed), says: "proxyconnect tcp: "},
		{name: "proxy answers CONNECT with 403", endpoint: "https://127.0.0.1", proxy: through(forbidding), says: ""},
	} {
		for _, transport := range transports {
			t.Run(failure.name+"/"+transport.name, func(t *testing.T) {
				t.Parallel()
				base := smslink.NewTransport()
				base.Proxy = failure.proxy
				if failure.dial {
					base.DialContext = func(context.Context, string, string) (net.Conn, error) {
						<-ended
						return nil, net.ErrClosed
					}
				}
				rt := transport.make(base)
				if inner, ok := rt.(*http.Transport); ok {
					inner.DialContext = base.DialContext
				}
				client, err := smslink.NewClient("connection", "password", &smslink.Options{
					Endpoint: failure.endpoint, HTTPClient: &http.Client{Transport: rt},
				})
				require.NoError(t, err)
				deadline := time.Minute
				if failure.says == "deadline exceeded" {
					deadline = 200 * time.Millisecond
					if transport.name == "go-retryablehttp" {
						deadline = 10 * time.Second // it has buffered the upload long before
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				defer cancel()
				if failure.cancelled {
					cancel()
				}
				var p smslink.Package
				require.NoError(t, p.Add(smslink.Message{ID: 1, To: "0712345678", Text: "Salut!"}))
				_, err = client.Send(ctx, &p)
				if transport.name == "go-retryablehttp" && !failure.cancelled {
					require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err), "%v", err)
					return
				}
				require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err), "%v", err)
				require.True(t, smslink.SafeToResend(err))
				require.ErrorContains(t, err, failure.says)
			})
		}
	}
}

// retrying returns hashicorp's transport, which buffers a request and sends it again after a 5xx or
// a failure.
func retrying(inner http.RoundTripper) http.RoundTripper {
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{Transport: inner}
	client.Logger = nil
	client.RetryMax, client.RetryWaitMin, client.RetryWaitMax = 2, time.Millisecond, 5*time.Millisecond
	return &retryablehttp.RoundTripper{Client: client}
}

// listen serves each connection, and returns the address.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { socket.Close() })
	go func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return socket.Addr().String()
}

// How a program traces its uploads with OpenTelemetry.
func Example_otelhttp() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "MESSAGE;1;ok;77;0:220000001:3")
	}))
	defer server.Close()

	client, err := smslink.NewClient("connection", "password", &smslink.Options{
		HTTPClient: &http.Client{Transport: otelhttp.NewTransport(smslink.NewTransport())},
		Endpoint:   server.URL, // leave it out for the live gateway
	})
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.SendMessage(context.Background(), smslink.Message{To: "0712345678", Text: "Salut!"})
	fmt.Println(result.Status, err)
	// Output: success <nil>
}
