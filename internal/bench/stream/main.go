// Command stream sends a million messages to a bare receiver on loopback, through
// a Stream and through Send one package after another, each in a process of its own,
// and prints time and memory. Run it from the repository's root, on Linux:
//
//	go run ./internal/bench/stream
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/bench/chart"
	"github.com/go-smslink/smslink/internal/bench/processor"
	"github.com/go-smslink/smslink/internal/corpus"
	"github.com/go-smslink/smslink/journal"
)

const perPackage = 10_000

func main() {
	log.SetFlags(0)
	log.SetPrefix("stream: ")
	messages := flag.Int("messages", 1_000_000, "messages of a run, in packages of 10,000")
	runs := flag.Int("runs", 5, "runs of each side, in turn; the median counts")
	pictures := flag.String("pictures", "", "write stream.svg, the heap in use against the messages, to this folder")
	flag.Parse()
	var err error
	switch {
	case flag.NArg() == 2: // what it runs itself
		err = job(flag.Arg(0), flag.Arg(1), *messages)
	case flag.NArg() > 0:
		err = errors.New("there are no arguments")
	default:
		err = measure(*messages, *runs, *pictures)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// sides are the ways to send that are compared.
var sides = []string{"Send", "Stream, 1 in flight", "Stream, 2 in flight", "Stream, each id once", "Stream, each id once, with a journal"}

// onlyOnce are the sides whose ids do not come again in the next package.
const onlyOnce = 3

// run is what one process told and used.
type run struct {
	took time.Duration
	cpu  time.Duration // of the processors
	rss  int64         // KiB, at the peak
	heap []float64     // MB in use, after each tenth package
}

func measure(messages, runs int, pictures string) error {
	receiver := newReceiver()
	defer receiver.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	results := map[string][]run{}
	for range runs {
		for _, side := range sides {
			r, err := process(self, side, receiver.URL, messages)
			if err != nil {
				return fmt.Errorf("%s: %w", side, err)
			}
			results[side] = append(results[side], r)
		}
	}
	fmt.Printf("Measured on %s by `go run ./internal/bench/stream`: %d messages in packages of %d, %d runs of each side in turn, %s, %d cores.\n\n",
		time.Now().UTC().Format(time.DateOnly), messages, perPackage, runs, runtime.Version(), runtime.NumCPU())
	fmt.Print("| | time, median (all) | of Send's | processor time | of Send's | peak memory, the largest | heap in use, least to most |\n|---|---|---|---|---|---|---|\n")
	took := func(r run) time.Duration { return r.took }
	cpu := func(r run) time.Duration { return r.cpu }
	for _, side := range sides {
		var times []string
		var rss int64
		var heap []float64
		for _, r := range results[side] {
			times = append(times, r.took.Round(10*time.Millisecond).String())
			rss = max(rss, r.rss)
			heap = append(heap, r.heap...)
		}
		fmt.Printf("| %s | %.2f s %v | %.2f | %.2f s | %.2f | %.1f MB | %.1f to %.1f MB |\n", side,
			median(results[side], took).Seconds(), times, ratio(results[side], results[sides[0]], took),
			median(results[side], cpu).Seconds(), ratio(results[side], results[sides[0]], cpu), float64(rss)*1024/1e6, slices.Min(heap), slices.Max(heap))
	}
	if pictures == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(pictures, "stream.svg"), picture(results), 0o644)
}

// picture draws the heap in use of each side's last run against the messages sent.
func picture(results map[string][]run) []byte {
	var lines []chart.Line
	for i, side := range sides {
		runs := results[side]
		line := chart.Line{Name: side, Color: i}
		for n, mb := range runs[len(runs)-1].heap {
			line.Points = append(line.Points, chart.Point{X: float64((n + 1) * 10 * perPackage), Y: mb})
		}
		lines = append(lines, line)
	}
	return chart.Draw("Heap in use against the messages sent", 1, chart.Chart{
		Title: "Heap in use",
		X:     chart.Axis{Label: "messages sent"},
		Y:     chart.Axis{Format: func(mb float64) string { return chart.Number(mb) + " MB" }},
		Lines: lines,
	})
}

func ratio(a, b []run, of func(run) time.Duration) float64 {
	return float64(median(a, of)) / float64(median(b, of))
}

func median(runs []run, of func(run) time.Duration) time.Duration {
	var times []time.Duration
	for _, r := range runs {
		times = append(times, of(r))
	}
	slices.Sort(times)
	return times[len(times)/2]
}

func process(self, side, url string, messages int) (run, error) {
	cmd := exec.Command(self, "-messages", strconv.Itoa(messages), side, url)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return run{}, err
	}
	in := bytes.NewReader(out)
	var r run
	if _, err := fmt.Fscan(in, &r.took, &r.cpu, &r.rss); err != nil {
		return run{}, err
	}
	for {
		var heap float64
		if _, err := fmt.Fscan(in, &heap); errors.Is(err, io.EOF) {
			return r, nil
		} else if err != nil {
			return run{}, err
		}
		r.heap = append(r.heap, heap)
	}
}

