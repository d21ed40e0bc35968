// Package progress shows how far a command has come.
package progress

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// Bar is a bar on a terminal. A nil *Bar shows nothing.
type Bar struct {
	bar   *progressbar.ProgressBar
	start time.Time
	rows  int                // that were read
	files *campaign.Campaign // that are read; nil if rows are counted

	counts  bool // there is room for the outcomes
	ended   chan struct{}
	drawing sync.WaitGroup
	mu      sync.Mutex
	sent    int    // rows with an outcome
	text    string // their outcomes
}

// firstShown is when the bar is first drawn. Before that, its rate means nothing.
const firstShown = 250 * time.Millisecond

// Sending returns a bar for so many rows, or for an unknown number if rows is -1. It is drawn four
// times a second, even during a long upload.
func Sending(out io.Writer, rows int) *Bar {
	b := newBar(out, int64(rows), "sending", []progressbar.Option{progressbar.OptionShowCount()},
		progressbar.OptionShowIts(), progressbar.OptionSetItsString("rows"))
	if b != nil {
		b.drawing.Go(b.redraw)
	}
	return b
}

// Checking returns a bar for the bytes of files.
func Checking(out io.Writer, files *campaign.Campaign) *Bar {
	_, size := files.Position()
	options := []progressbar.Option{progressbar.OptionThrottle(100 * time.Millisecond)}
	if size == 0 {
		return newBar(out, -1, "checking", append(options, progressbar.OptionShowCount()))
	}
	b := newBar(out, size, "checking", options)
	if b != nil {
		b.files = files
	}
	return b
}

// newBar returns a bar that fits the terminal, since a line that wraps can't be removed. On a wide
// terminal it also has the options whenWide.
func newBar(out io.Writer, most int64, what string, options []progressbar.Option, whenWide ...progressbar.Option) *Bar {
	columns := terminal.Columns(out)
	if columns < 40 || os.Getenv("TERM") == "dumb" {
		return nil
	}
	digits := len(strconv.FormatInt(most, 10)) // of each number in the line
	if columns >= max(80, 57+5*digits) {
		options = append(options, whenWide...)
		options = append(options,
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetWidth(24),
			progressbar.OptionSetTheme(progressbar.ThemeASCII),
		)
	} else {
		options = append(options,
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionSetWidth(0),
			progressbar.OptionSetTheme(progressbar.Theme{}),
		)
	}
	options = append(options,
		progressbar.OptionSetWriter(terminal.Of(out)),
		progressbar.OptionSetDescription(what),
		progressbar.OptionClearOnFinish(),
	)
	p := &Bar{
		bar: progressbar.NewOptions64(most, options...), start: time.Now(),
		counts: columns >= 32+4*digits, text: what, ended: make(chan struct{}),
	}
	p.bar.StartWithoutRender()
	return p
}

// Add adds a row that was read.
func (p *Bar) Add() {
	if p == nil {
		return
	}
	p.rows++
	if p.rows%256 != 0 || time.Since(p.start) < firstShown {
		return
	}
	done := int64(p.rows)
	if p.files != nil {
		done, _ = p.files.Position()
	}
	_ = p.bar.Set64(done)
}

// Show sets how far a sending has come. The bar shows it the next time that it is drawn.
func (p *Bar) Show(t *outcome.Tally) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = t.Rows()
	if p.counts {
		others := t.Count(outcome.Failed) + t.Count(outcome.Rejected) + t.Count(outcome.NotSent) + t.Count(outcome.InDoubt)
		p.text = fmt.Sprintf("%d accepted, %d not", t.Count(outcome.Accepted), others)
	}
}

// redraw draws the bar until its end.
func (p *Bar) redraw() {
	tick := time.NewTicker(firstShown)
	defer tick.Stop()
	for shown := 0; ; {
		select {
		case <-tick.C:
		case <-p.ended:
			return
		}
		p.mu.Lock()
		sent, text := p.sent, p.text
		p.mu.Unlock()
		if sent > shown {
			_ = p.bar.Set(sent)
			shown = sent
		}
		p.bar.Describe(text)
	}
}

// End removes the bar.
func (p *Bar) End() {
	if p != nil {
		close(p.ended)
		p.drawing.Wait()
		_ = p.bar.Finish()
		_ = p.bar.Clear()
	}
}
