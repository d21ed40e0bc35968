package wire

import (
	"strconv"
	"strings"
)

// Balance is what an account has left.
type Balance struct {
	National      int64
	International int64
	At            int64 // Unix seconds, up to the year 9999; 0 = not told
}

// lastSecond is the last one of the year 9999.
const lastSecond = 253_402_300_799

// AppendBalance appends the reply that tells b [public].
func AppendBalance(dst []byte, b Balance) []byte {
	numbers := strconv.AppendInt(nil, b.National, 10)
	numbers = strconv.AppendInt(append(numbers, ','), b.International, 10)
	if b.At != 0 {
		numbers = strconv.AppendInt(append(numbers, ','), b.At, 10)
	}
	return appendFields(dst, accepted, "4", "account balance", string(numbers))
}

// ParseBalance reads a balance's reply, whatever its code and text. White space
// around a number and what follows the third is passed over, and so is a third that
// is no time. ok is false where the first two are not whole numbers.
func ParseBalance(r Reply) (b Balance, ok bool) {
	numbers := strings.Split(r.PackageID, ",")
	if len(numbers) < 2 { // as of an ERROR
		return Balance{}, false
	}
	var errNational, errInternational error
	b.National, errNational = strconv.ParseInt(strings.TrimSpace(numbers[0]), 10, 64)
	b.International, errInternational = strconv.ParseInt(strings.TrimSpace(numbers[1]), 10, 64)
	if errNational != nil || errInternational != nil {
		return Balance{}, false
	}
	if len(numbers) > 2 {
		if at, err := strconv.ParseInt(strings.TrimSpace(numbers[2]), 10, 64); err == nil && 0 < at && at <= lastSecond {
			b.At = at
		}
	}
	return b, true
}
