package journal_test

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// A journal fills a disk of 64 kB, and works again once there is room. Mounting the disk needs
// root.
func TestFile_onADiskThatIsFull(t *testing.T) {
	folder := t.TempDir()
	err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=64k,mode=0700")
	if err != nil && os.Getenv("SMSLINK_NEED_MOUNT") == "" {
		t.Skipf("no disk can be mounted: %v", err)
	}
	require.NoError(t, err)
	defer func() { require.NoError(t, syscall.Unmount(folder, 0)) }()
	ballast := filepath.Join(folder, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 32<<10), 0o600))
	path := filepath.Join(folder, "journal")
	j := open(t, path)
	var intended, recorded int64
	for {
		if err = j.Intend(background, []int64{intended}); err != nil {
			break
		}
		intended++
		if err = j.Record(background, []smslink.Result{{ID: recorded, RemoteID: strconv.FormatInt(recorded*recorded, 10), Status: smslink.StatusSuccess}}, nil); err != nil {
			break
		}
		recorded++
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NotContains(t, err.Error(), "a part of a line")
	require.NotZero(t, recorded)
	requireWholeLines(t, path)
	require.Len(t, j.InDoubt(), int(intended-recorded))

	require.NoError(t, os.Remove(ballast))
	require.NoError(t, j.Intend(background, []int64{1 << 40}))
	require.NoError(t, j.Close())
	j = open(t, path)
	require.Len(t, j.InDoubt(), int(intended-recorded)+1)
	known, err := j.Known(background, []int64{0, recorded - 1, intended})
	require.NoError(t, err)
	require.Len(t, known, 2)
	require.NoError(t, j.Close())
}
