//go:build unix && !linux

package main

import "testing"

func smallDisk(t *testing.T) (folder string) {
	t.Helper()
	t.Skip("only Linux mounts one")
	return ""
}
