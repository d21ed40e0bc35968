package outboxtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/gsm7"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinktest"
)

type traceKey struct{}

// tracer records its calls. The trace of a context is the value of traceKey.
type tracer struct {
	mu     sync.Mutex
	starts []outbox.PackageStart
	ends   []outbox.PackageEnd
}

func (*tracer) TraceEnqueue(ctx context.Context) string {
	word, _ := ctx.Value(traceKey{}).(string)
	return word
}

func (t *tracer) TracePackageStart(ctx context.Context, data outbox.PackageStart) context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.starts = append(t.starts, data)
	return context.WithValue(ctx, traceKey{}, "package")
}

func (t *tracer) TracePackageEnd(ctx context.Context, data outbox.PackageEnd) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Value(traceKey{}) == "package" {
		t.ends = append(t.ends, data)
	}
}

// next waits for the n-th package to end, and returns its data.
func (t *tracer) next(k *kit, n int) (start outbox.PackageStart, end outbox.PackageEnd) {
	k.Helper()
	k.eventually(func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		if len(t.ends) < n {
			return false
		}
		start, end = t.starts[n-1], t.ends[n-1]
		return true
	})
	return start, end
}

func traced(k *kit) {
	var recorded tracer
	box := k.outbox(func(opts *outbox.Options) { opts.Tracer = &recorded })
	enqueue := func(word string, messages ...outbox.Message) {
		_, err := box.Enqueue(context.WithValue(k.Context(), traceKey{}, word), k.db, messages...)
		require.NoError(k, err)
	}
	enqueue("00-one-01", messages(4)[:2]...)
	enqueue("00-two-01", messages(4)[2:]...)
	enqueue(strings.Repeat("x", 65), message("too-long"))
	enqueue("not ASCII: ș", message("not-ascii"))
	k.exec("UPDATE smslink_message SET enqueued = enqueued - 3600000000") // an hour
	k.gateway.SetCredit(2 * gsm7.Measure(message("not-ascii").Text).Segments)
	k.run(box, k.gateway.Client())
	start, end := recorded.next(k, 1)
	require.Equal(k, outbox.Bulk, start.Lane)
	require.Equal(k, 6, start.Messages)
	require.ElementsMatch(k, []string{"00-one-01", "00-two-01"}, start.Traces)
	require.Equal(k, outbox.Accepted, end.State)
	require.NoError(k, end.Err)
	require.True(k, end.Recorded)
	require.Len(k, end.Waits, 2)
	for _, wait := range end.Waits {
		require.GreaterOrEqual(k, wait, time.Hour)
		require.Less(k, wait, time.Hour+eventually)
	}

	k.gateway.SetCredit(smslinktest.Unlimited)
	k.resume()
	_, end = recorded.next(k, 2)
	require.Len(k, end.Waits, 4)

	k.gateway.Inject(smslinktest.LoseReply())
	var many []outbox.Message
	for i := range 17 {
		many = append(many, message(fmt.Sprint("of-", i)))
	}
	tx, err := k.db.BeginTx(k.Context(), nil)
	require.NoError(k, err)
	for i, m := range many {
		_, err := box.Enqueue(context.WithValue(k.Context(), traceKey{}, fmt.Sprint("00-", i)), tx, m)
		require.NoError(k, err)
	}
	require.NoError(k, tx.Commit())
	start, end = recorded.next(k, 3)
	require.Equal(k, 17, start.Messages)
	require.Empty(k, start.Traces, "of more than 16")
	require.Equal(k, outbox.InDoubt, end.State)
	require.Error(k, end.Err)
	require.Empty(k, end.Waits)
}
