package smslink_test

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// numbered are n good messages of ids from 0, and then the error, if there is one.
// It counts what was read of them.
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

func collect(batches iter.Seq[smslink.Batch]) []smslink.Batch { return slices.Collect(batches) }

// idsOf are all ids of the batches, wherever they stand, in ascending order.
func idsOf(batches []smslink.Batch) []int64 {
	var ids []int64
	for _, b := range batches {
		for m := range b.Package.Messages() {
			ids = append(ids, m.ID)
		}
		for _, refused := range b.Refused {
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

// quick tries again without long pauses.
var quick = smslink.Retry{Attempts: 3, MinBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond}

func TestSendAll_cutsByCount(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	read := 0
	batches := collect(gateway.Client().SendAll(t.Context(), numbered(25, &read, nil), &smslink.SendAllOptions{Messages: 10}))
	require.Len(t, batches, 3)
	for i, size := range []int{10, 10, 5} {
		require.NoError(t, batches[i].Err)
		require.Equal(t, size, batches[i].Package.Len())
		require.Equal(t, size, batches[i].Response.Count(smslink.Success))
	}
	require.Equal(t, upTo(25), idsOf(batches))
	require.Len(t, gateway.Messages(), 25)
}

func TestSendAll_cutsByBytes(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	read := 0
	batches := collect(gateway.Client().SendAll(t.Context(), numbered(40, &read, nil), &smslink.SendAllOptions{Bytes: 200}))
	require.Equal(t, upTo(40), idsOf(batches))
	for _, b := range batches {
		require.NoError(t, b.Err)
		require.LessOrEqual(t, b.Package.Size(), 200)
	}
	require.Len(t, batches, 7)

	// Longer than a package may be, and so one of its own.
	batches = collect(gateway.Client().SendAll(t.Context(), numbered(3, &read, nil), &smslink.SendAllOptions{Bytes: 1}))
	require.Len(t, batches, 3)
	require.Equal(t, upTo(3), idsOf(batches))
}

func TestSendAll_anEmptyStreamYieldsNothing(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	read := 0
	require.Empty(t, collect(gateway.Client().SendAll(t.Context(), numbered(0, &read, nil), nil)))
	require.Empty(t, gateway.Uploads())
}

func TestSendAll_namesWhatItRefuses(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	messages := []smslink.Message{
		{ID: 1, To: "0712345678", Text: "a"}, {ID: 2, To: "nobody", Text: "a"}, {ID: 1, To: "0712345678", Text: "again"},
		{ID: 3, To: "0712345678", Text: "a"}, {ID: 1, To: "0712345678", Text: "again, in another package"},
	}
	source := func(yield func(smslink.Message, error) bool) {
		for _, m := range messages {
			if !yield(m, nil) {
				return
			}
		}
	}
	batches := collect(gateway.Client().SendAll(t.Context(), source, &smslink.SendAllOptions{Messages: 2}))
	require.Len(t, batches, 2)
	require.Len(t, batches[0].Refused, 2)
	require.ErrorIs(t, batches[0].Refused[0], smslink.ErrNoDigit)
	require.ErrorIs(t, batches[0].Refused[1], smslink.ErrRepeatedID)
	require.Equal(t, 2, batches[1].Package.Len(), "the id is new to its package")

	batches = collect(gateway.Client().SendAll(t.Context(), source, &smslink.SendAllOptions{Messages: 2, UniqueIDs: true}))
	require.Len(t, batches, 2)
	require.ErrorIs(t, batches[1].Refused[0], smslink.ErrRepeatedInStream)
	require.Equal(t, []int64{1, 1, 1, 2, 3}, idsOf(batches))
}

// A stream of nothing but bad messages is bounded too.
func TestSendAll_refusedMessagesDoNotPileUp(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	bad := func(yield func(smslink.Message, error) bool) {
		for id := range int64(25) {
			if !yield(smslink.Message{ID: id}, nil) {
				return
			}
		}
	}
	batches := collect(gateway.Client().SendAll(t.Context(), bad, &smslink.SendAllOptions{Messages: 10}))
	require.Len(t, batches, 3)
	require.Equal(t, upTo(25), idsOf(batches))
	require.Empty(t, gateway.Uploads())
	for _, b := range batches {
		require.Zero(t, b.Package.Len())
		require.Nil(t, b.Response)
		require.NoError(t, b.Err)
	}
}

func TestSendAll_stopsWhereTheSourceFails(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	failed := errors.New("the cursor is gone")
	for _, n := range []int{0, 10, 15} {
		gateway.Reset()
		read := 0
		batches := collect(gateway.Client().SendAll(t.Context(), numbered(n, &read, failed), &smslink.SendAllOptions{Messages: 10}))
		last := batches[len(batches)-1]
		require.ErrorIs(t, last.Err, smslink.ErrStopped)
		require.ErrorIs(t, last.Err, failed)
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(last.Err))
		require.Equal(t, n%10, last.Package.Len())
		require.Len(t, idsOf(batches), n)
		accepted := 0
		for _, b := range batches {
			if b.Response != nil {
				accepted += b.Response.Count(smslink.Success)
			}
		}
		require.Len(t, gateway.Messages(), accepted)
	}
}

func TestSendAll_stopsWhereTheAccountIsRefused(t *testing.T) {
	for _, code := range []string{"2", "3", "4", "5", "6", "7", "8"} {
		gateway := smslinktest.NewGateway(nil)
		gateway.Inject(smslinktest.Fault{}, smslinktest.Refuse(code, ""))
		read := 0
		batches := collect(gateway.Client().SendAll(t.Context(), numbered(1000, &read, nil), &smslink.SendAllOptions{Messages: 10}))
		require.Len(t, batches, 3)
		require.Equal(t, smslink.OutcomeRejected, smslink.OutcomeOf(batches[1].Err))
		require.ErrorIs(t, batches[2].Err, smslink.ErrStopped)
		require.ErrorIs(t, batches[2].Err, &smslink.GatewayError{Code: code})
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(batches[2].Err))
		require.Equal(t, upTo(read), idsOf(batches), "all that was read, and no more")
		require.LessOrEqual(t, read, 40)
		require.Len(t, gateway.Uploads(), 2)
		gateway.Close()
	}
}

func TestSendAll_goesOnAfterWhatConcernsOnePackage(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.Inject(smslinktest.Refuse("16", ""), smslinktest.LoseReply(), smslinktest.Answer(413, ""))
	read := 0
	batches := collect(gateway.Client().SendAll(t.Context(), numbered(40, &read, nil), &smslink.SendAllOptions{Messages: 10, Retry: quick}))
	require.Len(t, batches, 4)
	for i, outcome := range []smslink.Outcome{smslink.OutcomeRejected, smslink.OutcomeUnknown, smslink.OutcomeRejected, smslink.OutcomeAccepted} {
		require.Equal(t, outcome, smslink.OutcomeOf(batches[i].Err))
	}
	require.Len(t, gateway.Uploads(), 4, "nothing is sent again")
}

func TestSendAll_withoutCredit(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.SetCredit(15)
	read := 0
	batches := collect(gateway.Client().SendAll(t.Context(), numbered(1000, &read, nil), &smslink.SendAllOptions{Messages: 10}))
	require.Len(t, batches, 3)
	require.Equal(t, 5, batches[1].Response.Count(smslink.InsufficientCredit))
	require.ErrorIs(t, batches[2].Err, smslink.ErrInsufficientCredit)
	require.Equal(t, upTo(read), idsOf(batches))

	read = 0
	batches = collect(gateway.Client().SendAll(t.Context(), numbered(50, &read, nil), &smslink.SendAllOptions{Messages: 10, ContinueWithoutCredit: true}))
	require.Len(t, batches, 5)
	for _, b := range batches {
		require.Equal(t, 10, b.Response.Count(smslink.InsufficientCredit))
	}
}

func TestSendAll_contextEndsIt(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	read, enough := 0, errors.New("enough")
	var batches []smslink.Batch
	for b := range gateway.Client().SendAll(ctx, numbered(1000, &read, nil), &smslink.SendAllOptions{Messages: 10}) {
		batches = append(batches, b)
		cancel(enough)
	}
	last := batches[len(batches)-1]
	require.ErrorIs(t, last.Err, smslink.ErrStopped)
	require.ErrorIs(t, last.Err, enough)
	require.Equal(t, upTo(read), idsOf(batches))
	require.Less(t, read, 100)

	read = 0
	batches = collect(gateway.Client().SendAll(ctx, numbered(10, &read, nil), nil))
	require.Len(t, batches, 1)
	require.Zero(t, read, "the source is not even begun")
}

func TestSendAll_leavingTheLoopLetsWhatIsOnItsWayFinish(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.Inject(smslinktest.Fault{}, smslinktest.Delay(100*time.Millisecond), smslinktest.Delay(100*time.Millisecond))
	read := 0
	for range gateway.Client().SendAll(t.Context(), numbered(1000, &read, nil), &smslink.SendAllOptions{Messages: 10, Concurrency: 2}) {
		break
	}
	taken := len(gateway.Messages())
	require.LessOrEqual(t, taken, 30)
	require.Zero(t, taken%10)
	require.Len(t, gateway.Uploads(), taken/10)
}

func TestSendAll_isSentOnce(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	read := 0
	stream := gateway.Client().SendAll(t.Context(), numbered(5, &read, nil), nil)
	require.Len(t, collect(stream), 1)
	again := collect(stream)
	require.Len(t, again, 1)
	require.ErrorIs(t, again[0].Err, smslink.ErrStopped)
	require.Len(t, gateway.Messages(), 5)
}

func TestSendAll_triesAgainOnlyWhatWasNotSent(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	client := gateway.Client()
	gateway.Close() // nobody listens
	var attempts []int
	retry := quick
	retry.Hook = func(attempt int, pause time.Duration, err error) {
		attempts = append(attempts, attempt)
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))
		require.LessOrEqual(t, pause, retry.MaxBackoff)
	}
	read := 0
	batches := collect(client.SendAll(t.Context(), numbered(20, &read, nil), &smslink.SendAllOptions{Messages: 10, Retry: retry}))
	require.Equal(t, []int{1, 2, 1, 2}, attempts)
	require.Len(t, batches, 2)
	require.Equal(t, upTo(20), idsOf(batches))
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

