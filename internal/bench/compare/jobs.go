package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/bench/chart"
	"github.com/go-smslink/smslink/internal/bench/measure"
	"github.com/go-smslink/smslink/internal/corpus"
)

// sources is where the peers' sources are, from the repository's root.
const sources = "internal/bench/compare/peers"

// many is how many times more runs a job of up to 1,000 messages gets, since it takes milliseconds.
const many = 5

// peer is another way to do the whole job.
type peer struct {
	name    string
	command []string // takes a codec, the URL and the file of messages
	codecs  []string
	targets map[int][]float64 // the least of the peer's time ÷ ours, by messages and codec
	memory  map[int]float64   // the most of our memory ÷ the peer's, as a negative number, by messages
}

var plain = peer{
	name:    "plain Go",
	command: []string{measure.Self, "plain"},
	codecs:  []string{"none", "zlib", "bzip2"},
	targets: map[int][]float64{
		1: {1, 1, 1}, 1000: {1.5, 1.5, 1.5}, 10_000: {2.5, 2.5, 2.5}, 100_000: {3.5, 3.5, 3.5}, 1_000_000: {4, 4, 4},
	},
}

var php = peer{
	name:    "PHP",
	command: []string{"php", filepath.Join(sources, "job.php")},
	codecs:  []string{"none", "zlib", "lzf", "bzip2"},
	targets: map[int][]float64{
		1000: {2.5, 2.5, 2.5, 2.5}, 10_000: {0, 0, 0, 0}, 100_000: {5.5, 6.5, 4.5, 3.5}, 1_000_000: {6, 6, 6, 2.5},
	},
	memory: map[int]float64{1_000_000: -0.2},
}

// result is every run of one whole job.
type result struct {
	n            int
	codec        string
	target       float64
	theirs, ours side
}

type side struct {
	runs     []measure.Run
	uploaded int64 // bytes
}

// memory returns the peaks above what the messages themselves take, in kB.
func (s side) memory() []float64 {
	return measure.Each(s.runs, func(r measure.Run) int { return max(r.Peak-r.Base, 1) })
}

// jobs runs the whole job with every size and codec, the peer's and ours in turn.
func (c *comparison) jobs(p peer, sizes []int) (results []result, err error) {
	for _, n := range sizes {
		file := filepath.Join(c.dir, strconv.Itoa(n))
		var lines []byte
		for _, m := range corpus.Messages(n) {
			lines = fmt.Appendf(lines, "%d\t%s\t%s\n", m.ID, m.To, m.Text)
		}
		if err := os.WriteFile(file, lines, 0o600); err != nil {
			return nil, err
		}
		runs := c.runs
		if n <= 1000 {
			runs *= many
		}
		for i, codec := range p.codecs {
			log.Printf("%d messages, %s, beside %s", n, codec, p.name)
			r := result{n: n, codec: codec, target: p.targets[n][i]}
			arguments := []string{codec, fmt.Sprintf("%s/%d", c.url, n), file}
			for range runs {
				if err := c.run(&r.theirs, append(p.command, arguments...)); err != nil {
					return nil, err
				}
				if err := c.run(&r.ours, append([]string{measure.Self, "ours"}, arguments...)); err != nil {
					return nil, err
				}
			}
			results = append(results, r)
		}
	}
	return results, nil
}

func (c *comparison) run(s *side, command []string) error {
	r, err := measure.Process(command...)
	s.runs, s.uploaded = append(s.runs, r), c.receiver.Uploaded.Load()
	return err
}

// job does in this process what peers/job.php does in its own.
func job(how, codec, url, file string) error {
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
	send := ours
	if how == "plain" {
		send = plainGo
	}
	return measure.Report(func(*measure.Run) error { return send(codec, url, messages) })
}

var errNotAll = errors.New("not every message was accepted")

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

func jobTable(p peer, results []result) *measure.Table {
	them := p.name
	t := measure.NewTable("messages, codec", them, "ours", them+" ÷ ours", "target", "met", "processor time, "+them+" ÷ ours",
		"memory, "+them, "ours", "ours ÷ "+them, "upload, ours ÷ "+them)
	for _, r := range results {
		theirTimes, ourTimes := measure.Took(r.theirs.runs), measure.Took(r.ours.runs)
		theirMemory, ourMemory := r.theirs.memory(), r.ours.memory()
		times, memory := measure.Ratio(theirTimes, ourTimes), measure.Ratio(ourMemory, theirMemory)
		timeTarget, timeMet := measure.Met(times, r.target)
		memoryText := fmt.Sprintf("%.2f", memory)
		if target, met := measure.Met(memory, p.memory[r.n]); target != "" {
			memoryText += ", target " + target + ": " + met
		}
		t.Row(fmt.Sprintf("%d, %s", r.n, r.codec),
			measure.Spread(theirTimes, "ns"), measure.Spread(ourTimes, "ns"),
			fmt.Sprintf("%.2f", times), timeTarget, timeMet,
			fmt.Sprintf("%.2f", measure.Ratio(measure.Processor(r.theirs.runs), measure.Processor(r.ours.runs))),
			measure.Spread(theirMemory, "kB"), measure.Spread(ourMemory, "kB"), memoryText,
			fmt.Sprintf("%.2f", float64(r.ours.uploaded)/float64(r.theirs.uploaded)))
	}
	t.WriteString("\nMemory is the peak of resident memory above what the messages themselves take.\n")
	return t
}

// picture draws zlib's and bzip2's curves, ours and PHP's.
func picture(results []result) []byte {
	var times, memories []chart.Line
	for i, codec := range []string{"zlib", "bzip2"} {
		for color, name := range []string{"smslink", "PHP"} {
			took := chart.Line{Name: name + ", " + codec, Color: color, Dashed: i > 0}
			memory := took
			for _, r := range results {
				if r.codec != codec {
					continue
				}
				s := r.ours
				if name == "PHP" {
					s = r.theirs
				}
				took.Points = append(took.Points, chart.Point{X: float64(r.n), Y: measure.Median(measure.Took(s.runs))})
				memory.Points = append(memory.Points, chart.Point{X: float64(r.n), Y: measure.Median(s.memory())})
			}
			times, memories = append(times, took), append(memories, memory)
		}
	}
	messages := chart.Axis{Label: "messages", Log: true}
	in := func(unit string) chart.Axis {
		format := func(powerOfTen float64) string {
			return strings.NewReplacer(".00", "", ".0", "").Replace(measure.Spread([]float64{powerOfTen}, unit))
		}
		return chart.Axis{Log: true, Format: format}
	}
	return chart.Draw("Time and memory of the whole job against the number of messages", 2,
		chart.Chart{Title: "Time of the whole job", X: messages, Y: in("ns"), Lines: times},
		chart.Chart{Title: "Memory at the peak", X: messages, Y: in("kB"), Lines: memories})
}
