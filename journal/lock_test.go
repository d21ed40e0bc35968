package journal_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
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

// A program starts other programs all the time. Each has the journal open between its fork and its
// exec. It must not keep the lock of a journal that was closed or that Open has refused.
func TestClose_unlocksWhileOtherProgramsStart(t *testing.T) {
	const asked = "SMSLINK_TEST_NOTHING"
	if os.Getenv(asked) != "" {
		os.Exit(0)
	}
	self, err := os.Executable()
	require.NoError(t, err)
	path, corrupt := filled(t), filled(t)
	raw, err := os.ReadFile(corrupt)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(corrupt, append(raw, ";\n"...), 0o600))
	var starters sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		starters.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				other := exec.Command(self, "-test.run", "^TestClose_unlocksWhileOtherProgramsStart$")
				other.Env = append(os.Environ(), asked+"=1")
				assert.NoError(t, other.Run())
			}
		})
	}
	defer starters.Wait()
	defer close(stop)
	for range 60 {
		j, err := journal.Open(path)
		require.NoError(t, err)
		require.NoError(t, j.Close())
		_, err = journal.Open(corrupt)
		require.ErrorIs(t, err, journal.ErrCorrupt)
	}
}
