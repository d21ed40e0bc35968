package smslinktest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/go-smslink/smslink/internal/wire"
)

// OmitEntries takes the package and leaves these local ids out of the reply:
// [smslink.OutcomeAccepted]. The messages have [smslink.StatusUnreported].
func OmitEntries(ids ...int64) Fault {
	return editing("omit"+listed(ids), func(entries []string) []string {
		return slices.DeleteFunc(entries, func(entry string) bool { return concerns(entry, ids) })
	})
}

// RepeatEntries takes the package and repeats the entries of these local ids at the reply's end:
// [smslink.OutcomeAccepted]. The repetitions are in Unmatched.
func RepeatEntries(ids ...int64) Fault {
	return editing("repeat"+listed(ids), func(entries []string) []string {
		for _, entry := range slices.Clone(entries) {
			if concerns(entry, ids) {
				entries = append(entries, entry)
			}
		}
		return entries
	})
}

// ShuffleEntries takes the package and replies in another order, the same for the same seed:
// [smslink.OutcomeAccepted]. The results are in the package's order.
func ShuffleEntries(seed uint64) Fault {
	return editing(fmt.Sprint("shuffle ", seed), func(entries []string) []string {
		random := rand.New(rand.NewPCG(seed, 0))
		random.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		return entries
	})
}

// AddEntries takes the package and puts these entries, which may be foreign or malformed, before
// the reply's own: [smslink.OutcomeAccepted]. Entries that fit no message are in Unmatched. An
// entry has the form local:remote:status. If two entries contradict each other about a message, the
// message has [smslink.StatusUnreported], and both entries are in Unmatched.
func AddEntries(entries ...string) Fault {
	return editing("add"+listed(entries), func(own []string) []string { return slices.Concat(entries, own) })
}

// MalformEntries takes the package and removes the status from the entries of these local ids:
// [smslink.OutcomeAccepted]. The messages have [smslink.StatusUnreported], and the entries are in
// Unmatched.
func MalformEntries(ids ...int64) Fault {
	return editing("malform"+listed(ids), func(entries []string) []string {
		for i, entry := range entries {
			if concerns(entry, ids) {
				entries[i] = entry[:strings.LastIndexByte(entry, ':')]
			}
		}
		return entries
	})
}

func editing(words string, edit func(entries []string) []string) Fault {
	return Fault{words: words, edit: func(entries string) string {
		return strings.Join(edit(strings.Split(entries, ",")), ",")
	}}
}

// concerns reports whether an entry of ours is of one of these ids.
func concerns(entry string, ids []int64) bool {
	parsed, ok := wire.ParseEntry(entry)
	return ok && slices.Contains(ids, parsed.ID)
}
