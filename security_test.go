package smslink_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

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

// sign makes a good certificate for 127.0.0.1, except for what change does to it. An
// authority without a key has it sign itself.
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
		{"an expired certificate", &tls.Config{Certificates: []tls.Certificate{ca.sign(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-24 * time.Hour) })}},
			trusting(), "certificate has expired"},
		{"a certificate of the future", &tls.Config{Certificates: []tls.Certificate{ca.sign(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) })}},
			trusting(), "not yet valid"},
		{"another host's certificate", &tls.Config{Certificates: []tls.Certificate{ca.sign(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)} })}},
			trusting(), "certificate is valid for 10.0.0.1, not 127.0.0.1"},
		{"a self-signed certificate", &tls.Config{Certificates: []tls.Certificate{new(authority).sign(t, func(*x509.Certificate) {})}}, trusting(), "certificate signed by unknown authority"},
		{"an unknown authority", &tls.Config{Certificates: []tls.Certificate{good}}, nil, "certificate signed by unknown authority"},
		{"TLS 1.1 and a client of its own", &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS11}, nil, "protocol version not supported"},
		{"TLS 1.0 and a client of its own", &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS10}, nil, "protocol version not supported"},
		{"TLS 1.1", &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS11}, trusting(), "protocol version not supported"},
		{"TLS 1.0", &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS10}, trusting(), "protocol version not supported"},
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
			_, err := newClient(t, &smslink.Options{Endpoint: server.URL, HTTPClient: c.client}).Send(context.Background(), p)
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

// Wherever a redirect leads, to another host or to http, nobody gets the password.
func TestSend_redirectGivesThePasswordToNobody(t *testing.T) {
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
		for _, to := range []string{elsewhere.URL, toName + "/bulk-v3.php", strings.Replace(redirecting.URL, "https:", "http:", 1), strings.TrimPrefix(elsewhere.URL, "http:")} {
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

// What would end a field, a line, a part or a header if it were taken as it is.
var injections = []string{
	"\r\n", "\n", "\r", "\"", "\\\"", ";", "; filename=\"x\"", "\r\n\r\n", "--", "\x00", "%0D%0A", "%0a", "&test=1", "ș",
	"\r\nContent-Disposition: form-data; name=\"test\"\r\n\r\n1", "\r\n2;0799999999;numeric;Injectat;0", "\r\nX-Injected: 1",
}

// Through no field does anything get into another one: each upload comes to the
// gateway with the fields that it was given, or is refused.
func TestSend_injectionThroughEveryField(t *testing.T) {
	var seen atomic.Value // the last upload's boundary
	gw := smslinktest.NewUnstartedGateway(nil)
	handler := gw.Server.Config.Handler
	gw.Server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(strings.TrimPrefix(r.Header.Get("Content-Type"), "multipart/form-data; boundary="))
		if r.Header.Get("X-Injected") != "" {
			t.Error("a header was injected")
		}
		handler.ServeHTTP(w, r)
	})
	gw.Start()
	defer gw.Close()

	client := gw.Client()
	_, err := client.Send(context.Background(), packageOf(t, 1))
	require.NoError(t, err)
	boundary := seen.Load().(string)
	payloads := append([]string{
		boundary, "--" + boundary, "\r\n--" + boundary + "--\r\n",
		"\r\n--" + boundary + "\r\nContent-Disposition: form-data; name=\"test\"\r\n\r\n1",
	}, injections...)

	t.Run("in a message", func(t *testing.T) {
		for _, x := range payloads {
			for field, m := range map[string]smslink.Message{
				"To":   {ID: 7, To: "0712" + x + "345678", Text: "a"},
				"From": {ID: 7, To: "0712345678", From: "Shop" + x + "Name", Text: "a"},
				"Text": {ID: 7, To: "0712345678", Text: "a" + x + "b"},
			} {
				for _, codec := range codecs {
					p := packageOf(t, 1)
					p.Codec = codec
					refused := p.Add(m)
					require.NoError(t, p.Add(message(9)))
					before := len(gw.Messages())
					_, err := client.Send(context.Background(), p)
					require.NoError(t, err, "%s %q", field, x)
					taken := gw.Messages()[before:]
					require.Equal(t, int64(1), taken[0].ID)
					require.Equal(t, int64(9), taken[len(taken)-1].ID)
					if refused != nil {
						require.Len(t, taken, 2)
						continue
					}
					require.Len(t, taken, 3, "%s %q", field, x)
					got := taken[1]
					require.Equal(t, int64(7), got.ID)
					require.Empty(t, strings.Trim(got.To, "0123456789"))
					if field == "From" {
						require.Equal(t, m.From, got.From)
					}
					if field == "Text" { // without what is dropped: see Message
						require.Equal(t, strings.ReplaceAll(strings.ReplaceAll(m.Text, "\r\n", "\n"), "\r", ""), got.Text)
					}
				}
			}
		}
	})
	t.Run("in the credentials", func(t *testing.T) {
		for _, x := range payloads {
			other := newGateway(t, &smslinktest.Options{ConnectionID: "id" + x, Password: x + "word"})
			_, err := other.Client().Send(context.Background(), packageOf(t, 1, 2))
			require.NoError(t, err, "%q", x)
			require.Len(t, other.Messages(), 2)
			require.False(t, other.Uploads()[0].Test)
		}
	})
	t.Run("in the options", func(t *testing.T) {
		for _, x := range []string{"\r\nX-Injected: 1", "\n", "\x00", "é", "\x7f"} {
			_, err := smslink.NewClient("c", "p", &smslink.Options{UserAgent: "agent" + x})
			require.ErrorContains(t, err, "the user agent", "%q", x)
		}
		for _, x := range []string{"\r\nX-Injected: 1", "\n", "\x00"} {
			_, err := smslink.NewClient("c", "p", &smslink.Options{Endpoint: gw.URL + x})
			require.ErrorContains(t, err, "the endpoint", "%q", x)
		}
	})
}

