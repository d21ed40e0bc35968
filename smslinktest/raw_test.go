package smslinktest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// behind is a fault that writes a second response behind the reply.
func behind(status int, body string) smslinktest.Fault {
	return smslinktest.Raw(func(reply string) string {
		return framed(200, reply) + framed(status, body)
	})
}

func framed(status int, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), len(body), body)
}

// A program that keeps its connection reads the second response as its next request's, and the
// gateway takes both packages.
func TestRaw_secondResponseWaitsForTheNextUpload(t *testing.T) {
	for _, extra := range []struct {
		status int
		body   string
	}{{403, "no"}, {200, "ERROR;8;no credit"}, {200, "MESSAGE;1;ok;9;9:9:3"}} {
		gateway := newGateway(t, nil)
		gateway.Inject(behind(extra.status, extra.body))
		conn, err := net.Dial("tcp", gateway.Server.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		replies := bufio.NewReader(conn)
		exchange := func() (int, string) {
			req := newUpload(gateway, 0, onePlain, onePlain).request(t)
			require.NoError(t, req.Write(conn))
			resp, err := http.ReadResponse(replies, req)
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			return resp.StatusCode, string(body)
		}
		status, body := exchange()
		require.Equal(t, 200, status)
		require.Equal(t, "MESSAGE;1;package accepted;1001;1:220000001:3", body)
		require.Len(t, framed(extra.status, extra.body), replies.Buffered(), "in the same segment")
		status, body = exchange()
		require.Equal(t, extra.status, status)
		require.Equal(t, extra.body, body)
		_, err = gateway.WaitMessages(t.Context(), 2)
		require.NoError(t, err)
		status, body = exchange()
		require.Equal(t, 200, status)
		require.Equal(t, "MESSAGE;1;package accepted;1002;1:220000002:3", body)
	}
}

// Each kind of response has the outcome of Raw's doc, with the client's own transport.
func TestRaw_outcomes(t *testing.T) {
	all := []smslink.Status{smslink.StatusSuccess, smslink.StatusSuccess}
	lastInDoubt := []smslink.Status{smslink.StatusSuccess, smslink.StatusUnreported}
	for _, c := range []struct {
		name     string
		response func(reply string) string
		want     smslink.Outcome
		statuses []smslink.Status
	}{
		{"a second response", func(reply string) string { return framed(200, reply) + framed(403, "no") }, smslink.OutcomeAccepted, all},
		{"no length", func(reply string) string { return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + reply }, smslink.OutcomeAccepted, all},
		{"no length, and cut", func(reply string) string {
			return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + reply[:len(reply)-4]
		}, smslink.OutcomeAccepted, lastInDoubt},
		{"a cut page under a 403", func(string) string {
			return "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 99\r\n\r\n<html>"
		}, smslink.OutcomeRejected, nil},
		{"half a MESSAGE under a 403", func(reply string) string {
			return "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 99\r\n\r\n\ufeff " + reply[:4]
		}, smslink.OutcomeInDoubt, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			gateway := newGateway(t, nil)
			gateway.Inject(smslinktest.Raw(c.response))
			resp, err := gateway.Client().Send(context.Background(), packageOf(t, nil, 1, 2))
			require.Equal(t, c.want, smslink.OutcomeOf(err), "%v", err)
			require.Len(t, gateway.Messages(), 2)
			require.Equal(t, "raw", gateway.Uploads()[0].Fault)
			if c.want == smslink.OutcomeAccepted {
				require.Equal(t, c.statuses, statuses(resp))
			}
		})
	}
}

func TestRaw_endsTheConnectionIfTheReplySaysSo(t *testing.T) {
	gateway := newGateway(t, nil)
	gateway.Inject(smslinktest.Raw(func(reply string) string {
		return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + reply[:len(reply)-1]
	}))
	conn, err := net.Dial("tcp", gateway.Server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	require.NoError(t, newUpload(gateway, 0, onePlain, onePlain).request(t).Write(conn))
	all, err := io.ReadAll(conn)
	require.NoError(t, err, "the connection ends in order")
	require.Equal(t, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nMESSAGE;1;package accepted;1001;1:220000001:", string(all))
}

func TestRaw_overTLSAndHTTP2(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		gateway := smslinktest.NewUnstartedGateway(nil)
		gateway.Server.EnableHTTP2 = http2
		gateway.StartTLS()
		gateway.Inject(behind(403, ""))
		_, err := gateway.Client().Send(context.Background(), packageOf(t, nil, 1))
		want := map[bool]smslink.Outcome{false: smslink.OutcomeAccepted, true: smslink.OutcomeInDoubt}[http2]
		require.Equal(t, want, smslink.OutcomeOf(err), "%v", err)
		require.Len(t, gateway.Messages(), 1)
		gateway.Close()
	}
}

// Close does not wait for a connection that is idle after a Raw.
func TestClose_endsConnectionsAfterARaw(t *testing.T) {
	for _, again := range []bool{false, true} {
		gateway := smslinktest.NewGateway(nil)
		gateway.Inject(behind(403, ""))
		conn, err := net.Dial("tcp", gateway.Server.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, newUpload(gateway, 0, onePlain, onePlain).request(t).Write(conn))
		_, err = conn.Read(make([]byte, 1000))
		require.NoError(t, err)
		if again {
			gateway.Inject(smslinktest.Delay(time.Hour))
			require.NoError(t, newUpload(gateway, 0, onePlain, onePlain).request(t).Write(conn))
			_, err = gateway.WaitMessages(t.Context(), 2)
			require.NoError(t, err)
		}
		gateway.Close() // which waits for none of them
	}
}
