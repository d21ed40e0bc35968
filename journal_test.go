package smslink_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/stretchr/testify/require"
)

// memory is a journal in a map, as strict as one in a file, and fails on request.
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

func (j *memory) Intend(_ context.Context, ids []int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.failure("Intend"); err != nil {
		return err
	}
	for _, id := range ids {
		if _, known := j.states[id]; known {
			return errors.New("an id is not new")
		}
	}
	for _, id := range ids {
		j.states[id] = smslink.Result{ID: id}
	}
	return nil
}

func (j *memory) Record(_ context.Context, results []smslink.Result, notSent []int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.failure("Record"); err != nil {
		return err
	}
	for _, result := range results {
		if held, ok := j.states[result.ID]; !ok || held.Status != smslink.StatusUnreported ||
			result.Status == smslink.StatusUnreported {
			return errors.New("an id is not in doubt, or stays so")
		}
		j.states[result.ID] = result
	}
	for _, id := range notSent {
		if held, ok := j.states[id]; !ok || held.Status != smslink.StatusUnreported {
			return errors.New("an id is not in doubt")
		}
		delete(j.states, id)
	}
	return nil
}

func (j *memory) failure(call string) error {
	if j.fail == call {
		return errors.New("out of ink")
	}
	return nil
}

// spy is a journal whose calls a test can observe and change.
type spy struct {
	*memory
	done                 int // calls whose context was done
	known                func([]smslink.Result) ([]smslink.Result, error)
	intending, recording func(ids []int64)
}

func newSpy() *spy { return &spy{memory: &memory{states: map[int64]smslink.Result{}}} }

func (j *spy) look(ctx context.Context) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if ctx.Err() != nil {
		j.done++
	}
}

func (j *spy) Known(ctx context.Context, ids []int64) ([]smslink.Result, error) {
	j.look(ctx)
	known, err := j.memory.Known(ctx, ids)
	if err == nil && j.known != nil {
		return j.known(known)
	}
	return known, err
}

func (j *spy) Intend(ctx context.Context, ids []int64) error {
	j.look(ctx)
	if j.intending != nil {
		j.intending(ids)
	}
	return j.memory.Intend(ctx, ids)
}

func (j *spy) Record(ctx context.Context, results []smslink.Result, notSent []int64) error {
	j.look(ctx)
	if j.recording != nil {
		j.recording(notSent)
	}
	return j.memory.Record(ctx, results, notSent)
}

func TestStream_journalOfEachOutcome(t *testing.T) {
	gateway := smslinktest.NewGateway(&smslinktest.Options{Rules: []smslinktest.Rule{smslinktest.UnknownNumbers(
		"0700000001"), smslinktest.BlacklistedNumbers("0700000003")}})
	defer gateway.Close()
	client := gateway.Client()
	gateway.Inject(smslinktest.OmitEntries(2), smslinktest.LoseReply(), smslinktest.Answer(413, ""))
	j := &memory{states: map[int64]smslink.Result{}}
	read := 0
	opts := &smslink.StreamOptions{MaxMessages: 10, Journal: j}
	first := collect(t, t.Context(), client.Stream(numbered(40, &read, nil), opts))
	require.Len(t, first, 4)

	opts.MaxMessages = 7 // the second run cuts in another way
	second := collect(t, t.Context(), client.Stream(numbered(50, &read, nil), opts))
	require.Equal(t, upTo(50), idsOf(second))
	earlier := map[int64]smslink.Status{}
	for _, b := range second {
		require.NoError(t, b.Err)
		for _, result := range b.Earlier {
			earlier[result.ID] = result.Status
		}
	}
	require.Len(t, earlier, 30)
	require.Equal(t, smslink.StatusSuccess, earlier[0])
	require.Equal(t, smslink.StatusNumberFailed, earlier[1], "recorded, though it failed")
	require.Equal(t, smslink.StatusUnreported, earlier[2])
	require.Equal(t, smslink.StatusInternalOrBlacklisted, earlier[3],
		"recorded, since an internal error may have come after the sending")
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

func TestStream_creditThatIsBackSendsTheRest(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.SetCredit(15)
	j := &memory{states: map[int64]smslink.Result{}}
	read := 0
	opts := &smslink.StreamOptions{MaxMessages: 10, Journal: j}
	collect(t, t.Context(), gateway.Client().Stream(numbered(40, &read, nil), opts))
	gateway.SetCredit(1000)
	collect(t, t.Context(), gateway.Client().Stream(numbered(40, &read, nil), opts))
	paid := map[int64]int{}
	for _, m := range gateway.Messages() {
		if m.Status == smslink.StatusSuccess {
			paid[m.ID]++
		}
	}
	for id := range int64(40) {
		require.Equal(t, 1, paid[id])
	}
}

func TestStream_aJournalThatFailsStopsIt(t *testing.T) {
	for call, uploads := range map[string]int{"Known": 0, "Intend": 0, "Record": 1} {
		read := 0
		source, wait := taken(numbered(100, &read, nil), 11)
		gateway := smslinktest.NewGateway(&smslinktest.Options{Fault: func(int) smslinktest.Fault {
			wait()
			return smslinktest.Fault{}
		}})
		j := &memory{states: map[int64]smslink.Result{}, fail: call}
		stream := gateway.Client().Stream(source, &smslink.StreamOptions{MaxMessages: 10, Journal: j})
		batches := collect(t, t.Context(), stream)
		require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
		require.ErrorContains(t, stream.Err(), "the journal: out of ink")
		require.ErrorIs(t, batches[len(batches)-1].Err, smslink.ErrStopped)
		require.ErrorContains(t, batches[len(batches)-1].Err, "out of ink")
		require.Equal(t, upTo(read), idsOf(batches))
		require.Len(t, gateway.Uploads(), uploads)
		if call == "Known" {
			require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(batches[0].Err),
				"an earlier stream may have sent them")
			requireSealed(t, batches[0].Package.Add(smslink.Message{ID: 1000, To: "0712345678", Text: "a"}))
		}
		gateway.Close()
	}
}

