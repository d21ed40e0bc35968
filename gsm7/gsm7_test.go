package gsm7_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/gsm7"
	"github.com/go-smslink/smslink/internal/corpus"
)

// defaultAlphabet is 3GPP TS 23.038's table, in the order of its codes from 0 to 127. Code
// 0x1B is no character, but the escape to the extension table.
const defaultAlphabet = "@£$¥èéùìòÇ\nØø\rÅå" +
	"Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ" +
	" !\"#¤%&'()*+,-./" +
	"0123456789:;<=>?" +
	"¡ABCDEFGHIJKLMNO" +
	"PQRSTUVWXYZÄÖÑÜ§" +
	"¿abcdefghijklmno" +
	"pqrstuvwxyzäöñüà"

// extension is its extension table: form feed 0x0A, ^ 0x14, { 0x28, } 0x29, \ 0x2F, [ 0x3C, ~ 0x3D,
// ] 0x3E, | 0x40, € 0x65.
const extension = "\f^{}\\[~]|€"

// septets returns a character's septets from the tables.
func septets(r rune) int {
	switch {
	case r == '\x1b':
		return 0
	case strings.ContainsRune(defaultAlphabet, r):
		return 1
	case strings.ContainsRune(extension, r):
		return 2
	}
	return 0
}

func TestMeasure_everyCharacterThereIs(t *testing.T) {
	require.Equal(t, 128, utf8.RuneCountInString(defaultAlphabet))
	require.Equal(t, 10, utf8.RuneCountInString(extension))
	inside := 0
	for r := range rune(utf8.MaxRune + 1) {
		if !utf8.ValidRune(r) {
			continue
		}
		text := string(r)
		m := gsm7.Measure(text)
		var foreign []rune
		for _, r := range gsm7.Foreign(text) {
			foreign = append(foreign, r)
		}
		if n := septets(r); n > 0 {
			inside++
			if m != (gsm7.Measurement{Alphabet: gsm7.GSM7, Units: n, Segments: 1, Remaining: 160 - n}) || len(foreign) > 0 {
				require.Failf(t, "mismeasured", "%U: %+v, %U", r, m, foreign)
			}
			continue
		}
		units := len(utf16.Encode([]rune{r}))
		if m != (gsm7.Measurement{Alphabet: gsm7.UCS2, Units: units, Segments: 1, Remaining: 70 - units}) || !slices.Equal(foreign, []rune{r}) {
			require.Failf(t, "mismeasured", "%U: %+v, %U", r, m, foreign)
		}
	}
	require.Equal(t, 127+10, inside)
}

