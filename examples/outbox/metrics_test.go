package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinktest"
)

// worker sends what is in an outbox.
type worker struct {
	*shop
	metrics http.Handler
}

// startWorker runs one on a SQLite file until the test ends.
func startWorker(t *testing.T, gateway *smslinktest.Gateway) *worker {
	t.Helper()
	telemetry, err := newTelemetry()
	require.NoError(t, err)
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{Endpoint: gateway.URL, Tracer: telemetry.uploads})
	require.NoError(t, err)
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "shop.db")+sqliteSettings)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	box, err := outbox.New(db, outbox.SQLite, &outbox.Options{Tracer: telemetry.packages})
	require.NoError(t, err)
	require.NoError(t, box.Migrate(t.Context()))
	require.NoError(t, telemetry.observe(client, box))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- box.Run(ctx, client) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return &worker{&shop{db, box}, telemetry.handler}
}

// send enqueues an SMS for each order, and waits until the queue is empty.
func (w *worker) send(t *testing.T, from, to int) {
	t.Helper()
	var messages []outbox.Message
	for i := from; i < to; i++ {
		messages = append(messages, order{i, fmt.Sprintf("07%08d", i)}.sms())
	}
	_, err := w.box.Enqueue(t.Context(), w.db, messages...)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		stats, err := w.box.Stats(t.Context())
		require.NoError(t, err)
		return stats.Sending == 0 && stats.Lanes[outbox.Bulk].Queued == 0
	}, 2*time.Minute, 50*time.Millisecond)
}

func TestMetrics_countWhatWasSent(t *testing.T) {
	t.Parallel()
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.SetCredit(100_000)
	w := startWorker(t, gateway)
	w.send(t, 0, 100)
	gateway.Inject(smslinktest.LoseReply())
	w.send(t, 100, 101)

	answer := httptest.NewRecorder()
	w.metrics.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`smslink_messages_total{smslink_outcome="accepted",smslink_status="success"} 100`,
		`smslink_messages_total{smslink_outcome="in_doubt"} 1`,
		`smslink_outbox_packages{smslink_outbox_state="in_doubt"} 1`,
		`smslink_segments_total 100`,
		`smslink_outbox_wait_seconds_count{smslink_outbox_lane="bulk"} 100`,
		`smslink_credit{smslink_network="national"} 99899`, // the message in doubt was sent
	} {
		require.Contains(t, strings.ReplaceAll(answer.Body.String(), `otel_scope_schema_url="",`, ""), line+"\n")
	}
}

// With --metrics the shop goes on under load, and its metrics can be scraped until it is stopped.
func TestRun_metrics(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, in, "", "127.0.0.1:0")
		_ = in.Close()
	}()
	defer func() {
		stop()
		require.NoError(t, <-ended)
	}()
	var address string
	for lines := bufio.NewScanner(out); address == "" && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "http://") {
			address = lines.Text()
		}
	}
	require.NotEmpty(t, address)
	var scrape string
	require.Eventually(t, func() bool {
		resp, err := http.Get(address)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		scrape = strings.ReplaceAll(string(body), `otel_scope_schema_url="",`, "")
		return strings.Contains(scrape, "smslink_outbox_packages{smslink_outbox_state=\"in_doubt\"} 1\n")
	}, 2*time.Minute, 200*time.Millisecond, "no package in doubt")
	require.Contains(t, scrape, "smslink_messages_total{smslink_outcome=\"accepted\",smslink_status=\"number_failed\"} 1\n")
	require.Contains(t, scrape, "smslink_outbox_paused 0\n")

	// Each name of a metric or an attribute in the page and the rules exists.
	for _, file := range []string{"production.md", "alerts.yml"} {
		text, err := os.ReadFile(filepath.Join("../../docs", file))
		require.NoError(t, err)
		names := regexp.MustCompile(`\bsmslink_[a-z_]+`).FindAllString(string(text), -1)
		require.NotEmpty(t, names)
		for _, name := range names {
			require.Regexp(t, `\b`+name+`\b`, scrape, file)
		}
	}
}

// A real Prometheus scrapes a worker, and has the alert rules of docs/alerts.yml. Its numbers are
// compared with the gateway's ledger.
func TestMetrics_prometheusHasWhatTheLedgerHas(t *testing.T) {
	if os.Getenv("SMSLINK_LONG") == "" { // see CONTRIBUTING.md
		t.Skip("SMSLINK_LONG=1 runs Prometheus")
	}
	t.Parallel()
	program, err := exec.LookPath("prometheus")
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("SMSLINK_NEED_PROMETHEUS") == "" {
		t.Skip("needs Prometheus: apt-get install prometheus")
	}
	require.NoError(t, err)
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.SetCredit(150)
	w := startWorker(t, gateway)
	w.send(t, 0, 100)
	gateway.Inject(smslinktest.LoseReply())
	w.send(t, 100, 103)
	require.NoError(t, w.box.Pause(t.Context(), "test", "to see it"))

	prometheus := startPrometheus(t, program, w.metrics)
	segments, inDoubt := 0, 0
	for _, m := range gateway.Messages() {
		if m.PackageID == gateway.Messages()[0].PackageID {
			segments += m.Segments
		} else {
			inDoubt++
		}
	}
	for query, want := range map[string]int{
		`smslink_segments_total`:                                         segments,
		`smslink_messages_total{smslink_status="success"}`:               100,
		`smslink_messages_total{smslink_outcome="in_doubt"}`:             inDoubt,
		`smslink_outbox_messages_total{smslink_outbox_state="in_doubt"}`: inDoubt,
		`smslink_outbox_packages{smslink_outbox_state="in_doubt"}`:       1,
		`smslink_outbox_paused`:                                          1,
		`smslink_credit{smslink_network="national"}`:                     gateway.Credit(),
		`ALERTS{alertname="SMSInDoubt",alertstate="firing"}`:             1,
		`ALERTS{alertname="SMSOutboxPaused"}`:                            1, // first pending, then firing
		`ALERTS{alertname="SMSCreditLow"}`:                               1,
	} {
		require.Eventually(t, func() bool { return prometheus.query(query) == fmt.Sprint(want) }, 2*time.Minute, 200*time.Millisecond,
			"%s is not %d", query, want)
	}
	// By now the rules have been evaluated.
	require.Equal(t, "1", prometheus.query(`absent(ALERTS{alertname="SMSOldestDue"})`))
}

// server is a Prometheus.
type server struct{ address string }

// startPrometheus runs one that scrapes a handler and evaluates docs/alerts.yml each second.
func startPrometheus(t *testing.T, program string, metrics http.Handler) server {
	t.Helper()
	worker := httptest.NewServer(metrics)
	t.Cleanup(worker.Close)
	folder := t.TempDir()
	rules, err := filepath.Abs("../../docs/alerts.yml")
	require.NoError(t, err)
	config := filepath.Join(folder, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: worker
    static_configs: [{targets: [%q]}]
`, rules, strings.TrimPrefix(worker.URL, "http://")), 0o600))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	var log bytes.Buffer
	cmd := exec.Command(program, "--config.file", config, "--storage.tsdb.path", folder, "--web.listen-address", address, "--log.level", "error")
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return server{address}
}

// query returns the value of a query that has one, or an empty string.
func (s server) query(query string) string {
	resp, err := http.Get("http://" + s.address + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Data.Result) != 1 {
		return ""
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1])
}
