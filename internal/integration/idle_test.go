package integration_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

var idle = flag.Int("idle", unlessLong(2, 5), "sends of each of the 40 programs of TestSend_everyFewSeconds")

// Programs send once every few seconds to a server that closes a connection after 5 idle seconds,
// as Apache does. The client's own transport opens a connection for each upload, so that none meets
// the closing. With a caller's transport that keeps connections, an upload may meet it, and is in
// doubt.
func TestSend_everyFewSeconds(t *testing.T) {
	t.Parallel()
	const programs = 40
	gateway := smslinktest.NewUnstartedGateway(nil)
	gateway.Server.Config.IdleTimeout = 5 * time.Second
	gateway.Start()
	defer gateway.Close()

	var own, kept counts
	var running sync.WaitGroup
	for number := range uint64(programs) {
		running.Go(func() { sendNowAndThen(t, gateway, nil, number, &own) })
		running.Go(func() {
			transport := &http.Transport{} // keeps a connection as long as the server does
			defer transport.CloseIdleConnections()
			sendNowAndThen(t, gateway, &http.Client{Transport: transport}, number, &kept)
		})
	}
	running.Wait()
	total := programs * *idle
	for name, c := range map[string]*counts{"the client's own transport": &own, "a caller's that keeps connections": &kept} {
		t.Logf("%s: %d sends, %d accepted, %d in doubt", name, total, c[smslink.OutcomeAccepted].Load(), c[smslink.OutcomeInDoubt].Load())
		require.EqualValues(t, total, c[smslink.OutcomeAccepted].Load()+c[smslink.OutcomeInDoubt].Load())
	}
	require.EqualValues(t, total, own[smslink.OutcomeAccepted].Load())
}

// counts are how many Sends had each outcome.
type counts [4]atomic.Int64

func sendNowAndThen(t *testing.T, gateway *smslinktest.Gateway, http *http.Client, number uint64, outcomes *counts) {
	random := rand.New(rand.NewPCG(1, number))
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{Endpoint: gateway.URL, HTTPClient: http})
	if err != nil {
		t.Error(err)
		return
	}
	var p smslink.Package
	for i := range *idle {
		if i > 0 {
			time.Sleep(pause(random))
		}
		p.Reset()
		if err := p.Add(smslink.Message{ID: 1, To: "0712345678", Text: "Codul dvs. este 482913"}); err != nil {
			t.Error(err)
		}
		_, err := client.Send(context.Background(), &p)
		outcomes[smslink.OutcomeOf(err)].Add(1)
	}
}

// pause returns a few seconds. Half of the pauses are close to the 2 seconds after which the
// library's transport closes an idle connection if it keeps any, or to the server's 5.
func pause(random *rand.Rand) time.Duration {
	around := 2 * time.Second
	if random.IntN(2) == 0 {
		around = 5 * time.Second
	}
	if random.IntN(2) == 0 {
		return time.Second + time.Duration(random.Int64N(int64(5*time.Second)))
	}
	return around - 5*time.Millisecond + time.Duration(random.Int64N(int64(10*time.Millisecond)))
}
