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
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/smslinktest"
)

const (
	campaignFile = "../../testdata/campaign.csv"
	badRowsFile  = "../../testdata/campaign-bad-rows.csv"
)

// ran is the exit code and the output of a command.
type ran struct {
	code     int
	out, err string
}

// smslinkIn runs the command line with an environment and a standard input.
func smslinkIn(env map[string]string, stdin string, args ...string) ran {
	return smslinkUntil(context.Background(), env, stdin, args...)
}

// smslinkUntil is smslinkIn until a context ends.
func smslinkUntil(ctx context.Context, env map[string]string, stdin string, args ...string) ran {
	return smslinkAt(ctx, nil, env, stdin, args...)
}

// smslinkAt is smslinkUntil with another clock.
func smslinkAt(ctx context.Context, now func() time.Time, env map[string]string, stdin string, args ...string) ran {
	var out, errOut bytes.Buffer
	console := cli.Console{In: strings.NewReader(stdin), Out: &out, Err: &errOut, Getenv: func(name string) string { return env[name] }, Now: now}
	code := cli.Run(ctx, console, newCommand, args)
	return ran{code, out.String(), errOut.String()}
}

func accountOf(gateway *smslinktest.Gateway) map[string]string {
	return map[string]string{account.EnvConnectionID: gateway.ConnectionID, account.EnvPassword: gateway.Password}
}

func newGateway(t *testing.T, opts *smslinktest.Options) *smslinktest.Gateway {
	gateway := smslinktest.NewGateway(opts)
	t.Cleanup(gateway.Close)
	return gateway
}

// requireMode requires a file's or a folder's permissions, except on Windows, which has none.
func requireMode(t *testing.T, want os.FileMode, name string) {
	t.Helper()
	info, err := os.Stat(name)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, want, info.Mode().Perm())
	}
}

func readResults(t *testing.T, file string) [][]string {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"file", "line", "id", "status", "status_text", "remote_id", "segments", "note", "to", "category", "price", "journal", "time"}, records[0])
	return records[1:]
}

func TestSend_campaignThroughTheSandbox(t *testing.T) {
	for _, codec := range []string{"none", "zlib", "gzip", "bzip2", "lzf"} {
		results := filepath.Join(t.TempDir(), "results.csv")
		got := smslinkIn(nil, "", "send", "--sandbox", "--codec", codec, "--results", results, campaignFile)
		require.Equal(t, cli.ExitAccepted, got.code, got.err)
		require.Equal(t, "200 messages, 342 SMS (200 in UCS-2), 0 bad rows\n51 messages are scheduled; the gateway can't cancel a scheduled message\n", got.err)
		require.Regexp(t, `^200 rows: 200 accepted, 0 failed, 0 bad; 342 SMS; package 1001, \d+ms; sandbox, no SMS was sent\n$`, got.out)

		records := readResults(t, results)
		require.Len(t, records, 200)
		require.Equal(t, []string{campaignFile, "2", "1001", "3", "success", "220000001", "1", "in the sandbox: nothing was sent"}, records[0][:8])
		requireMode(t, 0o600, results)
	}
}

func TestSend_campaignArrivesAsItStandsInTheFile(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Senders: []string{"MAGAZIN"}})
	got := smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, campaignFile)
	require.Equal(t, cli.ExitAccepted, got.code, got.err)

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

// notAPhoneNumber is the complaint about a receiver without digits.
const notAPhoneNumber = "holds something other than the digits and punctuation of a phone number"

// badRowsComplaints are the complaints about badRowsFile.
var badRowsComplaints = []string{
	"5: to " + notAPhoneNumber,
	"10: text is empty once the white space at its ends is trimmed",
	"15: id stands in an earlier row; each message needs its own",
	"18: id is not a whole number of at least 0",
	"21: text holds a literal %0A or %3B, which the gateway would read as a line end or a semicolon; write the character itself",
	"24: send_at is not a time, such as 2030-01-31T09:00:00+02:00 or, with --zone Europe/Bucharest, 31.01.2030 09:00",
}

