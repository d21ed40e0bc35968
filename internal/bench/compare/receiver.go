package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"sync"
)

// newReceiver is the one server that all jobs post to: it reads the upload and
// answers at once that all of the messages, as many as the path says, are accepted.
func newReceiver() *httptest.Server {
	var mu sync.Mutex
	replies := map[int][]byte{}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		n, err := strconv.Atoi(path.Base(r.URL.Path))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		mu.Lock()
		reply := replies[n]
		if reply == nil {
			reply = []byte("MESSAGE;1;ok;77;")
			for i := 1; i <= n; i++ {
				if i > 1 {
					reply = append(reply, ',')
				}
				reply = fmt.Appendf(reply, "%d:%d:3", i, 220_000_000+i)
			}
			replies[n] = reply
		}
		mu.Unlock()
		w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
		_, _ = w.Write(reply)
	}))
}
