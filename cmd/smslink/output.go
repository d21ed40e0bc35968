package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// output is what a command writes to standard output. It keeps the first error, and then writes no
// more.
type output struct {
	out     io.Writer
	encoder *json.Encoder
	err     error
}

func newOutput(out io.Writer) *output {
	o := &output{out: out}
	o.encoder = json.NewEncoder(o)
	o.encoder.SetEscapeHTML(false)
	return o
}

func (o *output) Write(p []byte) (int, error) {
	if o.err == nil {
		_, err := o.out.Write(p)
		o.fail(err)
	}
	return len(p), nil
}

// json writes a line of JSON. That v has no form in JSON is an error of the output, too.
func (o *output) json(v any) { o.fail(o.encoder.Encode(v)) }

func (o *output) fail(err error) {
	if o.err == nil && err != nil {
		o.err = fmt.Errorf("the output could not be written: %w", err)
	}
}

// shownPlaces is how many rows with the same complaint a person is shown.
const shownPlaces = 3

// complaints are what is wrong with rows. Rows with the same complaint are one line. Nil keeps
// nothing.
type complaints struct {
	order []string
	of    map[string]*places
}

// places are where a complaint was met: a file's name and its first lines.
type places struct {
	first []place
	count int
}

type place struct {
	file string
	line int
}

// keptPlaces is how many places of one complaint are kept, and keptComplaints of how many.
const (
	keptPlaces     = 20
	keptComplaints = 100
)

func (c *complaints) add(file string, line int, complaint string) {
	if c == nil {
		return
	}
	met := c.of[complaint]
	if met == nil {
		if len(c.order) >= keptComplaints {
			complaint = "other reasons"
			met = c.of[complaint]
		}
		if met == nil {
			if c.of == nil {
				c.of = map[string]*places{}
			}
			met = &places{}
			c.of[complaint] = met
			c.order = append(c.order, complaint)
		}
	}
	met.count++
	if len(met.first) < keptPlaces {
		met.first = append(met.first, place{file, line})
	}
}

// print writes a line for each complaint, with so many places, and after the lines that leave out
// places, where to look for them.
func (c *complaints) print(out io.Writer, shown int, elsewhere string) {
	if c == nil {
		return
	}
	left := false
	for _, complaint := range c.order {
		met := c.of[complaint]
		fmt.Fprintf(out, "%s: %s\n", met.words(shown), complaint)
		left = left || met.count > shown
	}
	if left && elsewhere != "" {
		fmt.Fprintln(out, elsewhere)
	}
}

// words returns the first places: the lines of the first file, and a count of the others.
func (p *places) words(shown int) string {
	file := p.first[0].file
	other := slices.IndexFunc(p.first, func(at place) bool { return at.file != file })
	if other < 0 {
		other = len(p.first)
	}
	var lines []string
	for _, at := range p.first[:min(shown, other)] {
		lines = append(lines, strconv.Itoa(at.line))
	}
	words := file + ":" + strings.Join(lines, ", ")
	if more := p.count - len(lines); more > 0 {
		words += fmt.Sprintf(" and %d more", more)
	}
	return words
}
