//go:build linux || darwin

package journal_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/journal"
)

// A disk has room for no more than 20 bytes of a line. The line is in the file in part, so that
// nothing may follow it, whatever room there is by then.
func TestFile_aFailedWriteIsTheLast(t *testing.T) {
	path := filled(t)
	j := open(t, path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	small := limit
	small.Cur = uint64(info.Size()) + 20
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small)) // Go ignores the signal that goes with it
	full := j.Intend(background, []int64{100})
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	require.ErrorIs(t, full, syscall.EFBIG)
	require.ErrorIs(t, j.Intend(background, []int64{101}), syscall.EFBIG)
	_, err = j.Known(background, []int64{1})
	require.ErrorIs(t, err, syscall.EFBIG)
	require.NoError(t, j.Close())
	require.Equal(t, []int64{4, 5}, open(t, path).InDoubt())
}

func TestOpen_aNewFileIsItsOwnersAlone(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(t.TempDir(), "journal")
	open(t, path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// A pipe is no place to remember in.
func TestOpen_refusesAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, err := journal.Open(path)
	require.Error(t, err)
}