// newReceiver reads each upload and answers at once that ids 1 to 10,000 are accepted; or, under a
// path that names a run, the next 10,000 of it.
func newReceiver() *httptest.Server {
	same := replyFrom(0)
	var mu sync.Mutex
	packages := map[string]int{} // of each run
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		reply := same
		if r.URL.Path != "/" {
			mu.Lock()
			reply = replyFrom(packages[r.URL.Path] * perPackage)
			packages[r.URL.Path]++
			mu.Unlock()
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
		_, _ = w.Write(reply)
	}))
}

func replyFrom(first int) []byte {
	reply := []byte("MESSAGE;1;ok;77;")
	for i := range perPackage {
		if i > 0 {
			reply = append(reply, ',')
		}
		reply = fmt.Appendf(reply, "%d:%d:3", first+i+1, 220_000_001+first+i)
	}
	return reply
}

// source makes messages as a database cursor would, of a corpus of one package. Their ids rise, or
// are the same in each package.
func source(messages int, rising bool) iter.Seq2[smslink.Message, error] {
	texts := corpus.Messages(perPackage)
	return func(yield func(smslink.Message, error) bool) {
		for i := range messages {
			m, id := texts[i%perPackage], i%perPackage
			if rising {
				id = i
			}
			if !yield(smslink.Message{ID: int64(id + 1), To: m.To, Text: m.Text}, nil) {
				return
			}
		}
	}
}

func job(side, url string, messages int) error {
	number := slices.Index(sides, side)
	if number >= onlyOnce {
		url += fmt.Sprintf("/%d", os.Getpid())
	} else {
		url += "/"
	}
	client, err := smslink.NewClient("connection", "password", &smslink.Options{Endpoint: url})
	if err != nil {
		return err
	}
	opts := &smslink.StreamOptions{MaxMessages: perPackage}
	switch side {
	case sides[2]:
		opts.Concurrency = 2
	case sides[4]:
		folder, err := os.MkdirTemp("", "journal")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(folder) }()
		j, err := journal.Open(filepath.Join(folder, "journal"))
		if err != nil {
			return err
		}
		defer func() { _ = j.Close() }()
		opts.Journal = j
	}
	all := source(messages, number >= onlyOnce)
	var heap []float64
	packages, accepted := 0, 0
	note := func(resp *smslink.Response) {
		accepted += resp.Count(smslink.StatusSuccess)
		if packages++; packages%10 == 0 {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			heap = append(heap, float64(stats.HeapAlloc)/1e6)
		}
	}
	start, used := time.Now(), processor.Time()
	if number == 0 {
		err = sendOneByOne(client, all, note)
	} else {
		for batch := range client.Stream(all, opts).Batches(context.Background()) {
			if batch.Err != nil {
				return batch.Err
			}
			note(batch.Response)
		}
	}
	took := time.Since(start)
	used = processor.Time() - used
	if err != nil {
		return err
	}
	if accepted != messages {
		return fmt.Errorf("%d of %d accepted", accepted, messages)
	}
	rss, err := peak()
	if err != nil {
		return err
	}
	fmt.Println(took.Nanoseconds(), used.Nanoseconds(), rss)
	for _, mb := range heap {
		fmt.Println(mb)
	}
	return nil
}

// sendOneByOne is what a program does without a Stream, with one package that it uses
// again.
func sendOneByOne(client *smslink.Client, all iter.Seq2[smslink.Message, error], note func(*smslink.Response)) error {
	var p smslink.Package
	for m, err := range all {
		if err != nil {
			return err
		}
		if err := p.Add(m); err != nil {
			return err
		}
		if p.Len() < perPackage {
			continue
		}
		resp, err := client.Send(context.Background(), &p)
		if err != nil {
			return err
		}
		note(resp)
		p.Reset()
	}
	return nil
}

// peak is this process's largest resident memory so far, in KiB.
func peak() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	var kb int64
	_, err = fmt.Sscan(string(rest), &kb)
	return kb, err
}
