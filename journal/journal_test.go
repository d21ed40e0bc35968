package journal_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/journal"
)

var background = context.Background()

func open(t *testing.T, path string) *journal.File {
	t.Helper()
	j, err := journal.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// filled is the path of a journal of three packages: one judged, one forgotten and
// one in doubt.
func filled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	require.NoError(t, j.Intend(background, []int64{1, 2}, md5.Sum(nil)))
	require.NoError(t, j.Intend(background, []int64{3}, md5.Sum(nil)))
	require.NoError(t, j.Settle(background, []smslink.Result{
		{ID: 1, RemoteID: "220000001", Status: smslink.Success}, {ID: 2, RemoteID: "0040712345678", Status: smslink.NumberFailed},
	}, nil))
	require.NoError(t, j.Intend(background, []int64{4, 5}, md5.Sum(nil)))
	require.NoError(t, j.Settle(background, nil, []int64{3}))
	require.NoError(t, j.Close())
	return path
}

var whole = []smslink.Result{
	{ID: 1, RemoteID: "220000001", Status: smslink.Success}, {ID: 2, Status: smslink.NumberFailed}, {ID: 4}, {ID: 5},
}

func TestFile_keepsWhatItWasTold(t *testing.T) {
	path := filled(t)
	j := open(t, path)
	known, err := j.Known(background, []int64{1, 2, 3, 4, 5, 6})
	require.NoError(t, err)
	require.Equal(t, whole, known)
	require.Equal(t, []int64{4, 5}, j.InDoubt())
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "40712345678", "a remote id that may be a receiver")
}

func TestFile_doubtsCanBeSettledByHand(t *testing.T) {
	j := open(t, filled(t))
	require.NoError(t, j.Settle(background, []smslink.Result{{ID: 4, Status: smslink.Success}}, []int64{5}))
	require.Empty(t, j.InDoubt())
	require.NoError(t, j.Intend(background, []int64{5}, md5.Sum(nil)))
}

func TestFile_refusesWhatWouldSendTwice(t *testing.T) {
	j := open(t, filled(t))
	for _, id := range []int64{1, 2, 4} {
		require.ErrorIs(t, j.Intend(background, []int64{100, id}, md5.Sum(nil)), journal.ErrKnown)
	}
	known, err := j.Known(background, []int64{100})
	require.NoError(t, err)
	require.Empty(t, known, "all or none")
	require.ErrorIs(t, j.Settle(background, nil, []int64{1}), journal.ErrNotInDoubt)
	require.ErrorIs(t, j.Settle(background, nil, []int64{6}), journal.ErrNotInDoubt)
}

func TestOpen_whatIsOpenAlready(t *testing.T) {
	path := filled(t)
	j := open(t, path)
	_, err := journal.Open(path)
	require.ErrorIs(t, err, journal.ErrLocked)
	require.NoError(t, j.Close())
	open(t, path)
	_, err = j.Known(background, nil)
	require.Error(t, err, "it is closed")
}

// A file that ends anywhere in its last write opens as it was before that write, and
// goes on from there.
func TestOpen_survivesATornLastLine(t *testing.T) {
	path := filled(t)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range raw {
		require.NoError(t, os.WriteFile(path, raw[:n], 0o600))
		j, err := journal.Open(path)
		require.NoError(t, err, "%d bytes", n)
		lines := bytes.Count(raw[:n], []byte("\n"))
		if raw[n] == '\n' {
			lines++ // nothing but the end of the line is missing
		}
		known, err := j.Known(background, []int64{1, 2, 3, 4, 5})
		require.NoError(t, err)
		require.Len(t, known, map[int]int{0: 0, 1: 0, 2: 2, 3: 3, 4: 3, 5: 5, 6: 4}[min(lines, 6)], "%d bytes", n)
		require.NoError(t, j.Intend(background, []int64{9}, md5.Sum(nil)))
		require.NoError(t, j.Close())
		j, err = journal.Open(path)
		require.NoError(t, err, "%d bytes", n)
		require.Contains(t, j.InDoubt(), int64(9))
		require.NoError(t, j.Close())
	}
}

func TestOpen_refusesEveryOtherChange(t *testing.T) {
	path := filled(t)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		require.NoError(t, os.WriteFile(path, changed, 0o600))
		_, err := journal.Open(path)
		require.ErrorIs(t, err, journal.ErrCorrupt, "byte %d", i)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, changed, after, "it is left as it is")
	}
	lines := bytes.SplitAfter(raw, []byte("\n")) // of which the last is empty
	for i := range len(lines) - 2 {
		gone := bytes.Join(slices.Concat(lines[:i], lines[i+1:]), nil)
		doubled := bytes.Join(slices.Concat(lines[:i+1], lines[i:]), nil)
		for _, changed := range [][]byte{gone, doubled} {
			require.NoError(t, os.WriteFile(path, changed, 0o600))
			_, err := journal.Open(path)
			require.ErrorIs(t, err, journal.ErrCorrupt, "line %d", i+1)
		}
	}
	require.NoError(t, os.WriteFile(path, []byte("a letter"), 0o600))
	_, err = journal.Open(path)
	require.ErrorIs(t, err, journal.ErrCorrupt)
}
