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
	Earlier  int // of those that were accepted or failed
	Segments int // of those that were accepted in this run
	Reasons  Counts
}

// Add counts the outcome of one row.
func (t *Tally) Add(r Row) {
	t.kinds[r.Kind]++
	switch {
	case r.Earlier && r.Kind != InDoubt:
		t.Earlier++
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

// String returns the counts in one line.
func (t *Tally) String() string {
	line := fmt.Sprintf("%s: %d accepted, %d failed, %d bad", campaign.Plural(t.Rows(), "row"), t.kinds[Accepted], t.kinds[Failed], t.kinds[Bad])
	for _, k := range []struct {
		kind Kind
		name string
	}{{NotSent, "not sent"}, {Rejected, "rejected"}, {InDoubt, "in doubt"}} {
		if n := t.kinds[k.kind]; n > 0 {
			line += fmt.Sprintf(", %d %s", n, k.name)
		}
	}
	if t.Earlier > 0 {
		line += fmt.Sprintf("; %d from an earlier run", t.Earlier)
	}
	return line
}

// Counts are how often each of several things was met.
type Counts map[string]int

// Sorted returns the things, the most frequent first.
func (c Counts) Sorted() []string {
	return slices.SortedFunc(maps.Keys(c), func(a, b string) int {
		return cmp.Or(cmp.Compare(c[b], c[a]), strings.Compare(a, b))
	})
}
