package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/go-smslink/smslink/cmd/smslink/internal/outcome"
	"github.com/go-smslink/smslink/cmd/smslink/internal/terminal"
)

// isTerminal reports whether a stream of the console is one.
func isTerminal(stream any) bool {
	return terminalOf(stream) != nil
}

// terminalOf returns the terminal that a stream of the console is, or nil.
func terminalOf(stream any) *os.File {
	if w, ok := stream.(io.Writer); ok {
		stream = terminal.Unwrap(w)
	}
	if f, ok := stream.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// progress is a bar on a terminal. Nil shows nothing.
type progress struct {
	bar    *progressbar.ProgressBar
	start  time.Time
	held   int  // rows that came before firstShown
	counts bool // there is room for what became of the rows
}

// firstShown is when the bar is first drawn: sooner, its rate means nothing.
const firstShown = 250 * time.Millisecond

// newProgress is for so many rows; -1 is not known. It is drawn no more often than pause, and
// only as wide as the terminal has room for: a line that wraps can't be taken away again.
func newProgress(out io.Writer, rows int, what string, pause time.Duration) *progress {
	screen := terminalOf(out)
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
	p := &progress{bar: progressbar.NewOptions(rows, options...), start: time.Now(), counts: columns >= 32+4*digits}
	p.bar.StartWithoutRender()
	return p
}

func (p *progress) early() bool { return time.Since(p.start) < firstShown }

func (p *progress) add(rows int) {
	if p == nil {
		return
	}
	p.held += rows
	if !p.early() {
		_ = p.bar.Add(p.held)
		p.held = 0
	}
}

// show shows how far a sending is.
func (p *progress) show(t *outcome.Tally) {
	if p == nil || p.early() {
		return
	}
	_ = p.bar.Set(t.Rows())
	if p.counts {
		failed := t.Count(outcome.Failed) + t.Count(outcome.Rejected) + t.Count(outcome.NotSent) + t.Count(outcome.Unknown)
		p.bar.Describe(fmt.Sprintf("%d accepted, %d failed", t.Count(outcome.Accepted), failed))
	}
}

func (p *progress) end() {
	if p != nil {
		_ = p.bar.Finish()
		_ = p.bar.Clear()
	}
}
