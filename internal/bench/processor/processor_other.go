//go:build !unix

package processor

import (
	"log"
	"runtime"
	"time"
)

// Time is not measured here.
func Time() time.Duration {
	log.Fatal("processor time is not measured on " + runtime.GOOS)
	return 0
}
