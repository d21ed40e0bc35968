package gsm7_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/gsm7"
)

func TestFold(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"Romanian, comma below", "Bună ziua, așteptăm în piață: ĂÂÎȘȚ ăâîșț", "Buna ziua, asteptam in piata: AAIST aaist"},
		{"Romanian, cedilla", "aşteptăm ţi ŞŢ", "asteptam ti ST"},
		{"Romanian, decomposed", "bun\u0103 as\u0326teptam i\u0302n piat\u0326a\u0306 S\u0327T\u0327", "buna asteptam in piata ST"},
		{"what the alphabet has", "é ñ ü ß à Å Ø æ Ç Δ Ω € [x] {y} ~ ^ | \\ ¿§¤", "é ñ ü ß à Å Ø æ Ç Δ Ω € [x] {y} ~ ^ | \\ ¿§¤"},
		{"what the alphabet has, decomposed", "e\u0301 n\u0303 u\u0308 a\u0300 A\u030a C\u0327", "é ñ ü à Å Ç"},
		{"without the marks that the alphabet lacks", "o\u0302\u0301 u\u0308\u0304 a\u0301\u0300 c\u0327", "o ü à c"},
		{"other Latin letters", "Łódź, žluťoučký kůň, ő ű, İstanbul, ı, ð þ Đ, ç, Việt Nam", "Lodz, zlutoucky kun, o u, Istanbul, i, d þ D, c, Viet Nam"},
		{"quotes", "„Salut” “a” ‘b’ c‛ «d» ‹e› f´ 5′ 6″", `"Salut" "a" 'b' c' "d" 'e' f' 5' 6"`},
		{"what is mistaken for a comma", "5‚50 lei", "5,50 lei"},
		{"dashes, dots and bullets", "a – b — c ‐ d − 5… • e · f ● g ► h \uf0b7 i", "a - b - c - d - 5... * e * f * g * h * i"},
		{"spaces", "a\u00a0b\u2009c\u202fd\u3000e\tf", "a b c d e f"},
		{"line ends", "a\u2028b\u2029c\u0085d", "a\nb\nc\nd"},
		{"no width", "\ufeffa\u200bb\u2060c\u00add", "abcd"},
		{"joiners after a letter", "a\u200db\u200cc", "abc"},
		{"signs", "3×4 Brand™ © ® № ﬁ œuvre Ĳ ≤ ≥ ± → 1⁄2 a∕b \u2126 \u037e ˆ", "3x4 Brand(TM) (c) (R) No fi oeuvre IJ <= >= +/- -> 1/2 a/b Ω ; ^"},
		{"squares and cubes", "45 m² și 3 cm³, dar 10² și ²", "45 m2 si 3 cm3, dar 10² si ²"},
		{"what would say something else", "1½ 20º 2ª a\u0338 1\u0336 x\u20e0 `cod` þ", "1½ 20º 2ª a\u0338 1\u0336 x\u20e0 `cod` þ"},
		{"squares and cubes after what folds", "Ů² ă\u200b³ 1\u0306² œ²", "U2 a3 1² oe2"},
		{"links and addresses", "Vă rugăm: https://dăruiește.ro/a–b www.țuică.ro WWW.ȚUICĂ.RO ștefan@dăruiește.ro, mulțumim…", "Va rugam: https://dăruiește.ro/a–b www.țuică.ro WWW.ȚUICĂ.RO ștefan@dăruiește.ro, multumim..."},
		{"a link and an odd space", "https://a.ro/\u00a0și", "https://a.ro/ si"},
		{"what would become a link", "ștefan＠dăruiește.ro http:∕∕țuică.ro w\u0306ww.țuică.ro www․țuică.ro ș", "ștefan＠dăruiește.ro http:∕∕țuică.ro w\u0306ww.țuică.ro www․țuică.ro s"},
		{"a link alone", "https://dăruiește.ro/e\u0301", "https://dăruiește.ro/e\u0301"},
		{"marks of direction that a phone copies", "\u202a\u2068+40722 123 456\u2069\u202c, \u200eș", "+40722 123 456, s"},
		{"those of a right-to-left text", "\u05d0\u200f\u05d1 ș", "\u05d0\u200f\u05d1 s"},
		{"full width", "ＡＢｃ！（１）～", "ABc!(1)~"},
		{"a keycap", "apăsați 1\ufe0f\u20e3", "apasati 1"},
		{"what has no near form stays", "Привет 😀 ❤\ufe0f 👨\u200d👩 語 ° ½", "Привет 😀 ❤\ufe0f 👨\u200d👩 語 ° ½"},
		{"and so does what clings to it", "и\u0306 😀\u0301", "и\u0306 😀\u0301"},
		{"a mark at the start", "\u0306a", "\u0306a"},
		{"not UTF-8", "ș\xffț\xc8", "ș\xffț\xc8"},
		{"not UTF-8 until something is dropped", "\xc8\u200b\x9b", "\xc8\u200b\x9b"},
		{"empty", "", ""},
		{"nothing left", "\u200b\ufeff", ""},
		{"an ellipsis that would cost a segment", strings.Repeat("…", 70), strings.Repeat("…", 70)},
		{"and what else there is to fold beside it", strings.Repeat("…", 69) + "ș", strings.Repeat("…", 69) + "s"},
		{"an ellipsis beside an emoji", "😀…" + strings.Repeat("ș", 67), "😀…" + strings.Repeat("s", 67)},
		{"an ellipsis that costs nothing", "😀…" + strings.Repeat("ș", 60), "😀..." + strings.Repeat("s", 60)},
	} {
		require.Equal(t, test.want, gsm7.Fold(test.text), test.name)
		changes := gsm7.FoldChanges(test.text)
		require.Equal(t, test.want, applied(test.text, changes), test.name)
		require.Equal(t, test.want == test.text, changes == nil, test.name)
	}
}

