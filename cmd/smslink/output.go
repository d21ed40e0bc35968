package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-smslink/smslink/cmd/smslink/internal/campaign"
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

// failure returns the error to be told of: none if the reader has had enough, as head has.
func (o *output) failure() error {
	if errors.Is(o.err, syscall.EPIPE) {
		return nil
	}
	return o.err
}

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

// places are where a complaint was met.
type places struct {
	first []place
	count int
}

// place is a file and a line of it, or a cell, and what stands there, if that may be shown.
type place struct{ file, at, shown string }

// keptPlaces is how many places of one complaint are kept, and keptComplaints of how many.
const (
	keptPlaces     = 20
	keptComplaints = 100
)

// addRow adds a bad row.
func (c *complaints) addRow(row *campaign.Row) {
	at := row.Bad.Cell
	if at == "" {
		at = strconv.Itoa(row.Line)
	}
	c.add(row.File, at, row.Bad.Shown, row.Bad.Error())
}

func (c *complaints) add(file, at, shown, complaint string) {
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
		met.first = append(met.first, place{file, at, shown})
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

// words returns the first places, those of the first file, a count of the others, and what stands
// in the very first.
func (p *places) words(shown int) string {
	file := p.first[0].file
	other := slices.IndexFunc(p.first, func(p place) bool { return p.file != file })
	if other < 0 {
		other = len(p.first)
	}
	var list []string
	for _, place := range p.first[:min(shown, other)] {
		list = append(list, place.at)
	}
	words := file + ":" + strings.Join(list, ", ")
	if more := p.count - len(list); more > 0 {
		words += fmt.Sprintf(" and %d more", more)
	}
	if p.first[0].shown != "" {
		words += ": " + p.first[0].shown
	}
	return words
}
