package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/bench/processor"
)

// measured is what one run of a whole job took.
type measured struct {
	took      time.Duration
	memory    int           // kB of resident memory at its peak, above what the messages take
	processor time.Duration // of all cores; 0 for PHP
}

// ours does a whole job with smslink.
func ours(codecName, endpoint string, messages []smslink.Message) error {
	codec, err := smslink.ParseCodec(codecName)
	if err != nil {
		return err
	}
	client, err := smslink.NewClient("connection", "password", &smslink.Options{Endpoint: endpoint})
	if err != nil {
		return err
	}
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
	if resp.Count(smslink.StatusSuccess) != len(messages) {
		return errNotAll
	}
	return nil
}

// measure does in this process what peers/job.php does in its own, and prints what that prints and
// the processor time.
func measure(send func(codec, endpoint string, messages []smslink.Message) error, codec, endpoint, file string) error {
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
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return err
	}
	base, err := memory("VmRSS")
	if err != nil {
		return err
	}
	used, start := processor.Time(), time.Now()
	if err := send(codec, endpoint, messages); err != nil {
		return err
	}
	took := time.Since(start)
	used = processor.Time() - used
	peak, err := memory("VmHWM")
	if err != nil {
		return err
	}
	fmt.Println(took.Nanoseconds(), peak-base, used.Nanoseconds())
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
