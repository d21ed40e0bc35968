package main

import (
	"os"
	"runtime/pprof"
	"time"
)

// profiled writes a processor profile of f.
func profiled(name string, f func() error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	_, _, err = rate(f, 3*time.Second)
	pprof.StopCPUProfile()
	return err
}
