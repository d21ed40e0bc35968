//go:build unix

package integration

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
	"github.com/go-smslink/smslink/outbox/internal/step"
)

// The first fresh code is in the first claim, however many have expired before it.
func TestRun_freshCodeBehindExpiredOnes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		expired := unlessLong(5_000, 100_000)
		b := newBench(t, config, nil)
		box, err := outbox.New(b.db, dialects[config.Dialect], nil) // whose timeout no busy machine reaches
		require.NoError(t, err)
		for first := 0; first < expired; first += 1000 {
			messages := make([]outbox.Message, 1000)
			for i := range messages {
				messages[i] = outbox.Message{
					Key: fmt.Sprintf("expired-%d", first+i), To: "0712345678", Text: "Cod",
					Lane: outbox.Urgent, Expires: time.Millisecond,
				}
			}
			_, err := b.box.Enqueue(t.Context(), b.db, messages...)
			require.NoError(t, err)
		}
		n, err := b.box.Enqueue(t.Context(), b.db,
			outbox.Message{Key: "code", To: "0712345678", Text: "Cod 1234", Lane: outbox.Urgent})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		var claims atomic.Int32
		sent := make(chan time.Time, 1)
		began := time.Now()
		b.run(box, func(at string) {
			switch at {
			case step.Claiming:
				claims.Add(1)
			case step.Uploaded:
				sent <- time.Now()
			}
		})
		t.Logf("%d expired: the fresh code was sent after %v", expired, (<-sent).Sub(began).Round(time.Millisecond))
		require.EqualValues(t, 1, claims.Load())
		require.Equal(t, "Cod 1234", b.gateway.Messages()[0].Text)
		eventually(t, func() bool {
			var left int
			b.scan("SELECT count(*) FROM smslink_message WHERE package IS NULL", &left)
			return left == 0
		}, "not all have expired")
		t.Logf("all had expired after %v", time.Since(began).Round(time.Millisecond))
		require.Equal(t, outbox.Expired, b.state(fmt.Sprintf("expired-%d", expired-1)))
		require.Len(t, b.gateway.Messages(), 1)
	})
}
