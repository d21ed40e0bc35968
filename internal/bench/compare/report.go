package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/go-smslink/smslink/internal/bench/chart"
)

// jobResult is every run of one whole job.
type jobResult struct {
	n         int
	codec     string
	php, ours []measured
}

// report is all that was measured, in ns and bytes.
type report struct {
	jobs  []jobResult
	plain []plainResult

	liblzfPack, liblzfUnpack, lzfPack, lzfUnpack []float64
	liblzfSize, lzfSize                          float64
	phpZlib, zlib                                []float64
	phpZlibSize, zlibSize                        float64
	bzip2                                        []bzip2Result

	cores coresResult

	bench map[string][]float64 // nil if they were left out
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// spread returns the median, least and most, in units of per, with three digits.
func spread(values []float64, per float64, unit string) string {
	return fmt.Sprintf("%s %s (%s to %s)", digits(median(values)/per), unit, digits(slices.Min(values)/per), digits(slices.Max(values)/per))
}

// duration returns the spread of values in seconds, in the unit that reads best.
func duration(values []float64) string {
	if median(values) < 1 {
		return spread(values, 1e-3, "ms")
	}
	return spread(values, 1, "s")
}

// size returns the spread of values in units of 1,000 bytes, in the unit that reads best.
func size(values []float64) string {
	if median(values) < 1e6 {
		return spread(values, 1e3, "MB")
	}
	return spread(values, 1e6, "GB")
}

// digits returns a number with three significant digits, or all before its point.
func digits(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	case value >= 1:
		return fmt.Sprintf("%.2f", value)
	}
	return fmt.Sprintf("%.3g", value)
}

const ms = 1e6

func seconds(runs []measured) (values []float64) {
	for _, m := range runs {
		values = append(values, m.took.Seconds())
	}
	return values
}

func kilobytes(runs []measured) (values []float64) {
	for _, m := range runs {
		values = append(values, float64(m.memory))
	}
	return values
}

// ratio returns a number that may be close to 1.
func ratio(value float64) string {
	if value < 10 {
		return fmt.Sprintf("%.3f", value)
	}
	return digits(value)
}

// table is a Markdown table in the making.
type table struct{ strings.Builder }

func (t *table) row(cells ...string) { fmt.Fprintf(t, "| %s |\n", strings.Join(cells, " | ")) }

// judged is a row with a target: at least it, or at most.
func (t *table) judged(what string, measured float64, relation string, target float64, from string) {
	met := measured >= target
	if relation == "≤" {
		met = measured <= target
	}
	verdict := "yes"
	if !met {
		verdict = "**no**"
	}
	t.row(what, fmt.Sprintf("%s %.4g", relation, target), ratio(measured), verdict, from)
}

func (r *report) markdown(runs int) string {
	var t table
	fmt.Fprintf(&t, "Measured on %s by `go run ./internal/bench/compare`: %s, medians of %d runs of each side in turn, least and most in brackets.\n\n", time.Now().UTC().Format(time.DateOnly), machine(), runs)

	t.row("whole job", "PHP", "ours", "PHP ÷ ours", "target", "memory PHP", "ours", "ours ÷ PHP", "target")
	t.row("---", "---", "---", "---", "---", "---", "---", "---", "---")
	for _, j := range r.jobs {
		php, ours := seconds(j.php), seconds(j.ours)
		phpKB, oursKB := kilobytes(j.php), kilobytes(j.ours)
		timeTarget, memoryTarget := jobTargets(j.n, j.codec)
		t.row(fmt.Sprintf("%d messages, %s", j.n, j.codec), duration(php), duration(ours), fmt.Sprintf("%.2f", median(php)/median(ours)), timeTarget,
			size(phpKB), size(oursKB), fmt.Sprintf("%.2f", median(oursKB)/median(phpKB)), memoryTarget)
	}
	t.WriteString("\nMemory is the peak of resident memory above what the messages themselves take; an MB here is 1,000 KiB.\n\n")

	t.row("what", "target", "measured", "met", "from")
	t.row("---", "---", "---", "---", "---")
	t.judged("LZF compress on one core, throughput ÷ liblzf's", median(r.liblzfPack)/median(r.lzfPack), "≥", 1, spread(r.lzfPack, ms, "ms")+" and "+spread(r.liblzfPack, ms, "ms"))
	t.judged("LZF size ÷ liblzf's", r.lzfSize/r.liblzfSize, "≤", 1.02, fmt.Sprintf("%.0f and %.0f bytes", r.lzfSize, r.liblzfSize))
	t.judged("LZF decompress, throughput ÷ liblzf's", median(r.liblzfUnpack)/median(r.lzfUnpack), "≥", 0.8, spread(r.lzfUnpack, ms, "ms")+" and "+spread(r.liblzfUnpack, ms, "ms"))
	for _, b := range r.bzip2 {
		b.rows(&t)
	}
	t.judged("zlib level 6, time ÷ PHP's level 9", median(r.zlib)/median(r.phpZlib), "≤", 0.4, spread(r.zlib, ms, "ms")+" and "+spread(r.phpZlib, ms, "ms"))
	t.judged("zlib level 6, size ÷ PHP's level 9", r.zlibSize/r.phpZlibSize, "≤", 1.03, fmt.Sprintf("%.0f and %.0f bytes", r.zlibSize, r.phpZlibSize))
	r.cores.rows(&t)
	if r.bench != nil {
		r.benchRows(&t)
	}
	return t.String()
}

