// Command metrics runs examples/outbox under load for a minute, scrapes its metrics each second,
// and draws docs/outbox-metrics.svg. Run it from the repository's root:
//
//	go run ./internal/bench/metrics
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink/internal/bench/chart"
)

const seconds = 60

// series are the lines of each chart: a metric with the value of its attribute, which is the name.
var series = []struct {
	metric, attribute string
	names             []string
}{
	{"smslink_outbox_queued", "smslink_outbox_lane", []string{"bulk", "urgent"}},
	{"smslink_outbox_oldest_due_seconds", "smslink_outbox_lane", []string{"bulk", "urgent"}},
	{"smslink_outbox_packages", "smslink_outbox_state", []string{"sending", "in_doubt", "rejected"}},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("metrics: ")
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	folder, err := os.MkdirTemp("", "metrics")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program := folder + "/outbox"
	if out, err := exec.Command("go", "build", "-o", program, "./examples/outbox").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	shop := exec.Command(program, "--metrics", "127.0.0.1:0")
	shop.Stderr = os.Stderr
	out, err := shop.StdoutPipe()
	if err != nil {
		return err
	}
	if err := shop.Start(); err != nil {
		return err
	}
	defer func() {
		_ = shop.Process.Signal(os.Interrupt)
		_ = shop.Wait()
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "http://") {
	}

	charts := make([]chart.Chart, len(series))
	for i, s := range series {
		charts[i] = chart.Chart{Title: s.metric, X: chart.Axis{Label: "seconds"}}
		for color, name := range s.names {
			charts[i].Lines = append(charts[i].Lines, chart.Line{Name: name, Color: color})
		}
	}
	for second := range seconds + 1 {
		next := time.After(time.Second)
		scrape, err := get(lines.Text())
		if err != nil {
			return err
		}
		for i, s := range series {
			for n, name := range s.names {
				labels := `\{[^}]*` + s.attribute + `="` + name + `"[^}]*\}`
				found := regexp.MustCompile(`(?m)^` + s.metric + labels + ` (\S+)$`).FindStringSubmatch(scrape)
				if found == nil {
					return fmt.Errorf("%s has no %s", s.metric, name)
				}
				value, err := strconv.ParseFloat(found[1], 64)
				if err != nil {
					return err
				}
				line := &charts[i].Lines[n]
				line.Points = append(line.Points, chart.Point{X: float64(second), Y: value})
			}
		}
		<-next
	}
	const description = "A minute of the example's metrics: " +
		"messages queued, seconds since the oldest was due, and packages by state"
	picture := chart.Draw(description, 1, charts...)
	return os.WriteFile("docs/outbox-metrics.svg", picture, 0o644)
}

func get(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}
