package campaign

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink/gsm7"
)

// Survey summarizes rows before they are sent.
type Survey struct {
	Rows       int            `json:"rows"`
	Messages   int            `json:"messages"` // good rows
	BadRows    int            `json:"bad_rows"`
	Segments   int            `json:"segments"`              // SMS that are billed
	UCS2       int            `json:"ucs2"`                  // messages that are not in the GSM alphabet
	Scheduled  int            `json:"scheduled,omitempty"`   // messages with a time to send
	HiddenRows int            `json:"hidden_rows,omitempty"` // good rows that the sheet does not show
	Abroad     map[string]int `json:"abroad,omitempty"`      // messages by country code, except Romania's

	First, Shortest, Longest *Row     `json:"-"` // of the good rows, by segments and characters; nil if all are bad
	Odd                      []Odd    `json:"odd,omitempty"`
	Repeated                 Repeated `json:"-"`
}

// Odd counts the texts with an oddity, and says where the first one is.
type Odd struct {
	Is     Oddity `json:"-"`
	Holds  string `json:"holds"`
	Remedy string `json:"-"`
	Texts  int    `json:"texts"`
	File   string `json:"file"` // of the first one
	At     string `json:"at"`   // the line of the first one, or its cell in a workbook
}

// Add counts a row.
func (s *Survey) Add(r *Row) {
	s.Rows++
	if r.Bad != nil {
		s.BadRows++
		return
	}
	s.Messages++
	s.Segments += r.Size.Segments
	if r.Size.Alphabet == gsm7.UCS2 {
		s.UCS2++
	}
	if r.Hidden {
		s.HiddenRows++
	}
	if !r.Message.SendAt.IsZero() {
		s.Scheduled++
	}
	s.Repeated.Add(r)
	if code := countryCode(r.Number()); code != "40" {
		if s.Abroad == nil {
			s.Abroad = map[string]int{}
		}
		s.Abroad[code]++
	}
	if s.First == nil {
		s.First = r.clone()
		s.Shortest, s.Longest = s.First, s.First
	}
	if isShorter(r, s.Shortest) {
		s.Shortest = r.clone()
	}
	if isShorter(s.Longest, r) {
		s.Longest = r.clone()
	}
	if r.Odd != 0 {
		s.addOdd(r)
	}
}

// isShorter reports whether the text of a takes fewer SMS than that of b, or as many SMS and fewer
// characters.
func isShorter(a, b *Row) bool {
	if a.Size.Segments != b.Size.Segments {
		return a.Size.Segments < b.Size.Segments
	}
	return a.Size.Units < b.Size.Units
}

func (s *Survey) addOdd(r *Row) {
	for _, o := range oddities {
		if r.Odd&o.is == 0 {
			continue
		}
		i := slices.IndexFunc(s.Odd, func(met Odd) bool { return met.Is == o.is })
		if i < 0 {
			i = len(s.Odd)
			s.Odd = append(s.Odd, Odd{Is: o.is, Holds: o.holds, Remedy: o.remedy, File: r.File, At: r.At("text")})
		}
		s.Odd[i].Texts++
	}
}

// String returns the counts in one line.
func (s *Survey) String() string {
	line := fmt.Sprintf("%s, %s", Plural(s.Messages, "message"), Plural(s.Segments, "SMS"))
	if s.UCS2 > 0 {
		line += fmt.Sprintf(" (%d in UCS-2)", s.UCS2)
	}
	return line + ", " + Plural(s.BadRows, "bad row")
}

// Warnings returns what a person should look at before the rows are sent, one line each.
func (s *Survey) Warnings() (lines []string) {
	if n := s.Repeated.Count(); n > 0 {
		lines = append(lines, Count(n, "message goes", "messages go")+" to a receiver of an earlier row")
	}
	if n := s.HiddenRows; n > 0 {
		lines = append(lines, Count(n, "row is", "rows are")+" hidden in the sheet, perhaps by a filter")
	}
	if n := s.Scheduled; n > 0 {
		lines = append(lines, Count(n, "message is", "messages are")+" scheduled; the gateway can't cancel a scheduled "+
			"message")
	}
	if len(s.Abroad) > 0 {
		var codes []string
		for _, code := range slices.Sorted(maps.Keys(s.Abroad)) {
			codes = append(codes, fmt.Sprintf("+%s (%d)", code, s.Abroad[code]))
		}
		lines = append(lines, "abroad: "+strings.Join(shorten(codes, 10, len(codes)), ", "))
	}
	for _, odd := range s.Odd {
		texts := Count(odd.Texts, "text holds", "texts hold")
		if odd.Is == Short {
			texts = Count(odd.Texts, "text has", "texts have")
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s:%s; %s", texts, odd.Holds, odd.File, odd.At, odd.Remedy))
	}
	return lines
}

// shorten returns at most longest elements of a list, and how many more of all there are.
func shorten(list []string, longest, all int) []string {
	if len(list) > longest {
		list = append(slices.Clip(list[:longest]), fmt.Sprintf("and %d more", all-longest))
	}
	return list
}

// Plural returns a count and its noun.
func Plural(n int, noun string) string {
	if noun == "SMS" {
		return Count(n, noun, noun)
	}
	return Count(n, noun, noun+"s")
}

// Count returns a count and the phrase for one or for more, such as "row is" and "rows are".
func Count(n int, one, more string) string {
	if n == 1 {
		more = one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// countryCode returns the country code of a number in E.164, of one to three digits.
func countryCode(number uint64) string {
	if number >= romanianBase && number < romanianBase+1e8 { // nearly all
		return "40"
	}
	const twoDigits = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 " +
		"65 66 81 82 84 86 90 91 92 93 94 95 98 "
	digits := strconv.FormatUint(number, 10)
	switch {
	case digits[0] == '1', digits[0] == '7':
		return digits[:1]
	case len(digits) > 2 && strings.Contains(twoDigits, " "+digits[:2]+" "):
		return digits[:2]
	}
	return digits[:min(3, len(digits))]
}
