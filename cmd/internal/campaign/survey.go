package campaign

import (
	"fmt"

	"github.com/go-smslink/smslink/gsm7"
)

// Survey counts rows before anything is sent.
type Survey struct {
	Rows     int `json:"rows"`
	Messages int `json:"messages"` // good rows
	BadRows  int `json:"bad_rows"`
	Segments int `json:"segments"` // SMS that are billed
	UCS2     int `json:"ucs2"`     // messages that are not in the GSM alphabet
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
}

// String returns the counts in one line.
func (s *Survey) String() string {
	line := fmt.Sprintf("%s, %s", Plural(s.Messages, "message"), Plural(s.Segments, "SMS"))
	if s.UCS2 > 0 {
		line += fmt.Sprintf(" (%d in UCS-2)", s.UCS2)
	}
	return line + ", " + Plural(s.BadRows, "bad row")
}

// Plural returns a count and its noun.
func Plural(n int, noun string) string {
	if n != 1 && noun != "SMS" {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
