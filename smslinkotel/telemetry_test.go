package smslinkotel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinkotel"
	"github.com/go-smslink/smslink/smslinkotel/internal/oteltest"
	"github.com/go-smslink/smslink/smslinktest"
)

// collector has the spans and metrics.
type collector struct {
	*smslinkotel.Telemetry
	*oteltest.Collector
}

func newCollector(t testing.TB) *collector {
	t.Helper()
	c := oteltest.New()
	telemetry, err := smslinkotel.New(c.Options())
	require.NoError(t, err)
	return &collector{telemetry, c}
}

func (c *collector) client(t testing.TB, gateway *smslinktest.Gateway, opts smslink.Options) *smslink.Client {
	t.Helper()
	opts.Endpoint, opts.Tracer = gateway.URL, c
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &opts)
	require.NoError(t, err)
	return client
}

const unreachable = "0700000000"

// texts yields n messages of 1 to 3 segments, a tenth of them to a number that fails, and an
// invalid one.
func texts(n int) iter.Seq2[smslink.Message, error] {
	return func(yield func(smslink.Message, error) bool) {
		for id := range n {
			m := smslink.Message{ID: int64(id), To: fmt.Sprintf("07%08d", id+1), Text: strings.Repeat("a", 1+id%450)}
			if id%10 == 3 {
				m.To = unreachable
			}
			if id == n/2 {
				m.To = "nobody"
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// A stream meets faults of every kind, and each counter is compared with what the gateway's ledger
// says about the same uploads.
func TestTelemetry_countsWhatTheLedgerHas(t *testing.T) {
	for _, testMode := range []bool{false, true} {
		t.Run(fmt.Sprintf("test mode %t", testMode), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			gateway := smslinktest.NewGateway(&smslinktest.Options{
				Rules: []smslinktest.Rule{smslinktest.UnknownNumbers(unreachable)},
				Fault: func(n int) smslinktest.Fault {
					if n%3 != 0 { // more packages in doubt in a row would stop the stream
						return smslinktest.Fault{}
					}
					return []smslinktest.Fault{
						smslinktest.LoseReply(), smslinktest.Answer(503, "busy"), smslinktest.HangUp(), smslinktest.CutReply(20),
						smslinktest.Reject("99", "not today"), smslinktest.Answer(413, ""), smslinktest.HangUp().AfterTaking(),
					}[random.IntN(7)]
				},
			})
			defer gateway.Close()
			dials := 0
			collector := newCollector(t)
			client := collector.client(t, gateway, smslink.Options{
				TestMode: testMode,
				HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					if dials++; dials%4 == 0 {
						return nil, errors.New("unreachable")
					}
					return http.DefaultTransport.RoundTrip(r)
				})},
			})
			ctx, root := collector.Traces.Tracer("test").Start(t.Context(), "campaign")
			stream := client.Stream(texts(4000), &smslink.StreamOptions{MaxMessages: 50, Retry: smslink.Retry{MinBackoff: time.Millisecond}})
			invalid := 0
			for batch := range collector.Batches(ctx, stream.Batches(ctx)) {
				invalid += len(batch.Invalid)
			}
			require.NoError(t, stream.Err())
			root.End()

			suffix := ""
			if testMode {
				suffix = ",smslink.test_mode=true"
			}
			notSent := dials / 4
			want := newCollector(t).Metrics(t) // what begins at 0
			maps.Copy(want, ledgerCounts(gateway, suffix))
			want["smslink.messages smslink.outcome=not_sent"+suffix] = sumMessages(collector.Spans(), "not_sent")
			want["smslink.upload.duration smslink.outcome=not_sent"+suffix] = notSent
			want["smslink.retries"+strings.Replace(suffix, ",", " ", 1)] = notSent // none is the last attempt
			want["smslink.package.size"+strings.Replace(suffix, ",", " ", 1)] = dials
			want["smslink.messages.invalid"] = invalid
			require.Equal(t, 1, invalid)
			require.Equal(t, want, collector.Metrics(t))
			for _, sought := range []string{"accepted", "rejected", "in_doubt"} {
				require.Positive(t, want["smslink.upload.duration smslink.outcome="+sought+suffix]+
					want["smslink.upload.duration http.response.status_code=200,smslink.outcome="+sought+suffix], sought)
			}

			spans := collector.Spans()
			require.Len(t, spans, dials+1)
			for _, span := range spans[:dials] {
				require.Equal(t, root.SpanContext().SpanID(), span.Parent.SpanID())
			}
		})
	}
}

