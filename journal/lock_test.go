package journal_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/journal"
)

// Another process has the journal open, until it is killed.
func TestOpen_whatAnotherProcessHasOpen(t *testing.T) {
	const asked = "SMSLINK_TEST_HOLD"
	if path := os.Getenv(asked); path != "" {
		open(t, path)
		fmt.Println("it is open")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // until it is killed
		return
	}
	path := filled(t)
	self, err := os.Executable()
	require.NoError(t, err)
	other := exec.Command(self, "-test.run", "^TestOpen_whatAnotherProcessHasOpen$")
	other.Env = append(os.Environ(), asked+"="+path)
	_, err = other.StdinPipe()
	require.NoError(t, err)
	out, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	said, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, said, "it is open")

	raw, err := os.ReadFile(path)
	require.NoError(t, err, "others may read it")
	_, err = journal.Open(path)
	require.ErrorIs(t, err, journal.ErrLocked)
	require.NoError(t, other.Process.Kill())
	require.Error(t, other.Wait())
	open(t, path)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, raw, after)
}
