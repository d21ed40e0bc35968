package reports

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/webhook"
)

// reportWriter writes reports, one at a time.
type reportWriter struct {
	mu     sync.Mutex
	rows   *resultRows
	out    lineWriter
	recent recentReports
	logger *slog.Logger
	err    error // of the first line that could not be written
}

func (w *reportWriter) write(_ context.Context, r webhook.Report) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.recent.contains(r) {
		w.logger.Debug("smslink: repeated delivery report", "report", r)
		return nil
	}
	line, err := json.Marshal(struct {
		RemoteID     string       `json:"remote_id"`
		Delivered    bool         `json:"delivered"`
		Time         time.Time    `json:"time"`
		Row          *reportedRow `json:"row,omitempty"`
		NetworkID    string       `json:"network_id,omitempty"`
		Network      string       `json:"network,omitempty"`
		NetworkType  string       `json:"network_type,omitempty"`
		Text         string       `json:"delivery_report,omitempty"`
		ConnectionID string       `json:"connection_id,omitempty"`
		Segments     int          `json:"segments,omitempty"`
		Other        url.Values   `json:"other,omitempty"`
	}{
		r.RemoteID, r.Delivered, r.Time, w.rows.find(r.RemoteID),
		r.NetworkID, r.Network(), r.NetworkType, r.Text, r.ConnectionID, r.Segments, r.Other,
	})
	if err == nil {
		err = w.out.write([]byte(terminal.Line(string(line)))) // the same JSON
	}
	if err == nil {
		w.recent.add(r)
		return nil
	}
	w.logger.Error("smslink: the report could not be written", "report", r, "error", err)
	if w.err == nil {
		w.err = fmt.Errorf("a report could not be written: %w", err)
	}
	return err
}

func (w *reportWriter) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// recentReports remembers at least the last limit reports that were added, and fewer than twice
// as many.
type recentReports struct {
	limit int
	last  map[reportKey]bool // fewer than limit
	older map[reportKey]bool // empty, or the limit before those
}

// reportKey is what makes two reports the same.
type reportKey struct {
	remoteID  string
	delivered bool
	time      int64
}

func keyOf(r webhook.Report) reportKey { return reportKey{r.RemoteID, r.Delivered, r.Time.Unix()} }

func (m *recentReports) contains(r webhook.Report) bool {
	return m.last[keyOf(r)] || m.older[keyOf(r)]
}

// add drops a whole map at a time: a map keeps growing if its entries are deleted one by one.
func (m *recentReports) add(r webhook.Report) {
	if m.limit == 0 {
		return
	}
	if m.last == nil {
		m.last = map[reportKey]bool{}
	}
	m.last[keyOf(r)] = true
	if len(m.last) == m.limit {
		m.older, m.last = m.last, nil
	}
}

// lineWriter writes whole lines or none. In a regular file, a line that was written is on the disk.
type lineWriter struct {
	out    io.Writer
	broken bool // out ends in a part of a line
}

func (w *lineWriter) write(line []byte) error {
	line = append(line, '\n')
	if w.broken {
		line = append([]byte{'\n'}, line...)
	}
	n, err := w.out.Write(line)
	f, ok := w.out.(*os.File)
	ok = ok && isRegular(f)
	if ok && err == nil {
		err = f.Sync() // some file systems report a full disk only here
	}
	if err == nil {
		w.broken = false
		return nil
	}
	if n == 0 || ok && takeBack(f, n) {
		return err
	}
	w.broken = line[n-1] != '\n'
	return err
}

func isRegular(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// takeBack cuts off the last n bytes that were written, if nothing follows them, and reports
// whether it did.
func takeBack(f *os.File, n int) bool {
	end, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Size() != end || f.Truncate(end-int64(n)) != nil {
		return false
	}
	_, err = f.Seek(end-int64(n), io.SeekStart)
	return err == nil
}
