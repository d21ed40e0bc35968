package smslinktest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// Close does not wait for a client that stalls in its upload or while it reads an endless reply.
func TestClose_doesNotWaitForAClientThatStalls(t *testing.T) {
	for name, fault := range map[string]smslinktest.Fault{"half an upload": {}, "an endless reply": smslinktest.EndlessReply().BeforeReading()} {
		t.Run(name, func(t *testing.T) {
			gateway := smslinktest.NewGateway(nil)
			var conn net.Conn
			if name == "half an upload" {
				var err error
				conn, err = net.Dial("tcp", gateway.Server.Listener.Addr().String())
				require.NoError(t, err)
				fmt.Fprintf(conn, "POST %s?timestamp=1 HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 1000\r\n\r\n--B\r\n", smslinktest.BulkPath)
				time.Sleep(20 * time.Millisecond)
			} else {
				gateway.Inject(fault)
				var err error
				conn, err = net.Dial("tcp", gateway.Server.Listener.Addr().String())
				require.NoError(t, err)
				fmt.Fprintf(conn, "POST %s?timestamp=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", smslinktest.BulkPath)
				line, err := bufio.NewReader(conn).ReadString('\n')
				require.NoError(t, err)
				require.True(t, strings.HasPrefix(line, "HTTP/1.1 200"))
			}
			defer conn.Close()
			closed := make(chan struct{})
			go func() {
				gateway.Close()
				close(closed)
			}()
			select {
			case <-closed:
			case <-time.After(time.Minute):
				t.Fatal("Close hangs")
			}
		})
	}
}

// Over HTTP/2, net/http panics if a deadline is set once the handler has returned.
func TestClose_setsNoDeadlineOfAnAnsweredRequest(t *testing.T) {
	gateway := smslinktest.NewUnstartedGateway(nil)
	w := &slowDeadline{
		ResponseRecorder: httptest.NewRecorder(),
		closeGateway:     gateway.Close,
		returned:         make(chan struct{}),
		shortening:       make(chan struct{}),
		late:             make(chan bool, 1),
	}
	gateway.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/elsewhere", http.NoBody))
	close(w.returned)
	require.False(t, <-w.late, "the handler returned while a deadline was being set")
}

// slowDeadline is the writer of a request that is answered as the gateway closes. Setting the
// deadline takes until the handler has returned, or a while.
type slowDeadline struct {
	*httptest.ResponseRecorder
	closeGateway func()
	returned     chan struct{}
	shortening   chan struct{}
	late         chan bool
}

func (w *slowDeadline) Write(p []byte) (int, error) {
	w.closeGateway()
	<-w.shortening
	return w.ResponseRecorder.Write(p)
}

func (w *slowDeadline) SetReadDeadline(at time.Time) error {
	if at.IsZero() || time.Until(at) > 2*time.Second {
		return nil // of the body's reading
	}
	close(w.shortening)
	select {
	case <-w.returned:
		w.late <- true
	case <-time.After(100 * time.Millisecond):
		w.late <- false
	}
	return nil
}

func (w *slowDeadline) SetWriteDeadline(time.Time) error { return nil }

func TestClose_endsAFaultThatWaits(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	gateway.Inject(smslinktest.Delay(time.Hour))
	sent := make(chan error, 1)
	client, p := gateway.Client(), packageOf(t, nil, 1)
	go func() {
		_, err := client.Send(context.Background(), p)
		sent <- err
	}()
	_, err := gateway.WaitMessages(t.Context(), 1)
	require.NoError(t, err)
	gateway.Close()
	require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(<-sent))
}
