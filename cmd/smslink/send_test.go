package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

const (
	campaignFile = "../../testdata/campaign.csv"
	badRowsFile  = "../../testdata/campaign-bad-rows.csv"
)

// outcome is what a person sees of a command.
type outcome struct {
	code     int
	out, err string
}

// smslinkIn runs the command line with an environment and a standard input.
func smslinkIn(env map[string]string, stdin string, args ...string) outcome {
	var out, errOut bytes.Buffer
	code := run(context.Background(), console{strings.NewReader(stdin), &out, &errOut, func(name string) string { return env[name] }}, args)
	return outcome{code, out.String(), errOut.String()}
}

func accountOf(gateway *smslinktest.Gateway) map[string]string {
	return map[string]string{envConnectionID: gateway.ConnectionID, envPassword: gateway.Password}
}

func newGateway(t *testing.T, opts *smslinktest.Options) *smslinktest.Gateway {
	gateway := smslinktest.NewGateway(opts)
	t.Cleanup(gateway.Close)
	return gateway
}

func readResults(t *testing.T, file string) [][]string {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"line", "id", "status", "status_text", "remote_id", "error"}, records[0])
	return records[1:]
}

func TestSend_campaignThroughTheSandbox(t *testing.T) {
	for _, codec := range []string{"none", "zlib", "gzip", "bzip2", "lzf"} {
		results := filepath.Join(t.TempDir(), "results.csv")
		got := smslinkIn(nil, "", "send", "--sandbox", "--codec", codec, "--results", results, campaignFile)
		require.Equal(t, exitAccepted, got.code, got.err)
		require.Empty(t, got.err)
		require.Contains(t, got.out, "200 rows: 200 accepted, 0 failed, 0 bad; package 1001, ")
		require.Contains(t, got.out, "; sandbox, no SMS was sent\n")
		require.Equal(t, 202, strings.Count(got.out, "\n"))
		require.Regexp(t, `(?m)^ID +RECEIVER +STATUS +REMOTE ID$`, got.out)
		require.Regexp(t, `(?m)^1001 +[+\d]{4}\*+\d\d +success +220000001$`, got.out)
		require.NotRegexp(t, `\d{11}`, got.out, "a number that is not masked")

		records := readResults(t, results)
		require.Len(t, records, 200)
		require.Equal(t, []string{"2", "1001", "3", "success", "220000001", ""}, records[0])
		info, err := os.Stat(results)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

func TestSend_campaignArrivesAsItStandsInTheFile(t *testing.T) {
	gateway := newGateway(t, nil)
	got := smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, campaignFile)
	require.Equal(t, exitAccepted, got.code, got.err)

	f, err := os.Open(campaignFile)
	require.NoError(t, err)
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	taken := gateway.Messages()
	require.Len(t, taken, len(records)-1)
	kinds := map[string]int{}
	for i, record := range records[1:] {
		m := taken[i]
		require.Equal(t, record[0], fmt.Sprint(m.ID))
		require.Equal(t, strings.NewReplacer("+", "00", " ", "").Replace(record[1]), m.To)
		require.Equal(t, record[3], m.Text)
		if record[4] != "" {
			kinds["scheduled"]++
			require.False(t, m.SendAt.IsZero())
			if at, err := time.Parse(time.RFC3339, record[4]); err == nil {
				require.True(t, at.Equal(m.SendAt))
			} else {
				require.Equal(t, record[4], fmt.Sprint(m.SendAt.Unix()))
			}
		}
		for _, c := range []string{"ș", "\n", ";"} {
			if strings.Contains(record[3], c) {
				kinds[c]++
			}
		}
		require.False(t, m.Test)
	}
	for _, kind := range []string{"ș", "\n", ";", "scheduled"} {
		require.Positive(t, kinds[kind], "the campaign has a message with %q", kind)
	}
}

func TestSend_badRowsAreReportedAndTheRestIsSent(t *testing.T) {
	results := filepath.Join(t.TempDir(), "results.csv")
	got := smslinkIn(nil, "", "send", "--sandbox", "--results", results, badRowsFile)
	require.Equal(t, exitSomeBad, got.code)
	require.Contains(t, got.out, "20 rows: 14 accepted, 0 failed, 6 bad;")
	lines := strings.Split(strings.TrimSpace(got.err), "\n")
	require.Len(t, lines, 6)
	for i, want := range []string{
		"to is not one phone number; it may hold digits, a + in front, spaces and -.()",
		"message 2006: Text is empty once the white space at its ends is trimmed",
		"message 2005: ID is in this package already; the reply is keyed by it",
		"id is not a whole number from 0 on",
		"message 2015: Text holds a literal %0A or %3B, which the gateway would read as a line end or a semicolon; write the character itself",
		"send_at is neither RFC 3339 with its zone, such as 2030-01-31T09:00:00+02:00, nor Unix seconds",
	} {
		require.Regexp(t, `^`+regexp.QuoteMeta(badRowsFile)+`:\d+: `+regexp.QuoteMeta(want)+`$`, lines[i])
	}
	records := readResults(t, results)
	require.Len(t, records, 20)
	require.Equal(t, "bad row", records[2][3])
	require.Equal(t, "to is not one phone number; it may hold digits, a + in front, spaces and -.()", records[2][5])
}

func TestSend_someMessageFailed(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{func(m smslink.Message) smslink.Status {
		return smslink.Status(m.ID)
	}}})
	results := filepath.Join(t.TempDir(), "results.csv")
	got := smslinkIn(accountOf(gateway), "id,to,text\n3,0700000001,a\n2,0700000002,b\n5,0700000003,c\n",
		"send", "--endpoint", gateway.URL, "--results", results, "--test-mode", "-")
	require.Equal(t, exitSomeBad, got.code)
	require.Empty(t, got.err)
	require.Contains(t, got.out, "2   0700****02  number failed        220000002\n")
	require.Contains(t, got.out, "3 rows: 1 accepted, 2 failed, 0 bad; package 1001, ")
	require.Contains(t, got.out, "; test mode\n")
	require.True(t, gateway.Messages()[0].Test)
	require.Equal(t, []string{"3", "2", "2", "number failed", "220000002", "message 2: number failed: check the number"}, readResults(t, results)[1])
}

