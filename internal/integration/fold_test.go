package integration_test

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/go-smslink/smslink/gsm7"
)

// A character that Unicode composes of an ASCII letter and marks folds to a character of the
// alphabet, unless a mark strikes the letter out. It folds to the same one decomposed.
func TestFold_everyComposedLatinLetter(t *testing.T) {
	seen := 0
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		composed := string(r)
		decomposed := norm.NFD.String(composed)
		if decomposed == composed || decomposed[0] >= 0x80 || !unicode.IsLetter(rune(decomposed[0])) {
			continue
		}
		seen++
		require.Equal(t, gsm7.Fold(composed), gsm7.Fold(decomposed), "%U", r)
		require.Equal(t, gsm7.GSM7, gsm7.Measure(gsm7.Fold(composed)).Alphabet, "%U", r)
	}
	require.Greater(t, seen, 400)
}

// What Fold replaces becomes Unicode's compatible form if the alphabet has it, except for those
// named here.
func TestFold_isUnicodesCompatibleForm(t *testing.T) {
	others := map[string]string{"™": "(TM)", "ŀ": "l", "Ŀ": "L", "´": "'"}
	seen := 0
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		text := string(r)
		folded := gsm7.Fold(text)
		compatible := norm.NFC.String(norm.NFKD.String(text))
		if !utf8.ValidRune(r) || folded == text || compatible == text || gsm7.Measure(compatible).Alphabet != gsm7.GSM7 {
			continue
		}
		seen++
		if want, ok := others[text]; ok {
			compatible = want
		}
		require.Equal(t, compatible, folded, "%U", r)
	}
	require.Greater(t, seen, 130)
}
