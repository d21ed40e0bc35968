package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Is reports whether a stream of the console is one.
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
