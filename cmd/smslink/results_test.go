package main

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
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
		requireMode(t, 0o600, results)
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
	requireMode(t, 0o600, results)

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

// With a journal that has sent something, a results file is replaced only if the journal has its
// results: neither one of another campaign, nor one with an answer that the journal could not
// record.
func TestResults_thatTheJournalLacksAreKept(t *testing.T) {
	for _, name := range []string{"results.csv", "results.xlsx"} {
		send := func(d *doubtful, file string, args ...string) ran {
			args = append([]string{"send", "--endpoint", d.gateway.URL, "--package-size", "1", "--results", d.path(name), d.path(file)}, args...)
			return smslinkIn(accountOf(d.gateway), "", args...)
		}
		refuses := func(d *doubtful, file string, args ...string) {
			before, err := os.ReadFile(d.path(name))
			require.NoError(d, err)
			got := send(d, file, args...)
			require.Equal(d, cli.ExitNotSent, got.code, got.out)
			require.Contains(d, got.err, name+" has results that the journal lacks; keep it, and name a new file; nothing was sent\n")
			after, err := os.ReadFile(d.path(name))
			require.NoError(d, err)
			require.Equal(d, before, after)
		}
		t.Run(name+" of another campaign", func(t *testing.T) {
			d := newDoubtful(t)
			d.file("june.csv", june)
			d.file("july.csv", july)
			require.Equal(t, cli.ExitAccepted, send(d, "june.csv").code)
			d.send(cli.ExitAccepted, "july", "july.csv")
			refuses(d, "july.csv", "--journal", d.path("july"))
		})
		t.Run(name+" with an answer that was not recorded", func(t *testing.T) {
			d := newDoubtful(t)
			var size int64 // of the journal
			d.gateway = newGateway(t, &smslinktest.Options{Fault: func(upload int) smslinktest.Fault {
				if upload != 2 {
					return smslinktest.Fault{}
				}
				f, err := os.OpenFile(d.path("june/journal"), os.O_APPEND|os.O_WRONLY, 0)
				if assert.NoError(t, err) {
					info, err := f.Stat()
					assert.NoError(t, err)
					size = info.Size()
					_, err = f.WriteString(" ") // after which no line can be added
					assert.NoError(t, err)
					assert.NoError(t, f.Close())
				}
				return smslinktest.Fault{}
			}})
			d.file("june.csv", "id,to,text\n1,0712345671,unu\n2,0712345672,doi\n3,0712345673,trei\n")
			send(d, "june.csv", "--journal", d.path("june"))
			require.Equal(t, 2, d.accepted())
			require.NoError(t, os.Truncate(d.path("june/journal"), size)) // as if the disk had room again
			refuses(d, "june.csv", "--journal", d.path("june"))
			if name == "results.csv" {
				require.Contains(t, d.resolve(cli.ExitAccepted, name, "june"), "resolved: 1 as sent\n")
				require.Equal(t, cli.ExitAccepted, send(d, "june.csv", "--journal", d.path("june")).code)
				require.Equal(t, 3, d.accepted())
				require.Len(t, readResults(t, d.path(name)), 3)
			}
		})
	}
}

// While a send writes a results file, another one with the same file is refused: without a journal,
// and with journals of their own, which replace the file.
func TestResults_ofTwoSendsAtOnce(t *testing.T) {
	for name, journals := range map[string]bool{"without a journal": false, "with journals": true} {
		t.Run(name, func(t *testing.T) {
			d := newDoubtful(t)
			d.file("june.csv", june)
			d.file("july.csv", july)
			args := func(campaign string) []string {
				args := []string{"send", "--endpoint", d.gateway.URL, "--results", d.path("results.csv"), d.path(campaign + ".csv")}
				if journals {
					args = append(args, "--journal", d.path(campaign))
				}
				return args
			}
			var inside atomic.Bool
			d.gateway = newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault {
				if inside.CompareAndSwap(true, false) { // while June is uploaded
					july := smslinkIn(accountOf(d.gateway), "", args("july")...)
					assert.Equal(t, cli.ExitNotSent, july.code, july.out)
					assert.Contains(t, july.err, "another smslink command is writing "+d.path("results.csv")+"; name a new file; nothing was sent\n")
				}
				return smslinktest.Fault{}
			}})
			if journals { // which have a run that sent nothing
				d.file("results.csv", strings.Join(outcome.ResultsHeader, ",")+"\n")
				d.gateway.Inject(smslinktest.Reject("8", "no credit"), smslinktest.Reject("8", "no credit"))
				d.send(cli.ExitNotSent, "june", "june.csv")
				d.send(cli.ExitNotSent, "july", "july.csv")
			}
			inside.Store(true)
			got := smslinkIn(accountOf(d.gateway), "", args("june")...)
			require.Equal(t, cli.ExitAccepted, got.code, got.err)
			require.Len(t, d.gateway.Messages(), 2)
			require.Len(t, readResults(t, d.path("results.csv")), 2)
			require.NoFileExists(t, d.path("results.csv.partial"))
		})
	}
}

// A results file that a person changes while its successor is written is not replaced.
func TestResults_thatChangeMeanwhileAreKept(t *testing.T) {
	d := newDoubtful(t)
	d.file("june.csv", june)
	d.gateway = newGateway(t, &smslinktest.Options{Fault: func(upload int) smslinktest.Fault {
		switch upload {
		case 2:
			return smslinktest.Reject("8", "no credit")
		case 3:
			assert.NoError(t, os.WriteFile(d.path("results.csv"), []byte("mine"), 0o600))
		}
		return smslinktest.Fault{}
	}})
	send := func() ran {
		return smslinkIn(accountOf(d.gateway), "", "send", "--endpoint", d.gateway.URL, "--package-size", "1", "--journal", d.path("june"), "--results", d.path("results.csv"), d.path("june.csv"))
	}
	require.Equal(t, cli.ExitSomeBad, send().code)
	got := send()
	require.Contains(t, got.out+got.err, "another program has changed "+d.path("results.csv")+"; all results are in "+d.path("results.csv.partial"))
	kept, err := os.ReadFile(d.path("results.csv"))
	require.NoError(t, err)
	require.Equal(t, "mine", string(kept))
	require.Len(t, readResults(t, d.path("results.csv.partial")), 2)
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
