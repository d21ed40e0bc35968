// Package parallel builds parts concurrently and appends them in order.
package parallel

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// Append appends parts 0 to n-1 to dst, in that order, and returns it. The function part appends
// part i to the buffer that it gets. Up to GOMAXPROCS goroutines call it concurrently, and up to
// twice as many parts are in memory at a time, besides dst. If part fails or panics, Append returns
// dst unchanged and an error. No goroutine outlives the call.
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
		if len(dst)+len(s.made) > cap(dst) { // make room for the rest, too
			dst = slices.Grow(dst, (len(dst)-start+len(s.made))/(i+1)*(n-i)+len(s.made))
		}
		dst = append(dst, s.made...)
		if i+ahead < n {
			todo <- i + ahead
		}
	}
	return dst, nil
}

// slot has a part until it is appended.
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

// guarded calls part and turns a panic into an error: the caller of Append could not recover it.
func guarded(dst []byte, i int, part func(dst []byte, i int) ([]byte, error)) (made []byte, err error) {
	defer func() {
		if what := recover(); what != nil {
			made, err = dst, fmt.Errorf("part %d panicked: %v", i, what)
		}
	}()
	return part(dst, i)
}
