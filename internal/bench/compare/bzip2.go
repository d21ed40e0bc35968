package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	dsnet "github.com/dsnet/compress/bzip2"

	"github.com/go-smslink/smslink/internal/bzip2"
)

// bzip2Result is what our bzip2, libbz2's and dsnet's took for one plain form, on one core.
type bzip2Result struct {
	n                               int
	ours, libbz2, dsnet             []float64 // processor time in ns
	oursSize, libbz2Size, dsnetSize float64
}

// bzip2 compares the encoders alone, each in a process of its own.
func (c *comparison) bzip2() error {
	for _, n := range []int{10, 100, 1000, 100_000} {
		log.Printf("bzip2 of %d messages beside libbz2 and dsnet", n)
		plain, err := plainForm(n)
		if err != nil {
			return err
		}
		file := filepath.Join(c.dir, "bzip2")
		if err := os.WriteFile(file, plain, 0o600); err != nil {
			return err
		}
		rounds := strconv.Itoa(1 + 10_000_000/len(plain)) // some seconds, beside which a start is nothing
		r := bzip2Result{n: n}
		for range c.runs {
			for _, side := range []struct {
				command []string
				took    *[]float64
				size    *float64
			}{
				{[]string{filepath.Join(c.dir, "libbz2"), file, rounds}, &r.libbz2, &r.libbz2Size},
				{[]string{c.self, "bzip2", "ours", file, rounds}, &r.ours, &r.oursSize},
				{[]string{c.self, "bzip2", "dsnet", file, rounds}, &r.dsnet, &r.dsnetSize},
			} {
				took, size, err := pack(side.command)
				if err != nil {
					return err
				}
				*side.took, *side.size = append(*side.took, took), size
			}
		}
		c.report.bzip2 = append(c.report.bzip2, r)
	}
	return nil
}

// pack runs an encoder on one core and returns its processor time and the size that it prints.
func pack(command []string) (took, size float64, err error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", command[0], err)
	}
	if _, err := fmt.Sscan(string(out), &size); err != nil {
		return 0, 0, fmt.Errorf("%s printed %q", command[0], out)
	}
	return float64(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()), size, nil
}

// packBzip2 is what pack runs for a Go encoder.
func packBzip2(encoder, file, rounds string) error {
	plain, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(rounds)
	if err != nil {
		return err
	}
	w, err := dsnet.NewWriter(nil, &dsnet.WriterConfig{Level: dsnet.BestCompression})
	if err != nil {
		return err
	}
	var packed appender
	for range n {
		packed = packed[:0]
		if encoder == "ours" {
			packed, err = bzip2.AppendCompress(packed, plain)
		} else if err = w.Reset(&packed); err == nil {
			if _, err = w.Write(plain); err == nil {
				err = w.Close()
			}
		}
		if err != nil {
			return err
		}
	}
	fmt.Println(len(packed))
	return nil
}

type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// rows adds the comparison to t.
func (r *bzip2Result) rows(t *table) {
	what := fmt.Sprintf("bzip2 of %d messages, ", r.n)
	t.judged(what+"size ÷ libbz2's at level 9", r.oursSize/r.libbz2Size, "≤", 1.005, fmt.Sprintf("%.0f and %.0f bytes; dsnet %.0f", r.oursSize, r.libbz2Size, r.dsnetSize))
	if r.n >= 1000 {
		t.judged(what+"processor time ÷ libbz2's", median(r.ours)/median(r.libbz2), "≤", 0.7,
			fmt.Sprintf("of dsnet's %.2f; from run to run %s", median(r.ours)/median(r.dsnet), ratios(r.ours, r.libbz2)))
	}
}

// ratios is the least and the most ratio of two sides measured in turn.
func ratios(a, b []float64) string {
	least, most := a[0]/b[0], a[0]/b[0]
	for i := range a {
		least, most = min(least, a[i]/b[i]), max(most, a[i]/b[i])
	}
	return fmt.Sprintf("%.2f–%.2f", least, most)
}
