// Package terminal finds terminals, and prints to them: no text can act on a terminal, and lines
// are wrapped to its width.
package terminal

import (
	"io"
	"os"
	"runtime"

	"golang.org/x/term"
)

// Is reports whether a stream of the console is a terminal.
func Is(stream any) bool {
	return Of(stream) != nil
}

// Of returns the terminal that a stream of the console is, or nil.
func Of(stream any) *os.File {
	if w, ok := stream.(io.Writer); ok {
		stream = Unwrap(w)
	}
	if f, ok := stream.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// Keyboard opens the terminal that the command was started from.
func Keyboard() (*os.File, error) {
	if runtime.GOOS == "windows" {
		return os.OpenFile("CONIN$", os.O_RDWR, 0)
	}
	return os.Open("/dev/tty")
}

// Columns returns the width of the stream's terminal, or 0 if the stream is not a terminal.
func Columns(stream any) int {
	screen := Of(stream)
	if screen == nil {
		return 0
	}
	columns, _, err := term.GetSize(int(screen.Fd()))
	if err != nil {
		return 0
	}
	return columns
}