func TestSend_badRowsStopItBeforeAnythingIsSent(t *testing.T) {
	gateway := newGateway(t, nil)
	results := filepath.Join(t.TempDir(), "results.csv")
	got := smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, "--results", results, badRowsFile)
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Empty(t, got.out)
	lines := strings.Split(strings.TrimSpace(got.err), "\n")
	require.Len(t, lines, 9)
	for i, complaint := range badRowsComplaints {
		require.Equal(t, badRowsFile+":"+complaint, lines[i])
	}
	require.Equal(t, "14 messages, 25 SMS (14 in UCS-2), 6 bad rows", lines[6])
	require.Equal(t, "5 messages are scheduled; the gateway can't cancel a scheduled message", lines[7])
	require.Equal(t, "smslink: correct the bad rows, or send the others with --on-bad-row skip; nothing was sent", lines[8])
	require.Empty(t, gateway.Uploads())
	require.NoFileExists(t, results)
}

func TestSend_badRowsAreSkippedOnRequest(t *testing.T) {
	results := filepath.Join(t.TempDir(), "results.csv")
	got := smslinkIn(nil, "", "send", "--sandbox", "--on-bad-row", "skip", "--results", results, badRowsFile)
	require.Equal(t, cli.ExitSomeBad, got.code)
	require.Contains(t, got.out, "20 rows: 14 accepted, 0 failed, 6 bad;")
	for _, complaint := range badRowsComplaints {
		_, reason, _ := strings.Cut(complaint, ": ")
		require.Contains(t, got.out, "1  bad row: "+reason+"\n")
		require.Equal(t, 1, strings.Count(got.err, complaint))
	}
	records := readResults(t, results)
	require.Len(t, records, 20)
	require.Contains(t, records, []string{badRowsFile, "5", "2003", "", "bad row", "", "", "to " + notAPhoneNumber, "de completat", "invalid", "", "", ""})
}

func TestSend_standardInputIsSentUpToItsFirstBadRow(t *testing.T) {
	gateway := newGateway(t, nil)
	const in = "id,to,text\n1,0700000001,a\n2,0700000002,b\n3,nobody,c\n4,0700000004,d\n"
	got := smslinkIn(accountOf(gateway), in, "send", "--endpoint", gateway.URL, "--package-size", "2", "-")
	require.Equal(t, cli.ExitSomeBad, got.code)
	require.Equal(t, "standard input:4: to "+notAPhoneNumber+"\n"+
		"smslink: a row is bad, and what follows it was not sent; --on-bad-row skip would have passed over it\n"+
		"do not send all rows again: those that were accepted would be sent twice; "+
		"next time, add --journal, with which the same command sends only the rest\n", got.err)
	require.Contains(t, got.out, "3 rows: 2 accepted, 0 failed, 1 bad; ")
	require.Len(t, gateway.Messages(), 2)

	got = smslinkIn(nil, in, "send", "--sandbox", "--on-bad-row", "skip", "-")
	require.Equal(t, cli.ExitSomeBad, got.code)
	require.Contains(t, got.out, "4 rows: 3 accepted, 0 failed, 1 bad; ")
}

// If the rows of a pipe are not read to their end, the command says how to send only the rest.
func TestSend_howToSendTheRestOfAPipe(t *testing.T) {
	const sent = "id,to,text\n1,0700000001,a\n2,0700000002,b\n"
	for name, c := range map[string]struct {
		rest   string
		unsent string
	}{
		"a row is bad":            {"3,nobody,c\n4,0700000004,d\n", ""},
		"the input can't be read": {"3,0700000003,\"c\"c\n4,0700000004,d\n", ""},
		"the limit is reached":    {"3,0700000003,c\n4,0700000004,d\n", "1 message was not sent; "},
	} {
		t.Run(name, func(t *testing.T) {
			gateway := newGateway(t, nil)
			send := []string{"send", "--endpoint", gateway.URL, "--max-sms", "2"}
			results := filepath.Join(t.TempDir(), "results.csv")
			got := smslinkIn(accountOf(gateway), sent+c.rest, append(send, "--results", results, "-")...)
			require.Equal(t, cli.ExitSomeBad, got.code)
			require.Len(t, gateway.Messages(), 2)
			require.Contains(t, got.err, "what follows")
			require.Contains(t, got.err, "\n"+c.unsent+"do not send all rows again: those that were accepted would be sent twice; "+
				"send only the rows that "+results+" has as not sent, rejected or insufficient credit, and those that it lacks\n")

			journal := filepath.Join(t.TempDir(), "june.journal")
			got = smslinkIn(accountOf(gateway), sent+c.rest, append(send, "--journal", journal, "-")...)
			require.Equal(t, cli.ExitSomeBad, got.code)
			require.NotContains(t, got.err, "sent twice")
		})
	}
}

