package main

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/smslinktest"
)

// In a results file, no text from outside begins a formula, wherever a spreadsheet splits the line,
// and none controls a terminal.
func TestResults_cellsAreHarmless(t *testing.T) {
	for id, want := range map[string]string{
		`x;=cmd|'/C calc'!A0;y`: `x;'=cmd|'/C calc'!A0;y`,
		`=1+1`:                  `'=1+1`,
		`;+1;-1;@a`:             `;'+1;'-1;'@a`,
		`x;"=cmd"`:              `x;'"=cmd"`,
		"x;\t=1":                `x;\u0009=1`,
		"a\x1b[31m\x07":         `a\u001b[31m\u0007`,
		"a\u009b31m\rb\nc":      `a\u009b31m\u000db\u000ac`,
		"a-b;c=d":               "a-b;c=d",
	} {
		results := filepath.Join(t.TempDir(), "results.csv")
		in := "id,to,text\n1,0700000001,a\n" + csvLine(t, id, "0700000002", "b")
		got := smslinkIn(nil, in, "send", "--sandbox", "--on-bad-row", "skip", "--results", results, "-")
		require.Equal(t, cli.ExitSomeBad, got.code, got.err)
		require.Equal(t, want, readResults(t, results)[0][2])
	}
}

func TestResults_areTheOwnersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o600} {
		results := filepath.Join(t.TempDir(), "results.csv")
		require.NoError(t, os.WriteFile(results, nil, mode))
		require.NoError(t, os.Chmod(results, mode))
		got := smslinkIn(nil, "", "send", "--sandbox", "--results", results, campaignFile)
		require.Equal(t, cli.ExitAccepted, got.code, got.err)
		info, err := os.Stat(results)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		if mode == 0o600 {
			require.NotContains(t, got.err, "could read")
		} else {
			require.Contains(t, got.err, "smslink: others could read "+results+"; now only you can\n")
		}
	}
}

// A run that is killed leaves one file beside the results, and the next run uses it again.
func TestResults_partialFileIsUsedAgain(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Senders: []string{"MAGAZIN"}})
	folder := t.TempDir()
	results := filepath.Join(folder, "results.csv")
	send := func() ran {
		return smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, "--journal", filepath.Join(folder, "journal"), "--results", results, campaignFile)
	}
	require.Equal(t, cli.ExitAccepted, send().code)
	partial := results + ".partial"
	require.NoError(t, os.WriteFile(partial, []byte("file,line,id,status,status_text,remote_id,segments,note,to,category,price,journal,time\nold,1\n"), 0o644))
	got := send()
	require.Equal(t, cli.ExitAccepted, got.code, got.err)
	require.NoFileExists(t, partial)
	require.Len(t, readResults(t, results), 200)
	info, err := os.Stat(results)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.NoError(t, os.WriteFile(partial, []byte("somebody's own"), 0o600))
	got = send()
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Contains(t, got.err, "results.csv.partial is not what an earlier run has left; rename it; nothing was sent\n")
	kept, err := os.ReadFile(partial)
	require.NoError(t, err)
	require.Equal(t, "somebody's own", string(kept))
}

// What may be the only record of the remote ids is never replaced: a results file that a journal
// does not have the results of, and what a killed run without a journal has left.
func TestResults_withoutAJournalAreKept(t *testing.T) {
	const header = "file,line,id,status,status_text,remote_id,segments,note,to,category,price,journal,time\n"
	const row = "june.csv,2,1,3,success,220000001,1,,0712345671,accepted,,2026-06-01T10:00:00Z\n"
	for _, c := range []struct{ name, written, journal, says string }{
		{"results.csv", "results.csv", "", "results.csv is not empty; name a new file; nothing was sent\n"},
		{"results.csv", "results.csv", "new", "results.csv is not empty; name a new file; nothing was sent\n"},
		{"results.xlsx", "results.xlsx.partial", "", "results.xlsx.partial has results of an earlier run; rename it; nothing was sent\n"},
		{"results.xlsx", "results.xlsx.partial", "new", "results.xlsx.partial has results of an earlier run; rename it; nothing was sent\n"},
	} {
		gateway := newGateway(t, &smslinktest.Options{Senders: []string{"MAGAZIN"}})
		folder := t.TempDir()
		written := filepath.Join(folder, c.written)
		args := []string{"send", "--endpoint", gateway.URL, "--results", filepath.Join(folder, c.name), campaignFile}
		if c.journal != "" {
			args = append(args, "--journal", filepath.Join(folder, c.journal))
		}
		require.NoError(t, os.WriteFile(written, []byte(header+row), 0o600))
		for range 2 { // the second time, there is a journal that has sent nothing
			got := smslinkIn(accountOf(gateway), "", args...)
			require.Equal(t, cli.ExitNotSent, got.code)
			require.Contains(t, got.err, c.says)
		}
		kept, err := os.ReadFile(written)
		require.NoError(t, err)
		require.Equal(t, header+row, string(kept))
		require.Empty(t, gateway.Uploads())

		require.NoError(t, os.WriteFile(written, []byte(header), 0o600)) // killed before it sent anything
		got := smslinkIn(accountOf(gateway), "", args...)
		require.Equal(t, cli.ExitAccepted, got.code, got.err)
	}
}

// A server's text is escaped in the terminal and in files.
func TestSend_serversControlCharacters(t *testing.T) {
	const evil = "\x1b]0;owned\a\u009b2J\u202e"
	for name, reply := range map[string]string{
		"an ERROR":          "ERROR;16;" + evil,
		"an unknown ERROR":  "ERROR;" + evil + ";x",
		"a remote id":       "MESSAGE;1;ok;7;1:" + evil + ":3",
		"a package id":      "MESSAGE;1;ok;" + evil + ";1:2:3",
		"no answer at all":  evil,
		"an answer in HTML": "<h1>" + evil,
	} {
		t.Run(name, func(t *testing.T) {
			gateway := newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault { return smslinktest.Answer(http.StatusOK, reply) }})
			for _, json := range []string{"--json", "--json=false"} {
				results := filepath.Join(t.TempDir(), "results.csv")
				got := smslinkIn(accountOf(gateway), "id,to,text\n1,0700000001,a\n", "send", "-v", json, "--endpoint", gateway.URL, "--results", results, "-")
				kept, err := os.ReadFile(results)
				if err != nil {
					require.ErrorIs(t, err, os.ErrNotExist)
				}
				require.NotRegexp(t, `[\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}\x{202e}]`, got.out+got.err+string(kept))
			}
		})
	}
}
