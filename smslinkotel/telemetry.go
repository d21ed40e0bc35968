package smslinkotel

import (
	"context"
	"iter"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-smslink/smslink"
)

const scope = "github.com/go-smslink/smslink/smslinkotel"

// Options say where telemetry goes. Nil fields mean OpenTelemetry's global providers, as they are
// when [New] is called.
type Options struct {
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
}

// Telemetry is an [smslink.Tracer] that makes spans and metrics. Make it with [New]. Goroutines and
// clients may share it.
type Telemetry struct {
	tracer trace.Tracer
	meter  metric.Meter

	messages, segments, retries, invalid metric.Int64Counter

	duration metric.Float64Histogram
	size     metric.Int64Histogram
}

var _ smslink.Tracer = (*Telemetry)(nil)

// New returns telemetry that uses the providers of the options. Nil options mean the defaults. The
// error is the meter provider's, if it refuses an instrument.
func New(opts *Options) (*Telemetry, error) {
	if opts == nil {
		opts = &Options{}
	}
	tracers, meters := opts.TracerProvider, opts.MeterProvider
	if tracers == nil {
		tracers = otel.GetTracerProvider()
	}
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	t := &Telemetry{tracer: tracers.Tracer(scope), meter: meters.Meter(scope)}
	for _, c := range []struct {
		counter                 *metric.Int64Counter
		name, unit, description string
	}{
		{&t.messages, "smslink.messages", "{message}", "Messages of uploads, by outcome and status."},
		{&t.segments, "smslink.segments", "{segment}", "SMS that accepted messages take."},
		{&t.retries, "smslink.retries", "{retry}", "Uploads that repeat one that was not sent."},
		{&t.invalid, "smslink.messages.invalid", "{message}", "Messages that were not put into a package."},
	} {
		var err error
		*c.counter, err = t.meter.Int64Counter(c.name, metric.WithUnit(c.unit), metric.WithDescription(c.description))
		if err != nil {
			return nil, err
		}
	}
	var err error
	t.duration, err = t.meter.Float64Histogram("smslink.upload.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from the start of Send to its end."),
		metric.WithExplicitBucketBoundaries(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300))
	if err != nil {
		return nil, err
	}
	t.size, err = t.meter.Int64Histogram("smslink.package.size", metric.WithUnit("By"),
		metric.WithDescription("Bytes of a package's plain form."),
		metric.WithExplicitBucketBoundaries(100, 1e3, 1e4, 1e5, 1e6, 2e6, 1e7, 1e8))
	if err != nil {
		return nil, err
	}
	for _, inDoubt := range [][]attribute.KeyValue{
		{outcomeKey.String("in_doubt")},
		{outcomeKey.String("accepted"), statusKey.String("unreported")},
		{outcomeKey.String("accepted"), statusKey.String("other")},
	} {
		t.messages.Add(context.Background(), 0, metric.WithAttributes(inDoubt...))
	}
	return t, nil
}

// Batches yields the batches of a stream, and counts their invalid messages, which a Tracer does
// not see:
//
//	for batch := range telemetry.Batches(ctx, stream.Batches(ctx)) {
func (t *Telemetry) Batches(ctx context.Context, batches iter.Seq[smslink.Batch]) iter.Seq[smslink.Batch] {
	return func(yield func(smslink.Batch) bool) {
		for batch := range batches {
			if n := len(batch.Invalid); n > 0 {
				t.invalid.Add(ctx, int64(n))
			}
			if !yield(batch) {
				return
			}
		}
	}
}
