//go:build !unix

package journal

import "os"

// syncFolder does nothing on this system.
func syncFolder(string) error { return nil }

// makePrivate does nothing on this system.
func makePrivate(*os.File, os.FileMode) error { return nil }
