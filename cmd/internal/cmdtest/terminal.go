package cmdtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/smslinktest"
)

// Terminal is a terminal of tmux.
type Terminal struct {
	t      *testing.T
	socket string
}

// NewTerminal starts a shell in a terminal of that many columns. It skips the test if tmux is
// missing, and fails it if SMSLINK_NEED_TMUX is set, as .ci/run does with CI=true.
func NewTerminal(t *testing.T, gateway *smslinktest.Gateway, columns int) *Terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil && os.Getenv("SMSLINK_NEED_TMUX") == "" {
		t.Skip("there is no tmux")
	}
	term := &Terminal{t, filepath.Join(t.TempDir(), "tmux")}
	shell := fmt.Sprintf("env PS1='$ ' ENV= %s=%s %s=%s sh",
		account.EnvConnectionID, gateway.ConnectionID, account.EnvPassword, gateway.Password)
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

// Types types keys by their names in tmux.
func (t *Terminal) Types(keys ...string) {
	t.t.Helper()
	t.Tmux(append([]string{"send-keys"}, keys...)...)
}

// Clear empties the screen, so that no output of an earlier command is left on it.
func (t *Terminal) Clear() {
	t.t.Helper()
	t.Types("clear", "Enter")
	t.waits("an empty screen", func(screen string) bool { return strings.TrimSpace(screen) == "$" })
}

// Prompts waits until the shell prompts, so that nothing typed is lost to the command before it.
func (t *Terminal) Prompts() {
	t.t.Helper()
	t.waits("a prompt", func(screen string) bool { return strings.HasSuffix(strings.TrimSpace(screen), "\n$") })
}

// Shows waits until the screen holds all of these texts, and returns it.
func (t *Terminal) Shows(texts ...string) (screen string) {
	t.t.Helper()
	return t.waits(fmt.Sprintf("%q", texts), func(screen string) bool {
		unwrapped := strings.Join(strings.Fields(screen), " ")
		for _, text := range texts {
			if !strings.Contains(screen, text) && !strings.Contains(unwrapped, text) {
				return false
			}
		}
		return true
	})
}

// Matches waits until the screen matches a pattern.
func (t *Terminal) Matches(pattern string) {
	t.t.Helper()
	t.waits(pattern, regexp.MustCompile(pattern).MatchString)
}

// waits waits until the screen is as wanted, and returns it.
func (t *Terminal) waits(what string, wanted func(screen string) bool) (screen string) {
	t.t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if screen = t.Tmux("capture-pane", "-p", "-J"); wanted(screen) {
			return screen
		}
		require.True(t.t, time.Now().Before(end), "the screen never showed %s; it shows\n%s", what, screen)
	}
}
