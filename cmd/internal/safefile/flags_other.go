//go:build !unix

package safefile

// Other systems lack these flags: only the checks before opening are left.
const (
	nofollow = 0
	nonblock = 0
)
