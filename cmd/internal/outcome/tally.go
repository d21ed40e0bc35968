package outcome

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
)

// Tally counts outcomes. Its zero value is empty.
type Tally struct {
	kinds    [kinds]int
	earlier  [kinds]int
	Segments int // of those that were accepted in this run
	Reasons  Counts
}

// Add counts the outcome of one row.
func (t *Tally) Add(r Row) {
	t.kinds[r.Kind]++
	switch {
	case r.Earlier:
		t.earlier[r.Kind]++
	case r.Kind == Accepted:
		t.Segments += r.Segments
	}
	if r.Reason != "" {
		if t.Reasons == nil {
			t.Reasons = Counts{}
		}
		t.Reasons[r.Reason]++
	}
}

// Count returns how many rows had that kind of outcome.
func (t *Tally) Count(k Kind) int { return t.kinds[k] }

// Rows returns how many rows were counted.
func (t *Tally) Rows() (n int) {
	for _, count := range t.kinds {
		n += count
	}
	return n
}

// Earlier returns how many rows were accepted or failed in an earlier run.
func (t *Tally) Earlier() int { return t.earlier[Accepted] + t.earlier[Failed] }

// String returns the counts in one line. It separates those of this run from those of earlier runs,
// if there are any.
func (t *Tally) String() string {
	before := t.Earlier() + t.earlier[InDoubt]
	if before == 0 {
		line := fmt.Sprintf("%s: %d accepted, %d failed, %d bad",
			campaign.Plural(t.Rows(), "row"), t.kinds[Accepted], t.kinds[Failed], t.kinds[Bad])
		if others := listed(t.kinds, NotSent, Rejected, InDoubt, Excluded); others != "" {
			line += ", " + others
		}
		return line + "; " + campaign.Plural(t.Segments, "SMS")
	}
	now := t.kinds
	for k, n := range t.earlier {
		now[k] -= n
	}
	line := fmt.Sprintf("This run: %d accepted", now[Accepted])
	if others := listed(now, Failed, Bad, NotSent, Rejected, InDoubt, Excluded); others != "" {
		line += ", " + others
	}
	line += ", " + campaign.Plural(t.Segments, "SMS") + ". Before: "
	if before == t.earlier[Accepted] {
		return line + fmt.Sprint(before)
	}
	return line + listed(t.earlier, Accepted, Failed, InDoubt)
}

// listed returns the counts that are not 0, with their names.
func listed(counts [kinds]int, which ...Kind) string {
	var list []string
	for _, kind := range which {
		if counts[kind] > 0 {
			list = append(list, fmt.Sprintf("%d %s", counts[kind], kind))
		}
	}
	return strings.Join(list, ", ")
}

// Counts is how many rows have each reason.
type Counts map[string]int

// Sorted returns the reasons, the most frequent first.
func (c Counts) Sorted() []string {
	return slices.SortedFunc(maps.Keys(c), func(a, b string) int {
		return cmp.Or(cmp.Compare(c[b], c[a]), strings.Compare(a, b))
	})
}
