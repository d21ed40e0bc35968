package journalcmd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/go-smslink/smslink/journal"
)

func ids(doubts []journal.Doubt) []int64 {
	ids := make([]int64, len(doubts))
	for i, doubt := range doubts {
		ids[i] = doubt.ID
	}
	return ids
}

// group is a range of ids that have been in doubt since the same time.
type group struct {
	first, last int64
	since       time.Time
}

func (g group) String() string {
	if g.first == g.last {
		return fmt.Sprint(g.first)
	}
	return fmt.Sprintf("%d-%d", g.first, g.last)
}

// grouped puts consecutive ids that have been in doubt since the same time into one group, unless
// alone is true.
func grouped(doubts []journal.Doubt, alone bool) (groups []group) {
	for _, doubt := range doubts {
		last := len(groups) - 1
		if !alone && last >= 0 && groups[last].last+1 == doubt.ID && groups[last].since.Equal(doubt.Since) {
			groups[last].last = doubt.ID
			continue
		}
		groups = append(groups, group{doubt.ID, doubt.ID, doubt.Since})
	}
	return groups
}

// idRanges is the value of --id: ids and ranges of them.
type idRanges []group

var _ pflag.Value = (*idRanges)(nil)

// String returns the ids as they may be given.
func (r *idRanges) String() string {
	text := make([]string, len(*r))
	for i, ids := range *r {
		text[i] = ids.String()
	}
	return strings.Join(text, ",")
}

// Collects says that the flag may be repeated.
func (r *idRanges) Collects() {}

// Type is what help calls the value.
func (r *idRanges) Type() string { return "ID" }

// Set adds ids, as in 7, 20-25 or 7,9.
func (r *idRanges) Set(text string) error {
	const most = 10_000_000
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.ParseInt(from, 10, 64)
		last, lastErr := strconv.ParseInt(to, 10, 64)
		if err != nil || lastErr != nil || first < 0 || last < first {
			return errors.New("it is neither an id nor a range of ids, such as 7 or 20-25")
		}
		if last-first >= most {
			return errors.New("it names more than ten million messages")
		}
		*r = append(*r, group{first: first, last: last})
	}
	return nil
}

// list returns each of the ids once.
func (r *idRanges) list() (list []int64) {
	for _, ids := range *r {
		for i := range ids.last - ids.first + 1 {
			list = append(list, ids.first+i)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// idRangesOf returns the first ranges of sorted ids.
func idRangesOf(ids []int64) string {
	const shown = 10
	doubts := make([]journal.Doubt, len(ids))
	for i, id := range ids {
		doubts[i].ID = id
	}
	ranges := idRanges(grouped(doubts, false))
	if more := len(ranges) - shown; more > 0 {
		ranges = ranges[:shown]
		return ranges.String() + fmt.Sprintf(" and %d more", more)
	}
	return ranges.String()
}
