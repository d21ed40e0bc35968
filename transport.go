package smslink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// NewTransport returns the transport that a client makes for itself if [Options.HTTPClient] has
// none. Use it as the base of a RoundTripper that wraps it, for tracing or logging, in place of
// [http.DefaultTransport]:
//
//	client := &http.Client{Transport: otelhttp.NewTransport(smslink.NewTransport())}
//
// The transport
//
//   - speaks HTTP/1.1, and TLS 1.2 or later;
//   - gives each request a connection of its own, and resumes TLS sessions;
//   - takes the proxy from the environment;
//   - bounds dialing and the TLS handshake to 10 seconds each, and a reply's headers to 64 KiB.
//
// Its settings must not change while it is in use. To set DisableKeepAlives to false has the risks
// of [Options.ReuseConnections].
func NewTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // HTTP/2's transport sends a refused stream again by itself
	return &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
		},
		TLSHandshakeTimeout: 10 * time.Second,
		DisableKeepAlives:   true,
		IdleConnTimeout:     2 * time.Second, // if connections are kept: many servers close them after 5
		MaxIdleConnsPerHost: 32,
		DisableCompression:  true, // the reply is bounded by what arrives
		Protocols:           protocols,

		MaxResponseHeaderBytes: 64 << 10,
		OnProxyConnectResponse: proxyAnswered,
	}
}

// proxyAnswered words a proxy's refusal by its status alone: its other words may quote the
// credentials that it was given.
func proxyAnswered(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("smslink: the proxy answered CONNECT with HTTP status %d", resp.StatusCode)
}

// checkTransport refuses a transport that does not verify TLS.
func checkTransport(t *http.Transport) error {
	switch {
	case t == nil:
		return errors.New("smslink: the HTTP client's transport is a nil *http.Transport; leave it out for the client's own")
	case skipsVerification(t.TLSClientConfig):
		return errors.New("smslink: the HTTP client turns TLS verification off; give its transport the server's certificate as RootCAs instead")
	case allowsOldTLS(t.TLSClientConfig):
		return errors.New("smslink: the HTTP client allows TLS below 1.2; leave its transport's MinVersion at its default")
	}
	return nil
}

func skipsVerification(config *tls.Config) bool {
	return config != nil && config.InsecureSkipVerify &&
		config.VerifyConnection == nil && config.VerifyPeerCertificate == nil
}

func allowsOldTLS(config *tls.Config) bool {
	return config != nil && config.MinVersion != 0 && config.MinVersion < tls.VersionTLS12
}

// noRedirects is a transport whose redirects lead nowhere: without a Location, http.Client hands a
// 3xx to its caller. CheckRedirect would do the same, except for a Location that can't be parsed.
type noRedirects struct{ http.RoundTripper }

func (t *noRedirects) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	if resp != nil {
		resp.Header.Del("Location")
	}
	return resp, err
}
