//go:build unix

package safefile

import "syscall"

const (
	nofollow = syscall.O_NOFOLLOW
	nonblock = syscall.O_NONBLOCK
)
