//go:build unix

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// If a file system can't sync folders, the error is EINVAL, which is not os.ErrInvalid.
func TestSyncFolder(t *testing.T) {
	require.NoError(t, syncFolder(t.TempDir()))
	require.ErrorIs(t, syncFolder(filepath.Join(t.TempDir(), "none")), os.ErrNotExist)
	for err, can := range map[error]bool{syscall.EINVAL: false, errors.ErrUnsupported: false, syscall.EIO: true, syscall.ENOSPC: true} {
		require.Equal(t, !can, cantSync(&os.PathError{Op: "sync", Path: "/", Err: err}), "%v", err)
	}
}