func TestMeasure_segments(t *testing.T) {
	repeat := strings.Repeat
	for _, test := range []struct {
		name string
		text string
		want gsm7.Measurement
	}{
		{"empty", "", gsm7.Measurement{Alphabet: gsm7.GSM7, Remaining: 160}},
		{"one SMS", repeat("a", 159), gsm7.Measurement{gsm7.GSM7, 159, 1, 1}},
		{"a full SMS", repeat("a", 160), gsm7.Measurement{gsm7.GSM7, 160, 1, 0}},
		{"one over", repeat("a", 161), gsm7.Measurement{gsm7.GSM7, 161, 2, 145}},
		{"a full SMS that ends in a pair", repeat("a", 158) + "€", gsm7.Measurement{gsm7.GSM7, 160, 1, 0}},
		{"a pair on the end of one SMS", repeat("a", 159) + "€", gsm7.Measurement{gsm7.GSM7, 161, 2, 145}},
		{"a pair on the boundary", repeat("a", 152) + "€" + repeat("a", 10), gsm7.Measurement{gsm7.GSM7, 164, 2, 141}},
		{"a pair before the boundary", repeat("a", 151) + "€" + repeat("a", 10), gsm7.Measurement{gsm7.GSM7, 163, 2, 143}},
		{"a pair after the boundary", repeat("a", 153) + "€" + repeat("a", 10), gsm7.Measurement{gsm7.GSM7, 165, 2, 141}},
		{"a segment more by its boundaries", repeat("a", 152) + "€" + repeat("a", 150) + "€" + "a", gsm7.Measurement{gsm7.GSM7, 307, 3, 150}},
		{"nothing but pairs", repeat("[", 77), gsm7.Measurement{gsm7.GSM7, 154, 1, 6}},
		{"segments of nothing but pairs", repeat("[", 153), gsm7.Measurement{gsm7.GSM7, 306, 3, 151}},
		{"UCS-2", repeat("ș", 70), gsm7.Measurement{gsm7.UCS2, 70, 1, 0}},
		{"UCS-2, one over", repeat("ș", 71), gsm7.Measurement{gsm7.UCS2, 71, 2, 63}},
		{"one letter", repeat("a", 159) + "ș", gsm7.Measurement{gsm7.UCS2, 160, 3, 41}},
		{"in UCS-2 an extension character is one unit", repeat("€", 69) + "ș", gsm7.Measurement{gsm7.UCS2, 70, 1, 0}},
		{"a surrogate pair at the end of one SMS", repeat("a", 68) + "😀", gsm7.Measurement{gsm7.UCS2, 70, 1, 0}},
		{"a surrogate pair on the end of one SMS", repeat("a", 69) + "😀", gsm7.Measurement{gsm7.UCS2, 71, 2, 63}},
		{"a surrogate pair on the boundary", repeat("a", 66) + "😀" + repeat("a", 10), gsm7.Measurement{gsm7.UCS2, 78, 2, 55}},
		{"a surrogate pair before the boundary", repeat("a", 65) + "😀" + repeat("a", 10), gsm7.Measurement{gsm7.UCS2, 77, 2, 57}},
		{"segments of nothing but surrogate pairs", repeat("😀", 67), gsm7.Measurement{gsm7.UCS2, 134, 3, 65}},
		{"not UTF-8", "a\xff\xfeb", gsm7.Measurement{gsm7.UCS2, 4, 1, 66}},
		{"half of a character", "\xc8", gsm7.Measurement{gsm7.UCS2, 1, 1, 69}},
	} {
		require.Equal(t, test.want, gsm7.Measure(test.text), test.name)
	}
}

func TestMeasure_everyBoundary(t *testing.T) {
	for n := 2; n <= 40; n++ {
		for _, alphabet := range []struct {
			letter, pair string
			segment      int
		}{{"a", "€", 153}, {"ă", "😀", 67}} {
			full := n * alphabet.segment
			for letters, want := range map[int]int{full - 1: n, full: n, full + 1: n + 1} {
				m := gsm7.Measure(strings.Repeat(alphabet.letter, letters))
				require.Equal(t, want, m.Segments)
				require.Equal(t, want*alphabet.segment-letters, m.Remaining)
			}
			// One pair at the end: just before the last boundary, on it, and after it.
			for letters, want := range map[int]gsm7.Measurement{
				full - 2: {Segments: n},
				full - 1: {Segments: n + 1, Remaining: alphabet.segment - 2},
				full:     {Segments: n + 1, Remaining: alphabet.segment - 2},
			} {
				m := gsm7.Measure(strings.Repeat(alphabet.letter, letters) + alphabet.pair)
				require.Equal(t, letters+2, m.Units)
				require.Equal(t, want.Segments, m.Segments, "%d segments, %d letters", n, letters)
				require.Equal(t, want.Remaining, m.Remaining, "%d segments, %d letters", n, letters)
			}
		}
	}
}

// Characters are counted several bytes at a time. The test has any two bytes at any place.
func TestMeasure_anyTwoBytesAnywhere(t *testing.T) {
	texts := [][]byte{[]byte("ășțîâ"), []byte("ă1234567"), []byte("ă23456789șa€ 👍 țîâĂ😀"), []byte("ă" + strings.Repeat("語", 9))}
	for a := range 256 {
		for b := range 256 {
			for i := range 18 {
				whole := texts[(a^b)%len(texts)]
				if i+2 > len(whole) {
					break
				}
				text := slices.Clone(whole)
				text[i], text[i+1] = byte(a), byte(b)
				units := 0
				for _, r := range string(text) {
					units += len(utf16.AppendRune(nil, r))
				}
				if m := gsm7.Measure(string(text)); m.Alphabet == gsm7.UCS2 && m.Units != units {
					require.Failf(t, "miscounted", "%q has %d units, not %d", text, units, m.Units)
				}
			}
		}
	}
}

