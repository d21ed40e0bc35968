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

// streams are the event streams that are open, the oldest first.
type streams struct {
	mu   sync.Mutex
	open []*stream
}

type stream struct{ end context.CancelFunc }

// begin opens a stream and returns its context, which is done when the stream shall end, and the
// function to call when it has ended.
func (s *streams) begin(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	begun := &stream{cancel}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) == maxStreams {
		s.open[0].end()
		s.open = slices.Delete(s.open, 0, 1)
	}
	s.open = append(s.open, begun)
	return ctx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open = slices.DeleteFunc(s.open, func(other *stream) bool { return other == begun })
	}
}

// change is the data of an event; the page asks for the rest.
type change struct {
	Messages int `json:"messages"` // in the inbox
	Uploads  int `json:"uploads"`
}

// serveEvents sends a page changes as server-sent events, until the page goes away, the server
// stops, or too many other pages listen.
func (h *Handler) serveEvents(w http.ResponseWriter, r *http.Request) {
	ctx, ended := h.streams.begin(r.Context())
	defer ended()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Connection", "close") // its end frees a file descriptor
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Time{})
	for {
		var now change
		var changed <-chan struct{}
		h.gateway.Inspect(func(s smslinktest.Snapshot) {
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