func TestSend_outcomes(t *testing.T) {
	gateway := newGateway(t, nil)
	closed := httptest.NewServer(nil)
	closed.Close()
	lost := newGateway(t, &smslinktest.Options{Password: "p", Fault: func(int) smslinktest.Fault { return smslinktest.LoseReply() }})
	garbled := newGateway(t, &smslinktest.Options{Password: "hunter2", Fault: func(int) smslinktest.Fault {
		return smslinktest.Answer(http.StatusOK, "<h1>\x1b[31m0712345678 secret hunter2\n")
	}})

	for _, c := range []struct {
		name, endpoint, password string
		code                     int
		out                      string
		err                      []string
	}{
		{"rejected", gateway.URL, "not-it", exitNotSent, "2 rows: 1 rejected, 1 bad\n", []string{
			"smslink: rejected: the gateway refused with ERROR 7: wrong password; repeating it gets this machine's address banned\n",
			"The server's own words: \"wrong password\"\nNothing was sent\n",
		}},
		{"not sent", closed.URL, "p", exitNotSent, "2 rows: 1 not sent, 1 bad\n", []string{"connection refused\nNothing was sent\n"}},
		{"unknown", lost.URL, "p", exitUnknown, "2 rows: 1 unknown, 1 bad\n", []string{
			"smslink: outcome unknown: ", "look into the account's reports before you send any again\n",
		}},
		{"unreadable", garbled.URL, "p", exitUnknown, "2 rows: 1 unknown, 1 bad\n", []string{
			"smslink: outcome unknown: the gateway's reply can't be read\n",
			"The server's own words: \"<h1> [31m0712****78 secret *** \"\nThe messages may have been accepted",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "results.csv")
			env := map[string]string{envConnectionID: gateway.ConnectionID, envPassword: c.password}
			if c.name == "unreadable" {
				env[envPassword] = "hunter2"
			}
			got := smslinkIn(env, "id,to,text\n1,0700000001,a\n2,0700000001,\n", "send", "--endpoint", c.endpoint, "--results", file, "-")
			require.Equal(t, c.code, got.code)
			require.Equal(t, c.out, got.out)
			for _, says := range c.err {
				require.Contains(t, got.err, says)
			}
			if c.code == exitNotSent {
				require.NoFileExists(t, file, "nothing to keep, and the command can be run again")
				return
			}
			records := readResults(t, file)
			require.Equal(t, []string{"2", "1", "", "unknown", ""}, records[0][:5])
			require.NotEmpty(t, records[0][5])
			require.Equal(t, "bad row", records[1][3])
		})
	}
	require.Empty(t, gateway.Messages())
}

