// Command stream sends a million messages to a bare receiver on loopback, through a Stream and
// through Send one package after another, each in a process of its own, and prints time and memory.
// Run it from the repository's root, on Linux:
//
//	go run ./internal/bench/stream
package main

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/bench/chart"
	"github.com/go-smslink/smslink/internal/bench/measure"
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
	switch flag.NArg() {
	case 0:
		err = compare(*messages, *runs, *pictures)
	case 2: // a process that compare starts
		i := slices.IndexFunc(sides, func(s side) bool { return s.name == flag.Arg(0) })
		all := newSource(*messages, sides[i].rising)
		err = measure.Report(func(r *measure.Run) error { return sides[i].send(flag.Arg(1), all, *messages, r) })
	default:
		err = fmt.Errorf("unknown argument %q", flag.Arg(0))
	}
	if err != nil {
		log.Fatal(err)
	}
}

// side is a way to send.
type side struct {
	name       string
	inFlight   int  // 0 is Send
	rising     bool // each id occurs once, not in every package again
	journalled bool
}

var sides = []side{
	{name: "Send"},
	{name: "Stream, 1 in flight", inFlight: 1},
	{name: "Stream, 2 in flight", inFlight: 2},
	{name: "Stream, each id once", inFlight: 1, rising: true},
	{name: "Stream, each id once, with a journal", inFlight: 1, rising: true, journalled: true},
}

func compare(messages, runs int, pictures string) error {
	receiver := httptest.NewServer(measure.NewReceiver())
	defer receiver.Close()
	results := make([][]measure.Run, len(sides))
	for run := range runs {
		for i, side := range sides {
			url := fmt.Sprintf("%s/%d", receiver.URL, perPackage)
			if side.rising {
				url += fmt.Sprintf("/%d-%d", run, i)
			}
			r, err := measure.Process(measure.Self, "-messages", strconv.Itoa(messages), side.name, url)
			if err != nil {
				return err
			}
			results[i] = append(results[i], r)
		}
	}
	fmt.Println(measure.Header("./internal/bench/stream",
		fmt.Sprintf("%d messages in packages of %d, medians of %d runs of each side in turn", messages, perPackage, runs)))
	t := measure.NewTable("", "time", "of Send's", "processor time", "of Send's",
		"peak memory, the largest", "heap in use, least to most")
	sendTook, sendProcessor := measure.Took(results[0]), measure.Processor(results[0])
	for i, side := range sides {
		took, processor := measure.Took(results[i]), measure.Processor(results[i])
		var heap []float64
		for _, r := range results[i] {
			heap = append(heap, r.Heap...)
		}
		peak := slices.Max(measure.Each(results[i], func(r measure.Run) int { return r.Peak }))
		t.Row(side.name,
			measure.Spread(took, "ns"), fmt.Sprintf("%.2f", measure.Ratio(took, sendTook)),
			measure.Spread(processor, "ns"), fmt.Sprintf("%.2f", measure.Ratio(processor, sendProcessor)),
			fmt.Sprintf("%.1f MB", peak/1e3), fmt.Sprintf("%.1f to %.1f MB", slices.Min(heap), slices.Max(heap)))
	}
	fmt.Print(t)
	if pictures == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(pictures, "stream.svg"), picture(results), 0o644)
}

// picture draws the heap in use of each side's last run against the messages sent.
func picture(results [][]measure.Run) []byte {
	var lines []chart.Line
	for i, side := range sides {
		line := chart.Line{Name: side.name, Color: i}
		for n, mb := range results[i][len(results[i])-1].Heap {
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

// send sends the messages, and notes the heap in use after each tenth package.
func (s side) send(url string, all source, messages int, r *measure.Run) error {
	client, err := smslink.NewClient("connection", "password", &smslink.Options{Endpoint: url})
	if err != nil {
		return err
	}
	opts := &smslink.StreamOptions{MaxMessages: perPackage, Concurrency: s.inFlight}
	if s.journalled {
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
	sent := sendOneByOne(client, all)
	if s.inFlight > 0 {
		sent = stream(client, all, opts)
	}
	packages, accepted := 0, 0
	for resp, err := range sent {
		if err != nil {
			return err
		}
		accepted += resp.Count(smslink.StatusSuccess)
		if packages++; packages%10 == 0 {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			r.Heap = append(r.Heap, float64(stats.HeapAlloc)/1024/1e3)
		}
	}
	if accepted != messages {
		return fmt.Errorf("%d of %d accepted", accepted, messages)
	}
	return nil
}

// source makes messages as a database cursor would.
type source = iter.Seq2[smslink.Message, error]

// newSource returns messages of a corpus of one package. Their ids rise, or are the same in each
// package.
func newSource(messages int, rising bool) source {
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

type responses = iter.Seq2[*smslink.Response, error]

func stream(client *smslink.Client, all source, opts *smslink.StreamOptions) responses {
	return func(yield func(*smslink.Response, error) bool) {
		for batch := range client.Stream(all, opts).Batches(context.Background()) {
			if !yield(batch.Response, batch.Err) {
				return
			}
		}
	}
}

// sendOneByOne is what a program does without a Stream, with one package that it fills again and
// again.
func sendOneByOne(client *smslink.Client, all source) responses {
	return func(yield func(*smslink.Response, error) bool) {
		var p smslink.Package
		for m, err := range all {
			if err == nil {
				err = p.Add(m)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if p.Len() < perPackage {
				continue
			}
			if !yield(client.Send(context.Background(), &p)) {
				return
			}
			p.Reset()
		}
	}
}