func TestSend_boundaryIsNewEachTime(t *testing.T) {
	seen := map[string]bool{}
	endpoint := make(chan string, 1)
	client := newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		endpoint <- r.Header.Get("Content-Type")
		return response(200, "MESSAGE;1;ok;1;1:1:3"), nil
	})}})
	for range 100 {
		_, err := client.Send(context.Background(), packageOf(t, 1))
		require.NoError(t, err)
		boundary := strings.TrimPrefix(<-endpoint, "multipart/form-data; boundary=")
		require.GreaterOrEqual(t, len(boundary), 26, "130 bits in base32")
		require.False(t, seen[boundary])
		seen[boundary] = true
	}
}

// Replies without an end, in every part of a response, and packed ones. A package
// of one message allows 64 KiB and 128 bytes of reply; the memory stays near that.
func TestSend_replyBombs(t *testing.T) {
	var packed bytes.Buffer
	zipper := gzip.NewWriter(&packed)
	_, _ = zipper.Write([]byte("MESSAGE;1;ok;1;1:1:3"))
	for range 32 {
		_, _ = zipper.Write(bytes.Repeat([]byte(",2:2:3"), 1<<18))
	}
	require.NoError(t, zipper.Close())

	endless := func(start, again string) func(io.Writer) {
		return func(w io.Writer) {
			chunk := bytes.Repeat([]byte(again), 1<<14/len(again))
			_, err := io.WriteString(w, start)
			for err == nil {
				_, err = w.Write(chunk)
			}
		}
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name   string
		answer func(io.Writer)
		head   bool // before the body, where a caller's transport has net/http's limits of 10 MB
	}{
		{"an endless body", endless(ok+"\r\nMESSAGE;1;ok;1;", "1:1:3,"), false},
		{"a body said to be huge", endless(ok+"Content-Length: 1099511627776\r\n\r\nMESSAGE;1;ok;1;", "1:1:3,"), false},
		{"endless chunks", endless(ok+"Transfer-Encoding: chunked\r\n\r\n", "6\r\n1:1:3,\r\n"), false},
		{"an endless chunk extension", endless(ok+"Transfer-Encoding: chunked\r\n\r\n6;", "a=b;"), false},
		{"an endless trailer", endless(ok+"Transfer-Encoding: chunked\r\n\r\n0\r\n", "X-A: b\r\n"), false},
		{"a gzip bomb", func(w io.Writer) {
			fmt.Fprintf(w, ok+"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", packed.Len(), packed.Bytes())
		}, false},
		{"an endless ERROR", endless("HTTP/1.1 403 Forbidden\r\n\r\nERROR;5;", "no"), false},
		{"endless headers", endless(ok, "X-A: b\r\n"), true},
		{"an endless header", endless(ok+"X-A: ", "b"), true},
		{"an endless status line", endless("HTTP/1.1 200 ", "b"), true},
		{"endless 1xx answers", endless("", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			endpoint := peer(t, func(conn net.Conn, _ []byte) { c.answer(conn) })
			for name, own := range map[string]*http.Client{"own transport": nil, "a caller's": {Transport: &http.Transport{}}} {
				if own != nil && c.head {
					continue
				}
				client := newClient(t, &smslink.Options{Endpoint: endpoint, HTTPClient: own, Timeout: 20 * time.Second})
				p := packageOf(t, 1)
				p.Codec = smslink.CodecNone
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := client.Send(context.Background(), p)
				runtime.ReadMemStats(&after)
				require.Error(t, err, name)
				require.NotErrorIs(t, err, context.DeadlineExceeded, name)
				require.NotEqual(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err), name)
				require.LessOrEqual(t, len(sendError(t, err).Reply), 64<<10+128, name)
				require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2<<20), name) // both ends, garbage and all
			}
		})
	}
}
