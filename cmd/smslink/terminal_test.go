//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cmdtest"
	"github.com/go-smslink/smslink/smslinktest"
)

func TestTerminal_promptAndProgress(t *testing.T) {
	gateway, pass := newHoldingGateway(t, 2)
	file := numbered(t, 500)
	term := cmdtest.NewTerminal(t, gateway, 100)
	command := "smslink send --package-size 100 --endpoint " + gateway.URL + " " + file

	// Any answer except yes means no.
	term.Types(command, "Enter")
	term.Shows("500 messages, 500 SMS, 0 bad rows", "Without --journal, a send that breaks off can't be continued.", "Send 500 messages, billed as 500 SMS? [y/N]")
	term.Types("n", "Enter")
	term.Shows("smslink: not confirmed; nothing was sent")
	require.Empty(t, gateway.Uploads())

	// After a yes the bar moves, and is removed at the end.
	term.Clear()
	term.Types(command, "Enter")
	term.Shows("[y/N]")
	term.Types("y", "Enter")
	term.Matches(`200 accepted, 0 not .*40% \[=+>\.+\] \(200/500, \d+ rows/(s|min)\)`)
	for range 3 {
		pass <- struct{}{}
	}
	screen := term.Shows("500 rows: 500 accepted, 0 failed, 0 bad; 500 SMS; 5 packages")
	require.NotContains(t, screen, "%")
	require.NotContains(t, term.Tmux("capture-pane", "-p", "-e"), "\x1b[3", "no colour")

	// Ctrl-C at the prompt sends nothing. During the send it stops, and what was sent is printed.
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
	pass <- struct{}{}
	term.Shows("100 accepted, 0 not")
	term.Types("C-c")
	const interrupted = "smslink: interrupted: waiting for the packages that are being uploaded; no others are sent."
	term.Shows(interrupted)
	close(pass)
	term.Shows(interrupted, "Press Ctrl-C again to break them off; their messages are then in doubt.", "not sent: the command was interrupted",
		"500 rows: ", "do not send all rows again: those that were accepted would be sent twice", "ended 1")
}

// On 40 columns the lines wrap, and no text is lost.
func TestTerminal_narrow(t *testing.T) {
	gateway := newGateway(t, nil)
	term := cmdtest.NewTerminal(t, gateway, 40)
	term.Types("smslink send --yes --endpoint "+gateway.URL+" "+numbered(t, 50), "Enter")
	term.Shows("50 rows: 50 accepted, 0 failed, 0 bad; 50 SMS; package 1001")
}

// Resuming asks about the rest, and asks nothing if everything was sent.
func TestTerminal_resumes(t *testing.T) {
	gateway := newGateway(t, nil)
	folder := t.TempDir()
	file := filepath.Join(folder, "june.csv")
	require.NoError(t, os.WriteFile(file, []byte("id,to,from,text\n1,0712345678,,Bună\n2,0712345679,,Bună\n3,+44 7700 900123,,"+strings.Repeat("Un text lung. ", 13)+"\n"), 0o600))
	term := cmdtest.NewTerminal(t, gateway, 80)
	term.Types("cd "+folder+"; PS1='$ '; clear", "Enter")
	send := "smslink send --journal june --package-size 1 --endpoint " + gateway.URL + " "
	gateway.Inject(smslinktest.Fault{}, smslinktest.LoseReply(), smslinktest.Reject("8", "no credit"))
	day := time.Now().Format("02.01")
	term.Types(send+"june.csv", "Enter")
	term.Shows("The first message, june.csv:2, 1 SMS to 0712****78 from numeric, now:", "Bună", "The longest, june.csv:4, 2 SMS to +447*******23 from numeric, now:",
		"abroad: +44 (1)", "Send 3 messages, billed as 4 SMS? [y/N]")
	term.Types("y", "Enter")
	term.Shows("1 message is in doubt", "1 message was not sent; the same command sends it")
	term.Clear()
	term.Types(send+"june.csv", "Enter")
	screen := term.Shows("1 of 3 was accepted on ", ", 1 is in doubt. Send the other 1, billed as 2 SMS? [y/N]")
	require.Regexp(t, "accepted on ("+day+"|"+time.Now().Format("02.01")+")", strings.Join(strings.Fields(screen), " "))
	term.Types("y", "Enter")
	term.Shows("This run: 1 accepted, 2 SMS. Before: 1 accepted, 1 in doubt; package ")
	term.Clear()
	term.Types(send+"june.csv", "Enter")
	require.NotContains(t, term.Shows("nothing left to send: 2 were accepted on "), "[y/N]")

	// The rows of a pipe are asked about, too.
	term.Clear()
	term.Types("sed s/Bun/BUN/ june.csv | smslink send --endpoint "+gateway.URL+" -", "Enter")
	term.Shows("Send the rows as they come, uncounted? [y/N]")
	term.Types("n", "Enter")
	term.Shows("smslink: not confirmed; nothing was sent")
	require.Len(t, gateway.Messages(), 3)
}

// If every row is excluded, there is nothing to ask.
func TestTerminal_everyRowIsExcluded(t *testing.T) {
	gateway := newGateway(t, nil)
	term := cmdtest.NewTerminal(t, gateway, 100)
	file := numbered(t, 5)
	term.Types("smslink send --exclude "+file+" --exclude-anyway --endpoint "+gateway.URL+" "+file+"; echo ended $?", "Enter")
	require.NotContains(t, term.Shows("5 rows: 0 accepted, 0 failed, 0 bad, 5 excluded; 0 SMS", "ended 0"), "[y/N]")
	require.Empty(t, gateway.Uploads())
}

// A single package shows that it is being uploaded.
func TestTerminal_onePackage(t *testing.T) {
	gateway, pass := newHoldingGateway(t, 0)
	term := cmdtest.NewTerminal(t, gateway, 100)
	term.Types("smslink send --yes --endpoint "+gateway.URL+" "+numbered(t, 500), "Enter")
	term.Shows("sending", "(0/500")
	close(pass)
	term.Shows("500 rows: 500 accepted")
}
