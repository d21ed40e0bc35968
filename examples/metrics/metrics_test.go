package main

import (
	"bytes"
	"context"
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
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/smslinktest"
)

func TestRun_printsWhatWasSent(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, ""))
	for _, line := range []string{
		`smslink_messages_total{smslink_outcome="accepted",smslink_status="success"} 100`,
		`smslink_messages_total{smslink_outcome="unknown"} 1`,
		`smslink_outbox_packages{smslink_outbox_state="in_doubt"} 1`,
		`smslink_segments_total 100`,
		`smslink_outbox_wait_seconds_count{smslink_outbox_lane="bulk"} 100`,
		`smslink_credit{smslink_network="national"} 99899`, // the message in doubt was sent
	} {
		require.Contains(t, out.String(), line+"\n")
	}
}

// A real Prometheus scrapes a worker, and has the alert rules of docs/alerts.yml. Its numbers are
// compared with the gateway's ledger.
func TestMetrics_prometheusHasWhatTheLedgerHas(t *testing.T) {
	program, err := exec.LookPath("prometheus")
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("SMSLINK_NEED_PROMETHEUS") == "" {
		t.Skip("needs Prometheus: apt-get install prometheus")
	}
	require.NoError(t, err)
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.SetCredit(150)
	w, err := newWorker(t.Context(), t.TempDir(), gateway)
	require.NoError(t, err)
	defer w.close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.box.Run(ctx, w.client) }()
	defer func() {
		stop()
		require.NoError(t, <-ended)
	}()
	require.NoError(t, w.takeOrders(t.Context(), 0, 100))
	require.NoError(t, w.waitUntilEmpty(t.Context()))
	gateway.Inject(smslinktest.LoseReply())
	require.NoError(t, w.takeOrders(t.Context(), 100, 103))
	require.NoError(t, w.waitUntilEmpty(t.Context()))
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
		`smslink_messages_total{smslink_outcome="unknown"}`:              inDoubt,
		`smslink_outbox_messages_total{smslink_outbox_state="in_doubt"}`: inDoubt,
		`smslink_outbox_packages{smslink_outbox_state="in_doubt"}`:       1,
		`smslink_outbox_paused`:                                          1,
		`smslink_credit{smslink_network="national"}`:                     gateway.Credit(),
		`ALERTS{alertname="SMSInDoubt",alertstate="firing"}`:             1,
		`ALERTS{alertname="SMSOutboxPaused",alertstate="pending"}`:       1,
		`ALERTS{alertname="SMSCreditLow",alertstate="pending"}`:          1,
		`absent(ALERTS{alertname="SMSOldestDue"})`:                       1,
	} {
		require.Eventually(t, func() bool { return prometheus.query(query) == fmt.Sprint(want) }, 30*time.Second, 200*time.Millisecond,
			"%s is not %d", query, want)
	}
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