func TestSend_someMessageFailed(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{func(m smslink.Message) smslink.Status {
		return smslink.Status(m.ID)
	}}})
	results := filepath.Join(t.TempDir(), "results.csv")
	got := smslinkIn(accountOf(gateway), "id,to,text\n3,0700000001,a\n2,0700000002,b\n4,0700000003,c\n",
		"send", "--endpoint", gateway.URL, "--results", results, "--test-mode", "-")
	require.Equal(t, cli.ExitSomeBad, got.code)
	require.Equal(t, "standard input:3: number failed: check the number\nstandard input:4: internal error or blacklisted: check whether the number is on the account's blacklist; if not, try again later\n", got.err)
	require.Contains(t, got.out, "1  number failed: check the number\n")
	require.Contains(t, got.out, "3 rows: 1 accepted, 2 failed, 0 bad; 1 SMS; package 1001, ")
	require.Contains(t, got.out, "; test mode\n")
	require.True(t, gateway.Messages()[0].Test)
	require.Equal(t, []string{"standard input", "3", "2", "2", "number failed", "220000002", "1", "in test mode: check the number"}, readResults(t, results)[1][:8])
}

// A number arrives as ParseReceiver reads it, and not with each of its digits.
func TestSend_receiversAsTheyAreMeant(t *testing.T) {
	gateway := newGateway(t, nil)
	const rows = "id,to,text\n1,+40 (0)712 345 678,a\n2,+40 0712345679,b\n3,0722/123.456,c\n"
	got := smslinkIn(accountOf(gateway), rows, "send", "--endpoint", gateway.URL, "-")
	require.Equal(t, cli.ExitAccepted, got.code, got.err)
	for i, want := range []string{"0040712345678", "0040712345679", "0722123456"} {
		require.Equal(t, want, gateway.Messages()[i].To)
	}
	got = smslinkIn(nil, rows, "encode", "--reveal", "-")
	require.Contains(t, got.out, "1;0040712345678;numeric;a;0\n")
}

// Many rows that fail for the same reason are one line with a count; all are in the results.
func TestSend_manyFailures(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{func(smslink.Message) smslink.Status { return smslink.StatusNumberFailed }}})
	got := smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, campaignFile)
	require.Equal(t, cli.ExitSomeBad, got.code)
	require.Equal(t, 1, strings.Count(got.err, "number failed"))
	require.Contains(t, got.err, campaignFile+":2, 3, 5 and 197 more: number failed: check the number\n")
	require.Contains(t, got.out, "200  number failed: check the number\n")
}

func TestSend_outcomes(t *testing.T) {
	gateway := newGateway(t, nil)
	lost := newGateway(t, &smslinktest.Options{Password: "p", Fault: func(int) smslinktest.Fault { return smslinktest.LoseReply() }})
	garbled := newGateway(t, &smslinktest.Options{Password: "hunter2", Fault: func(int) smslinktest.Fault {
		return smslinktest.Answer(http.StatusOK, "<h1>\x1b[31m0712345678 secret hunter2\n")
	}})

	for _, c := range []struct {
		name, endpoint, password string
		code                     int
		last                     string
		says                     []string
	}{
		{"rejected", gateway.URL, "not-it", cli.ExitNotSent, "2 rows: 0 accepted, 0 failed, 1 bad, 1 rejected", []string{
			"1  rejected: the gateway answered with ERROR 7: wrong password; repeating it gets this machine's address banned\n",
			"   the server said: \"wrong password\"\n",
		}},
		{"unknown", lost.URL, "p", cli.ExitInDoubt, "2 rows: 0 accepted, 0 failed, 1 bad, 1 in doubt", []string{"1  in doubt: "}},
		{"unreadable", garbled.URL, "p", cli.ExitInDoubt, "2 rows: 0 accepted, 0 failed, 1 bad, 1 in doubt", []string{
			"1  in doubt: the gateway's reply can't be read\n",
			"   the server said: \"<h1>\\x1b[31m0712****78 secret ***\\n\"\n",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "results.csv")
			env := map[string]string{account.EnvConnectionID: gateway.ConnectionID, account.EnvPassword: c.password}
			if c.name == "unreadable" {
				env[account.EnvPassword] = "hunter2"
			}
			got := smslinkIn(env, "id,to,text\n1,0700000001,a\n2,0700000001,\n", "send", "--endpoint", c.endpoint, "--results", file, "--on-bad-row", "skip", "-")
			require.Equal(t, c.code, got.code)
			require.Contains(t, got.out, c.last)
			for _, says := range c.says {
				require.Contains(t, got.out, says)
			}
			if c.code == cli.ExitNotSent {
				require.Contains(t, got.err, "smslink: nothing was sent; once the cause is gone, run the same command again\n")
				require.NoFileExists(t, file, "nothing to keep, and the command can be run again")
				return
			}
			require.Contains(t, got.err, "smslink: 1 message is in doubt; look for it in the account's reports before you send it again\n")
			records := readResults(t, file)
			require.Equal(t, []string{"standard input", "3", "2", "", "bad row"}, records[0][:5])
			require.Equal(t, []string{"standard input", "2", "1", "", "in doubt", "", "1"}, records[1][:7])
			require.NotEmpty(t, records[1][7])
		})
	}
	require.Empty(t, gateway.Messages())
}

