package cmdtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/smslinktest"
)

// Terminal is a real one, of tmux.
type Terminal struct {
	t      *testing.T
	socket string
}

// NewTerminal starts a shell in a terminal of that many columns. Without tmux the test is skipped,
// but not in .ci/run, which installs it.
func NewTerminal(t *testing.T, gateway *smslinktest.Gateway, columns int) *Terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil && os.Getenv("SMSLINK_NEED_TMUX") == "" {
		t.Skip("there is no tmux")
	}
	term := &Terminal{t, filepath.Join(t.TempDir(), "tmux")}
	shell := fmt.Sprintf("env PS1='$ ' ENV= %s=%s %s=%s sh", account.EnvConnectionID, gateway.ConnectionID, account.EnvPassword, gateway.Password)
	term.Tmux("-f", os.DevNull, "new-session", "-d", "-x", fmt.Sprint(columns), "-y", "30", shell)
	t.Cleanup(func() { term.Tmux("kill-server") })
	term.Shows("$")
	return term
}

// Tmux runs a command of tmux and returns its output.
func (t *Terminal) Tmux(args ...string) string {
	t.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", t.socket}, args...)...).CombinedOutput()
	require.NoError(t.t, err, string(out))
	return string(out)
}

// Types types keys, as tmux names them.
func (t *Terminal) Types(keys ...string) {
	t.t.Helper()
	t.Tmux(append([]string{"send-keys"}, keys...)...)
}

// Clear empties the screen, so that nothing on it is of an earlier command.
func (t *Terminal) Clear() {
	t.t.Helper()
	t.Types("clear", "Enter")
	require.Eventually(t.t, func() bool {
		return strings.TrimSpace(t.Tmux("capture-pane", "-p")) == "$"
	}, 2*time.Minute, 20*time.Millisecond)
}

// Prompts waits until the shell does, so that nothing typed is lost to what runs before it.
func (t *Terminal) Prompts() {
	t.t.Helper()
	require.Eventually(t.t, func() bool {
		screen := strings.TrimSpace(t.Tmux("capture-pane", "-p"))
		return strings.HasSuffix(screen, "\n$")
	}, 2*time.Minute, 20*time.Millisecond)
}

// Shows waits until the screen holds all of these, and gives it.
func (t *Terminal) Shows(text ...string) (screen string) {
	t.t.Helper()
	require.Eventually(t.t, func() bool {
		screen = t.Tmux("capture-pane", "-p", "-J")
		unwrapped := strings.Join(strings.Fields(screen), " ")
		for _, word := range text {
			if !strings.Contains(screen, word) && !strings.Contains(unwrapped, word) {
				return false
			}
		}
		return true
	}, 2*time.Minute, 20*time.Millisecond, "the screen never showed %q, but last\n%s", text, screenOf{&screen})
	return screen
}

// screenOf is a screen that is printed as it is by then.
type screenOf struct{ screen *string }

func (s screenOf) String() string { return *s.screen }
