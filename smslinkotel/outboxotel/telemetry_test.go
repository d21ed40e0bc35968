package outboxotel_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	_ "modernc.org/sqlite"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinkotel"
	"github.com/go-smslink/smslink/smslinkotel/internal/oteltest"
	"github.com/go-smslink/smslink/smslinkotel/outboxotel"
	"github.com/go-smslink/smslink/smslinktest"
)

// setup is an outbox in SQLite whose spans and metrics are collected.
type setup struct {
	*oteltest.Collector
	telemetry *outboxotel.Telemetry
	uploads   *smslinkotel.Telemetry
	db        *sql.DB
	box       *outbox.Outbox
	gateway   *smslinktest.Gateway
}

func newSetup(t *testing.T, gateway *smslinktest.Options) *setup {
	t.Helper()
	s := &setup{Collector: oteltest.New(), gateway: smslinktest.NewGateway(gateway)}
	t.Cleanup(s.gateway.Close)
	var err error
	s.telemetry, err = outboxotel.New(s.Options())
	require.NoError(t, err)
	s.uploads, err = smslinkotel.New(s.Options())
	require.NoError(t, err)
	s.db, err = sql.Open("sqlite", filepath.Join(t.TempDir(), "outbox.db")+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(20000)&_txlock=immediate")
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.db.Close() })
	s.box, err = outbox.New(s.db, outbox.SQLite, &outbox.Options{
		Tracer: s.telemetry,
		Lanes:  map[string]outbox.Lane{outbox.Bulk: {Messages: 20, Wait: -1, Poll: time.Millisecond}},
	})
	require.NoError(t, err)
	require.NoError(t, s.box.Migrate(t.Context()))
	return s
}

