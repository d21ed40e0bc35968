package main

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/smslinktest"
)

// A stranger may have put anything under the name of a file that a command takes. The command ends,
// takes little memory, and does not change what a link leads to.
func TestFiles_whatAStrangerMayHavePutThere(t *testing.T) {
	gateway := newGateway(t, nil)
	rows := filepath.Join(t.TempDir(), "rows.csv")
	require.NoError(t, os.WriteFile(rows, []byte("id,to,text\n1,0712345678,a\n"), 0o600))
	journal := filepath.Join(t.TempDir(), "journal")
	require.Equal(t, cli.ExitAccepted, smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, "--journal", journal, rows).code)
	inDoubt := filepath.Join(t.TempDir(), "in-doubt")
	gateway.Inject(smslinktest.LoseReply())
	require.Equal(t, cli.ExitInDoubt, smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, "--journal", inDoubt, rows).code)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("a-secret-of-16-characters\n"), 0o600))

	flags := map[string]struct {
		args  func(file string) []string
		name  string // of the file; empty means that it does not matter
		waits bool   // a pipe is waited for, as in FILE <(command)
	}{
		"send --results": {args: func(file string) []string { return []string{"send", "--sandbox", "--results", file, rows} }, waits: true},
		"send --journal --results": {args: func(file string) []string {
			return []string{"send", "--endpoint", gateway.URL, "--journal", journal, "--results", file, rows}
		}, waits: true},
		"send --journal --results, its partial file": {name: "results.csv.partial", args: func(file string) []string {
			results := strings.TrimSuffix(file, ".partial")
			require.NoError(t, os.WriteFile(results, []byte(strings.Join(outcome.ResultsHeader, ",")+"\n"), 0o600))
			return []string{"send", "--endpoint", gateway.URL, "--journal", journal, "--results", results, rows}
		}},
		"send FILE":         {args: func(file string) []string { return []string{"send", "--sandbox", file} }, waits: true},
		"check FILE":        {args: func(file string) []string { return []string{"check", file} }, waits: true},
		"encode FILE":       {args: func(file string) []string { return []string{"encode", file} }, waits: true},
		"journal show FILE": {args: func(file string) []string { return []string{"journal", "show", journal, file} }, waits: true},
		"journal resolve --from-report": {args: func(file string) []string {
			return []string{"journal", "resolve", "--by", "Ana", "--from-report", file, inDoubt, rows}
		}},
		"reports --secret-file": {args: func(file string) []string {
			return []string{"reports", "--listen", "127.0.0.1:0", "--secret-file", file}
		}, waits: true},
		"reports --results": {args: func(file string) []string {
			return []string{"reports", "--listen", "127.0.0.1:0", "--secret-file", secret, "--results", file}
		}},
		"sandbox --faults": {args: func(file string) []string { return []string{"sandbox", "--listen", "127.0.0.1:0", "--faults", file} }, waits: true},
		"send --account": {args: func(file string) []string {
			return []string{"send", "--endpoint", gateway.URL, "--account", file, rows}
		}},
		"send --exclude":   {args: func(file string) []string { return []string{"send", "--sandbox", "--exclude", file, rows} }, waits: true},
		"send --text-file": {args: func(file string) []string { return []string{"send", "--sandbox", "--text-file", file, rows} }, waits: true},
		"send --results book.xlsx": {name: "book.xlsx", args: func(file string) []string {
			return []string{"send", "--endpoint", gateway.URL, "--journal", journal, "--results", file, rows}
		}},
		"send --results book.xlsx, its partial file": {name: "book.xlsx.partial", args: func(file string) []string {
			return []string{"send", "--endpoint", gateway.URL, "--journal", journal, "--results", strings.TrimSuffix(file, ".partial"), rows}
		}},
		"send --journal, its rows": {name: "rows", args: func(file string) []string {
			return []string{"send", "--endpoint", gateway.URL, "--journal", filepath.Dir(file), rows}
		}},
		"send --journal, its journal": {name: "journal", args: func(file string) []string {
			return []string{"send", "--endpoint", gateway.URL, "--journal", filepath.Dir(file), rows}
		}},
		"probe --report": {args: func(file string) []string {
			return []string{"probe", "--endpoint", gateway.URL, "--to", "0712345678", "--yes", "--only", "credentials", "--pause", "0", "--report", file}
		}},
	}
	holds := map[string]string{ // a link's victim, otherwise a password file
		"a link to an empty file":  "",
		"a link to a results file": strings.Join(outcome.ResultsHeader, ",") + "\n",
	}
	// These commands would serve, and not end.
	serves := map[string]bool{"reports --results": true, "sandbox --faults": true, "send --text-file": true}
	fits := []string{"a link to nothing", "a link to an empty file", "a link to a results file"}
	for flag, f := range flags {
		for what, plant := range map[string]func(name, victim string) error{
			"a link":                    func(name, victim string) error { return os.Symlink(victim, name) },
			"a link to an empty file":   func(name, victim string) error { return os.Symlink(victim, name) },
			"a link to a results file":  func(name, victim string) error { return os.Symlink(victim, name) },
			"a link to nothing":         func(name, victim string) error { return os.Symlink(victim+"-gone", name) },
			"a link to /dev/zero":       func(name, _ string) error { return os.Symlink("/dev/zero", name) },
			"a link to /dev/full":       func(name, _ string) error { return os.Symlink("/dev/full", name) },
			"a pipe":                    func(name, _ string) error { return syscall.Mkfifo(name, 0o644) },
			"a folder":                  func(name, _ string) error { return os.Mkdir(name, 0o755) },
			"256 MB without a line end": func(name, _ string) error { return sparse(name) },
			"/dev/zero":                 nil,
			"/dev/full":                 nil,
		} {
			if what == "a pipe" && f.waits || serves[flag] && slices.Contains(fits, what) || plant == nil && f.name != "" {
				continue
			}
			t.Run(flag+"/"+what, func(t *testing.T) {
				folder := t.TempDir()
				victim, name := filepath.Join(folder, "victim"), filepath.Join(folder, cmp.Or(f.name, "file"))
				victimHolds, ok := holds[what]
				if !ok {
					victimHolds = "root:x:0:0:root:/root:/bin/bash\n"
				}
				require.NoError(t, os.WriteFile(victim, []byte(victimHolds), 0o600))
				require.NoError(t, os.Chmod(victim, 0o644))
				if plant == nil {
					name = what
				}
				args := f.args(name)
				if plant != nil {
					require.NoError(t, plant(name, victim))
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				ended := make(chan ran, 1)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				go func() { ended <- smslinkUntil(ctx, accountOf(gateway), "", args...) }()
				select {
				case got := <-ended:
					require.NoError(t, ctx.Err(), "it went on: %s", got.err)
					if (what != "/dev/zero" || !strings.HasSuffix(flag, "--results")) && flag != "send --text-file" { // which takes what is written to it
						require.NotZero(t, got.code)
					}
					if flag != "sandbox --faults" { // which quotes the name of a fault that it does not know
						require.NotContains(t, got.out+got.err, "/bin/bash")
					}
				case <-time.After(2 * time.Minute):
					require.Fail(t, "it does not end")
				}
				runtime.ReadMemStats(&after)
				require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20))
				now, err := os.ReadFile(victim)
				require.NoError(t, err)
				require.Equal(t, victimHolds, string(now))
				info, err := os.Stat(victim)
				require.NoError(t, err)
				require.Equal(t, os.FileMode(0o644), info.Mode().Perm())
				_, err = os.Stat(victim + "-gone")
				require.ErrorIs(t, err, os.ErrNotExist)
			})
		}
	}
}

// sparse makes a file of 256 MB that takes no space on the disk.
func sparse(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Truncate(256 << 20)
}
