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
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

const hostileWords = "\x1b]0;owned\a\x1b[2J\u009b31m\u202e\r\nproxy-password"

func requirePrintable(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		require.True(t, unicode.IsPrint(r), "%q in %q", r, text)
	}
}

// A proxy's words are not shown: they may quote the credentials that it was given.
func TestSend_proxysWordsStayOutOfTheError(t *testing.T) {
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
			_, _ = io.WriteString(conn, "HTTP/1.1 407 "+"\x1b]0;owned\a proxy-password"+"\r\n\r\n")
			conn.Close()
		}
	}()
	transport := smslink.NewTransport()
	transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", User: url.UserPassword("me", "proxy-password"), Host: listener.Addr().String()})
	p := packageOf(t, 1)
	_, err = newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: transport}}).Send(context.Background(), p)
	requireOutcome(t, smslink.OutcomeNotSent, p, err)
	require.ErrorContains(t, err, "the proxy answered CONNECT with HTTP status 407")
	require.NotContains(t, err.Error(), "proxy-password")
	requirePrintable(t, err.Error())
}

// Neither a certificate's names nor a transport's words reach a terminal as they are.
func TestSendError_holdsNoControlCharacter(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "\x1b]0;owned\a"}, DNSNames: []string{"\x1b[2Jhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots.AddCert(certificate)
	transport := smslink.NewTransport()
	transport.TLSClientConfig.RootCAs = roots

	for name, client := range map[string]*smslink.Client{
		"a certificate":       newClient(t, &smslink.Options{Endpoint: server.URL, HTTPClient: &http.Client{Transport: transport}}),
		"a RoundTripper":      newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: failing(false)}}),
		"one that has read":   newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: failing(true)}}),
		"an untrusted server": newClient(t, &smslink.Options{Endpoint: server.URL}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.Send(context.Background(), packageOf(t, 1))
			requirePrintable(t, err.Error())
			require.NotContains(t, err.Error(), "owned\a")
			requirePrintable(t, errors.Unwrap(err).Error())
			stream := client.Stream(func(yield func(smslink.Message, error) bool) { yield(smslink.Message{}, errors.New(hostileWords)) }, nil)
			require.Empty(t, slices.Collect(stream.Batches(context.Background())))
			requirePrintable(t, stream.Err().Error())
		})
	}
}

func failing(read bool) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if read {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		return nil, errors.New(hostileWords)
	})
}
