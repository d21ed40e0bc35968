// Package oteltest collects spans and metrics in memory.
package oteltest

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/go-smslink/smslink/smslinkotel"
)

// Collector has what was exported to OpenTelemetry.
type Collector struct {
	Traces *trace.TracerProvider
	Meters *metric.MeterProvider

	spans  *tracetest.InMemoryExporter
	reader *metric.ManualReader
}

// New returns an empty collector.
func New() *Collector {
	c := &Collector{spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader()}
	c.Traces = trace.NewTracerProvider(trace.WithSyncer(c.spans))
	c.Meters = metric.NewMeterProvider(metric.WithReader(c.reader))
	return c
}

// Options returns options that let telemetry come here.
func (c *Collector) Options() *smslinkotel.Options {
	return &smslinkotel.Options{TracerProvider: c.Traces, MeterProvider: c.Meters}
}

// Spans returns the spans that have ended.
func (c *Collector) Spans() tracetest.SpanStubs { return c.spans.GetSpans() }

// Metrics returns the value of each counter and gauge, and the count of each histogram, by the
// name and its attributes, as in "smslink.messages smslink.outcome=rejected".
func (c *Collector) Metrics(t testing.TB) map[string]int {
	t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(t, c.reader.Collect(context.Background(), &collected))
	values := map[string]int{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			require.NotEmpty(t, m.Description)
			put := func(set attribute.Set, value int) {
				values[strings.TrimSpace(m.Name+" "+set.Encoded(attribute.DefaultEncoder()))] = value
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				require.True(t, data.IsMonotonic)
				for _, point := range data.DataPoints {
					put(point.Attributes, int(point.Value))
				}
			case metricdata.Gauge[int64]:
				for _, point := range data.DataPoints {
					put(point.Attributes, int(point.Value))
				}
			case metricdata.Gauge[float64]:
				for _, point := range data.DataPoints {
					put(point.Attributes, int(point.Value))
				}
			case metricdata.Histogram[int64]:
				for _, point := range data.DataPoints {
					put(point.Attributes, int(point.Count))
				}
			case metricdata.Histogram[float64]:
				for _, point := range data.DataPoints {
					put(point.Attributes, int(point.Count))
				}
			default:
				t.Fatalf("%s is a %T", m.Name, data)
			}
		}
	}
	return values
}

// Value returns the value of an attribute.
func Value(attributes []attribute.KeyValue, key attribute.Key) attribute.Value {
	set := attribute.NewSet(attributes...)
	v, _ := set.Value(key)
	return v
}
