//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/smslinktest"
)

// process is the command in a process of its own. TestMain has put it on the PATH.
type process struct {
	*exec.Cmd
	out, err output
}

// output is what a process has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func start(t *testing.T, gateway *smslinktest.Gateway, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), "smslink", args...)}
	p.Env = append(os.Environ(), account.EnvConnectionID+"="+gateway.ConnectionID, account.EnvPassword+"="+gateway.Password)
	p.Stdout, p.Stderr = &p.out, &p.err
	require.NoError(t, p.Start())
	return p
}

// end waits for the process and returns its exit code, or -1 if a signal ended it.
func (p *process) end() int {
	_ = p.Wait() // the code tells
	return p.ProcessState.ExitCode()
}

// newHoldingGateway returns a gateway that takes the first uploads at once. It holds each later one
// until the test lets one pass by sending to pass, or all by closing it.
func newHoldingGateway(t *testing.T, first int) (gateway *smslinktest.Gateway, pass chan struct{}) {
	t.Helper()
	pass = make(chan struct{})
	return newGateway(t, &smslinktest.Options{Fault: func(n int) smslinktest.Fault {
		if n > first {
			select {
			case <-pass:
			case <-t.Context().Done():
			}
		}
		return smslinktest.Fault{}
	}}), pass
}

// numbered writes a campaign of n rows.
func numbered(t *testing.T, n int) string {
	t.Helper()
	var rows strings.Builder
	rows.WriteString("id,to,text\n")
	for i := range n {
		fmt.Fprintf(&rows, "%d,07%08d,Codul dvs. este %d.\n", i+1, i, i)
	}
	file := filepath.Join(t.TempDir(), "campaign.csv")
	require.NoError(t, os.WriteFile(file, []byte(rows.String()), 0o600))
	return file
}

// exportAgain writes a numbered campaign again as another program does: with another separator, a
// byte order mark, quotes and one more column.
func exportAgain(t *testing.T, file string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	out := "\ufeffid;client;to;text\r\n"
	for line := range strings.Lines(strings.TrimPrefix(string(raw), "id,to,text\n")) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ",", 3)
		out += fmt.Sprintf("%s;\"Ana\";\"%s\";\"%s\"\r\n", fields[0], fields[1], fields[2])
	}
	require.NoError(t, os.WriteFile(file, []byte(out), 0o600))
}

// numberedBook writes the same campaign as a workbook without ids.
func numberedBook(t *testing.T, n int) string {
	t.Helper()
	book := excelize.NewFile()
	defer func() { require.NoError(t, book.Close()) }()
	rows, err := book.NewStreamWriter("Sheet1")
	require.NoError(t, err)
	require.NoError(t, rows.SetRow("A1", []any{"Telefon", "Mesaj"}))
	for i := range n {
		require.NoError(t, rows.SetRow(fmt.Sprintf("A%d", i+2), []any{fmt.Sprintf("07%08d", i), fmt.Sprintf("Codul dvs. este %d.", i)}))
	}
	require.NoError(t, rows.Flush())
	file := filepath.Join(t.TempDir(), "campaign.xlsx")
	require.NoError(t, book.SaveAs(file))
	return file
}

// summary is the last line that --json writes.
func summary(t *testing.T, out string) (s struct {
	Rows, Accepted, Not_sent, In_doubt, Earlier, Exit_code int
	Errors                                                 []string
}) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	last := struct{ Summary any }{&s}
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last), out)
	return s
}

// After the first Ctrl-C the uploads under way finish, and all other messages are reported as not
// sent.
func TestSend_interrupted(t *testing.T) {
	came, told := make(chan struct{}), make(chan struct{})
	gateway := newGateway(t, &smslinktest.Options{Fault: func(n int) smslinktest.Fault {
		if n == 2 {
			close(came)
			select {
			case <-told:
			case <-t.Context().Done():
			}
		}
		return smslinktest.Fault{}
	}})
	results := filepath.Join(t.TempDir(), "results.csv")
	p := start(t, gateway, "send", "--json", "--package-size", "10", "--results", results, "--endpoint", gateway.URL, numberedBook(t, 100))
	<-came // the first package has its reply, and the second is uploaded
	require.NoError(t, p.Process.Signal(os.Interrupt))
	const interrupted = "smslink: interrupted: waiting for the packages that are being uploaded; no others are sent."
	require.Eventually(t, func() bool { return strings.Contains(p.err.String(), interrupted) }, 2*time.Minute, 10*time.Millisecond)
	close(told)
	require.Equal(t, cli.ExitSomeBad, p.end(), p.err.String())

	s := summary(t, p.out.String())
	require.Len(t, gateway.Messages(), 20)
	require.Equal(t, 20, s.Accepted)
	require.Equal(t, 80, s.Not_sent)
	require.Len(t, readResults(t, results), 100)
}

