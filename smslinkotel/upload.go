package smslinkotel

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-smslink/smslink"
)

const (
	outcomeKey    = attribute.Key("smslink.outcome")
	statusKey     = attribute.Key("smslink.status")
	testModeKey   = attribute.Key("smslink.test_mode")
	httpStatusKey = attribute.Key("http.response.status_code")
)

// startKey is the context key of an upload's *start.
type startKey struct{}

type start struct {
	smslink.UploadStart
	at time.Time
}

// TraceUploadStart begins a span.
func (t *Telemetry) TraceUploadStart(ctx context.Context, data smslink.UploadStart) context.Context {
	attributes := []attribute.KeyValue{
		attribute.String("messaging.system", "smslink"),
		attribute.String("messaging.operation.name", "send"),
		attribute.String("messaging.operation.type", "send"),
		attribute.Int("messaging.batch.message_count", data.Messages),
		attribute.Int("smslink.package.size", data.Bytes),
		attribute.String("smslink.codec", data.Codec),
		attribute.Int("smslink.attempt", data.Attempt),
	}
	if data.TestMode {
		attributes = append(attributes, testModeKey.Bool(true))
	}
	ctx, _ = t.tracer.Start(ctx, "send smslink",
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	return context.WithValue(ctx, startKey{}, &start{data, time.Now()})
}

// TraceUploadEnd ends the span and counts.
func (t *Telemetry) TraceUploadEnd(ctx context.Context, data smslink.UploadEnd) {
	began, ok := ctx.Value(startKey{}).(*start)
	if !ok {
		return
	}
	t.count(ctx, began, data)
	span := trace.SpanFromContext(ctx)
	if span.IsRecording() {
		describe(ctx, span, data)
	}
	span.End()
}

func (t *Telemetry) count(ctx context.Context, began *start, data smslink.UploadEnd) {
	outcome := []attribute.KeyValue{outcomeKey.String(outcomeName(data.Outcome))}
	var mode []attribute.KeyValue
	if began.TestMode {
		mode = append(mode, testModeKey.Bool(true))
		outcome = append(outcome, mode...)
	}
	anyOutcome := metric.WithAttributes(mode...)

	if data.Outcome == smslink.OutcomeAccepted {
		for status, n := range data.Statuses {
			withStatus := append(slices.Clip(outcome), statusKey.String(statusName(status)))
			t.messages.Add(ctx, int64(n), metric.WithAttributes(withStatus...))
		}
	} else {
		t.messages.Add(ctx, int64(began.Messages), metric.WithAttributes(outcome...))
	}
	if data.Segments > 0 {
		t.segments.Add(ctx, int64(data.Segments), anyOutcome)
	}
	if began.Attempt > 1 {
		t.retries.Add(ctx, 1, anyOutcome)
	}
	if data.StatusCode != 0 {
		outcome = append(outcome, httpStatusKey.Int(bounded(data.StatusCode)))
	}
	t.duration.Record(ctx, time.Since(began.at).Seconds(), metric.WithAttributes(outcome...))
	t.size.Record(ctx, int64(began.Bytes), anyOutcome)
}

// bounded returns statusCode if it is from 100 to 599, else 0, so that there are few values.
func bounded(statusCode int) int {
	if statusCode < 100 || statusCode > 599 {
		return 0
	}
	return statusCode
}

// describe puts the result of an upload into its span.
func describe(ctx context.Context, span trace.Span, data smslink.UploadEnd) {
	span.SetAttributes(outcomeKey.String(outcomeName(data.Outcome)))
	if data.Bytes > 0 {
		span.SetAttributes(attribute.Int64("smslink.upload.size", data.Bytes))
	}
	if data.StatusCode != 0 {
		span.SetAttributes(httpStatusKey.Int(data.StatusCode))
	}
	if data.Outcome == smslink.OutcomeAccepted {
		span.SetAttributes(attribute.Int("smslink.segments", data.Segments))
		counts := map[string]int{}
		for status, n := range data.Statuses {
			counts[statusName(status)] += n
		}
		for name, n := range counts {
			span.SetAttributes(attribute.Int("smslink.messages."+name, n))
		}
		return
	}
	description := "panic"
	if data.Err != nil {
		description = data.Err.Error()
	}
	span.SetStatus(codes.Error, description)
	// The cause of the context may be the rejection of another account, perhaps with the same code.
	var refusal, ofCause *smslink.GatewayError
	errors.As(context.Cause(ctx), &ofCause)
	if errors.As(data.Err, &refusal) && refusal != ofCause && refusal.Code != "" {
		span.SetAttributes(attribute.String("smslink.gateway.code", refusal.Code))
	}
}

// outcomeName returns the outcome as an attribute's value.
func outcomeName(o smslink.Outcome) string {
	switch o {
	case smslink.OutcomeAccepted:
		return "accepted"
	case smslink.OutcomeNotSent:
		return "not_sent"
	case smslink.OutcomeRejected:
		return "rejected"
	default:
		return "in_doubt"
	}
}

// statusName returns the status as an attribute's value. All undocumented ones have the same value,
// so that there are few.
func statusName(s smslink.Status) string {
	if s.Outcome() == smslink.OutcomeInDoubt && s != smslink.StatusUnreported {
		return "other"
	}
	return strings.ReplaceAll(s.String(), " ", "_")
}
