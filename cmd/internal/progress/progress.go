// Package progress shows how far a command is.
package progress

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// Bar is a bar on a terminal. Nil shows nothing.
type Bar struct {
	bar    *progressbar.ProgressBar
	start  time.Time
	rows   int                                        // that were read
	files  interface{ Position() (read, size int64) } // that are read; nil if rows are counted
	counts bool                                       // there is room for the outcomes
	ended  chan struct{}
}

// firstShown is when the bar is first drawn: sooner, its rate means nothing.
const firstShown = 250 * time.Millisecond

// Sending returns a bar for so many rows; -1 is not known. It is drawn again twice a second, so
// that a single package shows that it is being uploaded.
func Sending(out io.Writer, rows int) *Bar {
	b := newBar(out, int64(rows), "sending", 0, progressbar.OptionShowCount(), progressbar.OptionSetItsString("rows"))
	if b != nil {
		go b.redraw()
	}
	return b
}

// Checking returns a bar for the bytes of files.
func Checking(out io.Writer, files interface{ Position() (read, size int64) }) *Bar {
	_, size := files.Position()
	if size == 0 {
		return newBar(out, -1, "checking", seldom, progressbar.OptionShowCount())
	}
	b := newBar(out, size, "checking", seldom)
	if b != nil {
		b.files = files
	}
	return b
}

func (p *Bar) redraw() {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = p.bar.RenderBlank()
		case <-p.ended:
			return
		}
	}
}

// seldom is how long a bar that moves all the time stays as it is.
const seldom = 100 * time.Millisecond

// newBar returns a bar that is only as wide as the terminal has room for: a line that wraps can't
// be taken away again.
func newBar(out io.Writer, most int64, what string, pause time.Duration, options ...progressbar.Option) *Bar {
	screen := terminal.Of(out)
	if screen == nil || os.Getenv("TERM") == "dumb" {
		return nil
	}
	columns, _, err := term.GetSize(int(screen.Fd()))
	if err != nil || columns < 40 {
		return nil
	}
	digits := len(strconv.FormatInt(most, 10)) // of each number in the line
	options = append(options,
		progressbar.OptionSetWriter(screen),
		progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(pause),
		progressbar.OptionClearOnFinish(),
	)
	if columns >= max(80, 57+5*digits) {
		if pause == 0 {
			options = append(options, progressbar.OptionShowIts())
		}
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
	p := &Bar{bar: progressbar.NewOptions64(most, options...), start: time.Now(), counts: columns >= 32+4*digits, ended: make(chan struct{})}
	p.bar.StartWithoutRender()
	return p
}

func (p *Bar) early() bool { return time.Since(p.start) < firstShown }

// Add adds a row that was read.
func (p *Bar) Add() {
	if p == nil {
		return
	}
	p.rows++
	if p.rows%256 != 0 || p.early() {
		return
	}
	done := int64(p.rows)
	if p.files != nil {
		done, _ = p.files.Position()
	}
	_ = p.bar.Set64(done)
}

// Show shows how far a sending is.
func (p *Bar) Show(t *outcome.Tally) {
	if p == nil || p.early() {
		return
	}
	_ = p.bar.Set(t.Rows())
	if p.counts {
		failed := t.Count(outcome.Failed) + t.Count(outcome.Rejected) + t.Count(outcome.NotSent) + t.Count(outcome.InDoubt)
		p.bar.Describe(fmt.Sprintf("%d accepted, %d failed", t.Count(outcome.Accepted), failed))
	}
}

// End takes the bar away.
func (p *Bar) End() {
	if p != nil {
		close(p.ended)
		_ = p.bar.Finish()
		_ = p.bar.Clear()
	}
}