// A second Ctrl-C breaks the upload off, which is then in doubt.
func TestSend_interruptedTwice(t *testing.T) {
	came := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.URL.Path, "index.php") { // which asks for the balance
			return
		}
		close(came)
		<-r.Context().Done()
	}))
	defer server.Close()
	results := filepath.Join(t.TempDir(), "results.csv")
	p := start(t, &smslinktest.Gateway{ConnectionID: "c", Password: "p"}, "send", "--package-size", "10", "--results", results, "--endpoint", server.URL, numbered(t, 15))
	<-came
	for _, s := range []os.Signal{syscall.SIGTERM, os.Interrupt} { // two signals of one kind may be delivered as one
		require.NoError(t, p.Process.Signal(s))
	}
	require.Equal(t, cli.ExitInDoubt, p.end())
	require.Contains(t, p.out.String(), "15 rows: 0 accepted, 0 failed, 0 bad, 5 not sent, 10 in doubt")
	require.Contains(t, p.err.String(), "10 messages are in doubt")
	records := readResults(t, results)
	require.Len(t, records, 15)
	require.Equal(t, "in doubt", records[0][4])
	require.Equal(t, "not sent", records[14][4])
}

// A run is killed at any moment and repeated. Each message is taken once, except those in doubt,
// which are reported and never sent again.
func TestSend_killedAndRunAgain(t *testing.T) {
	const messages = 3000
	rounds := unlessLong(3, 24)
	random := rand.New(rand.NewPCG(20261122, 9))
	for round := range rounds {
		after := 1 + random.IntN(25)
		now, killed := make(chan struct{}), make(chan struct{})
		gateway := newGateway(t, &smslinktest.Options{Fault: func(n int) smslinktest.Fault {
			switch {
			case n == after:
				close(now)
			case n > after: // so that the process does not end before it is killed
				select {
				case <-killed:
				case <-t.Context().Done():
				}
			}
			return smslinktest.Delay(time.Duration(n%3) * time.Millisecond)
		}})
		folder, file := t.TempDir(), numbered(t, messages)
		if round%3 == 2 {
			file = numberedBook(t, messages)
		}
		args := []string{
			"send", "--json", "--package-size", "100", "--concurrency", "2", "--journal", filepath.Join(folder, "journal"),
			"--results", filepath.Join(folder, "results.csv"), "--endpoint", gateway.URL, file,
		}
		p := start(t, gateway, args...)
		<-now
		time.Sleep(time.Duration(random.IntN(2000)) * time.Microsecond)
		require.NoError(t, p.Process.Kill())
		require.Equal(t, -1, p.end(), "round %d: %s", round, p.err.String())
		close(killed)
		if round%3 == 1 {
			exportAgain(t, file)
		}
		again := start(t, gateway, args...)
		code := again.end()
		s := summary(t, again.out.String())
		require.Equal(t, messages, s.Rows)
		require.Equal(t, messages, s.Accepted+s.In_doubt, again.err.String())
		require.Equal(t, s.In_doubt > 0, code == cli.ExitInDoubt)

		taken := map[int64]int{}
		for _, m := range gateway.Messages() {
			taken[m.ID]++
		}
		doubtful := 0
		for _, record := range readResults(t, filepath.Join(folder, "results.csv")) {
			var id int64
			_, err := fmt.Sscan(record[2], &id)
			require.NoError(t, err)
			require.LessOrEqual(t, taken[id], 1, "message %d was sent twice", id)
			if record[4] == "in doubt" {
				doubtful++
				continue
			}
			require.Equal(t, smslink.StatusSuccess.String(), record[4])
			require.Equal(t, 1, taken[id], "message %d is lost", id)
		}
		require.Equal(t, s.In_doubt, doubtful)
		left, err := filepath.Glob(filepath.Join(folder, "results.csv?*"))
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

// Once the results can't be written, nothing more is sent.
func TestSend_resultsThatCannotBeWrittenToTheirEnd(t *testing.T) {
	gateway := newGateway(t, nil)
	results := filepath.Join(t.TempDir(), "results.csv")
	p := &process{Cmd: exec.CommandContext(t.Context(), "sh", "-c", "ulimit -f 2; exec smslink send --json --package-size 10 --results "+results+" --endpoint "+gateway.URL+" "+numbered(t, 500))}
	p.Env = append(os.Environ(), account.EnvConnectionID+"="+gateway.ConnectionID, account.EnvPassword+"="+gateway.Password)
	p.Stdout, p.Stderr = &p.out, &p.err
	require.NoError(t, p.Start())
	require.Equal(t, cli.ExitSomeBad, p.end())
	require.Contains(t, p.err.String(), "smslink: --results: write ")
	require.Less(t, len(gateway.Uploads()), 20)
	s := summary(t, p.out.String())
	require.Len(t, gateway.Messages(), s.Accepted)
	require.Equal(t, 500, s.Accepted+s.Not_sent)
	require.Equal(t, cli.ExitSomeBad, s.Exit_code)
	require.Contains(t, s.Errors[0], "--results: write ")
}

// The file that was confirmed is the one that is sent.
func TestSend_fileThatChangesMeanwhile(t *testing.T) {
	file := numberedBook(t, 100)
	change := func() {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, _ = f.WriteString("101,0712345678,Altcuiva\n")
			_ = f.Close()
		}
	}
	gateway := newGateway(t, &smslinktest.Options{Fault: func(n int) smslinktest.Fault {
		if n == 2 {
			change()
		}
		return smslinktest.Delay(50 * time.Millisecond)
	}})
	p := start(t, gateway, "send", "--json", "--package-size", "10", "--endpoint", gateway.URL, file)
	require.Equal(t, cli.ExitSomeBad, p.end())
	require.Contains(t, p.out.String(), "campaign.xlsx was changed while this command was reading it")
	require.NotContains(t, p.out.String(), "limiter")
	require.Len(t, gateway.Messages(), 20)
}

// An interrupt ends the command although its producer pauses, and the rows so far are reported.
func TestSend_interruptedWhileAPipeIsIdle(t *testing.T) {
	gateway := newGateway(t, nil)
	in, producer := io.Pipe()
	defer func() { _ = producer.Close() }()
	p := &process{Cmd: exec.CommandContext(t.Context(), "smslink", "send", "--json", "--package-size", "1", "--endpoint", gateway.URL, "-")}
	p.Env = append(os.Environ(), account.EnvConnectionID+"="+gateway.ConnectionID, account.EnvPassword+"="+gateway.Password)
	p.Stdout, p.Stderr = &p.out, &p.err
	stdin, err := p.StdinPipe()
	require.NoError(t, err)
	go func() { _, _ = io.Copy(stdin, in) }()
	require.NoError(t, p.Start())
	_, err = producer.Write([]byte("id,to,text\n1,0700000001,a\n2,0700000002,b\n" + strings.Repeat("\n", 8192)))
	require.NoError(t, err)
	_, err = gateway.WaitMessages(t.Context(), 1)
	require.NoError(t, err)
	hangup := syscall.SIGHUP
	if signal.Ignored(hangup) { // as under nohup: then the command ignores it, too
		hangup = syscall.SIGTERM
	}
	require.NoError(t, p.Process.Signal(hangup))
	require.Equal(t, cli.ExitSomeBad, p.end())
	s := summary(t, p.out.String())
	require.Len(t, gateway.Messages(), s.Accepted)
	require.Equal(t, s.Rows, s.Accepted+s.Not_sent)
	require.Contains(t, p.err.String(), "interrupted")
}

// Under nohup, the end of the terminal does not end the command.
func TestSend_hangupUnderNohup(t *testing.T) {
	gateway, pass := newHoldingGateway(t, 1)
	p := &process{Cmd: exec.CommandContext(t.Context(), "nohup", "smslink", "send", "--json", "--package-size", "10", "--endpoint", gateway.URL, numbered(t, 100))}
	p.Env = append(os.Environ(), account.EnvConnectionID+"="+gateway.ConnectionID, account.EnvPassword+"="+gateway.Password)
	p.Stdout, p.Stderr = &p.out, &p.err
	require.NoError(t, p.Start())
	_, err := gateway.WaitMessages(t.Context(), 10)
	require.NoError(t, err)
	require.NoError(t, p.Process.Signal(syscall.SIGHUP))
	close(pass)
	require.Equal(t, cli.ExitAccepted, p.end(), p.err.String())
	require.Equal(t, 100, summary(t, p.out.String()).Accepted)
}

// Messages that an earlier run has sent are never reported as not sent, however early this run
// stops.
func TestSend_stopsEarlyAndStillKnowsTheJournal(t *testing.T) {
	gateway := newGateway(t, nil)
	folder, file := t.TempDir(), numbered(t, 30)
	args := []string{
		"send", "--json", "--package-size", "10", "--journal", filepath.Join(folder, "journal"),
		"--results", filepath.Join(folder, "results.csv"), "--endpoint", gateway.URL, file,
	}
	gateway.Inject(smslinktest.Answer(413, ""), smslinktest.Fault{}, smslinktest.LoseReply())
	p := start(t, gateway, args...)
	require.Equal(t, cli.ExitInDoubt, p.end())
	gateway.Inject(smslinktest.Reject("7", "wrong password"))
	p = start(t, gateway, args...)
	require.Equal(t, cli.ExitInDoubt, p.end())
	s := summary(t, p.out.String())
	require.Equal(t, 10, s.Accepted)
	require.Equal(t, 10, s.In_doubt)
	require.Equal(t, 20, s.Earlier+s.In_doubt)
	remoteIDs := 0
	for _, record := range readResults(t, filepath.Join(folder, "results.csv")) {
		if record[5] != "" {
			remoteIDs++
		}
	}
	require.Equal(t, 10, remoteIDs)
}

func TestSend_unreachableGatewayIsNotTriedForEveryPackage(t *testing.T) {
	closed := smslinktest.NewGateway(nil)
	closed.Close()
	p := start(t, closed, "send", "--json", "--attempts", "2", "--package-size", "10", "--endpoint", closed.URL, numbered(t, 50))
	require.Equal(t, cli.ExitNotSent, p.end())
	require.Equal(t, 1, strings.Count(p.err.String(), "smslink: attempt "))
	s := summary(t, p.out.String())
	require.Equal(t, 50, s.Not_sent)
	require.Less(t, strings.Count(p.out.String(), closed.URL), 25, "reasons are few")
}
