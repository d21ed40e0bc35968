package integration_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "8") // unless the command line has another: most tests wait
	code := m.Run()
	if err := leak(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const (
	inFlight   = 8
	perPackage = 100
)

// upload sends n packages, eight at a time, with every codec in turn, and counts their outcomes.
func upload(tb testing.TB, gateway *smslinktest.Gateway, n int) *[4]atomic.Int64 {
	var outcomes [4]atomic.Int64
	codecs := []smslink.Codec{smslink.CodecNone, smslink.CodecZlib, smslink.CodecLZF, smslink.CodecBZip2}
	client := gateway.Client()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range inFlight {
		workers.Go(func() {
			var p smslink.Package
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				p.Reset()
				p.Codec = codecs[i%len(codecs)]
				for id := range int64(perPackage) {
					if err := p.Add(smslink.Message{ID: id, To: fmt.Sprintf("07%08d", i), Text: fmt.Sprintf("Mesajul %d din pachetul %d; mulțumim!", id, i)}); err != nil {
						tb.Error(err)
					}
				}
				_, err := client.Send(context.Background(), &p)
				outcomes[smslink.OutcomeOf(err)].Add(1)
			}
		})
	}
	workers.Wait()
	return &outcomes
}

// With -race -benchtime 10000x this is ten thousand uploads of a hundred messages.
func BenchmarkGateway(b *testing.B) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	b.ResetTimer()
	outcomes := upload(b, gateway, b.N)
	b.StopTimer()
	require.EqualValues(b, b.N, outcomes[smslink.OutcomeAccepted].Load())
	require.Len(b, gateway.Messages(), b.N*perPackage)
	b.ReportMetric(float64(b.N*perPackage)/b.Elapsed().Seconds(), "messages/s")
}

func TestGateway_manyUploadsAtOnce(t *testing.T) {
	uploads := unlessLong(100, 300)
	callbacks := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer callbacks.Close()
	gateway := smslinktest.NewGateway(&smslinktest.Options{
		Fault: func(n int) smslinktest.Fault {
			return []smslinktest.Fault{
				{}, smslinktest.LoseReply(), {}, smslinktest.ResetConnection(), {}, smslinktest.Reject("8", "no credit"), {}, smslinktest.Delay(time.Millisecond),
			}[n%8]
		},
		Reports: &smslinktest.Reports{URL: callbacks.URL, Delay: time.Millisecond, Undelivered: func(m smslinktest.Message) bool { return m.ID%2 == 0 }},
		Rules:   []smslinktest.Rule{func(m smslink.Message) smslink.Status { return smslink.Status(3 - m.ID%50/49) }},
	})
	defer gateway.Close()
	outcomes := upload(t, gateway, uploads)
	taken := len(gateway.Messages()) / perPackage
	accepted, inDoubt, rejected := int(outcomes[smslink.OutcomeAccepted].Load()), int(outcomes[smslink.OutcomeInDoubt].Load()), int(outcomes[smslink.OutcomeRejected].Load())
	var lost, reset, refused int // by what Options.Fault says above
	for n := 1; n <= uploads; n++ {
		switch n % 8 {
		case 1:
			lost++
		case 3:
			reset++
		case 5:
			refused++
		}
	}
	require.Equal(t, uploads-lost-reset-refused, accepted)
	require.Equal(t, lost+reset, inDoubt)
	require.Equal(t, refused, rejected)
	require.Equal(t, accepted+lost, taken)
	require.Len(t, gateway.Uploads(), uploads)
	require.NoError(t, gateway.WaitReports(t.Context()))
}
