package smslink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/gsm7"
	"github.com/go-smslink/smslink/internal/secrets"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/stretchr/testify/require"
)

// numbered yields n good messages with ids from 0, and then the error, if there is one. It counts
// those that were read.
func numbered(n int, read *int, end error) iter.Seq2[smslink.Message, error] {
	return func(yield func(smslink.Message, error) bool) {
		for id := range n {
			*read++
			if !yield(smslink.Message{ID: int64(id), To: fmt.Sprintf("07%08d", id), Text: "Salut!"}, nil) {
				return
			}
		}
		if end != nil {
			yield(smslink.Message{}, end)
		}
	}
}

// taken returns the source, and a function that waits until a stream has taken k of its messages.
func taken(source iter.Seq2[smslink.Message, error], k int64) (iter.Seq2[smslink.Message, error], func()) {
	var n atomic.Int64
	counted := func(yield func(smslink.Message, error) bool) {
		for m, err := range source {
			if !yield(m, err) {
				return
			}
			n.Add(1)
		}
	}
	return counted, func() {
		for n.Load() < k {
			time.Sleep(time.Millisecond)
		}
	}
}

// collect returns a stream's batches. No batch is empty, and the totals agree with them.
func collect(t *testing.T, ctx context.Context, stream *smslink.Stream) []smslink.Batch {
	t.Helper()
	batches := slices.Collect(stream.Batches(ctx))
	var want smslink.Stats
	for _, b := range batches {
		require.NotZero(t, b.Package.Len()+len(b.Invalid)+len(b.Earlier))
		want.Invalid += len(b.Invalid)
		for _, r := range b.Earlier {
			if r.Status == smslink.StatusUnreported {
				want.InDoubt++
			} else {
				want.Earlier++
			}
		}
		switch n := b.Package.Len(); smslink.OutcomeOf(b.Err) {
		case smslink.OutcomeAccepted:
			if b.Response == nil {
				require.Zero(t, n)
				continue
			}
			for _, r := range b.Response.Results {
				switch {
				case r.Status == smslink.StatusSuccess:
					want.Accepted++
				case r.Status == smslink.StatusUnreported, r.Status > smslink.StatusInsufficientCredit:
					want.InDoubt++
				default:
					if want.Failed == nil {
						want.Failed = map[smslink.Status]int{}
					}
					want.Failed[r.Status]++
				}
			}
		case smslink.OutcomeNotSent:
			want.NotSent += n
		case smslink.OutcomeRejected:
			want.Rejected += n
		default:
			want.InDoubt += n
		}
	}
	got := stream.Stats()
	want.Segments = segmentsOf(batches)
	want.Read = len(idsOf(batches))
	require.Equal(t, want, got)
	if stream.Err() != nil {
		require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
		require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(stream.Err()))
	}
	return batches
}

// segmentsOf returns the number of segments of the accepted messages.
func segmentsOf(batches []smslink.Batch) (n int) {
	for _, b := range batches {
		at := 0
		for m := range b.Package.Messages() {
			if b.Response != nil && b.Response.Results[at].Status == smslink.StatusSuccess {
				n += gsm7.Measure(m.Text).Segments
			}
			at++
		}
	}
	return n
}

