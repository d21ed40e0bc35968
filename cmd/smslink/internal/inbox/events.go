package inbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// gather is how long changes are gathered before a page hears of them, so that ten
// thousand messages at once are a few events.
const gather = 250 * time.Millisecond

// change is what an event tells a page, which asks for the rest.
type change struct {
	Messages int `json:"messages"` // in the inbox
	Uploads  int `json:"uploads"`
}

// serveEvents tells a page of changes by server-sent events, until it goes away or
// the server stops.
func (h *Handler) serveEvents(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Time{})
	for {
		changed := h.gateway.Changed()
		raw, err := json.Marshal(h.change())
		if err != nil {
			return
		}
		_ = conn.SetWriteDeadline(time.Now().Add(patience))
		if _, err := fmt.Fprintf(w, "data: %s\n\n", raw); err != nil || conn.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
		select {
		case <-time.After(gather):
		case <-r.Context().Done():
			return
		}
	}
}

func (h *Handler) change() change {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ledger.sync(h.gateway)
	return change{len(h.ledger.before), h.ledger.uploads}
}
