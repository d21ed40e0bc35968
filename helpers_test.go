package smslink_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-smslink/smslink"
	corpora "github.com/go-smslink/smslink/internal/corpus"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/stretchr/testify/require"
)

func md5sum(b []byte) [md5.Size]byte { return md5.Sum(b) }

// messages returns the corpus as messages.
func messages(n int) []smslink.Message {
	all := make([]smslink.Message, n)
	for i, m := range corpora.Messages(n) {
		all[i] = smslink.Message{ID: m.ID, To: m.To, From: smslink.SenderNumeric, Text: m.Text}
	}
	return all
}

func corpus(n int) []byte {
	return packageOfAll(nil, messages(n)).AppendPlain(nil)
}

func packageOfAll(t testing.TB, all []smslink.Message) *smslink.Package {
	var p smslink.Package
	for _, m := range all {
		if err := p.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	return &p
}

// replyTo returns the reply to a package of n messages of the corpus.
func replyTo(n int) string {
	entries := []byte("MESSAGE;1;ok;77;")
	for i := range n {
		entries = fmt.Appendf(entries, "%d:%d:3,", i+1, 220_000_000+i)
	}
	return string(entries)
}

const campaign = 100_000

var update = flag.Bool("update", false, "write the goldens again")

func newGateway(t testing.TB, opts *smslinktest.Options) *smslinktest.Gateway {
	t.Helper()
	gw := smslinktest.NewGateway(opts)
	t.Cleanup(gw.Close)
	return gw
}

func newClient(t testing.TB, opts *smslink.Options) *smslink.Client {
	t.Helper()
	client, err := smslink.NewClient("connection", "password", opts)
	require.NoError(t, err)
	return client
}

// via returns the options of a client whose uploads f answers.
func via(f func(*http.Request) (*http.Response, error)) *smslink.Options {
	return &smslink.Options{HTTPClient: &http.Client{Transport: roundTripper(f)}}
}

// clientOf returns a gateway's client with other options.
func clientOf(t testing.TB, gateway *smslinktest.Gateway, opts smslink.Options) *smslink.Client {
	t.Helper()
	opts.Endpoint = gateway.URL
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &opts)
	require.NoError(t, err)
	return client
}

// peer starts a raw TCP server. It reads one whole request from each connection, then calls answer.
func peer(t testing.TB, answer func(conn net.Conn, request []byte)) (endpoint string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var conns sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		conns.Wait()
	})
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				var raw bytes.Buffer
				req, err := http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &raw)))
				if err != nil {
					return
				}
				if _, err := io.Copy(io.Discard, req.Body); err != nil {
					return
				}
				answer(conn, raw.Bytes())
			})
		}
	})
	return "http://" + listener.Addr().String() + "/bulk-v3.php"
}

// replying starts a peer that answers every upload with these bytes and closes.
func replying(t testing.TB, response string) (endpoint string) {
	return peer(t, func(conn net.Conn, _ []byte) { _, _ = io.WriteString(conn, response) })
}

// http200 returns a whole response with that body.
func http200(body string) string { return httpStatus("200 OK", body) }

func httpStatus(status, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, len(body), body)
}

func sendTo(t testing.TB, endpoint string, ids ...int64) (*smslink.Response, *smslink.Package, error) {
	t.Helper()
	p := packageOf(t, ids...)
	resp, err := newClient(t, &smslink.Options{Endpoint: endpoint}).Send(context.Background(), p)
	return resp, p, err
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body))}
}

var noContext context.Context // nil, as a careless caller's

func message(id int64) smslink.Message {
	return smslink.Message{ID: id, To: "0712345678", Text: fmt.Sprintf("Mesajul %d", id)}
}

func packageOf(t testing.TB, ids ...int64) *smslink.Package {
	t.Helper()
	p := new(smslink.Package)
	for _, id := range ids {
		require.NoError(t, p.Add(message(id)))
	}
	return p
}

func plain(p *smslink.Package) string { return string(p.AppendPlain(nil)) }

func ids(p *smslink.Package) []int64 {
	var all []int64
	for m := range p.Messages() {
		all = append(all, m.ID)
	}
	return all
}

// textOf returns the text of the only message of p.
func textOf(t testing.TB, p *smslink.Package) string {
	t.Helper()
	require.Equal(t, 1, p.Len())
	for m := range p.Messages() {
		return m.Text
	}
	return ""
}

func lenientPackage() *smslink.Package {
	return &smslink.Package{LenientReceivers: true}
}

// answered returns what Send returns for a 2xx with that body.
func answered(t testing.TB, p *smslink.Package, body string) (*smslink.Response, error) {
	t.Helper()
	return newClient(t, via(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		return response(200, body), nil
	})).Send(context.Background(), p)
}

// unframed returns a response without Content-Length or chunks. It ends with its connection.
func unframed(status, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nConnection: close\r\n\r\n%s", status, body)
}

// within fails the test if f does not return.
func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatal("it does not return")
	}
}

// requireSealed checks that err is the error of a package that can't be changed or sent.
func requireSealed(t testing.TB, err error) {
	t.Helper()
	require.Error(t, err)
	require.True(t, isSealed(err), "%v", err)
	notSent := &smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: io.EOF}
	require.False(t, smslink.SafeToResend(errors.Join(notSent, err)))
}

func isSealed(err error) bool {
	for _, says := range []string{"is being sent by another call", "was accepted before", "was sent before"} {
		if strings.Contains(err.Error(), "the package "+says) {
			return true
		}
	}
	return false
}

// requireOutcome checks a failed Send's outcome, and that the package is sealed if and only if it
// is in doubt.
func requireOutcome(t testing.TB, want smslink.Outcome, p *smslink.Package, err error) {
	t.Helper()
	require.Equal(t, want, sendError(t, err).Outcome, "%v", err)
	require.Equal(t, want, smslink.OutcomeOf(err))
	require.Error(t, sendError(t, err).Err)

	addErr := p.Add(message(1 << 40))
	if want == smslink.OutcomeInDoubt {
		requireSealed(t, addErr)
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

// abort closes a connection with a reset.
func abort(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}
