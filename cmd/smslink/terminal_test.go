//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/smslinktest"
)

// tmuxTerminal is a real one, of tmux.
type tmuxTerminal struct {
	t      *testing.T
	socket string
}

// newTerminal starts a shell in a terminal of that many columns. Without tmux the test is skipped,
// but not in .ci/run, which installs it.
func newTerminal(t *testing.T, gateway *smslinktest.Gateway, columns int) *tmuxTerminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil && os.Getenv("SMSLINK_NEED_TMUX") == "" {
		t.Skip("there is no tmux")
	}
	term := &tmuxTerminal{t, filepath.Join(t.TempDir(), "tmux")}
	shell := fmt.Sprintf("env PS1='$ ' ENV= %s=%s %s=%s sh", envConnectionID, gateway.ConnectionID, envPassword, gateway.Password)
	term.tmux("-f", os.DevNull, "new-session", "-d", "-x", fmt.Sprint(columns), "-y", "30", shell)
	t.Cleanup(func() { term.tmux("kill-server") })
	term.shows("$")
	return term
}

func (t *tmuxTerminal) tmux(args ...string) string {
	t.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", t.socket}, args...)...).CombinedOutput()
	require.NoError(t.t, err, string(out))
	return string(out)
}

func (t *tmuxTerminal) types(keys ...string) {
	t.t.Helper()
	t.tmux(append([]string{"send-keys"}, keys...)...)
}

// clear empties the screen, so that nothing on it is of an earlier command.
func (t *tmuxTerminal) clear() {
	t.t.Helper()
	t.types("clear", "Enter")
	require.Eventually(t.t, func() bool {
		return strings.TrimSpace(t.tmux("capture-pane", "-p")) == "$"
	}, 20*time.Second, 20*time.Millisecond)
}

// prompts waits until the shell does, so that nothing typed is lost to what runs before it.
func (t *tmuxTerminal) prompts() {
	t.t.Helper()
	require.Eventually(t.t, func() bool {
		screen := strings.TrimSpace(t.tmux("capture-pane", "-p"))
		return strings.HasSuffix(screen, "\n$")
	}, 20*time.Second, 20*time.Millisecond)
}

// shows waits until the screen holds all of these, and gives it.
func (t *tmuxTerminal) shows(words ...string) (screen string) {
	t.t.Helper()
	require.Eventually(t.t, func() bool {
		screen = t.tmux("capture-pane", "-p", "-J")
		for _, word := range words {
			if !strings.Contains(screen, word) {
				return false
			}
		}
		return true
	}, 20*time.Second, 20*time.Millisecond, "the screen never showed %q, but last\n%s", words, screenOf{&screen})
	return screen
}

func TestTerminal_promptAndProgress(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault { return smslinktest.Delay(400 * time.Millisecond) }})
	file := numbered(t, 500)
	term := newTerminal(t, gateway, 100)
	command := "smslink send --package-size 100 --endpoint " + gateway.URL + " " + file

	// Whatever is no yes is a no.
	term.types(command, "Enter")
	term.shows("500 messages, 500 SMS, 0 bad rows", "Without --journal, a send that breaks off can't be continued.", "Send 500 messages, billed as 500 SMS? [y/N]")
	term.types("n", "Enter")
	term.shows("smslink: not confirmed; nothing was sent")
	require.Empty(t, gateway.Uploads())

	// A yes; the bar moves, and is gone at the end.
	term.clear()
	term.types(command, "Enter")
	term.shows("[y/N]")
	term.types("y", "Enter")
	screen := term.shows("200 accepted, 0 failed", "(200/500")
	require.Regexp(t, `40% \[=+>\.+\] \(200/500, \d+ rows/s\)`, screen)
	screen = term.shows("500 rows: 500 accepted, 0 failed, 0 bad; 500 SMS; 5 packages")
	require.NotContains(t, screen, "%")
	require.NotContains(t, term.tmux("capture-pane", "-p", "-e"), "\x1b[3", "no colour")

	// Ctrl-C at the prompt sends nothing, and in the middle tells what was.
	taken := len(gateway.Messages())
	term.clear()
	term.types(command, "Enter")
	term.shows("[y/N]")
	term.types("C-c")
	term.prompts()
	term.types("echo ended $?", "Enter")
	term.shows("ended 130")
	require.Len(t, gateway.Messages(), taken)
	term.clear()
	term.types(command+"; echo ended $?", "Enter")
	term.shows("[y/N]")
	term.types("y", "Enter")
	term.shows("100 accepted, 0 failed")
	term.types("C-c")
	term.shows("smslink: interrupted: waiting for the reply to the packages on their way; no others are sent.",
		"Press Ctrl-C again to break them off; it is then not known whether they were sent.", "not sent: the stream stopped",
		"500 rows: ", "do not send the same files again: the others would be sent twice", "ended 1")
}

// On 40 columns the lines wrap, and nothing is lost.
func TestTerminal_narrow(t *testing.T) {
	gateway := newGateway(t, nil)
	term := newTerminal(t, gateway, 40)
	term.types("smslink send --yes --endpoint "+gateway.URL+" "+numbered(t, 50), "Enter")
	term.shows("50 rows: 50 accepted, 0 failed, 0 bad; 50 SMS; package 1001")
}

// screenOf is a screen that is printed as it is by then.
type screenOf struct{ screen *string }

func (s screenOf) String() string { return *s.screen }
