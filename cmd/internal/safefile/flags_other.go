//go:build !unix

package safefile

// Elsewhere only the look before opening remains.
const (
	nofollow = 0
	nonblock = 0
)
