package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// One client serves 64 goroutines with every codec at once, and each package gets its own
// results.
func TestClient_sharedBy64Goroutines(t *testing.T) {
	const goroutines, each = 64, 10
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	client := gateway.Client()
	codecs := []smslink.Codec{smslink.CodecNone, smslink.CodecZlib, smslink.CodecLZF, smslink.CodecBZip2}
	remoteIDs := make([]map[int64]string, goroutines)
	var running sync.WaitGroup
	for g := range goroutines {
		remoteIDs[g] = map[int64]string{}
		running.Go(func() {
			p := smslink.Package{Codec: codecs[g%len(codecs)]}
			for n := range each {
				p.Reset()
				for i := range 20 {
					if err := p.Add(smslink.Message{ID: int64(g*10_000 + n*100 + i), To: fmt.Sprintf("07%08d", g), Text: fmt.Sprintf("Mesajul %d al lui %d", i, g)}); err != nil {
						t.Error(err)
					}
				}
				resp, err := client.Send(context.Background(), &p)
				if err != nil {
					t.Error(err)
					return
				}
				for _, result := range resp.Results {
					remoteIDs[g][result.ID] = result.RemoteID
				}
			}
		})
	}
	running.Wait()
	messages := gateway.Messages()
	require.Len(t, messages, goroutines*each*20)
	for _, m := range messages {
		g := int(m.ID / 10_000)
		require.Equal(t, m.RemoteID, remoteIDs[g][m.ID])
		require.Equal(t, fmt.Sprintf("07%08d", g), m.To)
	}
}

// requireNoGoroutines waits until no goroutine is left. [goleak.VerifyNone] waits for less than a
// second, which is too short on a busy machine.
func requireNoGoroutines(t *testing.T, options ...goleak.Option) {
	t.Helper()
	require.NoError(t, leak(options...))
}

func leak(options ...goleak.Option) (err error) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if err = goleak.Find(options...); err == nil {
			return nil
		}
	}
	return err
}

// After a Send nothing that it started still runs, except a connection that is kept for the next
// one.
func TestSend_leavesNoGoroutine(t *testing.T) {
	for name, fault := range map[string]smslinktest.Fault{
		"accepted": {}, "hang-up": smslinktest.HangUp(), "reset": smslinktest.ResetConnection(), "lost reply": smslinktest.LoseReply(),
		"cut reply": smslinktest.CutReply(10), "too late": smslinktest.Delay(10 * time.Second), "byte by byte": smslinktest.Trickle(time.Second),
		"endless": smslinktest.EndlessReply(), "413": smslinktest.Answer(413, "").BeforeReading(), "ERROR": smslinktest.Reject("8", "no credit"),
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			var giveUp atomic.Pointer[context.CancelFunc]
			gateway := smslinktest.NewGateway(&smslinktest.Options{Fault: func(int) smslinktest.Fault {
				calls.Add(1)
				if name == "too late" || name == "byte by byte" {
					time.AfterFunc(50*time.Millisecond, *giveUp.Load())
				}
				return fault
			}})
			defer gateway.Close()
			transport := &http.Transport{}
			client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{
				Endpoint: gateway.URL, HTTPClient: &http.Client{Transport: transport},
			})
			require.NoError(t, err)
			before := goleak.IgnoreCurrent()
			for i := range int64(5) {
				var p smslink.Package
				require.NoError(t, p.Add(smslink.Message{ID: i, To: "0712345678", Text: "Salut"}))
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel() // at the end of the test: until then it ends nothing that Send has left
				giveUp.Store(&cancel)
				_, _ = client.Send(ctx, &p)
				_, _ = client.Balance(context.Background())
			}
			transport.CloseIdleConnections()
			require.Positive(t, calls.Load())
			requireNoGoroutines(t, before, goleak.IgnoreAnyFunction("net/http.(*conn).serve")) // the gateway's own
		})
	}
}