// The remote ids are kept whatever becomes of the report.
func TestSend_reportThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.csv")
	var errOut bytes.Buffer
	code := run(context.Background(), console{strings.NewReader(""), brokenPipe{}, &errOut, func(string) string { return "" }},
		[]string{"send", "--sandbox", "--results", file, campaignFile})
	require.Equal(t, exitSomeBad, code)
	require.Equal(t, "smslink: the report could not be written: broken pipe\n", errOut.String())
	require.Len(t, readResults(t, file), 200)
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestSend_resultsThatCannotBeWritten(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/dev/full is Linux's")
	}
	got := smslinkIn(nil, "", "send", "--sandbox", "--results", "/dev/full", campaignFile)
	require.Equal(t, exitSomeBad, got.code)
	require.Contains(t, got.out, "200 accepted")
	require.Contains(t, got.err, "--results: write /dev/full: no space left on device")
}

// Ctrl-C during the upload: the command still says what is known, and keeps it.
func TestSend_interruptedUploadIsUnknown(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = syscall.Kill(os.Getpid(), syscall.SIGINT)
		<-r.Context().Done()
	}))
	defer server.Close()
	results := filepath.Join(t.TempDir(), "results.csv")
	got := smslinkIn(map[string]string{envConnectionID: "c", envPassword: "p"}, "id,to,text\n1,0700000001,a\n",
		"send", "--endpoint", server.URL, "--results", results, "-")
	require.Equal(t, exitUnknown, got.code)
	require.Contains(t, got.err, "outcome unknown: ")
	require.Regexp(t, "context canceled|interrupt signal received", got.err)
	require.Equal(t, "1 row: 1 unknown, 0 bad\n", got.out)
	require.Equal(t, "unknown", readResults(t, results)[0][3])
}

func TestSend_usage(t *testing.T) {
	account := map[string]string{envConnectionID: "c", envPassword: "p"}
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
		says string
	}{
		{"no file", account, []string{"send"}, "name one FILE, or - for standard input; there are 0"},
		{"two files", account, []string{"send", "a", "b"}, "name one FILE, or - for standard input; there are 2"},
		{"an unknown flag", account, []string{"send", "--fast", "a"}, "unknown flag: --fast"},
		{"an unknown command", account, []string{"fly"}, `unknown command "fly"`},
		{"an unknown codec", account, []string{"send", "--codec", "zip", campaignFile}, `--codec: codec "zip" is not one of none, zlib, bzip2 and lzf`},
		{"no account", nil, []string{"send", campaignFile}, "set SMSLINK_CONNECTION_ID and SMSLINK_PASSWORD to your account's, or try --sandbox, which needs none"},
		{"half an account", map[string]string{envConnectionID: "c"}, []string{"send", campaignFile}, "set SMSLINK_CONNECTION_ID and SMSLINK_PASSWORD"},
		{"a bad endpoint", account, []string{"send", "--endpoint", "gateway", campaignFile}, "--endpoint: the endpoint is not an absolute URL"},
		{"sandbox and endpoint", account, []string{"send", "--sandbox", "--endpoint", "http://127.0.0.1/", campaignFile}, "--sandbox and --endpoint exclude each other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := smslinkIn(c.env, "", c.args...)
			require.Equal(t, exitUsage, got.code)
			require.Empty(t, got.out)
			require.Contains(t, got.err, c.says)
			require.Contains(t, got.err, "--help")
			require.Equal(t, 1, strings.Count(got.err, "smslink: "))
		})
	}
}

func TestSend_unusableFiles(t *testing.T) {
	for _, c := range []struct{ name, content, says string }{
		{"empty", "", "standard input: line 1: the file is empty; start the file with the header id,to,from,text,send_at, or write JSON lines; nothing was sent"},
		{"blank", "\n\n \n", "line 3: there is no header; start the file with the header"},
		{"a header alone", "id,to,text\n", "standard input: line 1: no messages follow the header; add one on each line; nothing was sent"},
		{"no header", "1,0712345678,,Salut,\n", "line 1: there is no header; start the file with the header id,to,from,text,send_at"},
		{"an unknown column", "id,to,text,0712345678\n1,07,a,b\n", "line 1: column 4 is not known; the columns are id, to, from, text, send_at; take it out or rename it"},
		{"a column twice", "id,to,text,to\n", "line 1: column to appears twice; take one out"},
		{"no text column", "id,to\n1,0712345678\n", "line 1: column text is missing; add it"},
		{"UTF-16", "\xff\xfei\x00d\x00", "line 1: the file is UTF-16; save it as CSV in UTF-8"},
		{"a JSON array", "[{\"id\":1}]", "line 1: the file is a JSON array; write JSON lines"},
		{"a quote inside a field", "id,to,text\n1,07,ok\n2,0712345678,a \"b\" c\n", "line 3: a quote is broken; write a quote inside a quoted field twice, and close the field"},
		{"a quote never closed", "id,to,text\n1,0712345678,\"a\n2,0712345678,b\n3,0712345678,c\n", "line 2: a quote that opens here is broken (seen on line 4)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := smslinkIn(nil, c.content, "send", "--sandbox", "-")
			require.Equal(t, exitNotSent, got.code)
			require.Empty(t, got.out)
			require.Contains(t, got.err, c.says)
			require.NotContains(t, got.err, "0712345678")
		})
	}
	got := smslinkIn(nil, "", "send", "--sandbox", "no-such-file.csv")
	require.Equal(t, exitNotSent, got.code)
	require.Equal(t, "smslink: open no-such-file.csv: no such file or directory; nothing was sent\n", got.err)
}

