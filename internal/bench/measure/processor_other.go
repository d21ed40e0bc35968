//go:build !unix

package measure

import (
	"log"
	"runtime"
	"time"
)

// ProcessorTime is not measured here.
func ProcessorTime() time.Duration {
	log.Fatal("processor time is not measured on " + runtime.GOOS)
	return 0
}
