package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// Confirm asks a question at a terminal, and returns an error unless the answer is yes.
func Confirm(c Console, question string) error {
	if !terminal.Is(c.Err) {
		return errors.New("standard error is no terminal, so there is no one to ask; add --yes")
	}
	fmt.Fprintf(c.Err, "%s [y/N] ", question)
	answer := make([]byte, 0, 8)
	for b := make([]byte, 1); ; { // no further than the line
		if _, err := c.In.Read(b); err != nil || b[0] == '\n' {
			break
		}
		answer = append(answer, b[0])
	}
	switch strings.ToLower(strings.TrimSpace(string(answer))) {
	case "y", "yes", "d", "da":
		return nil
	}
	return errors.New("not confirmed")
}
