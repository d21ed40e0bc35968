package smslink_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptrace"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// Each of these keeps an upload from an unknown outcome, or from being sent twice,
// in a way that no short test can watch.
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
}

func TestNewClient_defaultTimeout(t *testing.T) {
	require.Equal(t, 5*time.Minute, newClient(t, nil).Timeout())
}

// A transport that checks certificates by itself is not one that turns checks off.
func TestNewClient_takesATransportThatVerifiesByItself(t *testing.T) {
	for _, config := range []*tls.Config{
		{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return nil }},
		{InsecureSkipVerify: true, VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return nil }},
	} {
		_, err := smslink.NewClient("c", "p", &smslink.Options{HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: config}}})
		require.NoError(t, err)
	}
}

// What the trace says of net/http's transport, and what follows from it.
func TestDeparture(t *testing.T) {
	failed := errors.New("failed")
	for _, c := range []struct {
		name        string
		calls       string // l = looks for a connection, g = got one
		ours, other bool   // whether surely nothing left: our transport, a caller's
	}{
		{"failed before it looked", "", true, false},
		{"failed to get a connection", "l", true, true},
		{"got one", "lg", false, false},
		{"found it dead, failed to get another", "lgl", true, false},
		{"found it dead, got another", "lglg", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for own, want := range map[bool]bool{true: c.ours, false: c.other} {
				ctx, ruledOut := smslink.Watch(own)
				trace := httptrace.ContextClientTrace(ctx)
				for _, call := range c.calls {
					if call == 'l' {
						trace.GetConn("127.0.0.1:443")
					} else {
						trace.GotConn(httptrace.GotConnInfo{})
					}
				}
				require.Equal(t, want, ruledOut(failed), "our own transport: %v", own)
			}
		})
	}
}
