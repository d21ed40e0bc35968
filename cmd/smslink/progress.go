package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// isTerminal tells whether a stream of the console is one.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// progress is a bar on a terminal. Nil shows nothing.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress is for so many rows; -1 is not known. It is drawn no more often than pause.
func newProgress(out io.Writer, rows int, what string, pause time.Duration) *progress {
	if !isTerminal(out) {
		return nil
	}
	return &progress{progressbar.NewOptions(rows,
		progressbar.OptionSetWriter(out),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetItsString("rows"),
		progressbar.OptionShowIts(),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(pause),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetTheme(progressbar.ThemeASCII),
	)}
}

func (p *progress) add(rows int) {
	if p != nil {
		_ = p.bar.Add(rows)
	}
}

// tell shows how far a sending is.
func (p *progress) tell(t *tally) {
	if p != nil {
		failed := t.kinds[failed] + t.kinds[rejected] + t.kinds[notSent] + t.kinds[unknown]
		_ = p.bar.Set(t.rows())
		p.bar.Describe(fmt.Sprintf("%d accepted, %d failed", t.kinds[accepted], failed))
	}
}

// clear takes the bar off the line, for something else to be written there.
func (p *progress) clear() {
	if p != nil {
		_ = p.bar.Clear()
	}
}

func (p *progress) end() {
	if p != nil {
		_ = p.bar.Finish()
		_ = p.bar.Clear()
	}
}
