package lzf

import "errors"

// The errors of AppendDecompress.
var (
	ErrCorrupt  = errors.New("lzf: corrupt input")
	ErrTooLarge = errors.New("lzf: more than the allowed bytes")
)

// AppendDecompress appends src's plain form, of at most limit bytes, to dst and returns it. The
// error is ErrCorrupt or ErrTooLarge, and dst is then returned unchanged. It never grows past the
// limit. dst and src must not overlap.
func AppendDecompress(dst, src []byte, limit int) ([]byte, error) {
	start := len(dst)
	for len(src) > 0 {
		control := int(src[0])
		src = src[1:]
		if control < maxLiteral {
			n := control + 1
			switch {
			case n > len(src):
				return dst[:start], ErrCorrupt
			case n > limit-(len(dst)-start):
				return dst[:start], ErrTooLarge
			}
			dst = append(dst, src[:n]...)
			src = src[n:]
			continue
		}

		length := control >> 5
		if length == 7 {
			if len(src) == 0 {
				return dst[:start], ErrCorrupt
			}
			length += int(src[0])
			src = src[1:]
		}
		length += minMatch - 1
		if len(src) == 0 {
			return dst[:start], ErrCorrupt
		}
		distance := ((control&31)<<8 | int(src[0])) + 1
		src = src[1:]
		switch {
		case distance > len(dst)-start:
			return dst[:start], ErrCorrupt
		case length > limit-(len(dst)-start):
			return dst[:start], ErrTooLarge
		}
		dst = appendMatch(dst, distance, length)
	}
	return dst, nil
}

// appendMatch appends length bytes, from distance bytes before dst's end. If length is greater than
// distance, they repeat.
func appendMatch(dst []byte, distance, length int) []byte {
	from := len(dst) - distance
	for length > 0 {
		n := min(length, len(dst)-from)
		dst = append(dst, dst[from:from+n]...)
		length -= n
	}
	return dst
}
