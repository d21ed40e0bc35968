//go:build unix

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cmdtest"
	"github.com/go-smslink/smslink/smslinktest"
)

func TestTerminal_promptAndProgress(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault { return smslinktest.Delay(400 * time.Millisecond) }})
	file := numbered(t, 500)
	term := cmdtest.NewTerminal(t, gateway, 100)
	command := "smslink send --package-size 100 --endpoint " + gateway.URL + " " + file

	// Whatever is no yes is a no.
	term.Types(command, "Enter")
	term.Shows("500 messages, 500 SMS, 0 bad rows", "Without --journal, a send that breaks off can't be continued.", "Send 500 messages, billed as 500 SMS? [y/N]")
	term.Types("n", "Enter")
	term.Shows("smslink: not confirmed; nothing was sent")
	require.Empty(t, gateway.Uploads())

	// A yes; the bar moves, and is gone at the end.
	term.Clear()
	term.Types(command, "Enter")
	term.Shows("[y/N]")
	term.Types("y", "Enter")
	screen := term.Shows("200 accepted, 0 failed", "(200/500")
	require.Regexp(t, `40% \[=+>\.+\] \(200/500, \d+ rows/s\)`, screen)
	screen = term.Shows("500 rows: 500 accepted, 0 failed, 0 bad; 500 SMS; 5 packages")
	require.NotContains(t, screen, "%")
	require.NotContains(t, term.Tmux("capture-pane", "-p", "-e"), "\x1b[3", "no colour")

	// Ctrl-C at the prompt sends nothing, and in the middle tells what was.
	taken := len(gateway.Messages())
	term.Clear()
	term.Types(command, "Enter")
	term.Shows("[y/N]")
	term.Types("C-c")
	term.Prompts()
	term.Shows("smslink: not confirmed; nothing was sent")
	term.Types("echo ended $?", "Enter")
	term.Shows("ended 3")
	require.Len(t, gateway.Messages(), taken)
	term.Clear()
	term.Types(command+"; echo ended $?", "Enter")
	term.Shows("[y/N]")
	term.Types("y", "Enter")
	term.Shows("100 accepted, 0 failed")
	term.Types("C-c")
	term.Shows("smslink: interrupted: waiting for the packages that are being uploaded; no others are sent.",
		"Press Ctrl-C again to break them off; their messages are then in doubt.", "not sent: you pressed Ctrl-C",
		"500 rows: ", "do not send the same files again: the others would be sent twice", "ended 1")
}

// On 40 columns the lines wrap, and nothing is lost.
func TestTerminal_narrow(t *testing.T) {
	gateway := newGateway(t, nil)
	term := cmdtest.NewTerminal(t, gateway, 40)
	term.Types("smslink send --yes --endpoint "+gateway.URL+" "+numbered(t, 50), "Enter")
	term.Shows("50 rows: 50 accepted, 0 failed, 0 bad; 50 SMS; package 1001")
}
