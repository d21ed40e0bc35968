package smslinktest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/go-smslink/smslink"
)

// Reports configures delivery reports. The gateway makes one callback for each message that it took
// with [smslink.StatusSuccess] outside test mode. A callback may arrive before the reply to the
// upload. Its parameters are those that the vendor describes [public]: message_id, status and
// timestamp.
type Reports struct {
	// URL is called with the parameters added to its query. If it is empty, deliveries are only
	// recorded in [Message].Delivery.
	URL  string
	Post bool // a form POST instead of a GET

	// Manual leaves the reports to [Gateway.Deliver]. Delay and Undelivered are then ignored.
	Manual bool

	// Delay is the time between taking a message and its report. If the message is scheduled for
	// later, it is the time between its SendAt and its report.
	Delay time.Duration

	// Client makes the callbacks, including those of [Webhooks]; nil means a client of the
	// gateway's own. Each callback may take 10 seconds. Those of a package are made one after
	// another.
	Client *http.Client

	// Undelivered reports whether a message is reported as not delivered, status 0. Nil means
	// that all are delivered. It is called concurrently.
	Undelivered func(Message) bool

	// Optional adds the parameters that an account may switch on: network_id (always 1),
	// network_type, delivery_report, connection_id and message_count (the segments).
	Optional bool

	// PerSegment makes one report for each segment of a long message, all with its remote id.
	// Whether the live gateway does is unknown.
	PerSegment bool
}

// Delivery is the last delivery report of a message.
type Delivery struct {
	Time      time.Time // when the report was made
	Delivered bool      // else undelivered, or expired
	Err       error     // of the callback; nil if it was answered with a 2xx or there is no URL to call
}

// find returns the recorded message with that remote id, or nil. The caller holds the mutex.
func (g *Gateway) find(remoteID string) *Message {
	id, err := strconv.Atoi(remoteID)
	if at := id - firstRemoteID; err == nil && at >= 0 && at < len(g.messages) && g.messages[at].RemoteID == remoteID {
		return &g.messages[at]
	}
	return nil
}

// Deliver reports now that a message was delivered or was not, even if it was reported before. It
// calls the URL of [Options].Reports, if there is one, and records the Delivery. If a report of the
// message is still to come, it is dropped.
//
// Deliver returns the error of the callback. It is an error if no message has that remote id, or if
// the message gets no reports: its status is not [smslink.StatusSuccess], or it was sent in test
// mode.
func (g *Gateway) Deliver(ctx context.Context, remoteID string, delivered bool) error {
	g.mu.Lock()
	reports := g.reports
	var m Message
	found := g.find(remoteID)
	if found != nil {
		m = *found
		reports.delivered[remoteID] = true
	}
	g.mu.Unlock()
	switch {
	case found == nil:
		return fmt.Errorf("smslink: test gateway: no message has the remote id %q", remoteID)
	case !m.reportable():
		return fmt.Errorf("smslink: test gateway: message %s gets no delivery report: "+
			"it was not accepted for sending, or was sent in test mode", remoteID)
	}
	return g.deliver(ctx, reports, m, delivered)
}

func (m *Message) reportable() bool { return m.Status == smslink.StatusSuccess && !m.Test }

// deliver makes a report, records it, and drops one that is to come. It records nothing if the
// gateway was reset meanwhile.
func (g *Gateway) deliver(ctx context.Context, reports *reporting, m Message, delivered bool) error {
	err := g.report(ctx, m, delivered)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reports == reports {
		g.find(m.RemoteID).Delivery = &Delivery{Time: g.now(), Delivered: delivered, Err: err}
		delete(reports.toCome, m.RemoteID)
		g.notify()
	}
	return err
}

// reporting is a gateway's delivery reports since its start or last Reset. The gateway's mutex
// guards it.
type reporting struct {
	ctx       context.Context //nolint:containedctx // of the callbacks
	cancel    context.CancelFunc
	toCome    map[string]bool // remote ids whose reports WaitReports waits for
	delivered map[string]bool // remote ids for which Deliver was called, so that no other report is made
	making    int             // how many of the reports to come are being made
	failed    []error         // of callbacks
}

func newReporting(closing context.Context) *reporting {
	r := &reporting{toCome: map[string]bool{}, delivered: map[string]bool{}}
	r.ctx, r.cancel = context.WithCancel(closing)
	return r
}

