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

// The system lets the file grow by only 20 bytes, so a part of a line is written.
func TestFile_aLineForWhichThereIsNoRoomIsCutOff(t *testing.T) {
	path := filled(t)
	j := open(t, path)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	small := limit
	small.Cur = uint64(len(raw)) + 20
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small)) // Go ignores the signal that goes with it
	full := []error{j.Intend(background, []int64{100}), j.Record(background, nil, []int64{4})}
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	for _, err := range full {
		require.ErrorIs(t, err, syscall.EFBIG)
		require.NotContains(t, err.Error(), "a part of a line")
	}
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, raw, after)
	known, err := j.Known(background, []int64{1, 2, 3, 4, 5, 100})
	require.NoError(t, err)
	require.Equal(t, whole, known)
	require.NoError(t, j.Intend(background, []int64{101}), "there is room again")
	require.NoError(t, j.Close())
	require.Equal(t, []int64{4, 5, 101}, inDoubt(open(t, path)))
}

func TestOpen_onlyTheOwnerReadsANewFile(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(t.TempDir(), "journal")
	open(t, path)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestOpen_removesThePermissionsOfOthers(t *testing.T) {
	for _, content := range []string{"empty", "a journal"} {
		for mode, want := range map[os.FileMode]os.FileMode{0o644: 0o600, 0o666: 0o600, 0o640: 0o600, 0o606: 0o600, 0o777: 0o700, 0o600: 0o600} {
			path := filled(t)
			if content == "empty" {
				require.NoError(t, os.Truncate(path, 0))
			}
			require.NoError(t, os.Chmod(path, mode))
			open(t, path)
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, want, info.Mode().Perm(), "%s with %v", content, mode)
		}
	}
	stranger := filepath.Join(t.TempDir(), "letter")
	require.NoError(t, os.WriteFile(stranger, []byte("a letter"), 0o644))
	require.NoError(t, os.Chmod(stranger, 0o644))
	_, err := journal.Open(stranger)
	require.ErrorIs(t, err, journal.ErrNotJournal)
	info, err := os.Stat(stranger)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode().Perm(), "it is not a journal")
}

// A pipe can't be a journal.
func TestOpen_refusesAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, err := journal.Open(path)
	require.Error(t, err)
}