// A rate needs a value before the first message in doubt.
func TestNew_messagesInDoubtBeginAtZero(t *testing.T) {
	require.Equal(t, map[string]int{
		"smslink.messages smslink.outcome=in_doubt":                           0,
		"smslink.messages smslink.outcome=accepted,smslink.status=unreported": 0,
		"smslink.messages smslink.outcome=accepted,smslink.status=other":      0,
	}, newCollector(t).Metrics(t))
}

// ledgerCounts returns the metrics that follow from the gateway's ledger.
func ledgerCounts(gateway *smslinktest.Gateway, suffix string) map[string]int {
	counts := map[string]int{}
	accepted := map[string]bool{}
	for _, upload := range gateway.Uploads() {
		outcome, code := "in_doubt", ""
		switch word, _, _ := strings.Cut(upload.Fault, " "); {
		case upload.Fault == "":
			outcome, code = "accepted", "http.response.status_code=200,"
			accepted[upload.PackageID] = true
		case word == "reject":
			outcome, code = "rejected", "http.response.status_code=200,"
		case upload.Fault == "answer 413":
			outcome, code = "rejected", "http.response.status_code=413,"
		case word == "answer":
			code = "http.response.status_code=503,"
		case word == "cut-reply":
			code = "http.response.status_code=200,"
		}
		counts["smslink.upload.duration "+code+"smslink.outcome="+outcome+suffix]++
		if outcome != "accepted" {
			counts["smslink.messages smslink.outcome="+outcome+suffix] += upload.Receivers
		}
	}
	for _, m := range gateway.Messages() {
		switch {
		case !accepted[m.PackageID]:
		case m.Status == smslink.StatusSuccess:
			counts["smslink.messages smslink.outcome=accepted,smslink.status=success"+suffix]++
			counts["smslink.segments"+strings.Replace(suffix, ",", " ", 1)] += m.Segments
		case m.Status == smslink.StatusNumberFailed:
			counts["smslink.messages smslink.outcome=accepted,smslink.status=number_failed"+suffix]++
		}
	}
	return counts
}

