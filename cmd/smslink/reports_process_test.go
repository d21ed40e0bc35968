//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
)

// reportsProcess is smslink reports in a process of its own.
type reportsProcess struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
}

func startReports(t *testing.T, out *os.File, args ...string) *reportsProcess {
	t.Helper()
	secretFile := filepath.Join(t.TempDir(), "secret")
	p := &reportsProcess{t: t, cmd: exec.CommandContext(t.Context(), "smslink", append([]string{"reports", "--listen", "127.0.0.1:0", "--secret-file", secretFile}, args...)...)}
	p.cmd.Stdout = out
	said, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	lines := bufio.NewScanner(said)
	require.True(t, lines.Scan())
	address, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "smslink: receiving delivery reports at "), " ")
	secret, err := os.ReadFile(secretFile)
	require.NoError(t, err)
	p.url = address + strings.TrimSpace(string(secret))
	go func() {
		for lines.Scan() {
			continue
		}
	}()
	return p
}

// report sends a report with a text of that many bytes, and returns the answer's status code.
func (p *reportsProcess) report(id, text int) int {
	p.t.Helper()
	resp, err := http.Get(fmt.Sprintf("%s?message_id=%d&status=1&timestamp=1900000000&delivery_report=%s", p.url, id, strings.Repeat("a", text)))
	require.NoError(p.t, err)
	require.NoError(p.t, resp.Body.Close())
	return resp.StatusCode
}

func (p *reportsProcess) stop() (code int) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(os.Interrupt))
	_ = p.cmd.Wait() // the code tells
	return p.cmd.ProcessState.ExitCode()
}

// reportIDs returns the remote ids of a file, which must hold only whole lines of JSON.
func reportIDs(t *testing.T, file string) (ids []string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(raw), "\n"))
	for line := range strings.Lines(string(raw)) {
		var report struct {
			RemoteID string `json:"remote_id"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &report), "%.100s", line)
		ids = append(ids, report.RemoteID)
	}
	return ids
}

// If the disk is full in the middle of a report's line, no part of the line is left, and later
// reports have lines of their own.
func TestReports_fullDisk(t *testing.T) {
	for name, flags := range map[string]int{">> file": os.O_APPEND, "> file": 0} {
		t.Run(name, func(t *testing.T) {
			disk := smallDisk(t)
			file, filler := filepath.Join(disk, "reports.jsonl"), filepath.Join(disk, "filler")
			require.NoError(t, os.WriteFile(filler, make([]byte, 32<<10), 0o600))
			out, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|flags, 0o600)
			require.NoError(t, err)
			p := startReports(t, out)
			require.NoError(t, out.Close())
			defer func() { _ = p.cmd.Process.Kill() }()

			var want []string
			send := func(id, text int) (written bool) {
				code := p.report(id, text)
				require.Contains(t, []int{200, 500}, code)
				if code == 200 {
					want = append(want, fmt.Sprint(id))
				}
				return code == 200
			}
			require.True(t, send(1, 0))
			id := 2
			for send(id, 5000) { // a line does not end with a page
				id++
			}
			require.Greater(t, id, 3)
			require.False(t, send(id, 5000), "it is full still")
			require.Equal(t, want, reportIDs(t, file), "while the disk is full")
			require.NoError(t, os.Remove(filler))
			require.True(t, send(id, 5000), "the gateway sends it again")
			require.True(t, send(id+1, 0))
			require.Equal(t, cli.ExitSomeBad, p.stop())
			require.Equal(t, want, reportIDs(t, file))
		})
	}
}

// Control characters are escaped, and the JSON still holds them.
func TestReports_controlCharacters(t *testing.T) {
	file := filepath.Join(t.TempDir(), "reports.jsonl")
	out, err := os.Create(file)
	require.NoError(t, err)
	defer out.Close()
	p := startReports(t, out)
	hostile := "și \x1b]0;title\a\x7f\u009b2J\u202e\u2028\U000e0041 😀\x00"
	resp, err := http.Get(p.url + "?message_id=1&status=1&timestamp=1900000000&network_type=" + url.QueryEscape(hostile) + "&delivery_report=" + url.QueryEscape(hostile) + "&" + url.QueryEscape(hostile) + "=1")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, cli.ExitAccepted, p.stop())
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	line := strings.TrimSuffix(string(raw), "\n")
	require.NotContains(t, line, "\n")
	for _, r := range line {
		require.False(t, unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028', "%U", r)
	}
	require.Contains(t, line, "și ")
	require.Contains(t, line, "😀")
	var report struct {
		NetworkType string `json:"network_type"`
		Text        string `json:"delivery_report"`
		Other       map[string][]string
	}
	require.NoError(t, json.Unmarshal([]byte(line), &report))
	require.Equal(t, hostile, report.NetworkType)
	require.Equal(t, hostile, report.Text)
	require.Contains(t, report.Other, hostile)
}
