package smslinktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
)

// Reports says how a gateway reports deliveries: one callback for each message that
// was taken with [smslink.Success], outside test mode, after the package was taken,
// maybe before its reply has arrived. The parameters are those that the vendor
// describes ([public]): message_id, status and timestamp.
type Reports struct {
	URL  string // the test's own, on this machine; its query is kept
	Post bool   // a form POST in place of a GET

	// Delay is how long after taking a package its reports are made.
	Delay time.Duration

	// Client makes the callbacks; nil means one of the gateway's own. Each has 10
	// seconds, and one after another those of a package.
	Client *http.Client

	// Undelivered tells which messages are reported as not delivered, status 0; nil
	// means none. Goroutines call it concurrently.
	Undelivered func(Message) bool

	// Optional adds the parameters that an account may switch on: network_id,
	// network_type, delivery_report, connection_id and message_count.
	Optional bool
}

// schedule makes the reports of a package, in a goroutine that ends with them or
// with the gateway. The caller holds the mutex.
func (g *Gateway) schedule(taken []Message) {
	if g.opts.Reports == nil {
		return
	}
	var due []Message
	for _, m := range taken {
		if m.Status == smslink.Success && !m.Test {
			due = append(due, m)
		}
	}
	if len(due) == 0 || g.closing.Err() != nil {
		return
	}
	g.pending += len(due)
	g.reports.Go(func() {
		select {
		case <-time.After(g.opts.Reports.Delay):
		case <-g.closing.Done():
		}
		for _, m := range due {
			err := g.report(g.closing, m)
			g.mu.Lock()
			g.pending--
			if err != nil {
				g.lost = append(g.lost, err)
			}
			g.notify()
			g.mu.Unlock()
		}
	})
}

// WaitReports waits until every delivery report of what was taken so far has been
// made. Its error is the context's, or those of the reports that were not answered
// with a 2xx, joined.
func (g *Gateway) WaitReports(ctx context.Context) error {
	if err := g.wait(ctx, func() bool { return g.pending == 0 }); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return errors.Join(g.lost...)
}

// report makes one callback.
func (g *Gateway) report(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := g.newReport(ctx, m)
	if err != nil {
		return fmt.Errorf("smslinktest: delivery report of %s: %w", m.RemoteID, err)
	}
	resp, err := g.caller.Do(req)
	if err != nil {
		return fmt.Errorf("smslinktest: delivery report of %s: %w", m.RemoteID, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("smslinktest: delivery report of %s: answered with HTTP status %d", m.RemoteID, resp.StatusCode)
	}
	return nil
}

func (g *Gateway) newReport(ctx context.Context, m Message) (*http.Request, error) {
	reports := g.opts.Reports
	values := g.reportValues(m)
	if reports.Post {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, reports.URL, strings.NewReader(values.Encode()))
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return req, err
	}
	target, err := url.Parse(reports.URL)
	if err != nil {
		return nil, err
	}
	query := target.Query()
	for name := range values {
		query.Set(name, values.Get(name))
	}
	target.RawQuery = query.Encode()
	return http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
}

func (g *Gateway) reportValues(m Message) url.Values {
	undelivered := g.opts.Reports.Undelivered != nil && g.opts.Reports.Undelivered(m)
	status, words := "1", "DELIVRD"
	if undelivered {
		status, words = "0", "UNDELIV"
	}
	values := url.Values{
		"message_id": {m.RemoteID},
		"status":     {status},
		"timestamp":  {strconv.FormatInt(time.Now().Unix(), 10)},
	}
	if g.opts.Reports.Optional {
		values.Set("network_id", "1") // Vodafone [public]
		values.Set("network_type", "national")
		values.Set("delivery_report", words)
		values.Set("connection_id", g.ConnectionID)
		values.Set("message_count", "1")
	}
	return values
}