// sumMessages adds up the messages of the spans of an outcome.
func sumMessages(spans tracetest.SpanStubs, outcome string) (sum int) {
	for _, span := range spans {
		if oteltest.Value(span.Attributes, "smslink.outcome").AsString() == outcome {
			sum += int(oteltest.Value(span.Attributes, "messaging.batch.message_count").AsInt64())
		}
	}
	return sum
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func packageOf(t testing.TB, messages ...smslink.Message) *smslink.Package {
	t.Helper()
	var p smslink.Package
	for _, m := range messages {
		require.NoError(t, p.Add(m))
	}
	return &p
}

func TestTelemetry_spanOfAnAcceptedUpload(t *testing.T) {
	gateway := smslinktest.NewGateway(&smslinktest.Options{Rules: []smslinktest.Rule{smslinktest.UnknownNumbers(unreachable)}})
	defer gateway.Close()
	gateway.Inject(smslinktest.OmitEntries(3))
	collector := newCollector(t)
	p := packageOf(t, smslink.Message{ID: 1, To: "0712345678", Text: strings.Repeat("a", 161)}, smslink.Message{ID: 2, To: unreachable, Text: "b"}, smslink.Message{ID: 3, To: "0712345679", Text: "c"})
	_, err := collector.client(t, gateway, smslink.Options{TestMode: true}).Send(t.Context(), p)
	require.NoError(t, err)

	spans := collector.Spans()
	require.Len(t, spans, 1)
	require.Equal(t, "send smslink", spans[0].Name)
	require.Equal(t, codes.Unset, spans[0].Status.Code)
	size := oteltest.Value(spans[0].Attributes, "smslink.upload.size").AsInt64()
	require.Positive(t, size)
	require.Equal(t, attribute.NewSet(
		attribute.String("messaging.system", "smslink"),
		attribute.String("messaging.operation.name", "send"),
		attribute.String("messaging.operation.type", "send"),
		attribute.Int("messaging.batch.message_count", 3),
		attribute.Int("smslink.package.size", p.Size()),
		attribute.Int64("smslink.upload.size", size),
		attribute.String("smslink.codec", "zlib"),
		attribute.Int("smslink.attempt", 1),
		attribute.Bool("smslink.test_mode", true),
		attribute.String("smslink.outcome", "accepted"),
		attribute.Int("http.response.status_code", 200),
		attribute.Int("smslink.segments", 2),
		attribute.Int("smslink.messages.success", 1),
		attribute.Int("smslink.messages.number_failed", 1),
		attribute.Int("smslink.messages.unreported", 1),
	), attribute.NewSet(spans[0].Attributes...))
}

func TestTelemetry_spanOfAnErrorHasItsTextAndCode(t *testing.T) {
	for _, code := range []string{"8", "9001"} {
		gateway := smslinktest.NewGateway(nil)
		defer gateway.Close()
		gateway.Inject(smslinktest.Reject(code, "no credit"))
		collector := newCollector(t)
		_, err := collector.client(t, gateway, smslink.Options{}).Send(t.Context(), packageOf(t, smslink.Message{To: "0712345678", Text: "a"}))
		require.Equal(t, smslink.OutcomeRejected, smslink.OutcomeOf(err))

		span := collector.Spans()[0]
		require.Equal(t, trace.Status{Code: codes.Error, Description: err.Error()}, span.Status)
		require.Equal(t, "rejected", oteltest.Value(span.Attributes, "smslink.outcome").AsString())
		require.Equal(t, code, oteltest.Value(span.Attributes, "smslink.gateway.code").AsString())
	}
}

// A context ends with the rejection of another account, before and after the reply has begun.
func TestTelemetry_spanHasNoCodeOfAnotherAccount(t *testing.T) {
	rejection := &smslink.SendError{Outcome: smslink.OutcomeRejected, Err: &smslink.GatewayError{Code: "7"}}
	for _, begun := range []bool{false, true} {
		ctx, cancel := context.WithCancelCause(t.Context())
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if begun {
				w.(http.Flusher).Flush()
			} else {
				cancel(rejection)
			}
			<-r.Context().Done()
		}))
		defer server.Close()
		collector := newCollector(t)
		client, err := smslink.NewClient("connection", "password", &smslink.Options{
			Endpoint: server.URL,
			Tracer:   collector,
			HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				defer cancel(rejection)
				return smslink.NewTransport().RoundTrip(r)
			})},
		})
		require.NoError(t, err)
		_, err = client.Send(ctx, packageOf(t, smslink.Message{To: "0712345678", Text: "a"}))
		require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err))
		require.ErrorIs(t, err, rejection)
		span := collector.Spans()[0]
		require.Equal(t, begun, oteltest.Value(span.Attributes, "http.response.status_code").AsInt64() == http.StatusOK)
		require.Empty(t, oteltest.Value(span.Attributes, "smslink.gateway.code").AsString())
	}
}

// Two uploads of one account are rejected with the same code. The first rejection ends the context
// of the second upload after its reply was read.
func TestTelemetry_spanHasTheCodeThatIsAlsoTheContextsCause(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	collector := newCollector(t)
	client, err := smslink.NewClient("connection", "password", &smslink.Options{
		Tracer: collector,
		HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return nil, err
			}
			cancel(&smslink.GatewayError{Code: "7"})
			body := "ERROR;7;wrong password"
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)),
				ContentLength: int64(len(body)), Request: r}, nil
		})},
	})
	require.NoError(t, err)
	_, err = client.Send(ctx, packageOf(t, smslink.Message{To: "0712345678", Text: "a"}))
	require.Equal(t, smslink.OutcomeRejected, smslink.OutcomeOf(err))
	require.Equal(t, "7", oteltest.Value(collector.Spans()[0].Attributes, "smslink.gateway.code").AsString())
}

