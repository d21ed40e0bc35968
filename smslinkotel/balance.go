package smslinkotel

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/go-smslink/smslink"
)

// balanceTimeout bounds a request for the balance, since the collection of metrics waits for it.
const balanceTimeout = 5 * time.Second

// ObserveBalance reports the credit of the client's account as the gauge smslink.credit, whose
// attribute smslink.network is "national" or "international". It asks the gateway when metrics are
// collected, but not again before the interval has passed, which is at least a minute. Collection
// then waits up to 5 seconds.
//
// If the balance can't be read, the gauge is absent. After a rejection, for example of a wrong
// password, it stays absent: repeated wrong passwords get the IP address banned [public].
// Unregister the registration to stop asking.
func (t *Telemetry) ObserveBalance(client *smslink.Client, interval time.Duration) (metric.Registration, error) {
	if client == nil {
		return nil, errors.New("smslinkotel: the client is nil")
	}
	credit, err := t.meter.Int64ObservableGauge("smslink.credit", metric.WithUnit("{segment}"),
		metric.WithDescription("SMS that the account has left."))
	if err != nil {
		return nil, err
	}
	asker := &balanceAsker{client: client, interval: max(interval, time.Minute)}
	return t.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		if balance, ok := asker.ask(ctx); ok {
			network := attribute.Key("smslink.network")
			o.ObserveInt64(credit, balance.National, metric.WithAttributes(network.String("national")))
			o.ObserveInt64(credit, balance.International, metric.WithAttributes(network.String("international")))
		}
		return nil
	}, credit)
}

// balanceAsker remembers the last answer.
type balanceAsker struct {
	client   *smslink.Client
	interval time.Duration

	mu       sync.Mutex
	asked    time.Time
	balance  smslink.Balance
	known    bool
	rejected bool
}

func (a *balanceAsker) ask(ctx context.Context) (smslink.Balance, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rejected || !a.asked.IsZero() && time.Since(a.asked) < a.interval {
		return a.balance, a.known
	}
	ctx, cancel := context.WithTimeout(ctx, balanceTimeout)
	defer cancel()
	balance, err := a.client.Balance(ctx)
	a.asked, a.balance, a.known = time.Now(), balance, err == nil
	a.rejected = smslink.OutcomeOf(err) == smslink.OutcomeRejected
	return a.balance, a.known
}
