package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-smslink/smslink/gsm7"
)

// survey is what a campaign's rows come to before anything is sent.
type survey struct {
	Rows     int `json:"rows"`
	Messages int `json:"messages"` // good rows
	BadRows  int `json:"bad_rows"`
	Segments int `json:"segments"` // SMS that are billed
	UCS2     int `json:"ucs2"`     // messages that are not in the GSM alphabet
}

func (s *survey) add(r row) {
	s.Rows++
	if r.err != nil {
		s.BadRows++
		return
	}
	s.Messages++
	s.Segments += r.size.Segments
	if r.size.Alphabet == gsm7.UCS2 {
		s.UCS2++
	}
}

// String is the statement in one line.
func (s *survey) String() string {
	line := fmt.Sprintf("%s, %s", plural(s.Messages, "message"), plural(s.Segments, "SMS"))
	if s.UCS2 > 0 {
		line += fmt.Sprintf(" (%d in UCS-2)", s.UCS2)
	}
	return line + ", " + plural(s.BadRows, "bad row")
}

// plural writes a count and its noun.
func plural(n int, noun string) string {
	if n != 1 && noun != "SMS" {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// counts are how often each of several things was met.
type counts map[string]int

// sorted are the things, the most frequent first.
func (c counts) sorted() []string {
	return slices.SortedFunc(maps.Keys(c), func(a, b string) int {
		return cmp.Or(cmp.Compare(c[b], c[a]), strings.Compare(a, b))
	})
}
