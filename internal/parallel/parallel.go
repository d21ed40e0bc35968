// Package parallel builds parts concurrently and appends them in order.
package parallel

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// Append appends parts 0 to n-1 to dst, in that order, and returns it. The function part appends
// part i to the buffer that it is given; up to GOMAXPROCS goroutines call it concurrently. Twice as
// many parts are held at a time, besides dst. If part fails or panics, Append returns dst as it
// was, and an error. No goroutine outlives the call.
func Append(dst []byte, n int, part func(dst []byte, i int) ([]byte, error)) ([]byte, error) {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		return appendSerially(dst, n, part)
	}
	ahead := min(2*workers, n)
	slots := make([]slot, ahead) // part i is in slot i%ahead
	todo := make(chan int, ahead)
	for i := range ahead {
		slots[i].done = make(chan error, 1)
		todo <- i
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer close(todo)
	for range workers {
		running.Go(func() {
			for i := range todo {
				s := &slots[i%ahead]
				var err error
				s.made, err = guarded(s.made[:0], i, part)
				s.done <- err
			}
		})
	}

	start := len(dst)
	for i := range n {
		s := &slots[i%ahead]
		if err := <-s.done; err != nil {
			return dst[:start], err
		}
		if len(dst)+len(s.made) > cap(dst) { // make room for the rest, which is likely to be as dense
			dst = slices.Grow(dst, (len(dst)-start+len(s.made))/(i+1)*(n-i)+len(s.made))
		}
		dst = append(dst, s.made...)
		if i+ahead < n {
			todo <- i + ahead
		}
	}
	return dst, nil
}

// slot holds a part from when it is begun until it is appended.
type slot struct {
	made []byte
	done chan error
}

func appendSerially(dst []byte, n int, part func(dst []byte, i int) ([]byte, error)) ([]byte, error) {
	start := len(dst)
	for i := range n {
		var err error
		if dst, err = guarded(dst, i, part); err != nil {
			return dst[:start], err
		}
	}
	return dst, nil
}

// guarded calls part, and makes an error of a panic, which no one could recover in a goroutine of
// ours.
func guarded(dst []byte, i int, part func(dst []byte, i int) ([]byte, error)) (made []byte, err error) {
	defer func() {
		if what := recover(); what != nil {
			made, err = dst, fmt.Errorf("part %d panicked: %v", i, what)
		}
	}()
	return part(dst, i)
}
