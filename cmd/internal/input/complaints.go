package input

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
)

// FewPlaces is how many rows with the same complaint are shown before a send.
const FewPlaces = 3

// Complaints say what is wrong with rows. Rows with the same complaint share a line. A nil
// *Complaints keeps nothing.
type Complaints struct {
	order []string
	of    map[string]*places
}

// places are the places of a complaint.
type places struct {
	first []place
	count int
}

// place is a line or a cell of a file, and what stands there if that may be shown.
type place struct{ file, at, shown string }

// ManyPlaces is how many places of a complaint are kept, and keptComplaints how many complaints.
const (
	ManyPlaces     = 20
	keptComplaints = 100
)

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
	if c == nil {
		return
	}
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
func (c *Complaints) Any() bool { return c != nil && len(c.order) > 0 }

// Print writes a line for each complaint with at most shown places. If a line leaves out places, it
// ends with elsewhere, which says where to look for them.
func (c *Complaints) Print(out io.Writer, shown int, elsewhere string) {
	if c == nil {
		return
	}
	left := false
	for _, complaint := range c.order {
		met := c.of[complaint]
		fmt.Fprintf(out, "%s: %s\n", met.text(shown), complaint)
		left = left || met.count > shown
	}
	if left && elsewhere != "" {
		fmt.Fprintln(out, elsewhere)
	}
}

// text returns the first places in the first file, a count of the others, and what stands in the
// first place.
func (p *places) text(shown int) string {
	file := p.first[0].file
	other := slices.IndexFunc(p.first, func(p place) bool { return p.file != file })
	if other < 0 {
		other = len(p.first)
	}
	var list []string
	for _, place := range p.first[:min(shown, other)] {
		list = append(list, place.at)
	}
	text := file + ":" + strings.Join(list, ", ")
	if more := p.count - len(list); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if p.first[0].shown != "" {
		text += ": " + p.first[0].shown
	}
	return text
}