// run runs a worker until every enqueued message has ended or the outbox is paused.
func (s *setup) run(t *testing.T, transport http.RoundTripper) {
	t.Helper()
	client, err := smslink.NewClient(s.gateway.ConnectionID, s.gateway.Password, &smslink.Options{
		Endpoint: s.gateway.URL, Tracer: s.uploads, HTTPClient: &http.Client{Transport: transport},
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.box.Run(ctx, client) }()
	require.Eventually(t, func() bool {
		stats, err := s.box.Stats(t.Context())
		return err == nil && stats.Sending == 0 && (stats.Lanes[outbox.Bulk].Queued == 0 || stats.Paused != "")
	}, 2*time.Minute, 10*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
}

func message(i int) outbox.Message {
	return outbox.Message{Key: fmt.Sprintf("order-%04d", i), To: fmt.Sprintf("07%08d", i), Text: fmt.Sprintf("Comanda %d a fost predată.", i)}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// An outbox meets faults, and each counter and gauge is compared with what the gateway's ledger and
// the database say.
func TestTelemetry_countsWhatTheLedgerHas(t *testing.T) {
	s := newSetup(t, &smslinktest.Options{Fault: func(n int) smslinktest.Fault {
		switch n % 7 {
		case 2:
			return smslinktest.LoseReply()
		case 4:
			return smslinktest.Reject("99", "not today")
		case 6:
			return smslinktest.Answer(http.StatusServiceUnavailable, "busy")
		default:
			return smslinktest.Fault{}
		}
	}})
	var messages []outbox.Message
	for i := range 600 {
		messages = append(messages, message(i))
	}
	_, err := s.box.Enqueue(t.Context(), s.db, messages...)
	require.NoError(t, err)
	_, err = s.telemetry.Observe(s.box, 0)
	require.NoError(t, err)
	require.Equal(t, 600, s.Metrics(t)["smslink.outbox.queued smslink.outbox.lane=bulk"])

	dials, notSent := 0, 0
	s.run(t, roundTripper(func(r *http.Request) (*http.Response, error) {
		if dials++; dials == 5 {
			notSent++
			return nil, errors.New("unreachable")
		}
		return http.DefaultTransport.RoundTrip(r)
	}))
	time.Sleep(1100 * time.Millisecond) // the statistics may be a second old

	want := map[string]int{
		"smslink.outbox.queued smslink.outbox.lane=bulk":       0,
		"smslink.outbox.queued smslink.outbox.lane=urgent":     0,
		"smslink.outbox.oldest_due smslink.outbox.lane=bulk":   0,
		"smslink.outbox.oldest_due smslink.outbox.lane=urgent": 0,
		"smslink.outbox.packages smslink.outbox.state=sending": 0,
		"smslink.outbox.overdue":                               0,
		"smslink.outbox.paused":                                0,
	}
	accepted := map[string]bool{}
	for _, upload := range s.gateway.Uploads() {
		const packages, messages = "smslink.outbox.packages smslink.outbox.state=", "smslink.outbox.messages smslink.outbox.lane=bulk,smslink.outbox.state="
		switch word, _, _ := strings.Cut(upload.Fault, " "); word {
		case "":
			accepted[upload.PackageID] = true
			want[messages+"accepted"] += upload.Receivers
		case "reject":
			want[messages+"rejected"] += upload.Receivers
			want[packages+"rejected"]++
		default:
			want[messages+"in_doubt"] += upload.Receivers
			want[packages+"in_doubt"]++
		}
	}
	for _, m := range s.gateway.Messages() {
		if accepted[m.PackageID] {
			want["smslink.outbox.wait smslink.outbox.lane=bulk"]++
		}
	}
	want["smslink.outbox.messages smslink.outbox.lane=bulk,smslink.outbox.state=queued"] = 20 * notSent
	got := s.Metrics(t)
	for name := range got {
		if !strings.HasPrefix(name, "smslink.outbox.") { // of the uploads, which smslinkotel's tests compare
			delete(got, name)
		}
	}
	require.Equal(t, want, got)
	require.Equal(t, 1, notSent)
	require.Len(t, byName(s.Spans(), "process smslink.outbox"), len(s.gateway.Uploads())+notSent)
}

func byName(spans tracetest.SpanStubs, name string) (named tracetest.SpanStubs) {
	for _, span := range spans {
		if span.Name == name {
			named = append(named, span)
		}
	}
	return named
}

func TestTelemetry_aTraceLeadsFromTheOrderToTheUpload(t *testing.T) {
	s := newSetup(t, nil)
	ctx, order := s.Traces.Tracer("shop").Start(t.Context(), "order")
	_, err := s.box.Enqueue(ctx, s.db, message(1), message(2))
	require.NoError(t, err)
	order.End()
	s.run(t, http.DefaultTransport)

	process, upload := byName(s.Spans(), "process smslink.outbox"), byName(s.Spans(), "send smslink")
	require.Len(t, process, 1)
	require.Equal(t, order.SpanContext().SpanID(), process[0].Parent.SpanID())
	require.Equal(t, "accepted", oteltest.Value(process[0].Attributes, "smslink.outbox.state").AsString())
	require.Equal(t, process[0].SpanContext.SpanID(), upload[0].Parent.SpanID())
	require.Equal(t, order.SpanContext().TraceID(), upload[0].SpanContext.TraceID())
}

func TestTelemetry_aPackageIsLinkedToThoseWhoEnqueuedItsMessages(t *testing.T) {
	s := newSetup(t, nil)
	linked := map[string]bool{}
	for i := range 3 {
		ctx, order := s.Traces.Tracer("shop").Start(t.Context(), "order")
		_, err := s.box.Enqueue(ctx, s.db, message(i))
		require.NoError(t, err)
		order.End()
		linked[order.SpanContext().SpanID().String()] = true
	}
	s.run(t, http.DefaultTransport)
	process := byName(s.Spans(), "process smslink.outbox")
	require.Len(t, process, 1)
	require.False(t, process[0].Parent.IsValid())
	for _, link := range process[0].Links {
		require.True(t, linked[link.SpanContext.SpanID().String()])
	}
	require.Len(t, process[0].Links, 3)
}

func TestObserve_pausedAndInDoubt(t *testing.T) {
	s := newSetup(t, nil)
	s.gateway.Inject(smslinktest.LoseReply())
	_, err := s.box.Enqueue(t.Context(), s.db, message(1))
	require.NoError(t, err)
	s.run(t, http.DefaultTransport)
	require.NoError(t, s.box.Pause(t.Context(), "test", "to see it"))
	registration, err := s.telemetry.Observe(s.box, time.Hour)
	require.NoError(t, err)
	require.Equal(t, 1, s.Metrics(t)["smslink.outbox.packages smslink.outbox.state=in_doubt"])
	require.Equal(t, 1, s.Metrics(t)["smslink.outbox.paused"])
	require.NoError(t, s.box.Resume(t.Context(), "test", "seen"))
	require.Equal(t, 1, s.Metrics(t)["smslink.outbox.paused"], "within the interval")
	require.NoError(t, registration.Unregister())
	require.NotContains(t, s.Metrics(t), "smslink.outbox.paused")

	_, err = s.telemetry.Observe(nil, 0)
	require.EqualError(t, err, "outboxotel: the outbox is nil")
}

// A PeriodicReader exports nothing if a callback fails.
func TestObserve_databaseThatCantBeRead(t *testing.T) {
	s := newSetup(t, nil)
	_, err := s.box.Enqueue(t.Context(), s.db, message(1))
	require.NoError(t, err)
	s.run(t, http.DefaultTransport)
	_, err = s.telemetry.Observe(s.box, 0)
	require.NoError(t, err)
	require.NoError(t, s.db.Close())
	metrics := s.Metrics(t)
	require.NotContains(t, metrics, "smslink.outbox.paused")
	require.Equal(t, 1, metrics["smslink.outbox.messages smslink.outbox.lane=bulk,smslink.outbox.state=accepted"])
}

func TestTelemetry_hasNoSecrets(t *testing.T) {
	const number, text, key = "0712345678", "Codul Ioanei este 482913", "order-of-ioana"
	s := newSetup(t, nil)
	s.gateway.Inject(smslinktest.Reject("99", text+" "+s.gateway.Password+" 0040712345678"))
	ctx, order := s.Traces.Tracer("shop").Start(t.Context(), "order")
	_, err := s.box.Enqueue(ctx, s.db, outbox.Message{Key: key, To: number, Text: text})
	require.NoError(t, err)
	order.End()
	_, err = s.telemetry.Observe(s.box, 0)
	require.NoError(t, err)
	s.run(t, http.DefaultTransport)
	spans := byName(s.Spans(), "process smslink.outbox")
	require.Len(t, spans, 1)
	require.Equal(t, codes.Error, spans[0].Status.Code)
	told := fmt.Sprintf("%+v %+v", s.Spans(), s.Metrics(t))
	for _, secret := range []string{number[1:], text, key, s.gateway.Password} {
		require.NotContains(t, told, secret)
	}
}
