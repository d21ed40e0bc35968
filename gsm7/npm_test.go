package gsm7_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/gsm7"
)

var texts = flag.Int("texts", 10_000, "how many texts to compare with other calculators")

// TestMeasure_asTwoOtherCalculators compares with split-sms and Twilio's sms-segments-calculator,
// which .ci/run installs if there is npm. SMSLINK_NPM is the folder that has their node_modules.
// With 100,000 texts it takes a minute, nearly all of it Twilio's.
func TestMeasure_asTwoOtherCalculators(t *testing.T) {
	folder := os.Getenv("SMSLINK_NPM")
	if folder == "" {
		t.Skip("SMSLINK_NPM does not name a folder with split-sms and sms-segments-calculator; CONTRIBUTING.md says how to make one")
	}
	n := *texts
	random := rand.New(rand.NewPCG(20261122, 7))
	sample := make([]string, n)
	var in bytes.Buffer
	lines := json.NewEncoder(&in)
	lines.SetEscapeHTML(false)
	for i := range sample {
		sample[i] = randomText(random)
		require.NoError(t, lines.Encode(sample[i]))
	}
	script, err := filepath.Abs("testdata/segments.js")
	require.NoError(t, err)
	node := exec.CommandContext(t.Context(), "node", script)
	node.Dir, node.Stdin, node.Stderr = folder, &in, os.Stderr
	out, err := node.Output()
	require.NoError(t, err)

	answers := bufio.NewScanner(bytes.NewReader(out))
	answers.Buffer(nil, 1<<20)
	clusters, compared, differences := 0, 0, 0
	for _, text := range sample {
		require.True(t, answers.Scan())
		var theirs struct{ SplitSMS, Twilio []any }
		require.NoError(t, json.Unmarshal(answers.Bytes(), &theirs))
		m := gsm7.Measure(text)
		if text != "" { // an empty text is a segment to them, and nothing to send to us
			require.Equal(t, []any{m.Alphabet.String(), float64(m.Segments), float64(m.Remaining)}, theirs.SplitSMS, "%q", text)
			compared++
		}
		// Twilio's keeps a letter and its marks, a sequence of emoji or a CRLF in one segment,
		// which phones do not need, and takes a CRLF for UCS-2. A segment that it ends early for
		// that may make one more.
		switch same := m.Segments == int(theirs.Twilio[1].(float64)) && m.Alphabet.String() == theirs.Twilio[0]; {
		case text == "":
		case !strings.ContainsAny(text, joining):
			require.True(t, same, "%q: %+v, Twilio's %v", text, m, theirs.Twilio)
		default:
			clusters++
			if !same {
				differences++
				require.True(t, strings.Contains(text, "\r\n") || m.Segments < int(theirs.Twilio[1].(float64)), "%q", text)
			}
		}
	}
	t.Logf("%d texts as split-sms has them; as Twilio's but for %d of the %d that have clusters", compared, differences, clusters)
	require.Less(t, clusters, n/2)
}

// joining has the characters of randomText that form a cluster with the one before them.
const joining = "\n\u0306\u0326\u200d\ufe0f"

// randomText returns a text of one of several kinds, often with a length near a boundary.
func randomText(random *rand.Rand) string {
	kinds := [][]rune{
		[]rune("abcdefghij ABC.,!?"),
		[]rune("abc €[]{}~^|\\\f"),
		[]rune("abcdéèùàñüΔΩ@£$§¿"),
		[]rune("abcd ăâîșțţş"),
		[]rune("ab😀🎉ș"),
		[]rune("aș\u0306\u0326\u200d\ufe0f😀❤\r\n"),
		[]rune("Привет καλημέρα `´’…\u00a0"),
	}
	kind := kinds[random.IntN(len(kinds))]
	lengths := []int{random.IntN(20), random.IntN(400), 65 + random.IntN(10), 130 + random.IntN(10), 150 + random.IntN(15), 300 + random.IntN(12)}
	var b strings.Builder
	for range lengths[random.IntN(len(lengths))] {
		b.WriteRune(kind[random.IntN(len(kind))])
	}
	return b.String()
}