// idsOf returns all ids of the batches, in ascending order.
func idsOf(batches []smslink.Batch) []int64 {
	var ids []int64
	for _, b := range batches {
		for m := range b.Package.Messages() {
			ids = append(ids, m.ID)
		}
		for _, refused := range b.Invalid {
			ids = append(ids, refused.ID)
		}
		for _, result := range b.Earlier {
			ids = append(ids, result.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func upTo(n int) []int64 {
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = int64(i)
	}
	return ids
}

// quick retries without long pauses.
var quick = smslink.Retry{Attempts: 3, MinBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond}

func TestStream_cutsByCount(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	read := 0
	batches := collect(t, t.Context(),
		gateway.Client().Stream(numbered(25, &read, nil), &smslink.StreamOptions{MaxMessages: 10}))
	require.Len(t, batches, 3)
	for i, size := range []int{10, 10, 5} {
		require.NoError(t, batches[i].Err)
		require.Equal(t, size, batches[i].Package.Len())
		require.Equal(t, size, batches[i].Response.Count(smslink.StatusSuccess))
	}
	require.Equal(t, upTo(25), idsOf(batches))
	require.Len(t, gateway.Messages(), 25)
}

func TestStream_cutsByBytes(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	read := 0
	batches := collect(t, t.Context(),
		gateway.Client().Stream(numbered(40, &read, nil), &smslink.StreamOptions{MaxBytes: 200}))
	require.Equal(t, upTo(40), idsOf(batches))
	for _, b := range batches {
		require.NoError(t, b.Err)
		require.LessOrEqual(t, b.Package.Size(), 200)
	}
	require.Len(t, batches, 7)

	// A message longer than MaxBytes gets a package of its own.
	batches = collect(t, t.Context(),
		gateway.Client().Stream(numbered(3, &read, nil), &smslink.StreamOptions{MaxBytes: 1}))
	require.Len(t, batches, 3)
	require.Equal(t, upTo(3), idsOf(batches))
}

func TestStream_anEmptyStreamYieldsNothing(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	read := 0
	require.Empty(t, collect(t, t.Context(), gateway.Client().Stream(numbered(0, &read, nil), nil)))
	require.Empty(t, gateway.Uploads())
}

// Results yields each message once, with an error that has its outcome.
func TestBatch_ResultsAreAllMessages(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{
		smslinktest.UnknownNumbers("0700000003"), smslinktest.BlacklistedNumbers("0700000004"),
	}})
	closed := newGateway(t, nil)
	closed.Close()
	source := func(yield func(smslink.Message, error) bool) {
		for id := range int64(8) {
			m := smslink.Message{ID: id, To: fmt.Sprintf("070000000%d", id), Text: "a"}
			if id == 5 {
				m.Text = ""
			}
			if id == 6 {
				m.ID = 1
			}
			if !yield(m, nil) {
				return
			}
		}
	}
	type result struct {
		id      int64
		outcome smslink.Outcome
		safe    bool
	}
	const accepted, failed, invalid, inDoubt = smslink.OutcomeAccepted, smslink.OutcomeFailed, smslink.OutcomeInvalid,
		smslink.OutcomeInDoubt
	whole := func(outcome smslink.Outcome) []result {
		safe := outcome != inDoubt
		return []result{{2, outcome, safe}, {3, outcome, safe}, {4, outcome, safe}, {7, outcome, safe},
			{5, invalid, true}, {1, invalid, false}, {0, accepted, false}, {1, inDoubt, false}}
	}
	for name, c := range map[string]struct {
		gateway *smslinktest.Gateway
		fault   smslinktest.Fault
		want    []result
	}{
		"accepted in part": {gateway, smslinktest.Fault{}, []result{
			{2, accepted, false}, {3, failed, true}, {4, failed, false}, {7, accepted, false}, {5, invalid, true},
			{1, invalid, false}, {0, accepted, false}, {1, inDoubt, false},
		}},
		"rejected": {gateway, smslinktest.Reject("9", ""), whole(smslink.OutcomeRejected)},
		"in doubt": {gateway, smslinktest.LoseReply(), whole(inDoubt)},
		"not sent": {closed, smslinktest.Fault{}, whole(smslink.OutcomeNotSent)},
	} {
		j := newSpy()
		j.states[0] = smslink.Result{ID: 0, RemoteID: "77", Status: smslink.StatusSuccess}
		j.states[1] = smslink.Result{ID: 1}
		c.gateway.Inject(c.fault)
		batches := collect(t, t.Context(),
			c.gateway.Client().Stream(source, &smslink.StreamOptions{Journal: j, Retry: smslink.Retry{Attempts: 1}}))
		require.Len(t, batches, 1, name)
		var got []result
		for r, err := range batches[0].Results() {
			got = append(got, result{r.ID, smslink.OutcomeOf(err), smslink.SafeToResend(err)})
			require.Equal(t, r.Status.Outcome() == accepted, err == nil)
			require.Equal(t, err == nil, r.RemoteID != "" && smslink.OutcomeOf(err) == accepted)
		}
		require.Equal(t, c.want, got, name)
		for most := range got { // a loop that is left early
			seen := 0
			for _, err := range batches[0].Results() {
				_ = err
				if seen++; seen > most {
					break
				}
			}
			require.Equal(t, most+1, seen)
		}
	}
}

// Results of a batch that the caller has changed are still right.
func TestBatch_ResultsOfAChangedBatch(t *testing.T) {
	for _, err := range new(smslink.Batch).Results() {
		t.Fatal("it has no messages", err)
	}
	seen := 0
	for r, err := range (&smslink.Batch{Package: packageOf(t, 7)}).Results() {
		require.EqualValues(t, 7, r.ID)
		require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err))
		seen++
	}
	require.Equal(t, 1, seen)
}