// If the credit ends in the middle of a pipe, the command says that it has not read the rest.
func TestSend_restOfAPipeIsNotSent(t *testing.T) {
	gateway := newGateway(t, nil)
	gateway.SetCredit(3)
	results := filepath.Join(t.TempDir(), "results.csv")
	rows := "id,to,text\n"
	for i := range 50 {
		rows += fmt.Sprintf("%d,07123456%02d,a\n", i+1, i)
	}
	got := smslinkIn(accountOf(gateway), rows, "send", "--endpoint", gateway.URL, "--package-size", "2", "--results", results, "-")
	require.Equal(t, cli.ExitSomeBad, got.code)
	require.Less(t, len(readResults(t, results)), 50)
	require.Contains(t, got.err, "smslink: message 4: insufficient credit: top up the account; what follows was not sent\n")
	require.Contains(t, got.err, "send only the rows that "+results+" has as not sent, rejected or insufficient credit, and those that it lacks\n")
}

// The remote ids are kept even if the report is lost.
func TestSend_reportThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.csv")
	var errOut bytes.Buffer
	code := cli.Run(context.Background(), cli.Console{In: strings.NewReader(""), Out: brokenPipe{}, Err: &errOut, Getenv: func(string) string { return "" }}, newCommand,
		[]string{"send", "--sandbox", "--results", file, campaignFile})
	require.Equal(t, cli.ExitSomeBad, code)
	require.Contains(t, errOut.String(), "smslink: the output could not be written: broken pipe; 200 rows: 200 accepted, 0 failed, 0 bad; 342 SMS\n")
	require.Len(t, readResults(t, file), 200)
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestSend_resultsThatCannotBeWritten(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/dev/full is Linux's")
	}
	got := smslinkIn(nil, "", "send", "--sandbox", "--results", "/dev/full", campaignFile)
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Contains(t, got.err, "smslink: --results: write /dev/full: no space left on device; nothing was sent")
}