func (r *report) benchRows(t *table) {
	of := func(key string) float64 { return median(r.bench[key]) }
	t.judged("`Add`, allocations", of("Add/Add allocs/op"), "≤", 0, "`BenchmarkAdd`")
	t.judged("`Add` ÷ append, and the scan of receiver and text", of("Add/Add ns/op")/of("Add/floor ns/op"), "≤", 1.5, spread(r.bench["Add/Add ns/op"], 1, "ns")+" and "+spread(r.bench["Add/floor ns/op"], 1, "ns"))
	t.judged("`Send` beyond its codec, zlib", of("Send/zlib ns/op")/of("Codec/zlib ns/op")-1, "≤", 0.05, spread(r.bench["Send/zlib ns/op"], ms, "ms")+" and "+spread(r.bench["Codec/zlib ns/op"], ms, "ms"))
	t.judged("reply of 100,000 entries, MB/s", of("Reply/100000 MB/s"), "≥", 200, spread(r.bench["Reply/100000 MB/s"], 1, "MB/s"))
	t.judged("its allocations beyond those of 1,000 entries", of("Reply/100000 allocs/op")-of("Reply/1000 allocs/op"), "≤", 0, fmt.Sprintf("%.0f", of("Reply/100000 allocs/op")))
	var times, bytes []float64
	for _, n := range []string{"1000", "10000", "100000", "1000000"} {
		times = append(times, of("Growth/"+n+" ns/message"))
		bytes = append(bytes, of("Growth/"+n+" B/message"))
	}
	for _, g := range []struct {
		what, unit string
		values     []float64
	}{{"time", "ns", times}, {"bytes allocated", "B", bytes}} {
		middle := (slices.Max(g.values) + slices.Min(g.values)) / 2
		t.judged("growth: "+g.what+" a message from 1,000 to 1,000,000, ± from the middle", slices.Max(g.values)/middle-1, "≤", 0.15, fmt.Sprintf("%.0f %s", g.values, g.unit))
	}
}

// jobTargets are those of a whole job, as text.
func jobTargets(n int, codec string) (times, memory string) {
	switch n {
	case 1000:
		return "≥ 2.5", ""
	case 100_000:
		return map[string]string{"none": "≥ 5.5", "zlib": "≥ 6.5", "lzf": "≥ 4.5", "bzip2": "≥ 3.5"}[codec], ""
	case 1_000_000:
		return map[string]string{"none": "≥ 6", "zlib": "≥ 6", "lzf": "≥ 6", "bzip2": "≥ 2.5"}[codec], "≤ 0.2"
	}
	return "", ""
}

func processorName() string {
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
			}
		}
	}
	return "unknown processor"
}

// machine is where this ran.
func machine() string {
	php := "PHP"
	if out, err := exec.Command("php", "-r", "echo PHP_VERSION;").Output(); err == nil {
		php += " " + string(out)
	}
	compress := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/klauspost/compress" {
				compress = ", klauspost/compress " + m.Version
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s, %s%s", processorName(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), php, compress)
}

// picture draws zlib's and bzip2's curves, ours and PHP's.
func (r *report) picture() []byte {
	var times, memories []chart.Line
	for i, codec := range []string{"zlib", "bzip2"} {
		for color, side := range []string{"smslink", "PHP"} {
			line := chart.Line{Name: side + ", " + codec, Color: color, Dashed: i > 0}
			inTime, inMemory := line, line
			for _, j := range r.jobs {
				if j.codec != codec {
					continue
				}
				runs := j.php
				if side == "smslink" {
					runs = j.ours
				}
				inTime.Points = append(inTime.Points, chart.Point{X: float64(j.n), Y: median(seconds(runs))})
				inMemory.Points = append(inMemory.Points, chart.Point{X: float64(j.n), Y: max(median(kilobytes(runs)), 1) / 1000})
			}
			times, memories = append(times, inTime), append(memories, inMemory)
		}
	}
	messages := chart.Axis{Label: "messages", Log: true}
	return chart.Draw("Time and memory of the whole job against the number of messages", 2,
		chart.Chart{Title: "Time of the whole job", X: messages, Y: chart.Axis{Log: true, Format: func(s float64) string {
			if s < 1 {
				return chart.Number(s*1000) + " ms"
			}
			return chart.Number(s) + " s"
		}}, Lines: times},
		chart.Chart{Title: "Memory at the peak", X: messages, Y: chart.Axis{Log: true, Format: func(mb float64) string {
			if mb < 1000 {
				return chart.Number(mb) + " MB"
			}
			return chart.Number(mb/1000) + " GB"
		}}, Lines: memories})
}
