package terminal_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

func TestWrap(t *testing.T) {
	for in, want := range map[string]string{
		"":                                              "",
		"short\n":                                       "short\n",
		"one two three four five six\n":                 "one two three four\n  five six\n",
		"messages  one two three four\n":                "messages  one two\n          three four\n",
		"a  one two three four five\n":                  "a  one two three\n   four five\n",
		"a-word-that-is-longer-than-all\n":              "a-word-that-is-longer-than-all\n",
		"a-word-that-is-longer-than-all two\n":          "a-word-that-is-longer-than-all\n  two\n",
		"Send 500 messages now? [y/N] ":                 "Send 500 messages\n  now? [y/N] ",
		`{"text":"one two three four five six"}` + "\n": `{"text":"one two three four five six"}` + "\n",
		"ăîșțâ ăîșțâ ăîșțâ ăî\n":                        "ăîșțâ ăîșțâ ăîșțâ ăî\n",
	} {
		require.Equal(t, want, terminal.Wrap(in, 20), "%q", in)
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("  12  not sent: the command was interrupted and more of it\n", uint8(40))
	f.Fuzz(func(t *testing.T, in string, columns uint8) {
		out := terminal.Wrap(in, int(columns))
		require.Equal(t, strings.Fields(in), strings.Fields(out))
		if columns < 20 || strings.Contains(in, "{") {
			return
		}
		for line := range strings.Lines(out) {
			words := strings.Fields(line)
			require.True(t, utf8.RuneCountInString(strings.TrimRight(line, " \n")) <= int(columns) || len(words) <= 2 || strings.ContainsAny(line, "\t\r\v\f\u0085\u00a0") || strings.TrimSpace(line) != strings.Trim(line, " \n"), "%q", out)
		}
	})
}
