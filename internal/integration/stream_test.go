package integration_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/time/rate"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/journal"
	"github.com/go-smslink/smslink/smslinktest"
)

var streams = flag.Int("streams", unlessLong(8, 40), "streams that TestStream_ledger sends")

// Streams go through the connections and the gateways of TestLedger. Each is sent again over the
// same input with the same journal until it has sent all that it may. Every message that was read
// is in one batch, and the ledger agrees with the batches.
func TestStream_ledger(t *testing.T) {
	lanes := len(roads)
	results := make([]*lane, lanes)
	var running sync.WaitGroup
	for i := range results {
		results[i] = newLane(uint64(100 + i))
		results[i].start(t)
		running.Go(func() {
			l := results[i]
			for n := range *streams / lanes {
				l.stream(n, filepath.Join(t.TempDir(), "journal"))
			}
			l.idle()
			l.link.close()
			l.gateway.Close()
			l.auditStreams()
		})
	}
	running.Wait()
	total := newLane(0)
	for _, l := range results {
		total.breaches = append(total.breaches, l.breaches...)
		for name, n := range l.counts {
			total.counts[name] += n
		}
	}
	t.Logf("seed %d, %d streams\n%s", *seed, *streams, total.table())
	require.Empty(t, total.breaches)
	require.NotZero(t, total.counts["stream: accepted"], "nothing was compared")
}

// stream sends one stream up to six times, and keeps the outcomes of each message as a shipment.
func (l *lane) stream(number int, path string) {
	n := 100 + l.random.IntN(400)
	messages := make([]smslink.Message, n)
	said := map[int64]*shipment{}
	for i := range messages {
		m := smslink.Message{ID: int64(number*10_000 + i), To: fmt.Sprintf("07%08d", l.random.IntN(1e8)), From: smslink.SenderNumeric, Text: fmt.Sprintf("Codul dvs. este %06d.", i)}
		messages[i] = m
		said[m.ID] = &shipment{messages: []smslink.Message{m}}
		l.sent = append(l.sent, said[m.ID])
	}
	for range 6 {
		j, err := journal.Open(path)
		if err != nil {
			l.breach("the journal: %v", err)
			return
		}
		left := l.streamOnce(messages, said, j)
		if err := j.Close(); err != nil {
			l.breach("the journal: %v", err)
		}
		if left == 0 {
			return
		}
	}
}

// streamOnce returns the number of messages that may be sent again.
func (l *lane) streamOnce(messages []smslink.Message, said map[int64]*shipment, j *journal.File) (left int) {
	read, end := 0, len(messages)
	failed := errors.New("the cursor is gone")
	if l.random.IntN(4) == 0 {
		end = l.random.IntN(end)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if l.random.IntN(4) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(l.random.IntN(300))*time.Millisecond)
		defer cancel()
	}
	seen := map[int64]int{}
	source := func(yield func(smslink.Message, error) bool) {
		for _, m := range messages[:end] {
			read++
			if !yield(m, nil) {
				return
			}
		}
		if end < len(messages) {
			yield(smslink.Message{}, failed)
		}
	}
	for b := range l.client.Stream(source, &smslink.StreamOptions{
		MaxMessages: 1 + l.random.IntN(60), Concurrency: 1 + l.random.IntN(4), Journal: j,
		Limiter: rate.NewLimiter(20_000, 100),
		Retry:   smslink.Retry{Attempts: 2, MinBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond},
	}).Batches(ctx) {
		outcome := smslink.OutcomeOf(b.Err)
		if b.Package.Len() > 0 {
			l.count("stream: " + outcome.String())
		}
		for m := range b.Package.Messages() {
			seen[m.ID]++
			switch outcome {
			case smslink.OutcomeAccepted:
				said[m.ID].accepted++
			case smslink.OutcomeInDoubt:
				said[m.ID].inDoubt++
			default:
				left++
			}
		}
		for _, result := range b.Earlier {
			l.count("stream: message known from earlier")
			seen[result.ID]++
			if s := said[result.ID]; s.accepted+s.inDoubt == 0 {
				l.breach("message %d is said to be sent earlier, and was not", result.ID)
			}
		}
		for _, refused := range b.Invalid {
			l.breach("a good message was refused: %v", refused)
		}
	}
	for i, m := range messages {
		if want := min(max(read-i, 0), 1); seen[m.ID] != want {
			l.breach("message %d is in %d batches, and was read %d times", m.ID, seen[m.ID], want)
		}
	}
	return left + len(messages) - read
}

func (l *lane) auditStreams() {
	ledger := map[int64]int{}
	for _, m := range l.gateway.Messages() {
		ledger[m.ID]++
	}
	for _, s := range l.sent {
		id := s.messages[0].ID
		if s.accepted+s.inDoubt > 1 {
			l.breach("message %d was sent %d times", id, s.accepted+s.inDoubt)
		}
		switch {
		case ledger[id] > s.accepted+s.inDoubt && l.road.resends && s.accepted+s.inDoubt > 0:
			l.count(l.road.name + ": message sent more than once by it")
		case ledger[id] < s.accepted || ledger[id] > s.accepted+s.inDoubt:
			l.breach("message %d: accepted %d times, in doubt %d times, in the ledger %d times", id, s.accepted, s.inDoubt, ledger[id])
		}
		l.count(s.verdict(ledger[id]))
	}
}

// After a stream has ended, nothing that it started still runs.
func TestStream_leavesNoGoroutine(t *testing.T) {
	gateway := smslinktest.NewGateway(&smslinktest.Options{Fault: func(int) smslinktest.Fault { return smslinktest.Delay(20 * time.Millisecond) }})
	defer gateway.Close()
	source := func(yield func(smslink.Message, error) bool) {
		for id := range int64(200) {
			if !yield(smslink.Message{ID: id, To: "0712345678", Text: "Salut!"}, nil) {
				return
			}
		}
	}
	for name, leave := range map[string]func(cancel func()) bool{
		"to its end": func(func()) bool { return false },
		"left":       func(func()) bool { return true },
		"cancelled":  func(cancel func()) bool { cancel(); return false },
		"panic":      func(func()) bool { panic("the loop's own") },
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			func() {
				if name == "panic" {
					defer func() { require.Equal(t, "the loop's own", recover()) }()
				}
				for range gateway.Client().Stream(source, &smslink.StreamOptions{MaxMessages: 10, Concurrency: 3, Limiter: rate.NewLimiter(10_000, 10)}).Batches(ctx) {
					if leave(cancel) {
						break
					}
				}
			}()
			requireNoGoroutines(t, before, goleak.IgnoreAnyFunction("net/http.(*conn).serve")) // the gateway's own
		})
	}
}
