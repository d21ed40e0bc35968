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

// The oldest is forgotten for each new one, and no others.
func TestDedupe_isBounded(t *testing.T) {
	var got reports
	h := deliveryHandler(t, got.take, &smslink.DeliveryOptions{Dedupe: 3})
	send := func(id int) bool {
		before := len(got.got)
		require.Equal(t, 200, record(h, fmt.Sprintf("message_id=%d&status=1&timestamp=1", id)).Code)
		return len(got.got) > before
	}
	for id := 1; id <= 3; id++ {
		require.True(t, send(id))
	}
	for id := 4; id <= 10; id++ {
		require.False(t, send(id-3), "the last three are remembered")
		require.False(t, send(id-1))
		require.True(t, send(id), "in place of the oldest")
		require.True(t, send(id-3), "which is now new again")
		require.True(t, send(id-2))
		require.True(t, send(id-1))
		require.True(t, send(id))
	}
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

// The doc of DeliveryOptions states it.
func TestDedupe_bytesAnEntry(t *testing.T) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, n := range []int{10_000, 30_000} {
		h := deliveryHandler(t, func(context.Context, smslink.DeliveryReport) error { return nil }, &smslink.DeliveryOptions{Dedupe: n})
		before := heap()
		for i := range 2 * n {
			record(h, fmt.Sprintf("message_id=%d&status=1&timestamp=1", i))
		}
		entry := (heap() - before) / uint64(n)
		t.Logf("%d reports: %d bytes an entry", n, entry)
		require.LessOrEqual(t, entry, uint64(200))
		runtime.KeepAlive(h)
	}
}