func TestSend_usage(t *testing.T) {
	whole := map[string]string{account.EnvConnectionID: "c", account.EnvPassword: "p"}
	for _, c := range []struct {
		name string
		env  map[string]string
		args []string
		says string
	}{
		{"no file", whole, []string{"send"}, "name a FILE, or - for standard input"},
		{"another way with bad rows", whole, []string{"send", "--on-bad-row", "mend", campaignFile}, "--on-bad-row is neither stop nor skip"},
		{"an empty package", whole, []string{"send", "--package-size", "0", campaignFile}, "--package-size is less than 1"},
		{"no concurrency", whole, []string{"send", "--concurrency", "0", campaignFile}, "--concurrency is not from 1 to 64"},
		{"more concurrency than memory", whole, []string{"send", "--concurrency", "4611686018427387904", campaignFile}, "--concurrency is not from 1 to 64"},
		{"a FILE without a name", whole, []string{"send", campaignFile, ""}, "the name of a FILE is empty; is a variable unset?"},
		{"no attempts", whole, []string{"send", "--attempts", "0", campaignFile}, "--attempts is less than 1"},
		{"a negative rate", whole, []string{"send", "--rate", "-1", campaignFile}, "--rate must be a number from 0"},
		{"no time", whole, []string{"send", "--timeout", "0", campaignFile}, "--timeout is not above 0"},
		{"results on standard output", whole, []string{"send", "--results", "-", campaignFile}, "--results takes the name of a file"},
		{"an unknown flag", whole, []string{"send", "--fast", "a"}, "unknown flag: --fast"},
		{"an unknown command", whole, []string{"fly"}, `unknown command "fly"`},
		{"an unknown codec", whole, []string{"send", "--codec", "zip", campaignFile}, `--codec: codec "zip" is not one of none, zlib, bzip2 and lzf`},
		{"no account", nil, []string{"send", campaignFile}, "set SMSLINK_CONNECTION_ID and SMSLINK_PASSWORD to your account's, or try --sandbox, which needs none"},
		{"half an account", map[string]string{account.EnvConnectionID: "c"}, []string{"send", campaignFile}, "set SMSLINK_CONNECTION_ID and SMSLINK_PASSWORD"},
		{"a bad endpoint", whole, []string{"send", "--endpoint", "gateway", campaignFile}, "--endpoint: the endpoint is not an absolute URL"},
		{"sandbox and endpoint", whole, []string{"send", "--sandbox", "--endpoint", "http://127.0.0.1/", campaignFile}, "--sandbox and --endpoint exclude each other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := smslinkIn(c.env, "", c.args...)
			require.Equal(t, cli.ExitUsage, got.code)
			require.Empty(t, got.out)
			require.Contains(t, got.err, c.says)
			require.Contains(t, got.err, "--help")
			require.Equal(t, 1, strings.Count(got.err, "smslink: "))
		})
	}
}

func TestSend_unusableFiles(t *testing.T) {
	for _, c := range []struct{ name, content, says string }{
		{"empty", "", "line 1: the file is empty; start the file with the header id,to,from,text,send_at, or write JSON lines"},
		{"blank", "\n\n \n", "line 1: the file is empty; start the file with the header"},
		{"a header alone", "id,to,text\n", "there are no messages below the header; add a row for each"},
		{"no header", "1,0712345678,,Salut,\n", "line 1: there is no header with a known column; name its columns with --column to=NAME and --column text=NAME, or start the file with the header id,to,from,text,send_at"},
		{"a number as a column", "id,to,text,0712345678\n1,07,a,b\n", "line 1: the name of column D is a number; is the header missing?"},
		{"a column twice", "id,to,text,to\n", "line 1: column to appears twice; take one out"},
		{"no text column", "id,to\n1,0712345678\n", "line 1: column text is missing; add it"},
		{"UTF-16 without its mark", "i\x00d\x00,\x00t\x00o\x00", "line 1: the file is not text in UTF-8; save it as CSV in UTF-8"},
		{"an old workbook", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "the workbook has a password, or is an old .xls; save it as .xlsx without a password"},
		{"a JSON array", "[{\"id\":1}]", "line 1: the file is a JSON array; write JSON lines"},
		{"a quote inside a field", "id,to,text\n1,0712345678,ok\n2,0712345678,a \"b\" c\n", "line 3: a quote is broken; write a quote inside a quoted field twice, and close the field"},
		{"a quote never closed", "id,to,text\n1,0712345678,\"a\n2,0712345678,b\n3,0712345678,c\n", "line 2: a quote that opens here is broken (seen on line 4)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, command := range [][]string{{"send", "--sandbox"}, {"check"}, {"encode"}} {
				file := filepath.Join(t.TempDir(), "file")
				require.NoError(t, os.WriteFile(file, []byte(c.content), 0o600))
				got := smslinkIn(nil, "", append(command, file)...)
				require.Equal(t, cli.ExitNotSent, got.code)
				require.Contains(t, got.err, "smslink: "+file+": "+c.says)
				require.NotContains(t, got.err, "0712345678")
			}
			got := smslinkIn(nil, c.content, "send", "--sandbox", "-")
			require.Contains(t, []int{cli.ExitNotSent, cli.ExitSomeBad}, got.code) // rows before the fault are sent
			require.Contains(t, got.err, "smslink: standard input: "+c.says)
			require.NotContains(t, got.err, "0712345678")
		})
	}
	got := smslinkIn(nil, "", "send", "--sandbox", "no-such-file.csv")
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Equal(t, "smslink: open no-such-file.csv: "+syscall.ENOENT.Error()+"; nothing was sent\n", got.err)
}

