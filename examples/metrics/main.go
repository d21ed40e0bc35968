// Command metrics is a worker of an outbox that Prometheus can scrape, and a sandbox for it. See
// metrics.go for the worker. With --listen ADDRESS it takes an order a second and serves
// http://ADDRESS/metrics until Ctrl-C; docs/alerts.yml has alert rules for these metrics.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinktest"
)

func main() {
	listen := flag.String("listen", "", "`ADDRESS` to serve /metrics at, until Ctrl-C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *listen); err != nil {
		log.Fatal(err)
	}
}

// run sends 100 orders and one whose reply is lost. It then prints the metrics, or serves them.
func run(ctx context.Context, out io.Writer, listen string) (err error) {
	gateway := smslinktest.NewGateway(nil) // in place of the live one
	defer gateway.Close()
	gateway.SetCredit(100_000)
	folder, err := os.MkdirTemp("", "outbox")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	w, err := newWorker(ctx, folder, gateway)
	if err != nil {
		return err
	}
	defer w.close()

	working, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.box.Run(working, w.client) }()
	defer func() { err = errors.Join(err, <-ended) }()
	defer stop()
	if err := w.takeOrders(ctx, 0, 100); err != nil {
		return err
	}
	if err := w.waitUntilEmpty(ctx); err != nil {
		return err
	}
	gateway.Inject(smslinktest.LoseReply())
	if err := w.takeOrders(ctx, 100, 101); err != nil {
		return err
	}
	if err := w.waitUntilEmpty(ctx); err != nil {
		return err
	}
	if listen != "" {
		return serve(ctx, out, listen, w)
	}
	return printMetrics(out, w.metrics)
}

// takeOrders enqueues an SMS for each order.
func (w *worker) takeOrders(ctx context.Context, from, to int) error {
	messages := make([]outbox.Message, 0, to-from)
	for i := from; i < to; i++ {
		messages = append(messages, outbox.Message{Key: fmt.Sprintf("order-%d", i), To: fmt.Sprintf("07%08d", i), Text: fmt.Sprintf("Comanda %d a fost predată.", i)})
	}
	_, err := w.box.Enqueue(ctx, w.db, messages...)
	return err
}

func (w *worker) waitUntilEmpty(ctx context.Context) error {
	for {
		stats, err := w.box.Stats(ctx)
		if err != nil || stats.Sending == 0 && stats.Lanes[outbox.Bulk].Queued == 0 {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// serve takes an order a second, until ctx is done.
func serve(ctx context.Context, out io.Writer, listen string, w *worker) error {
	mux := http.NewServeMux()
	mux.Handle("/metrics", w.metrics)
	server := &http.Server{Addr: listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	fmt.Fprintf(out, "http://%s/metrics\n", listen)
	for i := 101; ; i++ {
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			return server.Close()
		case <-time.After(time.Second):
			if err := w.takeOrders(ctx, i, i+1); err != nil && !errors.Is(err, context.Canceled) {
				return err
			}
		}
	}
}

// printMetrics writes the lines that a scrape of the handler gets, except buckets.
func printMetrics(out io.Writer, metrics http.Handler) error {
	scrape := httptest.NewRecorder()
	metrics.ServeHTTP(scrape, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	lines := bufio.NewScanner(scrape.Body)
	for lines.Scan() {
		line := strings.ReplaceAll(lines.Text(), `otel_scope_schema_url="",`, "")
		if strings.HasPrefix(line, "smslink_") && !strings.Contains(line, "_bucket{") {
			fmt.Fprintln(out, line)
		}
	}
	return lines.Err()
}