func TestStream_namesWhatItRefuses(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	messages := []smslink.Message{
		{ID: 1, To: "0712345678", Text: "a"}, {ID: 2, To: "nobody", Text: "a"},
		{ID: 1, To: "0712345678", Text: "again"},
		{ID: 3, To: "0712345678", Text: "a"}, {ID: 1, To: "0712345678", Text: "again, in another package"},
	}
	source := func(yield func(smslink.Message, error) bool) {
		for _, m := range messages {
			if !yield(m, nil) {
				return
			}
		}
	}
	batches := collect(t, t.Context(), gateway.Client().Stream(source, &smslink.StreamOptions{MaxMessages: 2}))
	require.Len(t, batches, 2)
	require.Len(t, batches[0].Invalid, 2)
	require.ErrorIs(t, batches[0].Invalid[0], smslink.ErrReceiver)
	require.ErrorContains(t, batches[0].Invalid[1], "ID is repeated")
	require.Equal(t, 2, batches[1].Package.Len(), "the id is new to its package")

	batches = collect(t, t.Context(),
		gateway.Client().Stream(source, &smslink.StreamOptions{MaxMessages: 2, UniqueIDs: true}))
	require.Len(t, batches, 2)
	require.ErrorContains(t, batches[1].Invalid[0], "ID is repeated")
	require.Equal(t, []int64{1, 1, 1, 2, 3}, idsOf(batches))
}

// Batches of a stream that has only invalid messages are bounded, too.
func TestStream_refusedMessagesDoNotPileUp(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	bad := func(yield func(smslink.Message, error) bool) {
		for id := range int64(25) {
			if !yield(smslink.Message{ID: id}, nil) {
				return
			}
		}
	}
	batches := collect(t, t.Context(), gateway.Client().Stream(bad, &smslink.StreamOptions{MaxMessages: 10}))
	require.Len(t, batches, 3)
	require.Equal(t, upTo(25), idsOf(batches))
	require.Empty(t, gateway.Uploads())
	for _, b := range batches {
		require.Zero(t, b.Package.Len())
		require.Nil(t, b.Response)
		require.NoError(t, b.Err)
	}
}

func TestStream_leavingTheLoopLetsUploadsFinish(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.Inject(smslinktest.Fault{}, smslinktest.Delay(100*time.Millisecond),
		smslinktest.Delay(100*time.Millisecond))
	read := 0
	for range gateway.Client().Stream(numbered(1000, &read, nil),
		&smslink.StreamOptions{MaxMessages: 10, Concurrency: 2}).Batches(t.Context()) {
		break
	}
	taken := len(gateway.Messages())
	require.LessOrEqual(t, taken, 30)
	require.Zero(t, taken%10)
	require.Len(t, gateway.Uploads(), taken/10)
}