// due is a report to come.
type due struct {
	index int // of its message
	after time.Duration
	later bool // the message is scheduled for later: WaitReports does not wait for it
}

// schedule starts a goroutine that makes the reports of the messages from first on. It ends with
// them, or with a Reset or Close. The caller holds the mutex.
func (g *Gateway) schedule(first int) {
	if g.opts.Reports == nil || g.opts.Reports.Manual || g.closing.Err() != nil {
		return
	}
	reports, start, now := g.reports, time.Now(), g.now()
	var all []due
	for i, m := range g.messages[first:] {
		if !m.reportable() {
			continue
		}
		report := due{index: first + i, after: g.opts.Reports.Delay}
		if m.SendAt.After(now) {
			report.later = true
			report.after = max(m.SendAt.Sub(now), m.SendAt.Sub(now)+report.after) // the sum may overflow
		} else {
			reports.toCome[m.RemoteID] = true
		}
		all = append(all, report)
	}
	slices.SortStableFunc(all, func(a, b due) int { return cmp.Compare(a.after, b.after) })
	g.background.Go(func() {
		for _, report := range all {
			timer := time.NewTimer(time.Until(start.Add(report.after)))
			select {
			case <-timer.C:
			case <-reports.ctx.Done():
				timer.Stop()
			}
			if reports.ctx.Err() != nil {
				return
			}
			g.reportDue(reports, report)
		}
	})
}

// reportDue makes one report that is due, unless Deliver was called before.
func (g *Gateway) reportDue(reports *reporting, report due) {
	g.mu.Lock()
	if g.reports != reports || reports.delivered[g.messages[report.index].RemoteID] {
		g.mu.Unlock()
		return
	}
	m := g.messages[report.index]
	if !report.later {
		delete(reports.toCome, m.RemoteID)
		reports.making++
	}
	g.mu.Unlock()
	undelivered := g.opts.Reports.Undelivered
	err := g.deliver(reports.ctx, reports, m, undelivered == nil || !undelivered(m))
	g.mu.Lock()
	defer g.mu.Unlock()
	if !report.later {
		reports.making--
		if err != nil {
			reports.failed = append(reports.failed, err)
		}
	}
	g.notify()
}

// WaitReports waits until no delivery report is to come, except those of messages that are
// scheduled for later. If callbacks have failed or were not answered with a 2xx, since the start or
// the last [Gateway.Reset], it returns their errors, joined; they quote no URL. It leaves out those
// of messages that are scheduled for later, and of [Gateway.Deliver]. If ctx is done or the gateway
// is closed first, it returns the cause of ctx, or an error that says that the gateway was closed.
func (g *Gateway) WaitReports(ctx context.Context) error {
	var failed error
	err := g.wait(ctx, func() bool {
		failed = errors.Join(g.reports.failed...)
		return len(g.reports.toCome) == 0 && g.reports.making == 0
	})
	return cmp.Or(err, failed)
}

// report makes the callbacks of one report.
func (g *Gateway) report(ctx context.Context, m Message, delivered bool) error {
	if g.opts.Reports == nil || g.opts.Reports.URL == "" {
		return nil
	}
	times, by := 1, ByGet
	if g.opts.Reports.PerSegment {
		times = m.Segments
	}
	if g.opts.Reports.Post {
		by = ByPost
	}
	for range times {
		if _, err := g.call(ctx, g.opts.Reports.URL, by, g.reportValues(m, delivered)); err != nil {
			return fmt.Errorf("smslink: test gateway: delivery report of %s: %w", m.RemoteID, err)
		}
	}
	return nil
}

func (g *Gateway) reportValues(m Message, delivered bool) url.Values {
	status, text := "1", "DELIVRD"
	if !delivered {
		status, text = "0", "UNDELIV"
	}
	values := url.Values{
		"message_id": {m.RemoteID},
		"status":     {status},
		"timestamp":  {strconv.FormatInt(g.now().Unix(), 10)},
	}
	if g.opts.Reports.Optional {
		values.Set("network_id", "1") // Vodafone [public]
		values.Set("network_type", "national")
		values.Set("delivery_report", text)
		values.Set("connection_id", g.ConnectionID)
		values.Set("message_count", strconv.Itoa(m.Segments))
	}
	return values
}
