package wire

import (
	"strconv"
	"strings"
)

// Balance is what an account has left.
type Balance struct {
	National      int64
	International int64
	At            int64 // Unix seconds, of the years 2000 to 9999; 0 means none
}

// The first second of 2000 and the last one of 9999.
const (
	firstSecond = 946_684_800
	lastSecond  = 253_402_300_799
)

// AppendBalance appends the reply that reports b [public].
func AppendBalance(dst []byte, b Balance) []byte {
	numbers := strconv.AppendInt(nil, b.National, 10)
	numbers = strconv.AppendInt(append(numbers, ','), b.International, 10)
	if b.At != 0 {
		numbers = strconv.AppendInt(append(numbers, ','), b.At, 10)
	}
	return appendFields(dst, accepted, "4", "account balance", string(numbers))
}

// ParseBalance parses the reply with a balance, whatever its code and text. It ignores white space
// around the numbers, a third number that is not a time, anything after that, and a last number
// that may be cut. ok is false if the first two are not whole numbers, or if there is an entry, as
// in the reply to a package.
func ParseBalance(r Reply) (b Balance, ok bool) {
	numbers := strings.Split(r.PackageID, ",")
	if r.MayBeCut && r.Entries == "" {
		numbers = numbers[:len(numbers)-1]
	}
	if len(numbers) < 2 { // as in an ERROR
		return Balance{}, false
	}
	for entry := range r.All() {
		if _, isEntry := ParseEntry(entry); isEntry {
			return Balance{}, false
		}
	}
	national, isNational := wholeNumber(numbers[0])
	international, isInternational := wholeNumber(numbers[1])
	if !isNational || !isInternational {
		return Balance{}, false
	}
	b = Balance{National: national, International: international}
	if len(numbers) > 2 {
		if at, isNumber := wholeNumber(numbers[2]); isNumber && firstSecond <= at && at <= lastSecond {
			b.At = at
		}
	}
	return b, true
}

// wholeNumber parses a number without leading zeros. One with a leading zero may be a part of
// another number.
func wholeNumber(text string) (n int64, ok bool) {
	text = strings.TrimSpace(text)
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == text
}