// A message that the reply does not mention is not a failed one: sending it again
// might send it twice.
func TestSend_unreportedMessages(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{func(m smslink.Message) smslink.Status {
		return smslink.Status(m.ID)
	}}})
	got := smslinkIn(accountOf(gateway), "id,to,text\n3,0700000001,a\n2,0700000002,b\n0,0700000003,c\n", "send", "--endpoint", gateway.URL, "-")
	require.Equal(t, exitUnknown, got.code)
	require.Contains(t, got.out, "3 rows: 1 accepted, 1 failed, 1 unreported, 0 bad; package 1001, ")
	require.Equal(t, "smslink: the reply does not mention every message; look into the account's reports before you send those again\n", got.err)
}

func TestSend_packageIDIsShownAsItIs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "MESSAGE;1;ok;987654321\x1b[31m;1:2:3,9:9:9")
	}))
	defer server.Close()
	got := smslinkIn(map[string]string{envConnectionID: "c", envPassword: "p"}, "id,to,text\n1,0700000001,a\n", "send", "--endpoint", server.URL, "-")
	require.Equal(t, exitAccepted, got.code)
	require.Contains(t, got.out, "1 row: 1 accepted, 0 failed, 0 bad; 1 entries of the reply fit no message; package 987654321 [31m, ")
}

func TestSend_onlyBadRows(t *testing.T) {
	got := smslinkIn(nil, "id,to,text\n1,nobody,a\n", "send", "--sandbox", "-")
	require.Equal(t, exitNotSent, got.code)
	require.Equal(t, "1 row: none to send, 1 bad; sandbox, no SMS was sent\n", got.out)
	require.Equal(t, "standard input:2: to is not one phone number; it may hold digits, a + in front, spaces and -.()\n", got.err)
}

func TestSend_resultsAreNeverWrittenOver(t *testing.T) {
	dir := t.TempDir()
	full := filepath.Join(dir, "full.csv")
	require.NoError(t, os.WriteFile(full, []byte("remote ids"), 0o600))
	for results, says := range map[string]string{
		full:                                "is not empty; name a new file; nothing was sent",
		filepath.Join(dir, "no", "dir.csv"): "no such file or directory; nothing was sent",
		"-":                                 "--results: takes the name of a file",
	} {
		got := smslinkIn(nil, "", "send", "--sandbox", "--results", results, campaignFile)
		require.Equal(t, exitNotSent, got.code)
		require.Contains(t, got.err, says)
	}
	kept, err := os.ReadFile(full)
	require.NoError(t, err)
	require.Equal(t, "remote ids", string(kept))

	empty := filepath.Join(dir, "empty.csv")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.Equal(t, exitAccepted, smslinkIn(nil, "", "send", "--sandbox", "--results", empty, campaignFile).code)
	require.Len(t, readResults(t, empty), 200)
}

func TestRun_helpAndVersion(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"send", "--help"}, {"--version"}} {
		got := smslinkIn(nil, "", args...)
		require.Equal(t, exitAccepted, got.code)
		require.NotEmpty(t, got.out)
		require.Empty(t, got.err)
	}
	require.Contains(t, smslinkIn(nil, "", "send", "--help").out, "Exit codes:")
}

func TestSend_neverShowsThePassword(t *testing.T) {
	env := map[string]string{envConnectionID: "c", envPassword: "hunter2"}
	for _, args := range [][]string{{"send", "x"}, {"send", "--endpoint", "https://u:hunter2@[", "x"}, {"send", "--endpoint", "http://127.0.0.1:1/", campaignFile}} {
		got := smslinkIn(env, "", args...)
		require.NotContains(t, got.out+got.err, "hunter2")
	}
}