// Err returns nil only if the loop got the result of every message.
func TestStream_leavingTheLoopWithUploadsUnderWayIsNotItsEnd(t *testing.T) {
	for messages, ended := range map[int]bool{10: true, 20: false} {
		var uploads atomic.Int32
		all := make(chan struct{})
		gateway := newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault {
			if int(uploads.Add(1)) == messages/10 {
				close(all)
			}
			<-all // no reply comes before the last upload
			return smslinktest.Fault{}
		}})
		read := 0
		stream := gateway.Client().Stream(numbered(messages, &read, nil),
			&smslink.StreamOptions{MaxMessages: 10, Concurrency: 2})
		for range stream.Batches(t.Context()) {
			break
		}
		require.Equal(t, messages, read)
		require.Len(t, gateway.Uploads(), messages/10)
		if ended {
			require.NoError(t, stream.Err())
		} else {
			require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
		}
	}
}

func TestStream_isSentOnce(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	read := 0
	stream := gateway.Client().Stream(numbered(5, &read, nil), nil)
	batches := stream.Batches(t.Context())
	require.Len(t, slices.Collect(batches), 1)
	require.NoError(t, stream.Err())
	require.Empty(t, slices.Collect(batches))
	require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
	require.ErrorContains(t, stream.Err(), "ranged over before")
	require.Len(t, gateway.Messages(), 5)
}

// limiter fails after a number of calls.
type limiter struct {
	mu    sync.Mutex
	asked []int
	fail  int
}

func (l *limiter) WaitN(_ context.Context, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, n)
	if len(l.asked) == l.fail {
		return errors.New("over the burst")
	}
	return nil
}

func TestStream_asksTheLimiter(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	read, l := 0, &limiter{}
	require.Len(t,
		collect(t, t.Context(),
			gateway.Client().Stream(numbered(25, &read, nil), &smslink.StreamOptions{MaxMessages: 10, Limiter: l})), 3)
	require.Equal(t, []int{10, 10, 5}, l.asked)

	gateway.Reset()
	read, l = 0, &limiter{fail: 2}
	batches := collect(t, t.Context(),
		gateway.Client().Stream(numbered(100, &read, nil), &smslink.StreamOptions{MaxMessages: 10, Limiter: l}))
	require.ErrorContains(t, batches[1].Err, "over the burst")
	require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(batches[1].Err))
	require.Len(t, gateway.Messages(), 10)
	require.Equal(t, upTo(read), idsOf(batches))
}

func TestStream_concurrency(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	four, cancel := context.WithTimeout(t.Context(), time.Minute) // done once four are uploaded at a time
	defer cancel()
	hold := func(int) smslinktest.Fault {
		mu.Lock()
		now++
		if most = max(most, now); most == 4 {
			cancel()
		}
		mu.Unlock()
		<-four.Done()
		time.Sleep(10 * time.Millisecond) // in which a fifth would come
		mu.Lock()
		now--
		mu.Unlock()
		return smslinktest.Fault{}
	}
	gateway := smslinktest.NewGateway(&smslinktest.Options{Fault: hold})
	defer gateway.Close()
	read := 0
	batches := collect(t, t.Context(),
		gateway.Client().Stream(numbered(200, &read, nil), &smslink.StreamOptions{MaxMessages: 10, Concurrency: 4}))
	require.Equal(t, upTo(200), idsOf(batches))
	require.Equal(t, 4, most)
}

func TestStream_aSlowLoopKeepsTheSourceWaiting(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	read, yielded := 0, 0
	for b := range gateway.Client().Stream(numbered(500, &read, nil),
		&smslink.StreamOptions{MaxMessages: 10, Concurrency: 2}).Batches(t.Context()) {
		require.LessOrEqual(t, read-yielded, 40)
		yielded += b.Package.Len()
	}
	require.Equal(t, 500, yielded)
}

