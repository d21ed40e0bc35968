package campaign

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink/cmd/internal/redact"
)

const (
	exampleTime = "2030-01-31T09:00:00+02:00"
	lacksTime   = "is a date without a time of day; write both, such as " + exampleTime
	isDays      = "is a number of days or a fraction, as spreadsheets keep a date; " +
		"write it as text, such as " + exampleTime
	outOfRange    = "lies before 1970 or after 2099; as a number it is Unix seconds, not milliseconds"
	digitsOfDate  = "may be the digits of a date and a time; write it as " + exampleTime
	fewestSeconds = len("100000000") // digits of Unix seconds since 1973
	mostSeconds   = 2_000_000_000    // in 2033; 2030013109 (year first) and 3001310900 are above it
)

// ParseTime parses a time as the column send_at has it. An empty text is the zero time.
func ParseTime(s string, zone *time.Location) (time.Time, error) {
	at, bad := parseTime(strings.TrimSpace(s), zone)
	if bad != nil {
		return time.Time{}, bad.Cause
	}
	return at, nil
}

// parseTime parses a time as programs and people write it: in RFC 3339, as Unix seconds or, if zone
// is not nil, as 2030-01-31 09:00 or 31.01.2030 09:00. An empty text is the zero time.
func parseTime(s string, zone *time.Location) (time.Time, *Refusal) {
	if s == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return checkTime(at)
	}
	if number.MatchString(s) {
		return parseSeconds(s)
	}
	if date.MatchString(s) {
		return time.Time{}, refuseTime(s, lacksTime)
	}
	if start := ambiguous.FindString(s); start != "" {
		return time.Time{}, refuseTime(start, "is ambiguous; write the day first, with points and four digits of the "+
			"year, such as 31.01.2030 09:00")
	}
	for _, layout := range []string{"2006-1-2 15:4", "2006-1-2 15:4:5", "2.1.2006 15:4", "2.1.2006 15:4:5"} {
		if wall, err := time.Parse(layout, strings.Replace(strings.Replace(s, ", ", " ", 1), "T", " ", 1)); err == nil {
			return inZone(wall, zone)
		}
	}
	return time.Time{}, refuse("send_at", "is not a time, such as "+exampleTime+" or, with --zone Europe/Bucharest, "+
		"31.01.2030 09:00")
}

// refuseTime refuses a field and shows it, or the part of it that is a date.
func refuseTime(shown, cause string) *Refusal {
	return &Refusal{Column: "send_at", Shown: shown, Cause: errors.New(cause)}
}

var (
	number = regexp.MustCompile(`^[+-]?[0-9]+([.,][0-9]+)?([Ee][+-]?[0-9]+)?$`)
	date   = regexp.MustCompile(`^([0-9]{4}[-./][0-9]{1,2}[-./][0-9]{1,2}|[0-9]{1,2}[-./][0-9]{1,2}[-./][0-9]{2,4})$`)

	// ambiguous matches the start of a time whose day and month, or day and year, may be swapped.
	ambiguous = regexp.MustCompile(`^[0-9]{1,2}([-/][0-9]{1,2}[-/][0-9]{2,4}|\.[0-9]{1,2}\.[0-9]{2})\b`)
)

// parseSeconds parses Unix seconds. It refuses numbers with fewer digits than fewestSeconds or
// above mostSeconds, since a spreadsheet or a person writes them for dates.
func parseSeconds(s string) (time.Time, *Refusal) {
	digits := len(strings.TrimLeft(s, "+-"))
	if digits >= fewestSeconds && !strings.ContainsAny(s, ".,eE") {
		seconds, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return time.Time{}, refuse("send_at", outOfRange)
		}
		at, bad := checkTime(time.Unix(seconds, 0).UTC())
		if bad == nil && seconds > mostSeconds {
			return time.Time{}, refuseTime(redact.Numbers(s), digitsOfDate)
		}
		return at, bad
	}
	if _, err := time.Parse("20060102", s); err == nil {
		return time.Time{}, refuseTime(s, lacksTime)
	}
	shown := redact.Numbers(s) // it may be a phone number, such as 0712.345678
	if whole := strings.IndexAny(shown, ".,"); whole >= 0 {
		shown = shown[:whole] + "…"
	}
	return time.Time{}, refuseTime(shown, isDays)
}

// checkTime refuses times that no campaign can mean.
func checkTime(at time.Time) (time.Time, *Refusal) {
	if at.Year() < 1970 || at.Year() >= 2100 {
		return time.Time{}, refuse("send_at", outOfRange)
	}
	return at, nil
}

// inZone returns the time at which clocks in the zone show the wall time. It refuses a wall time
// that they skip or show twice.
func inZone(wall time.Time, zone *time.Location) (time.Time, *Refusal) {
	if zone == nil {
		return time.Time{}, refuse("send_at", "has no time zone; add --zone Europe/Bucharest, or write it as "+exampleTime)
	}
	in := func(zone *time.Location) time.Time {
		return time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	}
	at := in(zone)
	_, before := at.Add(-3 * time.Hour).Zone() // the offsets before and after a change of the clocks
	_, after := at.Add(3 * time.Hour).Zone()
	first, second := in(time.FixedZone("", before)), in(time.FixedZone("", after))
	how := ""
	switch isFirst, isSecond := showsIn(first, zone), showsIn(second, zone); {
	case first.Equal(second), isFirst != isSecond: // no change, or one at another hour
		return checkTime(at)
	case isFirst:
		how = "comes twice"
	default:
		how = "is skipped"
	}
	return time.Time{}, refuse("send_at", fmt.Sprintf("%s when the clocks of %s change; write %s or %s",
		how, zone, first.Format(time.RFC3339), second.Format(time.RFC3339)))
}

// showsIn reports whether clocks in the zone show the wall time of at.
func showsIn(at time.Time, zone *time.Location) bool {
	const wall = "2006-01-02 15:04:05"
	return at.In(zone).Format(wall) == at.Format(wall)
}

// fromSerial returns the wall time, in UTC, that a spreadsheet keeps as a number of days. hasTime
// reports whether it has a time of day, and ok whether the number is that of a date.
func fromSerial(value string, since1904 bool) (wall time.Time, hasTime, ok bool) {
	days, err := strconv.ParseFloat(value, 64)
	if err != nil || !(days >= 61) || days > 100_000 { // all programs agree on days since March 1900
		return time.Time{}, false, false
	}
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if since1904 {
		epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	seconds := int64(days*86400 + 0.5)
	return epoch.Add(time.Duration(seconds) * time.Second), seconds%86400 != 0, true
}