// A stopped stream never reports a message as not sent that an earlier stream has sent.
func TestStream_stoppedStreamKnowsWhatWasSentEarlier(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	j := &memory{states: map[int64]smslink.Result{}}
	read := 0
	opts := &smslink.StreamOptions{Journal: j}
	collect(t, t.Context(), gateway.Client().Stream(numbered(10, &read, nil), opts))
	batches := collect(t, t.Context(), gateway.Client().Stream(numbered(15, &read, errors.New("gone")), opts))
	require.Len(t, batches, 1)
	require.Len(t, batches[0].Earlier, 10)
	require.Equal(t, 5, batches[0].Package.Len())
}

func TestStream_testModeLeavesTheJournalAlone(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password,
		&smslink.Options{Endpoint: gateway.URL, TestMode: true})
	require.NoError(t, err)
	j := &memory{states: map[int64]smslink.Result{}}
	read := 0
	collect(t, t.Context(), client.Stream(numbered(10, &read, nil), &smslink.StreamOptions{Journal: j}))
	require.Empty(t, j.states)
	require.Len(t, gateway.Messages(), 10)
}

// A journal that could not record the last package of a source that has ended stops the stream.
func TestStream_aLastRecordThatFailsIsReported(t *testing.T) {
	gateway := newGateway(t, nil)
	read := 0
	j := &memory{states: map[int64]smslink.Result{}, fail: "Record"}
	stream := gateway.Client().Stream(numbered(5, &read, nil), &smslink.StreamOptions{Journal: j})
	batches := collect(t, t.Context(), stream)
	require.Len(t, batches, 1)
	require.NoError(t, batches[0].Err)
	require.ErrorContains(t, stream.Err(), "out of ink")
}

func TestStream_withAJournalEachIDComesOnce(t *testing.T) {
	gateway := newGateway(t, nil)
	source := func(yield func(smslink.Message, error) bool) {
		_ = yield(smslink.Message{ID: 1, To: "0712345678", Text: "a"}, nil) &&
			yield(smslink.Message{ID: 1, To: "0712345678", Text: "b"}, nil)
	}
	refused := 0
	for _, b := range collect(t, t.Context(),
		gateway.Client().Stream(source, &smslink.StreamOptions{MaxMessages: 1, Concurrency: 2, Journal: newSpy()})) {
		for _, err := range b.Invalid {
			require.ErrorContains(t, err, "ID is repeated")
			refused++
		}
	}
	require.Equal(t, 1, refused)
	require.Len(t, gateway.Messages(), 1)
}

