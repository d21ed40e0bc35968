package main

import (
	"bytes"
	"encoding/csv"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/cmdtest"
)

func csvLine(t *testing.T, fields ...string) string {
	t.Helper()
	var line bytes.Buffer
	w := csv.NewWriter(&line)
	require.NoError(t, w.Write(fields))
	w.Flush()
	return line.String()
}

// A server may quote the password in many ways. No output shows a part of it.
func TestSend_serverQuotesThePassword(t *testing.T) {
	const password = `hunter2;<'Zq"&9;tail-end`
	for name, quoted := range map[string]string{
		"as it stands":          password,
		"as HTML":               html.EscapeString(password),
		"as HTML twice":         html.EscapeString(html.EscapeString(password)),
		"as a URL":              url.QueryEscape(password),
		"as a quoted string":    strconv.Quote(password),
		"with slashes added":    strings.NewReplacer(`'`, `\'`, `"`, `\"`).Replace(password),
		"as HTML in a sentence": "the password " + html.EscapeString(password) + " is wrong",
		"its start":             password[:9],
	} {
		for _, reply := range []string{"ERROR;7;" + quoted, quoted, "ERROR;" + quoted} {
			t.Run(name, func(t *testing.T) {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(w, reply)
				}))
				defer server.Close()
				for _, args := range [][]string{{"send", "-"}, {"send", "--json", "-"}, {"balance"}} {
					got := smslinkIn(map[string]string{account.EnvConnectionID: "c", account.EnvPassword: password}, "id,to,text\n1,0700000001,a\n", append(args, "--endpoint", server.URL)...)
					require.NotEqual(t, cli.ExitAccepted, got.code)
					for _, part := range []string{"hunter", "Zq", "tail", "<'", "&9"} {
						require.NotContains(t, got.out+got.err, part)
					}
				}
			})
		}
	}
}

// The help can be read on a terminal of 80 columns.
func TestHelp_fitsIn80Columns(t *testing.T) { cmdtest.HelpFits(t, newCommand(cli.Console{})) }

// The gateway has answered, so balance is done even if the reader of the pipe is gone.
func TestBalance_readerThatClosesThePipe(t *testing.T) {
	gateway := newGateway(t, nil)
	account := accountOf(gateway)
	var errOut bytes.Buffer
	console := cli.Console{In: strings.NewReader(""), Out: brokenPipe{}, Err: &errOut, Getenv: func(name string) string { return account[name] }}
	code := cli.Run(t.Context(), console, newCommand, []string{"balance", "--endpoint", gateway.URL})
	require.Equal(t, cli.ExitAccepted, code)
	require.Empty(t, errOut.String())
}

// An empty value is most likely a variable that is not set.
func TestRun_emptyFlagsAreUsageErrors(t *testing.T) {
	for _, args := range [][]string{
		{"send", "--journal", "", campaignFile},
		{"send", "--results=", campaignFile},
		{"send", "--endpoint", "", campaignFile},
		{"send", "--codec", "", campaignFile},
		{"send", "--package-size", "", campaignFile},
		{"send", "--concurrency", "", campaignFile},
		{"send", "--rate", "", campaignFile},
		{"send", "--timeout", "", campaignFile},
		{"check", "--price", "", campaignFile},
		{"balance", "--endpoint", ""},
		{"reports", "--secret-file", ""},
		{"reports", "--secret-file", "s", "--results", ""},
		{"reports", "--secret-file", "s", "--connection", ""},
		{"reports", "--secret-file", "s", "--listen", ""},
		{"sandbox", "--faults", ""},
		{"sandbox", "--callback", ""},
		{"sandbox", "--unknown-number", ""},
	} {
		gateway := newGateway(t, nil)
		got := smslinkIn(accountOf(gateway), "", args...)
		require.Equal(t, cli.ExitUsage, got.code, "%v", args)
		require.Regexp(t, `^smslink: --\S+ is empty; give it a value or leave it out \(is a variable unset\?\)\nSee `, got.err)
		require.Empty(t, gateway.Uploads())
	}
	gateway := newGateway(t, nil)
	got := smslinkIn(accountOf(gateway), "", "send", "--journal", os.Getenv("SMSLINK_NO_SUCH_VARIABLE"), filepath.Clean(campaignFile))
	require.Equal(t, "smslink: --journal is empty; give it a value or leave it out (is a variable unset?)\nSee 'smslink send --help'.\n", got.err)
}
