package terminal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

func TestWriter(t *testing.T) {
	for in, want := range map[string]string{
		"": "",
		"200 accepted\n\tcu diacritice: ș, 🎂\n": "200 accepted\n\tcu diacritice: ș, 🎂\n",
		"\x1b]0;title\a":             `\u001b]0;title\u0007`,
		"\x1b[2J\r\b\x7f":            `\u001b[2J\u000d\u0008\u007f`,
		"\u009b31m":                  `\u009b31m`,
		"a\u202eb\u2066\u2028\u2029": `a\u202eb\u2066\u2028\u2029`,
		"\x9b31m \xff":               `\x9b31m \xff`,
		"un\u00a0spațiu\u200b":       "un\u00a0spațiu\u200b",
	} {
		var whole, split bytes.Buffer
		n, err := terminal.NewWriter(&whole).Write([]byte(in))
		require.NoError(t, err)
		require.Equal(t, len(in), n)
		require.Equal(t, want, whole.String())

		w := terminal.NewWriter(&split)
		for i := range len(in) {
			n, err := w.Write([]byte(in)[i : i+1])
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}
		if in != "\x9b31m \xff" { // whose last byte may still become a character
			require.Equal(t, want, split.String())
		}
	}
}

// Escaped JSON is still the same JSON.
func TestWriter_json(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, json.NewEncoder(terminal.NewWriter(&out)).Encode("a\x1b\u009b\u202e\x7fș"))
	require.Equal(t, `"a\u001b\u009b\u202e\u007fș"`+"\n", out.String())
	var back string
	require.NoError(t, json.Unmarshal(out.Bytes(), &back))
	require.Equal(t, "a\x1b\u009b\u202e\x7fș", back)
}

func TestWriter_error(t *testing.T) {
	broken := errors.New("broken pipe")
	n, err := terminal.NewWriter(failing{broken}).Write([]byte("a\x1b"))
	require.Equal(t, 0, n)
	require.ErrorIs(t, err, broken)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "two words": "two words", "ș\tb\nc\r\x1b": `ș\u0009b\u000ac\u000d\u001b`, "a\nb": `a\u000ab`,
	} {
		require.Equal(t, want, terminal.Line(in))
	}
}

func FuzzWriter(f *testing.F) {
	f.Add("a\x1b[2Jș", uint8(3))
	f.Add("\xc8\u009b", uint8(1))
	f.Fuzz(func(t *testing.T, in string, at uint8) {
		var out bytes.Buffer
		w := terminal.NewWriter(&out)
		cut := min(int(at), len(in))
		for _, part := range []string{in[:cut], in[cut:]} {
			_, err := w.Write([]byte(part))
			require.NoError(t, err)
		}
		for _, r := range out.String() {
			require.True(t, r == '\n' || r == '\t' || !unicode.IsControl(r), "%q", out.String())
		}
	})
}
