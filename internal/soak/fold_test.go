package soak_test

import (
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/go-smslink/smslink/gsm7"
)

// Whatever Unicode composes of an ASCII letter and marks folds to a letter of the alphabet, and to the same one
// whether it stands composed or not.
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
		require.Equal(t, gsm7.Default, gsm7.Measure(gsm7.Fold(composed)).Alphabet, "%U", r)
	}
	require.Greater(t, seen, 400)
}