func TestStream_journalWithOtherMessagesResultsStopsIt(t *testing.T) {
	for name, lie := range map[string][]smslink.Result{
		"one twice":  {{ID: 0}, {ID: 0}},
		"a stranger": {{ID: 999}},
	} {
		gateway := newGateway(t, nil)
		j, read := newSpy(), 0
		j.known = func([]smslink.Result) ([]smslink.Result, error) { return lie, nil }
		batches := collect(t, t.Context(),
			gateway.Client().Stream(numbered(5, &read, nil), &smslink.StreamOptions{Journal: j}))
		require.ErrorIs(t, batches[0].Err, smslink.ErrStopped, name)
		require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(batches[0].Err))
		require.Empty(t, gateway.Uploads())
	}
}

func TestStream_theJournalsContextIsNeverDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	j, read := newSpy(), 0
	source, wait := taken(numbered(15, &read, nil), 15)
	gateway := newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault {
		wait()
		cancel()
		return smslinktest.Delay(time.Hour)
	}})
	batches := collect(t, ctx,
		gateway.Client().Stream(source, &smslink.StreamOptions{MaxMessages: 10, Journal: j}))
	require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(batches[0].Err))
	require.Equal(t, upTo(15), idsOf(batches))
	require.Zero(t, j.done)
}

// Another stream over the same journal sends the first messages of a package after the first stream
// has asked for them: while it waits for its Limiter, or before its Intend.
func TestStream_whatAnotherStreamSentMeanwhile(t *testing.T) {
	const limiter, intend = "while it waits for its Limiter", "before its Intend"
	for _, c := range []struct {
		when          string
		others        int
		fail          bool
		earlier, left int
		outcome       smslink.Outcome
		uploads       int
	}{
		{limiter, 10, false, 10, 0, smslink.OutcomeAccepted, 1},
		{limiter, 4, false, 4, 6, smslink.OutcomeAccepted, 2},
		{limiter, 4, true, 1, 9, smslink.OutcomeInDoubt, 1},
		{intend, 10, false, 10, 0, smslink.OutcomeAccepted, 1},
		{intend, 4, false, 4, 6, smslink.OutcomeNotSent, 1},
		{intend, 4, true, 1, 9, smslink.OutcomeInDoubt, 1},
	} {
		t.Run(fmt.Sprintf("%d %s, and Known fails: %v", c.others, c.when, c.fail), func(t *testing.T) {
			gateway := newGateway(t, nil)
			client, j, read := gateway.Client(), newSpy(), 0
			j.states[0] = smslink.Result{ID: 0, Status: smslink.StatusSuccess} // known from the first
			other := func() {
				sent := collect(t, t.Context(),
					client.Stream(numbered(c.others, new(int), nil), &smslink.StreamOptions{Journal: j.memory}))
				require.NoError(t, sent[0].Err)
				if c.fail {
					j.known = func([]smslink.Result) ([]smslink.Result, error) { return nil, errors.New("out of ink") }
				}
			}
			opts := &smslink.StreamOptions{Journal: j}
			if c.when == limiter {
				opts.Limiter = limitFunc(func(context.Context, int) error { other(); return nil })
			} else {
				j.intending = func([]int64) { other() }
			}
			batches := collect(t, t.Context(), client.Stream(numbered(10, &read, nil), opts))
			b := batches[0]
			require.Len(t, b.Earlier, c.earlier)
			for _, result := range b.Earlier {
				require.Equal(t, smslink.StatusSuccess, result.Status)
			}
			require.Equal(t, c.left, b.Package.Len())
			require.Equal(t, c.outcome, smslink.OutcomeOf(b.Err), "%v", b.Err)
			require.Equal(t, upTo(10), idsOf(batches))
			if c.outcome != smslink.OutcomeNotSent {
				_, err := client.Send(t.Context(), b.Package)
				require.Error(t, err, "it is empty, or was sent")
			}
			require.Len(t, gateway.Uploads(), c.uploads)
		})
	}
}

// A stream is drained while it waits for its Limiter. Messages that another stream over the same
// journal has sent meanwhile are not reported as not sent.
func TestStream_drainedWhileAnotherStreamSendsTheSame(t *testing.T) {
	gateway := newGateway(t, nil)
	client, j, read := gateway.Client(), newSpy(), 0
	var stream *smslink.Stream
	wait := limitFunc(func(ctx context.Context, _ int) error {
		require.NoError(t,
			collect(t, t.Context(),
				client.Stream(numbered(7, new(int), nil), &smslink.StreamOptions{Journal: j}))[0].Err)
		stream.Drain(nil)
		<-ctx.Done()
		return context.Cause(ctx)
	})
	stream = client.Stream(numbered(10, &read, nil), &smslink.StreamOptions{Journal: j, Limiter: wait})
	batches := collect(t, t.Context(), stream)
	require.Len(t, batches, 1)
	require.Len(t, batches[0].Earlier, 7)
	require.Equal(t, 3, batches[0].Package.Len())
	require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(batches[0].Err))
	require.Len(t, gateway.Messages(), 7)
}

