//go:build unix

package main

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/smslinktest"
)

// A workbook takes no more memory than its rows need.
func TestSend_workbookOf100000Rows(t *testing.T) {
	gateway := newGateway(t, nil)
	cost := func(file string) (time.Duration, int) {
		p := start(t, gateway, "send", "--test-mode", "--endpoint", gateway.URL, file)
		require.Equal(t, cli.ExitAccepted, p.end(), p.err.String())
		usage := p.ProcessState.SysUsage().(*syscall.Rusage)
		memory := int(usage.Maxrss) // kilobytes on Linux
		gateway.Reset()
		return p.ProcessState.UserTime() + p.ProcessState.SystemTime(), memory
	}
	rows := unlessLong(20_000, 100_000)
	csv, _ := cost(numbered(t, rows))
	book, memory := cost(numberedBook(t, rows))
	t.Logf("CSV %v, workbook %v, %d kB", csv, book, memory)
	if runtime.GOOS == "linux" && !raceEnabled {
		require.Less(t, memory, 120_000, "this test's own program takes 40,000 more than the command")
	}
}

// A run is killed, resolved by the account's report, and repeated: each message is taken exactly
// once.
func TestSend_killedAndResolved(t *testing.T) {
	const messages = 1000
	random := rand.New(rand.NewPCG(20261124, 7))
	doubts := 0
	for round := range 5 {
		var once sync.Once
		killed := make(chan func(), 1)
		after := 2 + random.IntN(8)
		gateway := newGateway(t, &smslinktest.Options{Fault: func(n int) smslinktest.Fault {
			if n == after {
				once.Do(func() { (<-killed)() })
			}
			if n == after && round%2 == 1 {
				return smslinktest.HangUp() // before the package is taken
			}
			return smslinktest.Fault{}
		}})
		folder, file := t.TempDir(), numberedBook(t, messages)
		journal := filepath.Join(folder, "journal")
		send := []string{"send", "--json", "--package-size", "100", "--journal", journal, "--endpoint", gateway.URL, file}
		p := start(t, gateway, send...)
		killed <- func() { _ = p.Process.Kill() }
		require.Equal(t, -1, p.end())

		if round%2 == 0 { // the gateway takes the package though no one waits for its reply
			_, err := gateway.WaitMessages(t.Context(), 100*after)
			require.NoError(t, err)
		}
		report := filepath.Join(folder, "report.csv")
		rows := "Telefon;Mesaj\n"
		for _, m := range gateway.Messages() {
			rows += m.To + ";" + m.Text + "\n"
		}
		require.NoError(t, os.WriteFile(report, []byte(rows), 0o600))
		list := start(t, gateway, "journal", "list", journal)
		if list.end() == cli.ExitInDoubt {
			doubts++
		}
		p = start(t, gateway, "journal", "resolve", "--from-report", report, "--by", "test", journal, file)
		require.Contains(t, []int{cli.ExitAccepted, cli.ExitInDoubt}, p.end(), p.err.String())
		p = start(t, gateway, "journal", "resolve", "--not-sent", "--all", "--by", "test", "--reason", "not in the report", journal)
		require.Equal(t, cli.ExitAccepted, p.end(), p.err.String())

		p = start(t, gateway, send...)
		require.Equal(t, cli.ExitAccepted, p.end(), p.err.String())
		require.Equal(t, messages, summary(t, p.out.String()).Accepted)
		taken := map[int64]int{}
		for _, m := range gateway.Messages() {
			taken[m.ID]++
			require.Equal(t, 1, taken[m.ID], "message %d was sent twice", m.ID)
		}
		require.Len(t, taken, messages)
	}
	require.Positive(t, doubts)
	t.Logf("%d of 5 rounds left a doubt", doubts)
}

// A pipe has no row numbers that a journal could rely on, whatever its name.
func TestSend_rowNumbersOfAPipe(t *testing.T) {
	gateway := newGateway(t, nil)
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	p := start(t, gateway, "send", "--journal", filepath.Join(folder, "journal"), "--endpoint", gateway.URL, pipe)
	out, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = out.WriteString("telefon,mesaj\n0700000001,a\n")
	require.NoError(t, err)
	require.NoError(t, out.Close())
	require.Equal(t, cli.ExitNotSent, p.end())
	require.Contains(t, p.err.String(), "there is no id column, and a --journal can't tell the rows of one pipe from another's; add one")
	require.Empty(t, gateway.Uploads())
}

// A journal that a send has open can't be resolved.
func TestJournal_inUse(t *testing.T) {
	came := make(chan struct{})
	end := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.URL.Path, "index.php") { // which asks for the balance
			return
		}
		close(came)
		<-end
	}))
	defer server.Close()
	defer close(end)
	account := &smslinktest.Gateway{ConnectionID: "c", Password: "p"}
	journal := filepath.Join(t.TempDir(), "journal")
	p := start(t, account, "send", "--journal", journal, "--endpoint", server.URL, numbered(t, 5))
	<-came
	resolve := start(t, account, "journal", "resolve", "--not-sent", "--all", "--by", "test", "--reason", "test", journal)
	require.Equal(t, cli.ExitNotSent, resolve.end())
	require.Contains(t, resolve.err.String(), "smslink: another smslink command is using "+journal+"\n")
	require.NoError(t, p.Process.Kill())
	require.Equal(t, -1, p.end())
}
