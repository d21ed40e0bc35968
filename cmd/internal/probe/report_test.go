package probe

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReport(t *testing.T) {
	findings := []Finding{
		{Check: "tls", Fact: "It speaks TLS.", Source: Unknown, Seen: "TLS 1.3", Verdict: Holds, Elapsed: 1250 * time.Millisecond},
		{Check: "codec-lzf", Fact: "LZF is taken.", Source: Ref, Seen: "ERROR 900", Verdict: Deviates, Reply: "HTTP/1.1 200, text/plain\nERROR;900;<b>|\r\n```\n"},
		{Check: "chunked", Fact: "Is it?", Source: Unknown, Seen: "a\nb", Verdict: Noted},
		{Check: "balance", Fact: "Two numbers.", Source: Public, Seen: "HTTP status 502", Verdict: Unclear},
		{Check: "reply-order", Fact: "Which?", Source: Unknown, Seen: "not tried", Verdict: Unclear},
	}
	var report, table strings.Builder
	WriteReport(&report, "About.", findings)
	require.Equal(t, `# What the gateway does

About.

Assumptions: 1 hold, 1 deviate, 1 unclear. Questions: 1 answered, 1 not.

| verdict | check | source | assumed | seen | time |
|---|---|---|---|---|---|
| holds | tls | [unknown] | It speaks TLS. | TLS 1.3 | 1.2 s |
| deviates | codec-lzf | [ref] | LZF is taken. | ERROR 900 | 0.0 s |
| noted | chunked | [unknown] | Is it? | a b | 0.0 s |
| unclear | balance | [public] | Two numbers. | HTTP status 502 | 0.0 s |
| unclear | reply-order | [unknown] | Which? | not tried | 0.0 s |

## How the answers began

codec-lzf:

    HTTP/1.1 200, text/plain
    ERROR;900;<b>|
    `+"```\n", report.String())

	WriteTable(&table, findings[:2])
	require.Equal(t, `VERDICT   CHECK      SOURCE     ASSUMED, SEEN
holds     tls        [unknown]  It speaks TLS.
                                TLS 1.3
deviates  codec-lzf  [ref]      LZF is taken.
                                ERROR 900
`, table.String())
	require.False(t, Summarize(findings).AllHold())
	require.False(t, Summarize(findings[3:]).AllHold())
	require.True(t, Summarize([]Finding{findings[0], findings[2], findings[4]}).AllHold(), "a question that got no answer is no assumption")
}

// docs/gateway.md names each check with its source, and no other.
func TestDocs_nameEveryCheck(t *testing.T) {
	raw, err := os.ReadFile("../../../docs/gateway.md")
	require.NoError(t, err)
	documented := map[string]Source{}
	for line := range strings.Lines(string(raw)) {
		if cells := strings.Split(line, " | "); len(cells) == 4 {
			for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[3], -1) {
				documented[name[1]] = Source(strings.Trim(cells[1], "[]"))
			}
		}
	}
	for _, c := range Checks() {
		require.Equal(t, c.Source, documented[c.Name], "%s in docs/gateway.md", c.Name)
		delete(documented, c.Name)
	}
	require.Empty(t, documented, "there are no such checks")
}
