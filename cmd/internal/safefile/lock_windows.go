package safefile

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

var lockFileEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")

// Lock keeps other processes, and other openings of the file, from locking it until it is closed.
// Reading and writing need no lock: the byte that is locked lies far beyond the end of the file.
func Lock(f *os.File) error {
	const failImmediately, exclusive = 1, 2
	const errorLockViolation = syscall.Errno(33)
	at := syscall.Overlapped{Offset: 0xFFFFFFFE, OffsetHigh: 0x7FFFFFFF}
	ok, _, err := lockFileEx.Call(f.Fd(), failImmediately|exclusive, 0, 1, 0, uintptr(unsafe.Pointer(&at)))
	if ok == 0 && (errors.Is(err, errorLockViolation) || errors.Is(err, syscall.ERROR_IO_PENDING)) {
		return ErrLocked
	}
	return nil // or a file system without locks, such as some network shares
}