func TestSendAll_asksTheLimiter(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	read, l := 0, &limiter{}
	require.Len(t, collect(gateway.Client().SendAll(t.Context(), numbered(25, &read, nil), &smslink.SendAllOptions{Messages: 10, Limiter: l})), 3)
	require.Equal(t, []int{10, 10, 5}, l.asked)

	gateway.Reset()
	read, l = 0, &limiter{fail: 2}
	batches := collect(gateway.Client().SendAll(t.Context(), numbered(100, &read, nil), &smslink.SendAllOptions{Messages: 10, Limiter: l}))
	require.ErrorContains(t, batches[1].Err, "over the burst")
	require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(batches[1].Err))
	require.Len(t, gateway.Messages(), 10)
	require.Equal(t, upTo(read), idsOf(batches))
}

func TestSendAll_concurrency(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	hold := func(int) smslinktest.Fault {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(10 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		return smslinktest.Fault{}
	}
	gateway := smslinktest.NewGateway(&smslinktest.Options{Fault: hold})
	defer gateway.Close()
	read := 0
	batches := collect(gateway.Client().SendAll(t.Context(), numbered(200, &read, nil), &smslink.SendAllOptions{Messages: 10, Concurrency: 4}))
	require.Equal(t, upTo(200), idsOf(batches))
	require.Equal(t, 4, most)
}

func TestSendAll_aSlowLoopKeepsTheSourceWaiting(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	read, yielded := 0, 0
	for b := range gateway.Client().SendAll(t.Context(), numbered(500, &read, nil), &smslink.SendAllOptions{Messages: 10, Concurrency: 2}) {
		require.LessOrEqual(t, read-yielded, 40)
		yielded += b.Package.Len()
	}
	require.Equal(t, 500, yielded)
}

// memory is a journal in a map, and fails where it is told to.
type memory struct {
	mu     sync.Mutex
	states map[int64]smslink.Result
	fail   string
}

func (j *memory) Known(_ context.Context, ids []int64) (known []smslink.Result, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, id := range ids {
		if result, ok := j.states[id]; ok {
			known = append(known, result)
		}
	}
	return known, j.failure("Known")
}

func (j *memory) Intend(_ context.Context, ids []int64, _ [md5.Size]byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.failure("Intend"); err != nil {
		return err
	}
	for _, id := range ids {
		j.states[id] = smslink.Result{ID: id}
	}
	return nil
}

func (j *memory) Settle(_ context.Context, judged []smslink.Result, forgotten []int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, result := range judged {
		j.states[result.ID] = result
	}
	for _, id := range forgotten {
		delete(j.states, id)
	}
	return j.failure("Settle")
}

func (j *memory) failure(call string) error {
	if j.fail == call {
		return errors.New("out of ink")
	}
	return nil
}

func TestSendAll_journalOfEachOutcome(t *testing.T) {
	gateway := smslinktest.NewGateway(&smslinktest.Options{Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0700000001")}})
	defer gateway.Close()
	client := gateway.Client()
	gateway.Inject(smslinktest.OmitEntries(2), smslinktest.LoseReply(), smslinktest.Answer(404, ""))
	j := &memory{states: map[int64]smslink.Result{}}
	read := 0
	opts := &smslink.SendAllOptions{Messages: 10, Journal: j}
	first := collect(client.SendAll(t.Context(), numbered(40, &read, nil), opts))
	require.Len(t, first, 4)

	opts.Messages = 7 // the second run cuts in another way
	second := collect(client.SendAll(t.Context(), numbered(50, &read, nil), opts))
	require.Equal(t, upTo(50), idsOf(second))
	earlier := map[int64]smslink.Status{}
	for _, b := range second {
		require.NoError(t, b.Err)
		for _, result := range b.Earlier {
			earlier[result.ID] = result.Status
		}
	}
	require.Len(t, earlier, 30)
	require.Equal(t, smslink.Success, earlier[0])
	require.Equal(t, smslink.NumberFailed, earlier[1], "judged, if not as one would like")
	require.Equal(t, smslink.StatusUnreported, earlier[2])
	for id := range int64(10) {
		require.Equal(t, smslink.StatusUnreported, earlier[10+id], "in doubt")
		require.NotContains(t, earlier, 20+id, "rejected, and sent now")
	}
	counts := map[int64]int{}
	for _, m := range gateway.Messages() {
		counts[m.ID]++
	}
	for id := range int64(50) {
		require.Equal(t, 1, counts[id], "message %d", id)
	}
}

func TestSendAll_creditThatIsBackSendsTheRest(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.SetCredit(15)
	j := &memory{states: map[int64]smslink.Result{}}
	read := 0
	opts := &smslink.SendAllOptions{Messages: 10, Journal: j}
	collect(gateway.Client().SendAll(t.Context(), numbered(40, &read, nil), opts))
	gateway.SetCredit(1000)
	collect(gateway.Client().SendAll(t.Context(), numbered(40, &read, nil), opts))
	paid := map[int64]int{}
	for _, m := range gateway.Messages() {
		if m.Status == smslink.Success {
			paid[m.ID]++
		}
	}
	for id := range int64(40) {
		require.Equal(t, 1, paid[id])
	}
}

func TestSendAll_aJournalThatFailsStopsIt(t *testing.T) {
	for call, uploads := range map[string]int{"Known": 0, "Intend": 0, "Settle": 1} {
		gateway := smslinktest.NewGateway(nil)
		read := 0
		j := &memory{states: map[int64]smslink.Result{}, fail: call}
		batches := collect(gateway.Client().SendAll(t.Context(), numbered(100, &read, nil), &smslink.SendAllOptions{Messages: 10, Journal: j}))
		require.ErrorIs(t, batches[len(batches)-1].Err, smslink.ErrStopped)
		require.ErrorContains(t, batches[len(batches)-1].Err, "out of ink")
		require.Equal(t, upTo(read), idsOf(batches))
		require.Len(t, gateway.Uploads(), uploads)
		if call == "Known" {
			require.Equal(t, smslink.OutcomeUnknown, smslink.OutcomeOf(batches[0].Err), "an earlier stream may have sent them")
			require.ErrorIs(t, batches[0].Package.Add(smslink.Message{ID: 1000, To: "0712345678", Text: "a"}), smslink.ErrOutcomeUnknown)
		}
		gateway.Close()
	}
}

// What a stopped stream calls not sent, an earlier one has not sent either.
func TestSendAll_stoppedStreamKnowsWhatWasSentEarlier(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	j := &memory{states: map[int64]smslink.Result{}}
	read := 0
	opts := &smslink.SendAllOptions{Journal: j}
	collect(gateway.Client().SendAll(t.Context(), numbered(10, &read, nil), opts))
	batches := collect(gateway.Client().SendAll(t.Context(), numbered(15, &read, errors.New("gone")), opts))
	require.Len(t, batches, 1)
	require.Len(t, batches[0].Earlier, 10)
	require.Equal(t, 5, batches[0].Package.Len())
}

func TestSendAll_testModeLeavesTheJournalAlone(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{Endpoint: gateway.URL, TestMode: true})
	require.NoError(t, err)
	j := &memory{states: map[int64]smslink.Result{}}
	read := 0
	collect(client.SendAll(t.Context(), numbered(10, &read, nil), &smslink.SendAllOptions{Journal: j}))
	require.Empty(t, j.states)
	require.Len(t, gateway.Messages(), 10)
}

func TestBatch_isDiscreet(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	source := func(yield func(smslink.Message, error) bool) {
		_ = yield(smslink.Message{ID: 1, To: secretNumber, Text: secretText}, nil) &&
			yield(smslink.Message{ID: 2, To: secretNumber, Text: secretText + "%0A"}, nil)
	}
	for _, b := range collect(gateway.Client().SendAll(t.Context(), source, nil)) {
		requireDiscreet(t, b, &b, []smslink.Batch{b})
	}
}

func TestSendAll_foldsAndIsStrict(t *testing.T) {
	gateway := newGateway(t, nil)
	source := func(yield func(smslink.Message, error) bool) {
		for i, to := range []string{"0712345678", "712345678", "+40712345678"} {
			if !yield(smslink.Message{ID: int64(i), To: to, Text: strings.Repeat("ș", 71)}, nil) {
				return
			}
		}
	}
	batches := collect(gateway.Client().SendAll(t.Context(), source, &smslink.SendAllOptions{Fold: true, StrictReceivers: true}))
	require.Len(t, batches, 1)
	require.Len(t, batches[0].Refused, 1)
	require.ErrorIs(t, batches[0].Refused[0], smslink.ErrReceiver)
	require.Len(t, gateway.Messages(), 2)
	for _, m := range gateway.Messages() {
		require.Equal(t, strings.Repeat("s", 71), m.Text)
	}
}
