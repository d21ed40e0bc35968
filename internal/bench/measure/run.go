// Package measure has what the commands beside it share: jobs in processes of their own, the
// receiver that these post to, and tables of what they took.
package measure

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"strconv"
	"time"
)

// Run is what a job took in a process of its own. Programs in other languages print it, too.
type Run struct {
	Took      time.Duration
	Processor time.Duration // of all cores
	Base      int           // kB of resident memory before the job
	Peak      int           // kB of resident memory at the most
	Heap      []float64     // the heap in use, in MB of 1,000 KiB, as often as the job notes it
}

// Report does a job in this process, and prints its Run for Process. It needs Linux.
func Report(job func(*Run) error) error {
	var r Run
	debug.FreeOSMemory()
	err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // the peak starts here
	if err != nil {
		return err
	}
	if r.Base, err = memory("VmRSS"); err != nil {
		return err
	}
	used, start := ProcessorTime(), time.Now()
	if err := job(&r); err != nil {
		return err
	}
	r.Took, r.Processor = time.Since(start), ProcessorTime()-used
	if r.Peak, err = memory("VmHWM"); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// memory reads a field of this process's status, in kB.
func memory(field string) (int, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`(?m)^` + field + `:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		return 0, fmt.Errorf("/proc/self/status has no %s", field)
	}
	return strconv.Atoi(string(found[1]))
}

// Self is the path of the program that runs, on Linux.
const Self = "/proc/self/exe"

// Process runs a program that prints a Run.
func Process(command ...string) (r Run, err error) {
	out, err := Output(command...)
	if err != nil {
		return r, err
	}
	err = json.Unmarshal(out, &r)
	return r, err
}

// Output returns what a program prints. Its errors are printed on standard error.
func Output(command ...string) ([]byte, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%q: %w", command, err)
	}
	return out, nil
}

// Each returns a figure of each run.
func Each[T ~int | ~int64](runs []Run, figure func(Run) T) (values []float64) {
	for _, r := range runs {
		values = append(values, float64(figure(r)))
	}
	return values
}

// Took returns the times of runs by the clock, in ns.
func Took(runs []Run) []float64 {
	return Each(runs, func(r Run) time.Duration { return r.Took })
}

// Processor returns the processor times of runs, in ns.
func Processor(runs []Run) []float64 {
	return Each(runs, func(r Run) time.Duration { return r.Processor })
}
