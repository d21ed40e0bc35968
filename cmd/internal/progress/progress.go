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
	held   int  // rows that came before firstShown
	counts bool // there is room for the outcomes
}

// firstShown is when the bar is first drawn: sooner, its rate means nothing.
const firstShown = 250 * time.Millisecond

// New returns a bar that is for so many rows; -1 is not known. It is drawn no more often than pause, and
// only as wide as the terminal has room for: a line that wraps can't be taken away again.
func New(out io.Writer, rows int, what string, pause time.Duration) *Bar {
	screen := terminal.Of(out)
	if screen == nil || os.Getenv("TERM") == "dumb" {
		return nil
	}
	columns, _, err := term.GetSize(int(screen.Fd()))
	if err != nil || columns < 40 {
		return nil
	}
	digits := len(strconv.Itoa(rows)) // of each number in the line
	options := []progressbar.Option{
		progressbar.OptionSetWriter(screen),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(pause),
		progressbar.OptionClearOnFinish(),
	}
	if columns >= max(80, 57+5*digits) {
		options = append(options,
			progressbar.OptionSetItsString("rows"),
			progressbar.OptionShowIts(),
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
	p := &Bar{bar: progressbar.NewOptions(rows, options...), start: time.Now(), counts: columns >= 32+4*digits}
	p.bar.StartWithoutRender()
	return p
}

func (p *Bar) early() bool { return time.Since(p.start) < firstShown }

// Add adds rows that were read.
func (p *Bar) Add(rows int) {
	if p == nil {
		return
	}
	p.held += rows
	if !p.early() {
		_ = p.bar.Add(p.held)
		p.held = 0
	}
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
		_ = p.bar.Finish()
		_ = p.bar.Clear()
	}
}