// applied makes changes.
func applied(text string, changes []gsm7.Change) string {
	for i := len(changes) - 1; i >= 0; i-- {
		c := changes[i]
		if !strings.HasPrefix(text[c.Offset:], c.From) {
			return "the change is not where it says"
		}
		text = text[:c.Offset] + c.To + text[c.Offset+len(c.From):]
	}
	return text
}

func TestFoldChanges_returnsTextAndPlace(t *testing.T) {
	require.Equal(t, "Va asteptam... é", gsm7.Fold("Vă așteptăm… e\u0301"))
	require.Equal(t, []gsm7.Change{{1, "ă", "a"}, {5, "ș", "s"}, {11, "ă", "a"}, {14, "…", "..."}, {18, "e\u0301", "é"}}, gsm7.FoldChanges("Vă așteptăm… e\u0301"))
	require.Equal(t, []gsm7.Change{{0, "\ufeff", ""}, {4, "\u200b", ""}}, gsm7.FoldChanges("\ufeffa\u200bb"))
}

// Folding can save two thirds of a campaign's price.
func TestFold_savesSegments(t *testing.T) {
	text := "Stimate client, comanda dvs. a fost expediată și ajunge mâine între orele 9 și 12. Pentru detalii sunați la 021.123.45.67. Vă mulțumim și vă mai așteptăm!"
	require.Equal(t, 3, gsm7.Measure(text).Segments)
	require.Equal(t, 1, gsm7.Measure(gsm7.Fold(text)).Segments)
}

func TestFold_everyCharacterThereIs(t *testing.T) {
	for r := range rune(utf8.MaxRune + 1) {
		if !utf8.ValidRune(r) {
			continue
		}
		text := "x" + string(r) + "x"
		folded := gsm7.Fold(text)
		switch inside := gsm7.Measure(text).Alphabet == gsm7.GSM7; {
		case inside:
			require.Equal(t, text, folded, "%U", r)
		case folded != text:
			require.Equal(t, gsm7.GSM7, gsm7.Measure(folded).Alphabet, "%U", r)
			require.LessOrEqual(t, utf8.RuneCountInString(folded), 6, "%U", r)
		}
	}
}

// The replacement of some characters depends on the one before or after them. The test has every
// such pair, in either order, with characters that fold and others that stay.
func TestFold_twiceChangesNothingMore(t *testing.T) {
	var folds, contextual []string
	for r := range rune(0x10000) {
		if !utf8.ValidRune(r) {
			continue
		}
		alone, between := string(r), "x"+string(r)+"x"
		if gsm7.Fold(between) != between {
			folds = append(folds, alone)
		}
		if r >= utf8.RuneSelf && (gsm7.Fold(between) == "xx" || gsm7.Fold("x"+alone) != "x"+gsm7.Fold(alone)) {
			contextual = append(contextual, alone)
		}
	}
	require.Greater(t, len(folds), 800)
	require.Subset(t, contextual, []string{"²", "³", "\u0301", "\u0327", "\u200b", "\u200d", "\u200e", "\u202a", "\ufe0f", "\u20e3"})
	stays := []string{"a", "Z", "1", "é", "€", "@", "/", ".", "w", " ", "\n", "и", "语", "😀", "\x00", "\u0338"}

	if os.Getenv("SMSLINK_LONG") == "" { // see CONTRIBUTING.md
		folds = slices.DeleteFunc(folds, func(fold string) bool { return []rune(fold)[0]%4 > 0 })
	}
	long := strings.Repeat("…", 70) // so that nothing may become longer
	for _, one := range slices.Concat(folds, stays) {
		for _, other := range contextual {
			for _, text := range []string{one + other, other + one, "u" + one + other, "u" + other + one, long + one + other} {
				folded := gsm7.Fold(text)
				if again := gsm7.Fold(folded); again != folded {
					require.Failf(t, "folded twice", "%+q becomes %+q, then %+q", text, folded, again)
				}
			}
		}
	}
}

