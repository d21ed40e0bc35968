package outboxotel

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinkotel"
)

const (
	scope    = "github.com/go-smslink/smslink/smslinkotel/outboxotel"
	laneKey  = attribute.Key("smslink.outbox.lane")
	stateKey = attribute.Key("smslink.outbox.state")
)

// Telemetry is an [outbox.Tracer] that makes spans and metrics. Make it with [New]. Goroutines and
// outboxes may share it.
type Telemetry struct {
	tracer   trace.Tracer
	meter    metric.Meter
	messages metric.Int64Counter
	wait     metric.Float64Histogram

	contradictions metric.Int64Counter
}

var _ outbox.Tracer = (*Telemetry)(nil)

// New returns telemetry that uses the providers of the options. Nil options mean the defaults. The
// error is the meter provider's, if it refuses an instrument.
func New(opts *smslinkotel.Options) (*Telemetry, error) {
	if opts == nil {
		opts = &smslinkotel.Options{}
	}
	tracers, meters := opts.TracerProvider, opts.MeterProvider
	if tracers == nil {
		tracers = otel.GetTracerProvider()
	}
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	t := &Telemetry{tracer: tracers.Tracer(scope), meter: meters.Meter(scope)}
	var err error
	t.messages, err = t.meter.Int64Counter("smslink.outbox.messages", metric.WithUnit("{message}"),
		metric.WithDescription("Messages of packages that were uploaded, by the state of the package."))
	if err != nil {
		return nil, err
	}
	t.wait, err = t.meter.Float64Histogram("smslink.outbox.wait", metric.WithUnit("s"),
		metric.WithDescription("Time from Enqueue to the gateway's reply, of messages that it accepted."),
		metric.WithExplicitBucketBoundaries(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400))
	if err != nil {
		return nil, err
	}
	t.contradictions, err = t.meter.Int64Counter("smslink.outbox.contradictions", metric.WithUnit("{package}"),
		metric.WithDescription("Packages whose worker recorded another end than a person's verdict."))
	if err != nil {
		return nil, err
	}
	return t, nil
}

// TraceEnqueue returns the traceparent of the context's span, which is empty if there is none.
func (*Telemetry) TraceEnqueue(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// startKey is the context key of a package's [outbox.PackageStart].
type startKey struct{}

// TracePackageStart begins a span.
func (t *Telemetry) TracePackageStart(ctx context.Context, data outbox.PackageStart) context.Context {
	var links []trace.Link
	for _, parent := range data.Traces {
		carrier := propagation.MapCarrier{"traceparent": parent}
		enqueued := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
		if enqueued.IsValid() {
			links = append(links, trace.Link{SpanContext: enqueued})
		}
	}
	if len(links) == 1 && len(data.Traces) == 1 {
		ctx, links = trace.ContextWithRemoteSpanContext(ctx, links[0].SpanContext), nil
	}
	ctx, _ = t.tracer.Start(ctx, "process smslink.outbox", trace.WithSpanKind(trace.SpanKindConsumer), trace.WithLinks(links...),
		trace.WithAttributes(laneKey.String(data.Lane), attribute.Int("messaging.batch.message_count", data.Messages)))
	return context.WithValue(ctx, startKey{}, data)
}

// TracePackageEnd ends the span and counts.
func (t *Telemetry) TracePackageEnd(ctx context.Context, data outbox.PackageEnd) {
	began, ok := ctx.Value(startKey{}).(outbox.PackageStart)
	if !ok {
		return
	}
	lane, state := laneKey.String(began.Lane), stateKey.String(stateName(data.State))
	t.messages.Add(ctx, int64(began.Messages), metric.WithAttributes(lane, state))
	if data.Contradicted {
		t.contradictions.Add(ctx, 1, metric.WithAttributes(lane))
	}
	byLane := metric.WithAttributeSet(attribute.NewSet(lane))
	for _, wait := range data.Waits {
		t.wait.Record(ctx, wait.Seconds(), byLane)
	}
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(state)
	if !data.Recorded {
		span.SetAttributes(attribute.Bool("smslink.outbox.recorded", false))
	}
	if data.Err != nil {
		span.SetStatus(codes.Error, data.Err.Error())
	}
	span.End()
}

// stateName returns a state as an attribute's value.
func stateName(s outbox.State) string { return strings.ReplaceAll(string(s), " ", "_") }
