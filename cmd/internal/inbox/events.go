package inbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-smslink/smslink/smslinktest"
)

const (
	// eventPause is the time between two events of a stream, so that ten thousand messages at
	// once are a few events.
	eventPause = 250 * time.Millisecond

	// maxStreams is how many event streams are open at once. One more ends the oldest, whose page
	// asks again after a few seconds if someone still looks at it.
	maxStreams = 32
)

// events sends changes of the gateway to pages, as server-sent events.
type events struct {
	gateway *smslinktest.Gateway

	mu   sync.Mutex
	open []*stream // the oldest first
}

type stream struct{ end context.CancelFunc }

// begin opens a stream. It returns a context that is done when the stream must end, and a function
// to call when it has ended.
func (e *events) begin(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	begun := &stream{cancel}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.open) == maxStreams {
		e.open[0].end()
		e.open = slices.Delete(e.open, 0, 1)
	}
	e.open = append(e.open, begun)
	return ctx, func() {
		cancel()
		e.mu.Lock()
		defer e.mu.Unlock()
		e.open = slices.DeleteFunc(e.open, func(other *stream) bool { return other == begun })
	}
}

// change is the data of an event; the page asks for the rest.
type change struct {
	Messages int `json:"messages"` // in the inbox
	Uploads  int `json:"uploads"`
}

// ServeHTTP sends events until the page goes away, the server stops, or too many other pages
// listen.
func (e *events) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, ended := e.begin(r.Context())
	defer ended()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Connection", "close") // its end frees a file descriptor
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Time{})
	for {
		var now change
		var changed <-chan struct{}
		e.gateway.Inspect(func(s smslinktest.Snapshot) {
			now, changed = change{len(s.Messages), len(s.Uploads)}, s.Changed
		})
		raw, err := json.Marshal(now)
		if err != nil {
			return
		}
		_ = conn.SetWriteDeadline(time.Now().Add(pageTimeout))
		if _, err := fmt.Fprintf(w, "data: %s\n\n", raw); err != nil || conn.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(eventPause):
		case <-ctx.Done():
			return
		}
	}
}