func TestBatch_showsNoSecrets(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	source := func(yield func(smslink.Message, error) bool) {
		_ = yield(smslink.Message{ID: 1, To: secrets.Number, Text: secrets.Text}, nil) &&
			yield(smslink.Message{ID: 2, To: secrets.Number, Text: secrets.Text + "%0A"}, nil)
	}
	for _, b := range collect(t, t.Context(), gateway.Client().Stream(source, nil)) {
		secrets.RequireHidden(t, b, &b, []smslink.Batch{b})
	}
}

func TestStream_isStrict(t *testing.T) {
	gateway := newGateway(t, nil)
	source := func(yield func(smslink.Message, error) bool) {
		for i, to := range []string{"0712345678", "712345678", "+40712345678"} {
			if !yield(smslink.Message{ID: int64(i), To: to, Text: "a"}, nil) {
				return
			}
		}
	}
	batches := collect(t, t.Context(), gateway.Client().Stream(source, nil))
	require.Len(t, batches, 1)
	require.Len(t, batches[0].Invalid, 1)
	require.ErrorIs(t, batches[0].Invalid[0], smslink.ErrReceiver)
	require.Len(t, gateway.Messages(), 2)
}

func TestStream_defaults(t *testing.T) {
	gateway := newGateway(t, nil)
	batches := collect(t, t.Context(),
		gateway.Client().Stream(numbered(10_001, new(int), nil),
			&smslink.StreamOptions{MaxMessages: -1, MaxBytes: -1, Concurrency: -1}))
	require.Len(t, batches, 2)
	require.Equal(t, 10_000, batches[0].Package.Len())

	long := func(yield func(smslink.Message, error) bool) {
		for id := range int64(3) {
			if !yield(smslink.Message{ID: id, To: "0712345678", Text: strings.Repeat("a", 800_000)}, nil) {
				return
			}
		}
	}
	batches = collect(t, t.Context(), gateway.Client().Stream(long, nil))
	require.Len(t, batches, 2)
	require.Equal(t, 2, batches[0].Package.Len())
}

func TestStream_aPackageMayBeAsLongAsBytes(t *testing.T) {
	gateway := newGateway(t, nil)
	var p smslink.Package
	for m, err := range numbered(2, new(int), nil) {
		require.NoError(t, err)
		require.NoError(t, p.Add(m))
	}
	require.Len(t,
		collect(t, t.Context(),
			gateway.Client().Stream(numbered(2, new(int), nil), &smslink.StreamOptions{MaxBytes: p.Size()})), 1)
}

func TestStream_batchesComeWhileAPackageFills(t *testing.T) {
	gateway := newGateway(t, nil)
	yielded := false
	source := func(yield func(smslink.Message, error) bool) {
		for m, err := range numbered(19, new(int), nil) {
			for deadline := time.Now().Add(time.Minute); m.ID == 10 && len(gateway.Messages()) < 10 &&
				time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			if m.ID > 10 && !yielded {
				time.Sleep(120 * time.Millisecond << (m.ID - 11)) // a minute in all, until the reply is there
			}
			if !yield(m, err) {
				return
			}
		}
		require.True(t, yielded, "the first batch is complete")
	}
	for range gateway.Client().Stream(source, &smslink.StreamOptions{MaxMessages: 10}).Batches(t.Context()) {
		yielded = true
	}
}

func TestStream_aRefusedMessagesIDIsFree(t *testing.T) {
	gateway := newGateway(t, nil)
	source := func(yield func(smslink.Message, error) bool) {
		_ = yield(smslink.Message{ID: 1, To: "nobody", Text: "a"}, nil) &&
			yield(smslink.Message{ID: 1, To: "0712345678", Text: "a"}, nil)
	}
	batches := collect(t, t.Context(), gateway.Client().Stream(source, &smslink.StreamOptions{UniqueIDs: true}))
	require.Len(t, batches, 1)
	require.Len(t, batches[0].Invalid, 1)
	require.Equal(t, 1, batches[0].Package.Len())
}