// The same holds if the Limiter panics or ends its goroutine.
func TestStream_limiterThatCrashesWhileAnotherStreamSendsTheSame(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic(errBroken) }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			gateway := newGateway(t, nil)
			client, j := gateway.Client(), newSpy()
			wait := limitFunc(func(context.Context, int) error {
				collect(t, t.Context(), client.Stream(numbered(7, new(int), nil), &smslink.StreamOptions{Journal: j}))
				end()
				return nil
			})
			stream := client.Stream(numbered(10, new(int), nil), &smslink.StreamOptions{Journal: j, Limiter: wait})
			var batches []smslink.Batch
			func() {
				defer func() { _ = recover() }()
				for b := range stream.Batches(t.Context()) {
					batches = append(batches, b)
				}
			}()
			require.Len(t, batches, 1)
			require.Len(t, batches[0].Earlier, 7)
			require.Equal(t, 3, batches[0].Package.Len())
			require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(batches[0].Err))
			require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
		})
	}
}

// A stream over a journal with messages in doubt counts them.
func TestStream_statsCountWhatIsInDoubt(t *testing.T) {
	gateway := newGateway(t, nil)
	gateway.Inject(smslinktest.LoseReply(), smslinktest.OmitEntries(12))
	j, read := newSpy(), 0
	run := func() smslink.Stats {
		stream := gateway.Client().Stream(numbered(30, &read, nil), &smslink.StreamOptions{MaxMessages: 10, Journal: j})
		for range stream.Batches(t.Context()) {
		}
		require.NoError(t, stream.Err())
		return stream.Stats()
	}
	first, second := run(), run()
	require.Equal(t, smslink.Stats{Read: 30, Accepted: 19, InDoubt: 11, Segments: 19}, first)
	require.Equal(t, smslink.Stats{Read: 30, Earlier: 19, InDoubt: 11}, second)
}

// One entry of the reply says that the message failed. Another one, which may be garbled, says that
// it was accepted.
func TestStream_aReplyThatContradictsItselfLeavesDoubt(t *testing.T) {
	for _, entries := range []string{
		"0::5,0:220000001:3", "0:220000001:3,0::5", "0::2,0:220000001:3", "0:220000001:3,0::1", "0::2,00:220000001:3",
		"0::1,x:220000001:3",
	} {
		gateway := newGateway(t, nil)
		gateway.Inject(smslinktest.Answer(200, "MESSAGE;1;ok;77;"+entries).AfterTaking())
		j, read := newSpy(), 0
		opts := &smslink.StreamOptions{Journal: j}
		for range 2 {
			collect(t, t.Context(), gateway.Client().Stream(numbered(1, &read, nil), opts))
		}
		require.Equal(t, map[int64]smslink.Result{0: {}}, j.states, entries)
		require.Len(t, gateway.Messages(), 1)
	}
}

func TestStream_aStatusThatIsNotDocumentedStaysInDoubt(t *testing.T) {
	gateway := newGateway(t, nil)
	gateway.Inject(smslinktest.Answer(200, "MESSAGE;1;ok;77;0:1:6,1:2:3,2:3:999").AfterTaking())
	j, read := newSpy(), 0
	for range 2 {
		collect(t, t.Context(), gateway.Client().Stream(numbered(3, &read, nil), &smslink.StreamOptions{Journal: j}))
	}
	require.Equal(t,
		map[int64]smslink.Result{0: {}, 1: {ID: 1, RemoteID: "2", Status: smslink.StatusSuccess}, 2: {ID: 2}}, j.states)
	require.Len(t, gateway.Messages(), 3)
}

func TestStream_whatWasNotSentIsNewAgain(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	client := gateway.Client()
	gateway.Close() // no one listens
	j, read, intended := newSpy(), 0, 0
	j.intending = func(ids []int64) { intended += len(ids) }
	collect(t, t.Context(), client.Stream(numbered(10, &read, nil), &smslink.StreamOptions{Journal: j, Retry: quick}))
	require.Equal(t, 10, intended)
	require.Empty(t, j.states)
}

