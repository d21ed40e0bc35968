//go:build !unix

package journal

import "os"

// syncFolder can't be had here.
func syncFolder(string) error { return nil }

// makePrivate can't be had here.
func makePrivate(*os.File, os.FileMode) error { return nil }