func TestStream_triesAgainOnlyWhatWasNotSent(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	client := gateway.Client()
	gateway.Close() // no one listens
	var attempts []int
	retry := quick
	retry.OnRetry = func(attempt int, pause time.Duration, err error) {
		attempts = append(attempts, attempt)
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))
		require.LessOrEqual(t, pause, retry.MaxBackoff)
	}
	read := 0
	batches := collect(t, t.Context(),
		client.Stream(numbered(20, &read, nil), &smslink.StreamOptions{MaxMessages: 10, Retry: retry}))
	require.Equal(t, []int{1, 2, 1, 2}, attempts)
	require.Len(t, batches, 2)
	require.Equal(t, upTo(20), idsOf(batches))
}

func TestStream_theStopEndsAPause(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	client := gateway.Client()
	gateway.Close() // no one listens
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	enough, hooks := errors.New("enough"), 0
	retry := smslink.Retry{MinBackoff: time.Hour, MaxBackoff: time.Hour,
		OnRetry: func(int, time.Duration, error) { hooks++; cancel(enough) }}
	within(t, time.Minute, func() {
		batches := collect(t, ctx, client.Stream(numbered(1, new(int), nil), &smslink.StreamOptions{Retry: retry}))
		require.Len(t, batches, 1)
		err := batches[0].Err
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))
		require.ErrorIs(t, err, smslink.ErrStopped)
		require.ErrorIs(t, err, enough)
		require.ErrorAs(t, err, new(*url.Error), "the attempt before")
		require.ErrorContains(t, err, "smslink: not sent: the stream stopped: enough; the attempt before failed: Post")
	})
	require.Equal(t, 1, hooks)
}

// A package whose upload has not begun when the context ends is not sent, and there was no other
// attempt.
func TestStream_contextThatEndsBeforeTheUpload(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	codec := cancelingCodec{smslink.CodecZlib, cancel}
	opts := &smslink.Options{Endpoint: gateway.URL, Codec: codec}
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, opts)
	require.NoError(t, err)
	batches := collect(t, ctx, client.Stream(numbered(1, new(int), nil), nil))
	require.Len(t, batches, 1)
	require.EqualError(t, batches[0].Err, "smslink: not sent: the stream stopped: context canceled")
	require.Empty(t, gateway.Uploads())
}

// The context of a stream ends, during an upload, with what a Tracer saw of another stream's
// package: it was not sent, because that stream had stopped. This one may be.
func TestStream_causeThatIsAnUploadOfAnotherStream(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	defer stop()
	codec := cancelingCodec{smslink.CodecZlib, stop}
	other, tracer := tracedClient(t, newGateway(t, nil), smslink.Options{Codec: codec})
	collect(t, stopped, other.Stream(numbered(1, new(int), nil), nil))
	require.Len(t, tracer.ends, 1)
	require.Equal(t, smslink.OutcomeNotSent, tracer.ends[0].Outcome)

	ctx, cancel := context.WithCancelCause(t.Context())
	client := newClient(t, via(func(r *http.Request) (*http.Response, error) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
		cancel(tracer.ends[0].Err)
		return nil, context.Cause(r.Context())
	}))
	batches := collect(t, ctx, client.Stream(numbered(1, new(int), nil), nil))
	require.Len(t, batches, 1)
	require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(batches[0].Err))
}

// The context of a stream ends because another stream stopped. Then this one has stopped, too.
func TestStream_causeThatIsTheStopOfAnotherStream(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	other := newClient(t, nil).Stream(numbered(1, new(int), nil), nil)
	require.Empty(t, collect(t, stopped, other))
	require.ErrorIs(t, other.Err(), smslink.ErrStopped)

	for _, attempts := range []int{1, 5} {
		ctx, cancel := context.WithCancelCause(t.Context())
		client := newClient(t, via(func(r *http.Request) (*http.Response, error) { // while it dials
			cancel(other.Err())
			return nil, context.Cause(r.Context())
		}))
		stream := client.Stream(numbered(1, new(int), nil),
			&smslink.StreamOptions{Retry: smslink.Retry{Attempts: attempts}})
		batches := collect(t, ctx, stream)
		require.Len(t, batches, 1)
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(batches[0].Err))
		require.ErrorContains(t, batches[0].Err, "the attempt before failed", attempts)
		require.ErrorIs(t, stream.Err(), smslink.ErrStopped, attempts)
	}
}

