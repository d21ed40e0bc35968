package smslink_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// textOf is the text of the only message of p.
func textOf(t testing.TB, p *smslink.Package) string {
	t.Helper()
	require.Equal(t, 1, p.Len())
	for m := range p.Messages() {
		return m.Text
	}
	return ""
}

func TestPackage_foldsWhatThenTakesFewerSMS(t *testing.T) {
	long := strings.Repeat("Vă așteptăm! ", 6)
	for _, test := range []struct{ name, text, want string }{
		{"fewer", long, strings.Repeat("Va asteptam! ", 5) + "Va asteptam!"},
		{"as many", "Vă așteptăm!", "Vă așteptăm!"},
		{"as many, with an emoji", long + "😀", long + "😀"},
		{"a tab, which is dropped", strings.Repeat("a", 80) + "\t" + strings.Repeat("b", 80), strings.Repeat("a", 80) + strings.Repeat("b", 80)},
		{"blanks, which are trimmed", "\u00a0" + strings.Repeat("ș", 160) + "   ", strings.Repeat("s", 160)},
		{"a link", strings.Repeat("ș", 60) + " https://dăruiește.ro", strings.Repeat("ș", 60) + " https://dăruiește.ro"},
	} {
		p := &smslink.Package{PackageOptions: smslink.PackageOptions{Fold: true}}
		require.NoError(t, p.Add(smslink.Message{ID: 1, To: "0712345678", From: "Ștefan", Text: test.text}))
		require.Equal(t, test.want, textOf(t, p), test.name)
		for m := range p.Messages() {
			require.Equal(t, "Ștefan", m.From, "a sender is a name that the account has")
		}
	}
}

func TestPackage_foldingRefusesWhatAddWould(t *testing.T) {
	p := &smslink.Package{PackageOptions: smslink.PackageOptions{Fold: true}}
	for text, rule := range map[string]error{
		strings.Repeat("\u200b", 71):               smslink.ErrEmptyText,
		"％0A" + strings.Repeat("ș", 70):            smslink.ErrLiteralEscape,
		"\xc8\u200b\x9b" + strings.Repeat("ș", 70): smslink.ErrInvalidUTF8,
		strings.Repeat("ș", 129<<20):               smslink.ErrTooLong,
	} {
		require.ErrorIs(t, p.Add(smslink.Message{ID: 1, To: "0712345678", Text: text}), rule)
	}
	require.Zero(t, p.Len())
}

// What is folded never costs more than what is not, and is the same however often it is added.
func FuzzPackage_Fold(f *testing.F) {
	for _, seed := range []string{"așteptăm", "😀…" + strings.Repeat("ș", 66) + "   ", "😀\t" + strings.Repeat("ș", 68), strings.Repeat("a", 80) + "\t" + strings.Repeat("b", 80)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		plain, folding, again := &smslink.Package{}, &smslink.Package{PackageOptions: smslink.PackageOptions{Fold: true}}, &smslink.Package{PackageOptions: smslink.PackageOptions{Fold: true}}
		err := plain.Add(smslink.Message{ID: 1, To: "0712345678", Text: text})
		if folding.Add(smslink.Message{ID: 1, To: "0712345678", Text: text}) != nil || err != nil {
			return
		}
		require.LessOrEqual(t, folding.Segments(), plain.Segments())
		if folding.Segments() == plain.Segments() {
			require.Equal(t, plain.AppendPlain(nil), folding.AppendPlain(nil))
		}
		require.NoError(t, again.Add(smslink.Message{ID: 1, To: "0712345678", Text: textOf(t, folding)}))
		require.Equal(t, folding.AppendPlain(nil), again.AppendPlain(nil))
	})
}

func TestSegments_areThoseOfTheTextAsItArrives(t *testing.T) {
	full := strings.Repeat("a", 159)
	for text, want := range map[string]int{
		full + "a": 1, full + "aa": 2, full + ";": 1, full + "\n": 1, full + ";\n": 1, full + "%": 1, full + "%0a": 2,
		"a\n" + full: 2, "\ta" + full + "\t": 1, strings.Repeat("ș", 71): 2,
	} {
		p := packageOf(t, 7)
		require.NoError(t, p.Add(smslink.Message{ID: 8, To: "0712345678", From: "Un nume lung ș", Text: text, SendAt: time.Unix(1_900_000_000, 0)}))
		require.NoError(t, p.Add(smslink.Message{ID: 9, To: "0712345678", Text: "b"}))
		if strings.HasSuffix(text, ";\n") { // whose line end is trimmed
			want = 1
		}
		require.Equal(t, 2+want, p.Segments())
	}
	require.Zero(t, new(smslink.Package).Segments())
}
