package measure

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Median returns the middle of the values, or the mean of the two in the middle.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// Ratio returns the median of one side ÷ that of another.
func Ratio(a, b []float64) float64 { return Median(a) / Median(b) }

// Spread returns the median of the values, with the least and the most of them. The unit is that of
// the values; times in ns and memory in kB are written in the unit that reads best.
func Spread(values []float64, unit string) string {
	median, scale := Median(values), 1.0
	switch {
	case unit == "ns" && median >= 1e9:
		scale, unit = 1e9, "s"
	case unit == "ns" && median >= 1e5:
		scale, unit = 1e6, "ms"
	case unit == "kB" && median >= 1e6:
		scale, unit = 1e6, "GB"
	case unit == "kB":
		scale, unit = 1e3, "MB"
	}
	text := strings.TrimSuffix(digits(median/scale)+" "+unit, " ")
	if least, most := slices.Min(values), slices.Max(values); least < most {
		text += fmt.Sprintf(" (%s to %s)", digits(least/scale), digits(most/scale))
	}
	return text
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

// Header returns the line above a table: when, how and where it was measured.
func Header(command, details string) string {
	return fmt.Sprintf("Measured on %s by `go run %s`: %s, %d cores with a load of %s, %s, %s.\n",
		time.Now().UTC().Format(time.DateOnly), command, processor(), runtime.NumCPU(), load(), runtime.Version(), details)
}

func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.Trim(name, "\t\n :")
		}
	}
	return runtime.GOARCH
}

// load returns the load average of the last 15 minutes. The benchmark itself adds about 1.
func load() string {
	averages, _ := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(averages)); len(fields) > 2 {
		return fields[2]
	}
	return "unknown"
}

// Table is a Markdown table to which rows are added.
type Table struct{ strings.Builder }

// NewTable returns a table without rows.
func NewTable(columns ...string) *Table {
	var t Table
	t.Row(columns...)
	t.Row(slices.Repeat([]string{"---"}, len(columns))...)
	return &t
}

// Row adds a row.
func (t *Table) Row(cells ...string) { fmt.Fprintf(t, "| %s |\n", strings.Join(cells, " | ")) }

// Met returns the text of a target, and whether it is met. The target is the least of what may be
// measured, or the most if it is negative. 0 is no target.
func Met(measured, target float64) (text, met string) {
	switch {
	case target == 0:
		return "", ""
	case target > 0 && measured >= target, target < 0 && measured <= -target:
		met = "yes"
	default:
		met = "**no**"
	}
	relation := "≥ "
	if target < 0 {
		relation = "≤ "
	}
	return relation + strconv.FormatFloat(math.Abs(target), 'f', -1, 64), met
}
