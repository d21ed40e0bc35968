package journal

import (
	"strconv"

	"github.com/go-smslink/smslink"
)

// maxList is the largest number of ids in a line.
const maxList = 1 << 20

// number is an element of a list. Steps are computed in uint64, and wrap.
type number interface {
	int64 | uint64 | smslink.Status
}

// appendList appends a list that is not empty: its first number and then the steps from one number
// to the next. A step that comes several times in a row is written once: 17+1x3-5 is 17, 18, 19, 20
// and 15.
func appendList[N number](dst []byte, list []N) []byte {
	dst = strconv.AppendUint(dst, uint64(list[0]), 10)
	for i := 1; i < len(list); {
		step := uint64(list[i]) - uint64(list[i-1])
		from := i
		for i++; i < len(list) && uint64(list[i])-uint64(list[i-1]) == step; i++ {
		}
		if int64(step) >= 0 {
			dst = append(dst, '+')
			dst = strconv.AppendUint(dst, step, 10)
		} else {
			dst = append(dst, '-')
			dst = strconv.AppendUint(dst, -step, 10)
		}
		if times := i - from; times > 1 {
			dst = append(dst, 'x')
			dst = strconv.AppendInt(dst, int64(times), 10)
		}
	}
	return dst
}

// parseList appends the numbers of a list to dst. It also takes lists that appendList would write
// otherwise: the caller writes the list again and compares.
func parseList[N number](dst []N, text []byte) (list []N, ok bool) {
	if len(dst) > 0 { // the field was given twice
		return dst, false
	}
	last, text := parseDigits(text)
	dst = append(dst, N(last))
	for len(text) > 0 {
		sign := text[0]
		var step uint64
		step, text = parseDigits(text[1:])
		switch sign {
		case '+':
		case '-':
			step = -step
		default:
			return dst, false
		}
		times := uint64(1)
		if len(text) > 0 && text[0] == 'x' {
			times, text = parseDigits(text[1:])
		}
		if times > uint64(maxList-len(dst)) {
			return dst, false
		}
		for range times {
			last += step
			dst = append(dst, N(last))
		}
	}
	return dst, true
}

// parseDigits reads the number that text begins with.
func parseDigits(text []byte) (n uint64, rest []byte) {
	for len(text) > 0 && text[0] >= '0' && text[0] <= '9' {
		n = 10*n + uint64(text[0]-'0')
		text = text[1:]
	}
	return n, text
}
