package main

import (
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinkotel"
	"github.com/go-smslink/smslink/smslinkotel/outboxotel"
)

// telemetry has the metrics of a client and an outbox, for Prometheus. docs/alerts.yml has alert
// rules for its metrics.
type telemetry struct {
	uploads  *smslinkotel.Telemetry // the client's Tracer
	packages *outboxotel.Telemetry  // the outbox's Tracer
	handler  http.Handler           // of /metrics
}

func newTelemetry() (*telemetry, error) {
	// A program that pushes to a collector takes another exporter here.
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	options := &smslinkotel.Options{MeterProvider: metric.NewMeterProvider(metric.WithReader(exporter))}
	uploads, err := smslinkotel.New(options)
	if err != nil {
		return nil, err
	}
	packages, err := outboxotel.New(options)
	if err != nil {
		return nil, err
	}
	return &telemetry{uploads, packages, promhttp.HandlerFor(registry, promhttp.HandlerOpts{})}, nil
}

// observe adds the gauges, which are read when Prometheus asks.
func (t *telemetry) observe(client *smslink.Client, box *outbox.Outbox) error {
	_, creditErr := t.uploads.ObserveBalance(client, 5*time.Minute)
	_, queueErr := t.packages.Observe(box, time.Second)
	return errors.Join(creditErr, queueErr)
}
