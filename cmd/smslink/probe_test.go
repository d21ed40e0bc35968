package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/smslinktest"
)

// probeLines are what smslink probe --json writes.
type probeLines struct {
	findings map[string]struct{ Seen, Verdict, Reply string }
	summary  struct {
		Holds, Deviates, Unclear, Answered, Unanswered int
		ExitCode                                       int `json:"exit_code"`
	}
}

func readProbe(t *testing.T, out string) probeLines {
	t.Helper()
	lines := probeLines{findings: map[string]struct{ Seen, Verdict, Reply string }{}}
	for line := range strings.Lines(out) {
		var either struct {
			Check, Seen, Verdict, Reply string
			Summary                     json.RawMessage
		}
		require.NoError(t, json.Unmarshal([]byte(line), &either))
		if either.Summary != nil {
			require.NoError(t, json.Unmarshal(either.Summary, &lines.summary))
			continue
		}
		lines.findings[either.Check] = struct{ Seen, Verdict, Reply string }{either.Seen, either.Verdict, either.Reply}
	}
	return lines
}

func TestProbe_gatewayThatDeviates(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{ // approves every sender, and its year is 1970
		Senders: []string{smslinktest.AnySender}, Now: func() time.Time { return time.Unix(1, 0) },
	})
	report := filepath.Join(t.TempDir(), "report.md")
	args := []string{"probe", "--endpoint", gateway.URL, "--to", "+40 712 345 678", "--pause", "0", "--idle-wait", "10ms", "--max", "100", "--yes", "--report", report}
	got := smslinkIn(accountOf(gateway), "", append(args, "--json")...)
	require.Equal(t, cli.ExitSomeBad, got.code, got.err)
	lines := readProbe(t, got.out)
	require.Equal(t, cli.ExitSomeBad, lines.summary.ExitCode)
	require.Equal(t, len(lines.findings), lines.summary.Holds+lines.summary.Deviates+lines.summary.Unclear+lines.summary.Answered+lines.summary.Unanswered)
	for check, verdict := range map[string]string{
		"tls": "holds", "credentials": "holds", "test-mode": "holds", "codec-lzf": "holds", "wrong-receivers": "holds", "bad-number": "holds", "bad-sender": "deviates",
		"schedule-past": "deviates", "reply-order": "noted", "package-100": "holds", "package-1000": "unclear", "keep-alive": "unclear",
	} {
		require.Equal(t, verdict, lines.findings[check].Verdict, "%s: %s", check, lines.findings[check].Seen)
	}
	for _, m := range gateway.Messages() {
		require.True(t, m.Test)
	}

	raw, err := os.ReadFile(report)
	require.NoError(t, err)
	require.Contains(t, string(raw), "| deviates | bad-sender | [ref] |")
	for _, secret := range []string{gateway.ConnectionID, gateway.Password, "0712345678", "712345678"} {
		require.NotContains(t, string(raw)+got.out+got.err, secret)
	}
	require.NotRegexp(t, `\d{10}`, strings.ReplaceAll(string(raw), "id 9223372036854775807", ""), "no phone number, whosever")

	again := smslinkIn(accountOf(gateway), "", args...)
	require.Equal(t, cli.ExitNotSent, again.code, "the report is there")
	require.Contains(t, again.err, "--report: ")
}

// Parts of the request that a server quotes are masked, and control characters are escaped.
func TestProbe_serverThatQuotesTheRequest(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault {
		return smslinktest.Answer(200, "ERROR;900;test-connection test-password 0712345678 \x1b[2J")
	}})
	report := filepath.Join(t.TempDir(), "report.md")
	got := smslinkIn(accountOf(gateway), "", "probe", "--endpoint", gateway.URL, "--to", "0712345678", "--pause", "0", "--yes", "--only", "credentials", "--report", report)
	require.Equal(t, cli.ExitSomeBad, got.code)
	raw, err := os.ReadFile(report)
	require.NoError(t, err)
	require.Contains(t, string(raw), `    ERROR;900;*** *** 0712****78 \u001b[2J`)
	require.Contains(t, got.out, "deviates  credentials  [ref]")
	require.Contains(t, got.out, "Assumptions: 0 hold, 1 deviate, 0 unclear. Questions: 0 answered, 0 not.")
	requireMode(t, 0o600, report)
}

func TestProbe_usage(t *testing.T) {
	gateway := newGateway(t, nil)
	for _, c := range []struct {
		says string
		env  map[string]string
		args []string
	}{
		{`--to is missing: receiver of the test messages`, accountOf(gateway), nil},
		{"set SMSLINK_CONNECTION_ID and SMSLINK_PASSWORD", nil, []string{"--to", "0712345678"}},
		{"standard input is not a terminal, so there is no one to ask; add --yes", accountOf(gateway), []string{"--to", "0712345678"}},
		{"is a Romanian landline number", accountOf(gateway), []string{"--to", "0213123456", "--yes"}},
		{`there is no check "nonsense"`, accountOf(gateway), []string{"--to", "0712345678", "--yes", "--only", "nonsense"}},
		{"must be above 0", accountOf(gateway), []string{"--to", "0712345678", "--yes", "--max", "0"}},
		{"must be above 0", accountOf(gateway), []string{"--to", "0712345678", "--yes", "--timeout", "0"}},
		{"--pause is less than 0", accountOf(gateway), []string{"--to", "0712345678", "--yes", "--pause", "-1s"}},
	} {
		got := smslinkIn(c.env, "", append([]string{"probe", "--endpoint", gateway.URL}, c.args...)...)
		require.Equal(t, cli.ExitUsage, got.code, c.args)
		require.Contains(t, got.err, c.says)
	}
	require.Empty(t, gateway.Uploads())
}