// cancelingCodec cancels a context while it compresses.
type cancelingCodec struct {
	smslink.Codec
	cancel func()
}

func (c cancelingCodec) AppendCompress(dst, plain []byte) ([]byte, error) {
	c.cancel()
	return c.Codec.AppendCompress(dst, plain)
}

func TestStream_pausesDoubleAndAreJittered(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	client := gateway.Client()
	gateway.Close() // no one listens
	pauses := func() (taken []time.Duration) {
		collect(t, t.Context(), client.Stream(numbered(1, new(int), nil), &smslink.StreamOptions{Retry: smslink.Retry{
			MinBackoff: 10 * time.Millisecond, MaxBackoff: 35 * time.Millisecond,
			OnRetry: func(_ int, pause time.Duration, _ error) { taken = append(taken, pause) },
		}}))
		return taken
	}
	const ms = time.Millisecond
	full := []time.Duration{10 * ms, 20 * ms, 35 * ms, 35 * ms}
	jittered := pauses()
	require.Len(t, jittered, len(full))
	require.NotEqual(t, full, jittered)
	for i, pause := range jittered {
		require.GreaterOrEqual(t, pause, full[i]/2)
		require.LessOrEqual(t, pause, full[i])
	}
}

func TestStream_refusesBadInput(t *testing.T) {
	gw := newGateway(t, nil)
	read := 0
	for says, run := range map[string]func() (*smslink.Stream, context.Context){
		"the context is nil": func() (*smslink.Stream, context.Context) {
			return gw.Client().Stream(numbered(5, &read, nil), nil), noContext
		},
		"the sequence of messages is nil": func() (*smslink.Stream, context.Context) {
			return gw.Client().Stream(nil, nil), t.Context()
		},
		"the Journal is a nil *smslink_test.memory": func() (*smslink.Stream, context.Context) {
			return gw.Client().Stream(numbered(5, &read, nil), &smslink.StreamOptions{Journal: (*memory)(nil)}),
				t.Context()
		},
		"the Limiter is a nil *smslink_test.limiter": func() (*smslink.Stream, context.Context) {
			return gw.Client().Stream(numbered(5, &read, nil), &smslink.StreamOptions{Limiter: (*limiter)(nil)}),
				t.Context()
		},
		"the Concurrency is 1001; the maximum is 1000": func() (*smslink.Stream, context.Context) {
			return gw.Client().Stream(numbered(5, &read, nil), &smslink.StreamOptions{Concurrency: 1001}), t.Context()
		},
		fmt.Sprintf("the Concurrency is %d; the maximum", math.MaxInt): func() (*smslink.Stream, context.Context) {
			return gw.Client().Stream(numbered(5, &read, nil), &smslink.StreamOptions{Concurrency: math.MaxInt}),
				t.Context()
		},
	} {
		stream, ctx := run()
		require.NoError(t, stream.Err())
		require.Empty(t, slices.Collect(stream.Batches(ctx)))
		require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
		require.ErrorContains(t, stream.Err(), says)
		require.Zero(t, stream.Stats().Read)
	}
	require.Zero(t, read)
	require.Empty(t, gw.Uploads())
}

