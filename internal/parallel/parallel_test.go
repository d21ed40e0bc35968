package parallel_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/parallel"
)

// onCores runs a test on one core and on several.
func onCores(t *testing.T, test func(t *testing.T, cores int)) {
	for _, cores := range []int{1, 2, 5} {
		t.Run(fmt.Sprintf("%d cores", cores), func(t *testing.T) {
			before := runtime.GOMAXPROCS(cores)
			defer runtime.GOMAXPROCS(before)
			test(t, cores)
		})
	}
}

func TestAppend_appendsInOrder(t *testing.T) {
	onCores(t, func(t *testing.T, _ int) {
		for _, n := range []int{0, 1, 2, 3, 4, 9, 100} {
			want := []byte("head")
			for i := range n {
				want = append(want, bytes.Repeat([]byte{byte(i)}, i%7)...)
			}
			got, err := parallel.Append([]byte("head"), n, func(dst []byte, i int) ([]byte, error) {
				for range i % 3 {
					runtime.Gosched() // so that they come out of order
				}
				return append(dst, bytes.Repeat([]byte{byte(i)}, i%7)...), nil
			})
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	})
}

func TestAppend_takesAsManyAtATimeAsThereAreCores(t *testing.T) {
	onCores(t, func(t *testing.T, cores int) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := parallel.Append(nil, 30, func(dst []byte, _ int) ([]byte, error) {
				time.Sleep(time.Second)
				return dst, nil
			})
			require.NoError(t, err)
			require.Equal(t, time.Duration(30/cores)*time.Second, time.Since(start))
		})
	})
}

// At most as many parts as cores run at a time, at most twice as many start before the first is
// appended, and none runs after Append has returned.
func TestAppend_boundsWhatRuns(t *testing.T) {
	onCores(t, func(t *testing.T, cores int) {
		var running, begun atomic.Int64
		_, err := parallel.Append(nil, 50, func(dst []byte, i int) ([]byte, error) {
			defer running.Add(-1)
			if n := running.Add(1); n > int64(cores) {
				return dst, fmt.Errorf("%d run", n)
			}
			begun.Add(1)
			if i == 0 {
				for range 1000 {
					runtime.Gosched()
				}
				if n := begun.Load(); n > int64(2*cores) {
					return dst, fmt.Errorf("%d have begun", n)
				}
			}
			return append(dst, byte(i)), nil
		})
		require.NoError(t, err)
		require.Zero(t, running.Load())
		require.Equal(t, int64(50), begun.Load())
	})
}

func TestAppend_returnsErrorsAndPanics(t *testing.T) {
	broken := errors.New("broken")
	onCores(t, func(t *testing.T, cores int) {
		for _, at := range []int{0, 7, 19} {
			var running, begun atomic.Int64
			part := func(fail func() error) func([]byte, int) ([]byte, error) {
				return func(dst []byte, i int) ([]byte, error) {
					defer running.Add(-1)
					running.Add(1)
					begun.Add(1)
					if i == at {
						return append(dst, "junk"...), fail()
					}
					return append(dst, "part"...), nil
				}
			}
			got, err := parallel.Append([]byte("head"), 20, part(func() error { return broken }))
			require.ErrorIs(t, err, broken)
			require.Equal(t, "head", string(got))
			require.LessOrEqual(t, begun.Load(), int64(at+1+2*cores), "later parts do not start")

			got, err = parallel.Append([]byte("head"), 20, part(func() error { panic("worn out") }))
			require.EqualError(t, err, fmt.Sprintf("part %d panicked: worn out", at))
			require.Equal(t, "head", string(got))
			require.Zero(t, running.Load())
		}
	})
}

// The destination grows once or twice, not for each part.
func TestAppend_growsAsMuchAsTheRestIsLikelyToTake(t *testing.T) {
	onCores(t, func(t *testing.T, cores int) {
		const n, size = 1000, 1000
		got, err := parallel.Append(nil, n, func(dst []byte, _ int) ([]byte, error) {
			return append(dst, make([]byte, size)...), nil
		})
		require.NoError(t, err)
		require.Len(t, got, n*size)
		if cores > 1 { // with append alone, the capacity is a tenth too large
			require.LessOrEqual(t, cap(got), n*size*102/100)
		}
	})
}
