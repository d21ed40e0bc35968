//go:build unix && !solaris && !aix

package journal

import (
	"os"
	"syscall"
)

// lock keeps others from opening the file as a journal. It ends with the process.
func lock(file *os.File) error {
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return ErrLocked
	}
	return nil
}
