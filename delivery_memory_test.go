package smslink_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

func TestDedupe_whatMakesTwoReportsTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		dedupe int
		second string
		want   int
	}{
		"the same":                        {8, plainReport, 1},
		"the same in another order":       {8, "timestamp=1700000000&status=1&message_id=220000001", 1},
		"the same with other words":       {8, plainReport + "&delivery_report=x&network_id=2", 1},
		"the same, and nothing to be":     {0, plainReport, 2},
		"another remote id":               {8, "message_id=220000002&status=1&timestamp=1700000000", 2},
		"another status":                  {8, "message_id=220000001&status=0&timestamp=1700000000", 2},
		"another time":                    {8, "message_id=220000001&status=1&timestamp=1700000001", 2},
		"a day later":                     {8, "message_id=220000001&status=1&timestamp=1700086400", 2},
		"its parts joined in another way": {8, "message_id=22000000&status=1&timestamp=1700000000", 2},
	} {
		t.Run(name, func(t *testing.T) {
			var got reports
			h := deliveryHandler(t, got.take, &smslink.DeliveryOptions{Dedupe: c.dedupe})
			require.Equal(t, 200, record(h, plainReport).Code)
			require.Equal(t, 200, record(h, c.second).Code)
			require.Len(t, got.got, c.want)
		})
	}
}

func TestDedupe_onlyWhatWasTakenIsRemembered(t *testing.T) {
	got := reports{err: errors.New("the database is away")}
	h := deliveryHandler(t, got.take, &smslink.DeliveryOptions{Dedupe: 1})
	require.Equal(t, 500, record(h, plainReport).Code)
	require.Equal(t, 500, record(h, plainReport).Code)
	got.err = nil
	require.Equal(t, 200, record(h, plainReport).Code)
	require.Equal(t, 200, record(h, plainReport).Code)
	require.Len(t, got.got, 3)
}

// The last ones are remembered, and of those before them no more than as many.
func TestDedupe_isBounded(t *testing.T) {
	for _, limit := range []int{1, 2, 3, 10} {
		for sent := limit; sent <= 4*limit; sent++ {
			for again := 1; again <= sent; again++ {
				var got reports
				h := deliveryHandler(t, got.take, &smslink.DeliveryOptions{Dedupe: limit})
				send := func(id int) bool {
					before := len(got.got)
					require.Equal(t, 200, record(h, fmt.Sprintf("message_id=%d&status=1&timestamp=1", id)).Code)
					return len(got.got) > before
				}
				for id := 1; id <= sent; id++ {
					require.True(t, send(id))
				}
				switch back := sent - again; {
				case back < limit:
					require.False(t, send(again), "the last %d of %d are remembered, %d too", limit, sent, again)
				case back >= 2*limit:
					require.True(t, send(again), "of %d, %d is new again", sent, again)
				}
			}
		}
	}
}

// Where the gateway has hung up, a report that then fails is not one that was taken.
func TestDedupe_failureOfARequestThatIsGoneIsNotRemembered(t *testing.T) {
	got := reports{err: errors.New("the database is away")}
	h := deliveryHandler(t, got.take, &smslink.DeliveryOptions{Dedupe: 3})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, 500, recordUnder(gone, h))
	got.err = nil
	require.Equal(t, 200, recordUnder(gone, h))
	require.Equal(t, 200, record(h, plainReport).Code)
	require.Len(t, got.got, 2)
}

// One that comes again while it is being handed on is answered once that has ended:
// 200 if it was taken, and else it is handed on itself.
func TestDedupe_theSameAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, firstFails := range []bool{false, true} {
			var calls, answered atomic.Int32
			going := make(chan error)
			h := deliveryHandler(t, func(_ context.Context, r smslink.DeliveryReport) error {
				if r.RemoteID == "2" {
					return nil
				}
				calls.Add(1)
				return <-going
			}, &smslink.DeliveryOptions{Dedupe: 4})
			codes := make(chan int, 3)
			var running sync.WaitGroup
			for range 3 {
				running.Go(func() {
					codes <- record(h, plainReport).Code
					answered.Add(1)
				})
			}
			synctest.Wait()
			require.EqualValues(t, 1, calls.Load(), "one is being handed on")
			require.Zero(t, answered.Load(), "and nobody is answered before it was taken")
			require.Equal(t, 200, record(h, "message_id=2&status=1&timestamp=1").Code, "another report does not wait")
			if firstFails {
				going <- errors.New("failed")
				synctest.Wait()
				require.EqualValues(t, 2, calls.Load(), "the next one has its turn")
				require.EqualValues(t, 1, answered.Load())
				require.Equal(t, 500, <-codes)
			}
			going <- nil
			running.Wait()
			for range len(codes) {
				require.Equal(t, 200, <-codes)
			}
			require.Equal(t, map[bool]int32{false: 1, true: 2}[firstFails], calls.Load())
		}
	})
}

func TestDedupe_waitsNoLongerThanTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		going := make(chan struct{})
		h := deliveryHandler(t, func(context.Context, smslink.DeliveryReport) error {
			calls.Add(1)
			<-going
			return nil
		}, &smslink.DeliveryOptions{Dedupe: 4})
		var first sync.WaitGroup
		first.Go(func() { record(h, plainReport) })
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		code := make(chan int)
		go func() { code <- recordUnder(ctx, h) }()
		synctest.Wait()
		cancel()
		require.Equal(t, 500, <-code)
		close(going)
		first.Wait()
		require.EqualValues(t, 1, calls.Load())
	})
}

func recordUnder(ctx context.Context, h http.Handler) int {
	r := byGet(plainReport)
	r.URL.Path = "/" + urlSecret
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(ctx))
	return w.Code
}

// The doc of DeliveryOptions states it. The sizes are those at which a map has just
// grown, and reports go on coming long after it is full.
func TestDedupe_bytesAnEntry(t *testing.T) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, n := range []int{1000, 1793, 3585, 7170} {
		h := deliveryHandler(t, func(context.Context, smslink.DeliveryReport) error { return nil }, &smslink.DeliveryOptions{Dedupe: n})
		before := heap()
		r := byGet("")
		r.URL.Path = "/" + urlSecret
		for i := range 40*n - 1 { // when the memory is at its largest
			r.URL.RawQuery = fmt.Sprintf("message_id=%d&status=1&timestamp=1", i)
			h.ServeHTTP(noAnswer{}, r)
		}
		entry := (heap() - before) / uint64(n)
		t.Logf("%d reports: %d bytes an entry", n, entry)
		require.Greater(t, entry, uint64(2*32), "two generations of digests")
		require.LessOrEqual(t, entry, uint64(200))
		runtime.KeepAlive(h)
	}
}

type noAnswer struct{}

func (noAnswer) Header() http.Header         { return nil }
func (noAnswer) Write(p []byte) (int, error) { return len(p), nil }
func (noAnswer) WriteHeader(int)             {}
