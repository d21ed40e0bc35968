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
)

// Reports configures how a gateway reports deliveries. It makes one callback for each message that
// was taken with [smslink.StatusSuccess] outside test mode. A callback may arrive before the reply
// to the upload does. Its parameters are those that the vendor describes [public]: message_id,
// status and timestamp.
type Reports struct {
	// URL is called, and its query is kept. If it is empty, nothing is called, and deliveries
	// are only recorded in [Message].Delivery.
	URL  string
	Post bool // a form POST instead of a GET

	// Manual leaves the reports to [Gateway.Deliver]. Delay and Undelivered are then ignored.
	Manual bool

	// Delay is the time from taking a package to its reports. The times that its messages are
	// scheduled for are ignored.
	Delay time.Duration

	// Client makes the callbacks; nil means a client of the gateway's own. Each callback may
	// take 10 seconds. Those of a package are made one after another.
	Client *http.Client

	// Undelivered reports whether a message is reported as not delivered, status 0. Nil means
	// that all are delivered. It is called concurrently.
	Undelivered func(Message) bool

	// Optional adds the parameters that an account may switch on: network_id (always 1),
	// network_type, delivery_report, connection_id and message_count (the segments).
	Optional bool
}

// batch is a gateway's delivery reports since its start or last Reset, guarded by its mutex.
type batch struct {
	ctx     context.Context //nolint:containedctx // of the callbacks
	cancel  context.CancelFunc
	pending int     // reports to come
	lost    []error // those that failed
}

func newBatch(closing context.Context) *batch {
	b := new(batch)
	b.ctx, b.cancel = context.WithCancel(closing)
	return b
}

// schedule makes the reports of a package, in a goroutine that ends with them or with their batch.
// The caller holds the mutex.
func (g *Gateway) schedule(taken []Message) {
	if g.opts.Reports == nil || g.opts.Reports.Manual || g.closing.Err() != nil {
		return
	}
	var due []Message
	for _, m := range taken {
		if m.reportable() {
			due = append(due, m)
		}
	}
	batch := g.batch
	batch.pending += len(due)
	g.background.Go(func() {
		timer := time.NewTimer(g.opts.Reports.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-batch.ctx.Done():
		}
		for _, m := range due {
			if batch.ctx.Err() != nil {
				return
			}
			g.reportDue(batch, m)
		}
	})
}

// reportDue makes one report that is due, unless Deliver was first.
func (g *Gateway) reportDue(batch *batch, m Message) {
	var err error
	if known, _ := g.message(m.RemoteID); known.Delivery == nil {
		undelivered := g.opts.Reports.Undelivered
		err = g.deliver(batch.ctx, batch, m, undelivered == nil || !undelivered(m))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	batch.pending--
	if err != nil {
		batch.lost = append(batch.lost, err)
	}
	g.notify()
}

// WaitReports waits until no delivery report is to come. If callbacks failed or were not answered
// with a 2xx, it returns their errors, joined; they quote no URL. If ctx is done or the gateway is
// closed first, it returns the cause of ctx, or an error that says that the gateway was closed.
func (g *Gateway) WaitReports(ctx context.Context) error {
	var lost error
	err := g.wait(ctx, func() bool {
		lost = errors.Join(g.batch.lost...)
		return g.batch.pending == 0
	})
	if err != nil {
		return err
	}
	return lost
}

// report makes one callback.
func (g *Gateway) report(ctx context.Context, m Message, delivered bool) error {
	if g.opts.Reports == nil || g.opts.Reports.URL == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := g.newReport(ctx, m, delivered)
	if err != nil {
		return fmt.Errorf("smslinktest: delivery report of %s: %w", m.RemoteID, withoutURL(err))
	}
	resp, err := g.caller.Do(req)
	if err != nil {
		return fmt.Errorf("smslinktest: delivery report of %s: %w", m.RemoteID, withoutURL(err))
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("smslinktest: delivery report of %s: answered with HTTP status %d", m.RemoteID, resp.StatusCode)
	}
	return nil
}

// withoutURL returns the cause of an error that would quote the callback's URL, which contains a
// secret.
func withoutURL(err error) error {
	var quoting *url.Error
	if errors.As(err, &quoting) {
		return quoting.Err
	}
	return err
}

func (g *Gateway) newReport(ctx context.Context, m Message, delivered bool) (*http.Request, error) {
	reports := g.opts.Reports
	values := g.reportValues(m, delivered)
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

func (g *Gateway) reportValues(m Message, delivered bool) url.Values {
	status, words := "1", "DELIVRD"
	if !delivered {
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
		values.Set("message_count", strconv.Itoa(m.Segments))
	}
	return values
}
