//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package safefile

import "os"

// Lock does nothing: the system has no lock that ends with its process.
func Lock(*os.File) error { return nil }