func TestForeign_returnsTheCharacterAndItsOffset(t *testing.T) {
	var got []string
	for at, r := range gsm7.Foreign("Vă așteptăm\xff! €é😀") {
		got = append(got, fmt.Sprintf("%d %c", at, r))
	}
	require.Equal(t, []string{"1 ă", "5 ș", "11 ă", "14 \ufffd", "22 😀"}, got)
	for range gsm7.Foreign("ăă") {
		break
	}
}

func TestAlphabet_names(t *testing.T) {
	require.Equal(t, "GSM-7 UCS-2 Alphabet(2)", fmt.Sprint(gsm7.GSM7, " ", gsm7.UCS2, " ", gsm7.Alphabet(2)))
}

func TestMeasure_allocatesNothing(t *testing.T) {
	for _, text := range []string{strings.Repeat("Salut! [€] é", 100), strings.Repeat("Bună dimineața 😀", 100), "\xff"} {
		require.Zero(t, testing.AllocsPerRun(100, func() { gsm7.Measure(text) }))
	}
}

func FuzzMeasure(f *testing.F) {
	for _, seed := range []string{"", "Salut", "ș", "€", "\xff", "ășț\xc0\x80\xed\xa0\x80îâ\xc8", "語ăășș\xc3", "ășțîâ\xf4\x90\x80\x80", strings.Repeat("a", 161), strings.Repeat("[", 200), strings.Repeat("😀", 67)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		// The same facts, computed in another way.
		want, units, single, segment := gsm7.GSM7, 0, 160, 153
		var widths []int
		for _, r := range text {
			widths = append(widths, septets(r))
			if septets(r) == 0 {
				want = gsm7.UCS2
			}
		}
		if want == gsm7.UCS2 {
			single, segment, widths = 70, 67, nil
			for _, r := range text {
				widths = append(widths, len(utf16.Encode([]rune{r})))
			}
		}
		for _, width := range widths {
			units += width
		}
		m := gsm7.Measure(text)
		require.Equal(t, want, m.Alphabet)
		require.Equal(t, units, m.Units)
		if units <= single {
			require.Equal(t, min(units, 1), m.Segments)
			require.Equal(t, single-units, m.Remaining)
			return
		}
		segments, used := 1, 0
		for _, width := range widths {
			if used += width; used > segment {
				segments, used = segments+1, width
			}
		}
		require.Equal(t, segments, m.Segments)
		require.Equal(t, segment-used, m.Remaining)
		require.GreaterOrEqual(t, segments*segment, units, "fewer segments than the units allow")
	})
}

var benchmarked = map[string]string{
	"ascii":     strings.Repeat("Comanda dvs. a fost expediata si ajunge maine intre 9 si 12. ", 2)[:120],
	"ascii 1MB": strings.Repeat("Comanda dvs. a fost expediata si ajunge maine intre 9 si 12. ", 17000),
	"Romanian":  "Bună ziua! Comanda dvs. a fost expediată și ajunge mâine între 9 și 12. Vă mulțumim!",
}

func BenchmarkMeasure(b *testing.B) {
	b.Run("corpus", func(b *testing.B) {
		all := corpus.Messages(1000)
		for i := 0; b.Loop(); i++ {
			gsm7.Measure(all[i%len(all)].Text)
		}
	})
	for name, text := range benchmarked {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				gsm7.Measure(text)
			}
		})
	}
}

func BenchmarkFold(b *testing.B) {
	for name, text := range benchmarked {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				gsm7.Fold(text)
			}
		})
	}
}
