package smslink_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// Each of these keeps an upload from being in doubt, or from being sent twice,
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
	require.True(t, transport.DisableKeepAlives, "a second answer on a kept connection is taken for the next package's")
	require.NotNil(t, transport.TLSClientConfig.ClientSessionCache)
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
