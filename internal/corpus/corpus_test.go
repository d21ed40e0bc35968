package corpus_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/corpus"
)

func TestMessages_areWhatShopsSend(t *testing.T) {
	const n = 20_000
	all := corpus.Messages(n)
	require.Len(t, all, n)
	code := regexp.MustCompile(`\b[1-9]\d{5}\b.*(?i:nu )|^\d{6} este codul`)
	receiver := regexp.MustCompile(`^\+407\d{8}$`)
	var codes, percents, diacritics int
	for i, m := range all {
		require.Equal(t, int64(i+1), m.ID)
		require.Regexp(t, receiver, m.To)
		require.NotContains(t, m.Text, "%!") // a template and its arguments that do not fit
		require.NotContains(t, m.Text, "EXTRA")
		if code.MatchString(m.Text) {
			codes++
		}
		if strings.Contains(m.Text, "%") {
			require.Regexp(t, `reducere de [1-9]0% la`, m.Text)
			percents++
		}
		if strings.ContainsAny(m.Text, "ăâîșțĂÂÎȘȚ") {
			diacritics++
		}
	}
	require.InDelta(t, 0.55, float64(codes)/n, 0.02)
	require.InDelta(t, 0.05, float64(percents)/n, 0.01)
	require.InDelta(t, 0.6, float64(diacritics)/n, 0.1)
}

func TestMessages_startTheSameWhateverTheirNumber(t *testing.T) {
	require.Equal(t, corpus.Messages(100), corpus.Messages(1000)[:100])
}
