package input

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
)

// How many places of a complaint are shown: few before a send, many by a check.
const (
	FewPlaces  = 3
	ManyPlaces = 20
)

// keptComplaints is how many different complaints are kept.
const keptComplaints = 100

// Complaints say what is wrong with rows. Rows with the same complaint share a line.
type Complaints struct {
	order []string
	of    map[string]*places
}

// places are the places of a complaint.
type places struct {
	first []place // at most ManyPlaces
	count int
}

// place is a line or a cell of a file, and what stands there if that may be shown.
type place struct{ file, at, shown string }

// AddRow adds a bad row.
func (c *Complaints) AddRow(row *campaign.Row) {
	at := row.Bad.Cell
	if at == "" {
		at = strconv.Itoa(row.Line)
	}
	c.Add(row.File, at, row.Bad.Shown, row.Bad.Error())
}

// Add counts a complaint about a place of a file.
func (c *Complaints) Add(file, at, shown, complaint string) {
	met := c.of[complaint]
	if met == nil && len(c.order) >= keptComplaints {
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
	met.count++
	if len(met.first) < ManyPlaces {
		met.first = append(met.first, place{file, at, shown})
	}
}

// Any reports whether there is a complaint.
func (c *Complaints) Any() bool { return len(c.order) > 0 }

// Print writes a line for each complaint, with at most shown places. If a line leaves out places, a
// last line, elsewhere, says where to find them.
func (c *Complaints) Print(out io.Writer, shown int, elsewhere string) {
	leavesOut := false
	for _, complaint := range c.order {
		text, more := c.of[complaint].text(shown)
		fmt.Fprintf(out, "%s: %s\n", text, complaint)
		leavesOut = leavesOut || more > 0
	}
	if leavesOut && elsewhere != "" {
		fmt.Fprintln(out, elsewhere)
	}
}

// text returns the first places in the first file, a count of the others, which is more, and what
// stands in the first place.
func (p *places) text(shown int) (text string, more int) {
	file := p.first[0].file
	other := slices.IndexFunc(p.first, func(p place) bool { return p.file != file })
	if other < 0 {
		other = len(p.first)
	}
	var list []string
	for _, place := range p.first[:min(shown, other)] {
		list = append(list, place.at)
	}
	text = file + ":" + strings.Join(list, ", ")
	if more = p.count - len(list); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if p.first[0].shown != "" {
		text += ": " + p.first[0].shown
	}
	return text, more
}