func TestStream_numbersBelowZeroMeanTheDefaults(t *testing.T) {
	belowZero := func() *smslink.StreamOptions {
		return &smslink.StreamOptions{
			MaxMessages: math.MinInt, MaxBytes: -1, Concurrency: -1,
			Retry: smslink.Retry{Attempts: -1, MinBackoff: -1, MaxBackoff: -1},
		}
	}
	sizes := func(batches []smslink.Batch) (sizes []int) {
		for _, b := range batches {
			sizes = append(sizes, b.Package.Len())
		}
		return sizes
	}

	t.Run("MaxMessages and Concurrency", func(t *testing.T) {
		gw := newGateway(t, nil)
		var uploads, most atomic.Int32
		client, err := smslink.NewClient(gw.ConnectionID, gw.Password,
			&smslink.Options{Endpoint: gw.URL,
				HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					most.Store(max(most.Load(), uploads.Add(1)))
					defer uploads.Add(-1)
					time.Sleep(20 * time.Millisecond)
					return http.DefaultTransport.RoundTrip(r)
				})}})
		require.NoError(t, err)
		require.Equal(t, []int{10_000, 10_000, 1},
			sizes(collect(t, t.Context(), client.Stream(numbered(20_001, new(int), nil), belowZero()))))
		require.EqualValues(t, 1, most.Load())
	})
	t.Run("MaxBytes", func(t *testing.T) {
		long := func(yield func(smslink.Message, error) bool) {
			for id := range int64(3) {
				if !yield(smslink.Message{ID: id, To: "0712345678", Text: strings.Repeat("a", 800_000)}, nil) {
					return
				}
			}
		}
		require.Equal(t, []int{2, 1},
			sizes(collect(t, t.Context(), newGateway(t, nil).Client().Stream(long, belowZero()))))
	})
	t.Run("Retry", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			// seconds
			for attempts, most := range map[int][]time.Duration{-1: {1, 2, 4, 8}, 9: {1, 2, 4, 8, 16, 32, 60, 60}} {
				var pauses []time.Duration
				var last time.Time
				client := newClient(t,
					&smslink.Options{HTTPClient: &http.Client{Transport: roundTripper(
						func(*http.Request) (*http.Response, error) {
							if !last.IsZero() {
								pauses = append(pauses, time.Since(last))
							}
							last = time.Now()
							return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
						})}})
				opts := belowZero()
				opts.Retry.Attempts = attempts
				for range client.Stream(numbered(1, new(int), nil), opts).Batches(t.Context()) {
				}
				require.Len(t, pauses, len(most))
				for i, pause := range pauses { // up to half of a pause is left out at random
					require.LessOrEqual(t, pause, most[i]*time.Second)
					require.GreaterOrEqual(t, pause, most[i]*time.Second/2)
				}
			}
		})
	})
}

func TestStream_drainedTwiceAndAfterItsEnd(t *testing.T) {
	gw := newGateway(t, nil)
	first := errors.New("first")
	stream := gw.Client().Stream(numbered(5, new(int), nil), nil)
	stream.Drain(first)
	stream.Drain(errors.New("second"))
	require.ErrorIs(t, stream.Err(), first)
	require.Empty(t, collect(t, t.Context(), stream))
	require.ErrorIs(t, stream.Err(), first)

	stream = gw.Client().Stream(numbered(5, new(int), nil), nil)
	stream.Drain(nil)
	require.EqualError(t, stream.Err(), "smslink: the stream stopped: drained")

	stream = gw.Client().Stream(numbered(5, new(int), nil), nil)
	require.Len(t, collect(t, t.Context(), stream), 1)
	stream.Drain(first)
	require.NoError(t, stream.Err())
}

// A second loop over the batches gets nothing, and does not disturb the first.
func TestStream_rangedOverWithinItsOwnLoop(t *testing.T) {
	gw := newGateway(t, nil)
	stream := gw.Client().Stream(numbered(25, new(int), nil), &smslink.StreamOptions{MaxMessages: 10})
	batches := 0
	for range stream.Batches(t.Context()) {
		batches++
		require.Empty(t, slices.Collect(stream.Batches(t.Context())))
	}
	require.Equal(t, 3, batches)
	require.ErrorContains(t, stream.Err(), "ranged over before")
	require.Len(t, gw.Messages(), 25)
}
