package journal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

var (
	kernel32     = syscall.NewLazyDLL("kernel32.dll")
	lockFileEx   = kernel32.NewProc("LockFileEx")
	unlockFileEx = kernel32.NewProc("UnlockFileEx")
)

// The flags and the error codes of LockFileEx.
const (
	lockFailImmediately = 1
	lockExclusive       = 2

	errorLockViolation = syscall.Errno(33)
)

// lockedByte is the offset of the locked byte. No one can read what is locked on Windows, so it
// lies far beyond the end of the file.
var lockedByte = syscall.Overlapped{Offset: 0xFFFFFFFE, OffsetHigh: 0x7FFFFFFF}

// lock keeps others from opening the file as a journal. The lock ends with the process.
func lock(file *os.File) error {
	at := lockedByte
	ok, _, err := lockFileEx.Call(file.Fd(), lockFailImmediately|lockExclusive, 0, 1, 0, uintptr(unsafe.Pointer(&at)))
	switch {
	case ok != 0:
		return nil
	case errors.Is(err, errorLockViolation), errors.Is(err, syscall.ERROR_IO_PENDING):
		return ErrLocked
	default:
		return fmt.Errorf("the journal can't be locked: %w", err)
	}
}

func unlock(file *os.File) error {
	at := lockedByte
	if ok, _, err := unlockFileEx.Call(file.Fd(), 0, 1, 0, uintptr(unsafe.Pointer(&at))); ok == 0 {
		return err
	}
	return nil
}