func TestStream_whatAStoppedStreamCantAskForIsInDoubt(t *testing.T) {
	gateway := newGateway(t, nil)
	j, read := newSpy(), 0
	j.fail = "Known"
	batches := collect(t, t.Context(),
		gateway.Client().Stream(numbered(5, &read, errors.New("gone")), &smslink.StreamOptions{Journal: j}))
	require.Len(t, batches, 1)
	require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(batches[0].Err))
	require.ErrorContains(t, batches[0].Err, "gone")
}

// A wrong password is reported while the journal is called for other packages: none of them is
// uploaded, and none stays in doubt.
func TestStream_noUploadBeginsAfterTheStop(t *testing.T) {
	gateway := newGateway(t,
		&smslinktest.Options{Fault: func(int) smslinktest.Fault { return smslinktest.Reject("7", "") }})
	j, read := newSpy(), 0
	stopped := make(chan struct{})
	j.intending = func(ids []int64) {
		if ids[0] != 0 {
			<-stopped
		}
	}
	j.recording = func(notSent []int64) {
		if notSent[0] == 0 {
			close(stopped) // the journal hears of it last
		}
	}
	batches := collect(t, t.Context(),
		gateway.Client().Stream(numbered(100, &read, nil),
			&smslink.StreamOptions{MaxMessages: 10, Concurrency: 4, Journal: j}))
	require.Len(t, gateway.Uploads(), 1)
	require.Equal(t, upTo(read), idsOf(batches))
	require.Empty(t, j.states)
}

// A disk that was full has room again when the stream ends. Then the stream records what failed
// before.
func TestStream_recordsAtItsEndWhatItCouldNot(t *testing.T) {
	gateway := newGateway(t, nil)
	j, read, calls := newSpy(), 0, 0
	j.fail = "Record"
	j.recording = func([]int64) {
		if calls++; calls > 1 {
			j.fail = ""
		}
	}
	stream := gateway.Client().Stream(numbered(30, &read, nil), &smslink.StreamOptions{MaxMessages: 10, Journal: j})
	batches := collect(t, t.Context(), stream)
	require.ErrorContains(t, stream.Err(), "the journal: out of ink")
	require.Equal(t, 2, calls)
	require.NoError(t, batches[0].Err)
	require.Len(t, gateway.Messages(), 10)
	require.Len(t, j.states, 10)
	for _, result := range j.states {
		require.Equal(t, smslink.StatusSuccess, result.Status)
	}
}

// A Record that panics is not called again, so that the last batch is yielded, too.
func TestStream_aRecordThatPanicsLeavesNoBatchOut(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic(errBroken) }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			j, read := newSpy(), 0
			j.recording = func([]int64) { end() }
			stream := newGateway(t, nil).Client().Stream(numbered(35, &read, nil),
				&smslink.StreamOptions{Journal: j, MaxMessages: 10})
			var batches []smslink.Batch
			within(t, time.Minute, func() {
				defer func() { _ = recover() }()
				for b := range stream.Batches(t.Context()) {
					batches = append(batches, b)
				}
			})
			require.Equal(t, upTo(read), idsOf(batches))
			require.ErrorIs(t, stream.Err(), smslink.ErrStopped)
		})
	}
}

// lostReply is a journal whose first Record takes effect, and fails for its caller.
type lostReply struct {
	*spy
	meanwhile func()
}

func (j *lostReply) Record(ctx context.Context, results []smslink.Result, notSent []int64) error {
	err := j.spy.Record(ctx, results, notSent)
	if meanwhile := j.meanwhile; meanwhile != nil {
		j.meanwhile = nil
		meanwhile()
		return errors.New("the connection was lost at COMMIT")
	}
	return err
}

// A stream's Record makes messages new. Before the stream's end, another stream may put them in
// doubt again.
func TestStream_aSecondRecordMakesNothingNew(t *testing.T) {
	closed := newGateway(t, nil)
	closed.Close()
	gateway := newGateway(t, nil)
	j := newSpy()
	send := func(client *smslink.Client, j smslink.Journal) smslink.Batch {
		opts := &smslink.StreamOptions{Journal: j, Retry: smslink.Retry{Attempts: 1}}
		batches := collect(t, t.Context(), client.Stream(numbered(10, new(int), nil), opts))
		require.Len(t, batches, 1)
		return batches[0]
	}
	first := send(closed.Client(), &lostReply{j, func() {
		gateway.Inject(smslinktest.Answer(502, "").AfterTaking())
		require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(send(gateway.Client(), j).Err))
	}})
	require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(first.Err))
	require.Len(t, send(gateway.Client(), j).Earlier, 10)
	require.Len(t, gateway.Messages(), 10)
}
