package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// CanAsk reports whether there is a person to ask: standard input is a terminal; or it holds the
// rows, standard error is a terminal, and a terminal can be opened in place of standard input.
func CanAsk(c Console, inputIsStdin bool) bool {
	if terminal.Is(c.In) {
		return true
	}
	if !inputIsStdin || !terminal.Is(c.Err) {
		return false
	}
	keyboard, err := terminal.Keyboard()
	if err != nil {
		return false
	}
	_ = keyboard.Close()
	return true
}

// Confirm asks a question at the terminal, and returns an error unless the answer is yes. Ctrl-C
// means no.
func Confirm(c Console, question string) error {
	if !terminal.Is(c.Err) {
		return errors.New("standard error is not a terminal, so there is no one to ask; add --yes")
	}
	in := c.In
	if !terminal.Is(in) {
		keyboard, err := terminal.Keyboard()
		if err != nil {
			return err
		}
		defer keyboard.Close()
		in = keyboard
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	defer signal.Stop(interrupted)
	fmt.Fprintf(c.Err, "%s [y/N] ", question)
	terminal.Flush(c.Err)
	answered := make(chan string, 1)
	go func() { answered <- readLine(in) }()
	select {
	case <-interrupted:
		fmt.Fprintln(c.Err)
	case answer := <-answered:
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes", "d", "da":
			return nil
		}
	}
	return errors.New("not confirmed")
}

// readLine reads a line, and nothing after it.
func readLine(in io.Reader) string {
	var line []byte
	for b := make([]byte, 1); ; {
		if n, err := in.Read(b); n == 0 || err != nil || b[0] == '\n' {
			return string(line)
		}
		line = append(line, b[0])
	}
}
