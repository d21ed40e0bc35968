package inbox

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The most characters that the page shows of what an upload brings, whatever its size.
const (
	textShown    = 2000 // of a message in its conversation
	snippetShown = 160  // of a message in a list
	fieldShown   = 300  // of anything else
)

// clipped returns the first most characters of s, with an ellipsis if there are more.
func clipped(s string, most int) string {
	if len(s) <= most {
		return s
	}
	count := 0
	for at := range s {
		if count == most {
			return s[:at] + "…"
		}
		count++
	}
	return s
}

// numberOf returns a phone's number in digits. A Romanian one is in its national form, so that
// 0040712345678 and 0712345678 are one phone. What is past the longest number is cut off.
func numberOf(receiver string) string {
	const longest = 40
	cut := len(receiver) > longest
	var digits strings.Builder
	for _, r := range receiver[:min(len(receiver), longest)] {
		switch {
		case r == '+':
			digits.WriteString("00")
		case '0' <= r && r <= '9':
			digits.WriteRune(r)
		}
	}
	if cut {
		digits.WriteString("…")
	}
	if national, ok := strings.CutPrefix(digits.String(), "0040"); ok && national != "" {
		return "0" + national
	}
	return digits.String()
}

// shownNumber groups a number's digits for reading.
func shownNumber(number string) string {
	switch {
	case len(number) == 10 && number[0] == '0' && number[1] != '0':
		return number[:4] + " " + number[4:7] + " " + number[7:]
	case strings.HasPrefix(number, "00") && len(number) > 6:
		return "+" + number[2:4] + " " + number[4:]
	}
	return number
}

func clock(t time.Time) string { return t.Local().Format("15:04:05") }
func date(t time.Time) string  { return t.Local().Format("2 Jan 2006, 15:04 MST") }
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// grouped returns a number with its thousands apart.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%s %ss", grouped(n), noun)
}