// The attributes of metrics have few values, for any reply of a server.
func TestTelemetry_attributesAreBounded(t *testing.T) {
	collector := newCollector(t)
	gateway := smslinktest.NewGateway(&smslinktest.Options{Rules: []smslinktest.Rule{func(m smslink.Message) smslink.Status { return smslink.Status(6 + m.ID) }}})
	defer gateway.Close()
	var messages []smslink.Message
	for id := range int64(900) {
		messages = append(messages, smslink.Message{ID: id, To: "0712345678", Text: "a"})
	}
	_, err := collector.client(t, gateway, smslink.Options{}).Send(t.Context(), packageOf(t, messages...))
	require.NoError(t, err)
	require.Equal(t, 900, collector.Metrics(t)["smslink.messages smslink.outcome=accepted,smslink.status=other"])

	code := 599
	client := collector.client(t, gateway, smslink.Options{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		code++
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
		body := fmt.Sprintf("ERROR;%dx;no", code)
		return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
	})}})
	for range 400 {
		_, err := client.Send(t.Context(), packageOf(t, messages[0]))
		require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err))
	}
	require.Equal(t, 400, collector.Metrics(t)["smslink.upload.duration http.response.status_code=0,smslink.outcome=in_doubt"])
	for _, span := range collector.Spans() {
		require.Empty(t, oteltest.Value(span.Attributes, "smslink.gateway.code").AsString())
	}
}

// A server quotes the request. The quotes are not in spans or metrics.
func TestTelemetry_hasNoSecrets(t *testing.T) {
	const number, text, password = "0712345678", "Codul Ioanei este 482913", "hunter2-Xq7"
	for _, answer := range []string{"%s", "ERROR;8;%s", "ERROR;%s;no", "MESSAGE;1;%[1]s;%[1]s;1:%[1]s:3", "MESSAGE;%s"} {
		for _, status := range []int{200, 302, 403, 503} {
			collector := newCollector(t)
			client, err := smslink.NewClient("connection", password, &smslink.Options{
				Tracer: collector,
				HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						return nil, err
					}
					quoted := password + " 0040712345678 " + text
					return &http.Response{
						StatusCode: status, Status: fmt.Sprint(status, " ", quoted), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
						Header: http.Header{"Location": {"/" + password}}, Body: io.NopCloser(strings.NewReader(fmt.Sprintf(answer, quoted))), ContentLength: -1,
					}, nil
				})},
			})
			require.NoError(t, err)
			_, _ = client.Send(t.Context(), packageOf(t, smslink.Message{ID: 1, To: number, Text: text}))
			require.Len(t, collector.Spans(), 1)
			told := fmt.Sprintf("%+v %+v", collector.Spans(), collector.Metrics(t))
			for _, secret := range []string{password, number[1:], text, "timestamp", "https"} {
				require.NotContains(t, told, secret, answer, status)
			}
		}
	}
}

func TestObserveBalance_asksOnceAnInterval(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.SetCredit(500)
	collector := newCollector(t)
	registration, err := collector.ObserveBalance(collector.client(t, gateway, smslink.Options{}), time.Nanosecond)
	require.NoError(t, err)
	require.Equal(t, 500, collector.Metrics(t)["smslink.credit smslink.network=national"])
	gateway.SetCredit(400)
	require.Equal(t, 500, collector.Metrics(t)["smslink.credit smslink.network=national"])
	require.NoError(t, registration.Unregister())
	require.NotContains(t, collector.Metrics(t), "smslink.credit smslink.network=national")
}

func TestObserveBalance_isAbsentAfterARejection(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	collector := newCollector(t)
	client, err := smslink.NewClient(gateway.ConnectionID, "wrong", &smslink.Options{Endpoint: gateway.URL})
	require.NoError(t, err)
	_, err = collector.ObserveBalance(client, 0)
	require.NoError(t, err)
	require.NotContains(t, collector.Metrics(t), "smslink.credit smslink.network=national")

	_, err = collector.ObserveBalance(nil, 0)
	require.EqualError(t, err, "smslinkotel: the client is nil")
}

// newDiscarding returns telemetry that discards its spans.
func newDiscarding(t testing.TB) *smslinkotel.Telemetry {
	t.Helper()
	telemetry, err := smslinkotel.New(&smslinkotel.Options{
		TracerProvider: trace.NewTracerProvider(trace.WithBatcher(tracetest.NewNoopExporter())),
		MeterProvider:  metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())),
	})
	require.NoError(t, err)
	return telemetry
}