// A message that the reply does not mention has not failed: it might be sent twice if it is sent
// again.
func TestSend_unreportedMessages(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{func(m smslink.Message) smslink.Status {
		return smslink.Status(m.ID)
	}}})
	got := smslinkIn(accountOf(gateway), "id,to,text\n3,0700000001,a\n2,0700000002,b\n0,0700000003,c\n", "send", "--endpoint", gateway.URL, "-")
	require.Equal(t, cli.ExitInDoubt, got.code)
	require.Contains(t, got.out, "3 rows: 1 accepted, 1 failed, 0 bad, 1 in doubt; 1 SMS; package 1001, ")
	require.Contains(t, got.err, "standard input:4: unreported: it may have been taken; ")
	require.Contains(t, got.err, "smslink: 1 message is in doubt; ")
}

func TestSend_packageIDIsShownAsItIs(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "MESSAGE;1;ok;987654321\x1b[31m;1:2:3,9:9:9")
	}))
	defer server.Close()
	got := smslinkIn(map[string]string{account.EnvConnectionID: "c", account.EnvPassword: "p"}, "id,to,text\n1,0700000001,a\n", "send", "--endpoint", server.URL, "-")
	require.Equal(t, cli.ExitAccepted, got.code)
	require.Contains(t, got.out, "1 row: 1 accepted, 0 failed, 0 bad; 1 SMS; package 987654321\\u001b[31m, ")
}

func TestSend_onlyBadRows(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("id,to,text\n1,nobody,a\n"), 0o600))
	got := smslinkIn(nil, "", "send", "--sandbox", "--on-bad-row", "skip", file)
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Empty(t, got.out)
	require.Equal(t, file+":2: to "+notAPhoneNumber+"\n0 messages, 0 SMS, 1 bad row\nsmslink: every row is bad; nothing was sent\n", got.err)
}

func TestSend_resultsAreNeverWrittenOver(t *testing.T) {
	dir := t.TempDir()
	full := filepath.Join(dir, "full.csv")
	require.NoError(t, os.WriteFile(full, []byte("remote ids"), 0o600))
	for results, says := range map[string]string{
		full:                                "is not empty; name a new file",
		filepath.Join(dir, "no", "dir.csv"): "dir.csv: ",
	} {
		got := smslinkIn(nil, "", "send", "--sandbox", "--results", results, campaignFile)
		require.Equal(t, cli.ExitNotSent, got.code)
		require.Contains(t, got.err, says)
		require.True(t, strings.HasSuffix(got.err, "; nothing was sent\n"), got.err)
	}
	kept, err := os.ReadFile(full)
	require.NoError(t, err)
	require.Equal(t, "remote ids", string(kept))

	empty := filepath.Join(dir, "empty.csv")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.Equal(t, cli.ExitAccepted, smslinkIn(nil, "", "send", "--sandbox", "--results", empty, campaignFile).code)
	require.Len(t, readResults(t, empty), 200)
}

func TestRun_helpAndVersion(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"send", "--help"}, {"--version"}} {
		got := smslinkIn(nil, "", args...)
		require.Equal(t, cli.ExitAccepted, got.code)
		require.NotEmpty(t, got.out)
		require.Empty(t, got.err)
	}
	require.Contains(t, smslinkIn(nil, "", "send", "--help").out, "Exit codes:")
}

func TestSend_neverShowsThePassword(t *testing.T) {
	env := map[string]string{account.EnvConnectionID: "c", account.EnvPassword: "hunter2"}
	for _, args := range [][]string{{"send", "x"}, {"send", "--endpoint", "https://u:hunter2@[", "x"}, {"send", "--attempts", "1", "--endpoint", "http://127.0.0.1:1/", campaignFile}} {
		got := smslinkIn(env, "", args...)
		require.NotContains(t, got.out+got.err, "hunter2")
	}
}

// unlessLong returns the number of the tests' short form, or that of the full one, which
// SMSLINK_LONG=1 runs: see CONTRIBUTING.md.
func unlessLong(short, full int) int {
	if os.Getenv("SMSLINK_LONG") != "" {
		return full
	}
	return short
}
