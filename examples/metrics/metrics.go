package main

import (
	"context"
	"database/sql"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	_ "modernc.org/sqlite"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinkotel"
	"github.com/go-smslink/smslink/smslinkotel/outboxotel"
	"github.com/go-smslink/smslink/smslinktest"
)

// worker sends what is in an outbox.
type worker struct {
	db      *sql.DB
	box     *outbox.Outbox
	client  *smslink.Client
	metrics http.Handler
}

// newWorker returns a worker whose database is in a folder.
func newWorker(ctx context.Context, folder string, gateway *smslinktest.Gateway) (*worker, error) {
	// What Prometheus scrapes. A program that pushes to a collector takes another exporter here.
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

	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{Endpoint: gateway.URL, Tracer: uploads})
	if err != nil {
		return nil, err
	}
	if _, err := uploads.ObserveBalance(client, 5*time.Minute); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", filepath.Join(folder, "outbox.db")+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(20000)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	box, err := outbox.New(db, outbox.SQLite, &outbox.Options{Tracer: packages})
	if err != nil {
		return nil, err
	}
	if err := box.Migrate(ctx); err != nil {
		return nil, err
	}
	if _, err := packages.Observe(box, time.Second); err != nil {
		return nil, err
	}
	return &worker{db: db, box: box, client: client, metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{})}, nil
}

func (w *worker) close() { _ = w.db.Close() }
