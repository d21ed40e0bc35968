package measure

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// Receiver is a gateway that reads each upload and answers at once that all its messages are
// accepted: for the path /N these are the ids from 1 to N, and for /N/NAME the next N of that name.
type Receiver struct {
	Uploaded atomic.Int64 // bytes of the last upload

	mu      sync.Mutex
	replies map[string][]byte
	next    map[string]int // the last id of a path with a name
}

// NewReceiver returns a handler for servers on loopback.
func NewReceiver() *Receiver {
	return &Receiver{replies: map[string][]byte{}, next: map[string]int{}}
}

func (rc *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	size, _ := io.Copy(io.Discard, r.Body)
	rc.Uploaded.Store(size)
	_, _ = w.Write(rc.reply(r.URL.Path))
}

func (rc *Receiver) reply(path string) []byte {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if rc.replies[path] != nil {
		return rc.replies[path]
	}
	var n int
	_, _ = fmt.Sscanf(path, "/%d", &n)
	reply := []byte("MESSAGE;1;ok;77;")
	for i := range n {
		if i > 0 {
			reply = append(reply, ',')
		}
		id := rc.next[path] + i + 1
		reply = fmt.Appendf(reply, "%d:%d:3", id, 220_000_000+id)
	}
	if strings.Count(path, "/") == 1 {
		rc.replies[path] = reply
	} else {
		rc.next[path] += n
	}
	return reply
}
