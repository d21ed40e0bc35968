package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/smslink/internal/outcome"
)

func TestReports_joinedWithResults(t *testing.T) {
	folder := t.TempDir()
	results, secretFile := filepath.Join(folder, "results.csv"), filepath.Join(folder, "secret")
	late := filepath.Join(folder, "late.csv") // comes later
	gateway := newGateway(t, nil)
	got := smslinkIn(accountOf(gateway), "id,to,text\n7,0700000001,a\n", "send", "--endpoint", gateway.URL, "--results", results, "-")
	require.Equal(t, exitAccepted, got.code)

	out, write := io.Pipe()
	said, sayIt := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, console{strings.NewReader(""), write, sayIt, os.Getenv}, []string{
			"reports", "--listen", "127.0.0.1:0", "--secret-file", secretFile, "--results", results, "--results", late, "--dedupe", "10",
		})
	}()
	line := make([]byte, 200)
	n, err := said.Read(line)
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, said) }()
	address, _, _ := strings.Cut(strings.TrimPrefix(string(line[:n]), "smslink: taking delivery reports at "), " ")
	secret, err := os.ReadFile(secretFile)
	require.NoError(t, err)
	info, err := os.Stat(secretFile)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
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
		"row": map[string]any{"file": "standard input", "line": 2.0, "id": "7"},
	}, report("message_id=220000001&status=1&timestamp=1900000000&network_id=2&message_count=1"))
	require.Nil(t, report("message_id=999&status=0&timestamp=1900000000")["row"])

	f, err := os.OpenFile(results, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("campaign.csv,3,8,3,success,999,1,\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(late, []byte(strings.Join(outcome.ResultsHeader, ",")+"\nlate.csv,2,9,3,success,1000,1,\n"), 0o600))
	require.Equal(t, "9", report("message_id=1000&status=1&timestamp=1900000001")["row"].(map[string]any)["id"], "the file has come")
	require.Equal(t, map[string]any{"file": "campaign.csv", "line": 3.0, "id": "8"}, report("message_id=999&status=1&timestamp=1900000001")["row"], "the file has grown")

	resp, err := http.Get(address + "another-secret-of-16")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	require.NoError(t, out.Close()) // nobody reads on
	resp, err = http.Get(url + "?message_id=1&status=1&timestamp=1900000000")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	stop()
	require.Equal(t, exitSomeBad, <-code)
}

// A results file is read on as it grows, and read again if it was replaced.
func TestResultRows(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "results.csv")
	header := strings.Join(outcome.ResultsHeader, ",") + "\n"
	line := func(n int, remoteID string) string {
		return fmt.Sprintf("a.csv,%d,1,3,success,%s,1,\n", n, remoteID)
	}
	log := &strings.Builder{}
	rows := newResultRows([]string{name}, slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, rows.load(), "it is not there")
	write := func(file string) {
		require.NoError(t, os.WriteFile(name+".new", []byte(file), 0o600))
		require.NoError(t, os.Rename(name+".new", name))
	}
	grow := func(more string) {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		_, err = f.WriteString(more)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	lineOf := func(remoteID string) int {
		row := rows.find(remoteID)
		if row == nil {
			return 0
		}
		return row.Line
	}

	grow("")
	require.NoError(t, rows.load(), "it is empty")
	grow(header[:10])
	require.NoError(t, rows.load(), "its header is being written")
	grow(header[10:] + line(2, "100") + `a.csv,3,"1`)
	require.Equal(t, 2, lineOf("100"))
	require.Zero(t, lineOf("101"))
	grow(`",3,success,101,1,` + "\n")
	require.Equal(t, 3, lineOf("101"), "its line has come")
	require.EqualValues(t, len(header)+len(line(2, "100"))+len(line(3, "101"))+2, rows.files[0].read)
	require.Empty(t, log.String())

	grow(`a.csv,4,"broken` + "\nshort,5\n" + line(6, "102") + `'=a.csv,7,'+8,3,success,'-103,1,` + "\n" + `'a.csv,8,',3,success,104,1,` + "\n")
	require.Equal(t, 6, lineOf("102"))
	require.Equal(t, 2, strings.Count(log.String(), "level=WARN"))
	require.Contains(t, log.String(), "line=4")
	require.Contains(t, log.String(), "line=5")
	require.NotContains(t, log.String(), "short")
	require.Equal(t, &reportedRow{"=a.csv", 7, "+8"}, rows.find("-103"))
	require.Equal(t, &reportedRow{"'a.csv", 8, "'"}, rows.find("104"))

	write(header + line(2, "200"))
	require.Equal(t, 2, lineOf("200"), "it is shorter")
	write(header + line(2, "201"))
	require.Equal(t, 2, lineOf("201"), "it is another, of the same size")
	write(header + line(2, "202") + line(3, "203"))
	require.Equal(t, 2, lineOf("202"), "it is another, and longer")
	require.Equal(t, 3, lineOf("203"))

	write("id,to,text\n")
	require.ErrorContains(t, rows.load(), "is not a results file of send")
	require.Equal(t, 2, lineOf("100"), "what is known stays known")
	require.NoError(t, os.Remove(name))
	require.Zero(t, lineOf("300"))
	write(header + line(9, "300"))
	require.Equal(t, 9, lineOf("300"), "it is back")
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
		{exitUsage, `--secret-file is missing: FILE that holds the secret`, nil},
		{exitUsage, "the delivery reports' secret is shorter than 16 characters", []string{"--secret-file", short}},
		{exitNotSent, "--secret-file: ", []string{"--secret-file", filepath.Join(folder, "no", "file")}},
		{exitNotSent, "--listen: ", []string{"--secret-file", filepath.Join(folder, "new"), "--listen", "127.0.0.1:-1"}},
		{exitNotSent, "--results: ", []string{"--secret-file", filepath.Join(folder, "new"), "--results", filepath.Join(short, "none")}},
		{exitNotSent, "is not a results file of send", []string{"--secret-file", filepath.Join(folder, "new"), "--results", short}},
	} {
		got := smslinkIn(nil, "", append([]string{"reports"}, c.args...)...)
		require.Equal(t, c.code, got.code, c.args)
		require.Contains(t, got.err, c.says)
	}
}
