package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/go-smslink/smslink"
)

// measured is what one run of a whole job took.
type measured struct {
	took   time.Duration
	memory int // kB of resident memory at its peak, above what the messages take
}

// ourJob does in this process what peers/job.php does in its own, and prints the
// same two numbers.
func ourJob(codecName, endpoint, file string) error {
	codec, err := smslink.ParseCodec(codecName)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var messages []smslink.Message
	for line := range bytes.Lines(raw) {
		fields := bytes.SplitN(bytes.TrimSuffix(line, []byte("\n")), []byte("\t"), 3)
		id, err := strconv.ParseInt(string(fields[0]), 10, 64)
		if err != nil {
			return err
		}
		messages = append(messages, smslink.Message{ID: id, To: string(fields[1]), Text: string(fields[2])})
	}
	client, err := smslink.NewClient("connection", "password", &smslink.Options{Endpoint: endpoint})
	if err != nil {
		return err
	}
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return err
	}
	base, err := memory("VmRSS")
	if err != nil {
		return err
	}
	start := time.Now()

	p := smslink.Package{Codec: codec}
	for _, m := range messages {
		if err := p.Add(m); err != nil {
			return err
		}
	}
	resp, err := client.Send(context.Background(), &p)
	if err != nil {
		return err
	}
	took := time.Since(start)
	if resp.Count(smslink.StatusSuccess) != len(messages) {
		return errors.New("not every message was accepted")
	}
	peak, err := memory("VmHWM")
	if err != nil {
		return err
	}
	fmt.Println(took.Nanoseconds(), peak-base)
	return nil
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
