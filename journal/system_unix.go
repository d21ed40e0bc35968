//go:build unix

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// syncFolder makes the directory entry of the file at path durable, if the file system can.
func syncFolder(path string) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !cantSync(err) {
		return err
	}
	return nil
}

func cantSync(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL)
}

// makePrivate removes the permissions of group and others.
func makePrivate(file *os.File, mode os.FileMode) error {
	if mode.Perm()&0o077 == 0 {
		return nil
	}
	return file.Chmod(mode.Perm() &^ 0o077)
}
