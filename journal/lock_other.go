//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package journal

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// lock fails: plan9, js and wasip1 lack locks that end with their process, and the locks of
// solaris and aix end as soon as any part of the program closes the file.
func lock(*os.File) error {
	return fmt.Errorf("the journal can't be locked on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func unlock(*os.File) error { return nil }
