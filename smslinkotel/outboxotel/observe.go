package outboxotel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"github.com/go-smslink/smslink/outbox"
)

// statsTimeout bounds a reading of the queue, since whoever collects metrics waits for it.
const statsTimeout = 5 * time.Second

// Observe reports the gauges of an outbox: what is queued, due, in doubt, rejected and paused. It
// reads [outbox.Outbox.Stats] when metrics are collected, but not again before the interval has
// passed, which is at least a second. Collection then waits up to 5 seconds. If the database can't
// be read, the gauges are absent, and OpenTelemetry's error handler gets the error: alert on that,
// too. Unregister the registration to stop.
func (t *Telemetry) Observe(box *outbox.Outbox, interval time.Duration) (metric.Registration, error) {
	if box == nil {
		return nil, errors.New("outboxotel: the outbox is nil")
	}
	queued, err := t.meter.Int64ObservableGauge("smslink.outbox.queued", metric.WithUnit("{message}"),
		metric.WithDescription("Messages in the queue, also those that are not due yet; 100,001 means more than 100,000."))
	if err != nil {
		return nil, err
	}
	oldest, err := t.meter.Float64ObservableGauge("smslink.outbox.oldest_due", metric.WithUnit("s"),
		metric.WithDescription("Time since the oldest message in the queue was due, or its lane opened if that is later."))
	if err != nil {
		return nil, err
	}
	packages, err := t.meter.Int64ObservableGauge("smslink.outbox.packages", metric.WithUnit("{package}"),
		metric.WithDescription("Packages that are being sent, in doubt or rejected."))
	if err != nil {
		return nil, err
	}
	paused, err := t.meter.Int64ObservableGauge("smslink.outbox.paused",
		metric.WithDescription("1 if no upload begins, else 0."))
	if err != nil {
		return nil, err
	}
	overdue, err := t.meter.Float64ObservableGauge("smslink.outbox.overdue", metric.WithUnit("s"),
		metric.WithDescription("Time since the oldest deadline of a package that is still sending; 0 if none has passed."))
	if err != nil {
		return nil, err
	}
	reader := &statsReader{box: box, interval: max(interval, time.Second)}
	return t.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		stats, err := reader.read(ctx)
		if err != nil {
			// If it were returned, a PeriodicReader would export no metric of the program.
			otel.Handle(fmt.Errorf("outboxotel: the outbox can't be read: %w", err))
			return nil
		}
		for name, lane := range stats.Lanes {
			o.ObserveInt64(queued, int64(lane.Queued), metric.WithAttributes(laneKey.String(name)))
			o.ObserveFloat64(oldest, lane.Oldest.Seconds(), metric.WithAttributes(laneKey.String(name)))
		}
		for state, n := range map[outbox.State]int{outbox.Sending: stats.Sending, outbox.InDoubt: stats.InDoubt, outbox.Rejected: stats.Rejected} {
			o.ObserveInt64(packages, int64(n), metric.WithAttributes(stateKey.String(stateName(state))))
		}
		isPaused := int64(0)
		if stats.Paused != "" {
			isPaused = 1
		}
		o.ObserveInt64(paused, isPaused)
		o.ObserveFloat64(overdue, stats.Overdue.Seconds())
		return nil
	}, queued, oldest, packages, paused, overdue)
}

// statsReader remembers the last reading.
type statsReader struct {
	box      *outbox.Outbox
	interval time.Duration

	mu    sync.Mutex
	last  time.Time
	stats outbox.Stats
	err   error
}

func (r *statsReader) read(ctx context.Context) (outbox.Stats, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last.IsZero() || time.Since(r.last) >= r.interval {
		ctx, cancel := context.WithTimeout(ctx, statsTimeout)
		defer cancel()
		r.stats, r.err = r.box.Stats(ctx)
		r.last = time.Now()
	}
	return r.stats, r.err
}