func TestFold_allocatesNothingIfNothingChanges(t *testing.T) {
	for _, text := range []string{"", "Salut!", strings.Repeat("Olé [€] ñandu Ω 😀 Привет ", 20)} {
		require.Zero(t, testing.AllocsPerRun(100, func() { gsm7.Fold(text) }))
		require.Zero(t, testing.AllocsPerRun(100, func() { gsm7.FoldChanges(text) }))
	}
}

func FuzzFold(f *testing.F) {
	for _, seed := range []string{"", "așteptăm", "e\u0301", "…😀", "\xff\u0306", "ș\u200b\u0301", strings.Repeat("…", 70), strings.Repeat("œ", 67), strings.Repeat("~ˆ", 80), "\xc8\u200b\x9b", "\u202a\u202aă", "www.ă.ro ă m²"} {
		f.Add(seed)
	}
	for _, before := range []string{"Ů", "ă", "œ", "ａ", "…", "a\u200b", "a\u0306", "1", "语"} { // what looks at the letter before it
		for _, after := range []string{"²", "³", "\u0301", "\u200b²", "\u200e"} {
			f.Add(before + after)
			f.Add(strings.Repeat("…", 70) + before + after)
		}
	}
	for _, word := range []string{"＠", "a:∕∕", ":⁄\u200b/", "w\u0306ww.", "www․", "www…"} { // what folding would make a link of
		f.Add(word + "ș")
		f.Add(strings.Repeat("…", 70) + word + " œ")
	}
	f.Fuzz(func(t *testing.T, text string) {
		folded, changes := gsm7.Fold(text), gsm7.FoldChanges(text)
		require.Equal(t, folded, gsm7.Fold(folded), "folded twice")
		require.Equal(t, folded, applied(text, changes))
		require.LessOrEqual(t, gsm7.Measure(folded).Segments, gsm7.Measure(text).Segments)
		require.True(t, !utf8.ValidString(text) || utf8.ValidString(folded))
		for _, change := range changes {
			require.Equal(t, gsm7.GSM7, gsm7.Measure(change.To).Alphabet)
		}
		if gsm7.Measure(text).Alphabet == gsm7.GSM7 {
			require.Equal(t, text, folded)
		}
	})
}

func TestFoldIfFewer(t *testing.T) {
	long := strings.Repeat("Vă așteptăm! ", 6)
	for _, test := range []struct{ name, text, want string }{
		{"fewer", long, strings.Repeat("Va asteptam! ", 5) + "Va asteptam!"},
		{"as many", "Vă așteptăm!", "Vă așteptăm!"},
		{"as many, with an emoji", long + "😀", long + "😀"},
		{"in the alphabet", strings.Repeat("é", 200), strings.Repeat("é", 200)},
		{"a tab, which is dropped", strings.Repeat("a", 80) + "\t" + strings.Repeat("b", 80), strings.Repeat("a", 80) + "\t" + strings.Repeat("b", 80)},
		{"a tab within what is folded", strings.Repeat("ș", 80) + "\t" + strings.Repeat("ș", 80), strings.Repeat("s", 160)},
		{"blanks, which are trimmed", "\u00a0" + strings.Repeat("ș", 160) + "   ", strings.Repeat("s", 160)},
		{"one SMS once it is trimmed", " " + strings.Repeat("ș", 70) + "\r\n", " " + strings.Repeat("ș", 70) + "\r\n"},
		{"a link", strings.Repeat("ș", 60) + " https://dăruiește.ro", strings.Repeat("ș", 60) + " https://dăruiește.ro"},
	} {
		require.Equal(t, test.want, gsm7.FoldIfFewer(test.text), test.name)
	}
}

func TestAsSent(t *testing.T) {
	for text, want := range map[string]string{
		"Bună ziua":                        "Bună ziua",
		" \t\n\r\x00\vBună ziua\v\x00\r\n": "Bună ziua",
		"Total:\t10 lei":                   "Total:10 lei",
		"unu\r\ndoi\rtrei":                 "unu\ndoitrei",
		"\u00a0unu":                        "\u00a0unu",
	} {
		require.Equal(t, want, gsm7.AsSent(text), "%q", text)
	}
}
