package probe

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
)

func TestReport(t *testing.T) {
	findings := []finding{
		{"tls", "It speaks TLS.", unknown, "TLS 1.3", holds, "", 1250 * time.Millisecond},
		{"codec-lzf", "LZF is accepted.", ref, "ERROR 900", deviates,
			"HTTP/1.1 200, text/plain\nERROR;900;<b>|\r\n```\n", 0},
		{"chunked", "Is it?", unknown, "a\nb", noted, "", 0},
		{"balance", "Two numbers.", public, "HTTP status 502", unclear, "", 0},
		{"reply-order", "Which?", unknown, "not tried", unclear, "", 0},
	}
	var report, table strings.Builder
	writeReport(&report, "About.", findings)
	require.Equal(t, `# What the gateway does

About.

Assumptions: 1 hold, 1 deviate, 1 unclear. Questions: 1 answered, 1 not.

| verdict | check | source | assumed | seen | time |
|---|---|---|---|---|---|
| holds | tls | [unknown] | It speaks TLS. | TLS 1.3 | 1.2 s |
| deviates | codec-lzf | [ref] | LZF is accepted. | ERROR 900 | 0.0 s |
| noted | chunked | [unknown] | Is it? | a b | 0.0 s |
| unclear | balance | [public] | Two numbers. | HTTP status 502 | 0.0 s |
| unclear | reply-order | [unknown] | Which? | not tried | 0.0 s |

## How the answers began

codec-lzf:

    HTTP/1.1 200, text/plain
    ERROR;900;<b>|
    `+"```\n", report.String())

	writeTable(&table, findings[:2])
	require.Equal(t, `VERDICT   CHECK      SOURCE     ASSUMED, SEEN
holds     tls        [unknown]  It speaks TLS.
                                TLS 1.3
deviates  codec-lzf  [ref]      LZF is accepted.
                                ERROR 900
`, table.String())
	require.Equal(t, cli.ExitSomeBad, summarize(findings).ExitCode)
	require.Equal(t, cli.ExitSomeBad, summarize(findings[3:]).ExitCode)
	questions := []finding{findings[0], findings[2], findings[4]}
	require.Zero(t, summarize(questions).ExitCode, "a question without an answer is no assumption")
}

// docs/gateway.md names each check with its source, and no other.
func TestDocs_nameEveryCheck(t *testing.T) {
	raw, err := os.ReadFile("../../../docs/gateway.md")
	require.NoError(t, err)
	code, documented := regexp.MustCompile("`([^`]+)`"), map[string]source{}
	for line := range strings.Lines(string(raw)) {
		if cells := strings.Split(line, " | "); len(cells) == 4 {
			for _, name := range code.FindAllStringSubmatch(cells[3], -1) {
				documented[name[1]] = source(strings.Trim(cells[1], "[]"))
			}
		}
	}
	for _, c := range checks {
		require.Equal(t, c.source, documented[c.name], "%s in docs/gateway.md", c.name)
		delete(documented, c.name)
	}
	require.Empty(t, documented, "there are no such checks")
}
