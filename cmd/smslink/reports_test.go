package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
)

func TestReports_joinedWithResults(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	results, secretFile := filepath.Join(folder, "results.csv"), filepath.Join(folder, "secret")
	late := filepath.Join(folder, "late.csv")
	gateway := newGateway(t, nil)
	got := smslinkIn(accountOf(gateway), "id,to,text\n7,0700000001,a\n", "send", "--endpoint", gateway.URL, "--results", results, "-")
	require.Equal(t, cli.ExitAccepted, got.code)
	answered := readResults(t, results)[0][12]

	out, write := io.Pipe()
	said, sayIt := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- cli.Run(ctx, cli.Console{In: strings.NewReader(""), Out: write, Err: sayIt, Getenv: os.Getenv}, newCommand, []string{
			"reports", "--listen", "127.0.0.1:0", "--secret-file", secretFile, "--results", results, "--results", late, "--dedupe", "10",
		})
	}()
	line := make([]byte, 200)
	n, err := said.Read(line)
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, said) }()
	address, _, _ := strings.Cut(strings.TrimPrefix(string(line[:n]), "smslink: receiving delivery reports at "), " ")
	secret, err := os.ReadFile(secretFile)
	require.NoError(t, err)
	requireMode(t, 0o600, secretFile)
	url := address + strings.TrimSpace(string(secret))

	d := json.NewDecoder(out)
	report := func(query string) (row map[string]any) {
		go func() {
			resp, err := http.Get(url + "?" + query)
			if err == nil {
				_ = resp.Body.Close()
			}
		}()
		require.NoError(t, d.Decode(&row))
		return row
	}
	require.Equal(t, map[string]any{
		"remote_id": "220000001", "delivered": true, "time": "2030-03-17T17:46:40Z", "network_id": "2", "network": "Orange", "segments": 1.0,
		"row": map[string]any{"file": "standard input", "line": 2.0, "id": "7", "time": answered},
	}, report("message_id=220000001&status=1&timestamp=1900000000&network_id=2&message_count=1"))
	require.Nil(t, report("message_id=999&status=0&timestamp=1900000000")["row"])

	f, err := os.OpenFile(results, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("campaign.csv,3,8,3,success,999,1,,,,,,\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(late, []byte(strings.Join(outcome.ResultsHeader, ",")+"\nlate.csv,2,9,3,success,1000,1,,,,,,\n"), 0o600))
	require.Equal(t, "9", report("message_id=1000&status=1&timestamp=1900000001")["row"].(map[string]any)["id"], "the file has come")
	require.Equal(t, map[string]any{"file": "campaign.csv", "line": 3.0, "id": "8"}, report("message_id=999&status=1&timestamp=1900000001")["row"], "the file has grown")

	resp, err := http.Get(address + "another-secret-of-16")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	require.NoError(t, out.Close()) // there is no reader any more
	resp, err = http.Get(url + "?message_id=1&status=1&timestamp=1900000000")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	stop()
	require.Equal(t, cli.ExitSomeBad, <-code)
}

func TestReports_usage(t *testing.T) {
	folder := t.TempDir()
	short := filepath.Join(folder, "short")
	require.NoError(t, os.WriteFile(short, []byte("secret"), 0o600))
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{cli.ExitUsage, `--secret-file is missing: FILE that holds the secret`, nil},
		{cli.ExitNotSent, "holds no secret: smslink: the webhook's secret is shorter than 16 characters", []string{"--secret-file", short}},
		{cli.ExitNotSent, "--secret-file: ", []string{"--secret-file", filepath.Join(folder, "no", "file")}},
		{cli.ExitUsage, `--listen "127.0.0.1:-1": write an address and a port`, []string{"--secret-file", short, "--listen", "127.0.0.1:-1"}},
		{cli.ExitNotSent, "--listen: ", []string{"--secret-file", filepath.Join(folder, "new"), "--listen", "192.0.2.1:0"}},
		{cli.ExitUsage, "--results: june.xlsx is a workbook", []string{"--secret-file", short, "--results", "june.xlsx"}},
		{cli.ExitNotSent, "--results: ", []string{"--secret-file", filepath.Join(folder, "new"), "--results", folder}},
		{cli.ExitNotSent, "is not a results file of send", []string{"--secret-file", filepath.Join(folder, "new"), "--results", short}},
	} {
		got := smslinkIn(nil, "", append([]string{"reports"}, c.args...)...)
		require.Equal(t, c.code, got.code, c.args)
		require.Contains(t, got.err, c.says)
	}
}
