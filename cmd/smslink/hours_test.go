package main

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/smslinktest"
)

// At the end of the hours the command stops as with Ctrl-C. In the morning the same command goes
// on.
func TestSend_hours(t *testing.T) {
	t.Parallel()
	romania, err := time.LoadLocation("Europe/Bucharest")
	require.NoError(t, err)
	// The packages take longer than the hours last, however fast or slow the machine is.
	gateway := newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault { return smslinktest.Delay(600 * time.Millisecond) }})
	folder := t.TempDir()
	file := filepath.Join(folder, "june.csv")
	require.NoError(t, os.WriteFile(file, []byte("id,to,text\n1,0712345671,Bună\n2,0712345672,Bună\n3,0712345673,Bună\n4,0712345674,Bună\n"), 0o600))
	sendAt := func(clock string, args ...string) ran {
		began := time.Now()
		set, err := time.ParseInLocation("02.01.2006 15:04:05", clock, romania)
		require.NoError(t, err)
		return smslinkAt(t.Context(), func() time.Time { return set.Add(time.Since(began)) }, accountOf(gateway), "", append([]string{
			"send", "--hours", "08:00-22:00", "--zone", "Europe/Bucharest", "--package-size", "1", "--journal", filepath.Join(folder, "june"), "--endpoint", gateway.URL, file,
		}, args...)...)
	}
	got := sendAt("01.06.2026 21:59:59")
	require.Contains(t, []int{cli.ExitSomeBad, cli.ExitNotSent}, got.code, got.err)
	require.Regexp(t, `not sent: the end of --hours 08:00-22:00\n|not sent: it is 22:00 in Europe/Bucharest, outside --hours`, got.out+got.err)
	require.Less(t, len(gateway.Messages()), 4)
	for _, night := range []string{"01.06.2026 22:00:00", "02.06.2026 07:59:00"} {
		got = sendAt(night)
		require.Equal(t, cli.ExitNotSent, got.code)
		require.Contains(t, got.err, "in Europe/Bucharest, outside --hours 08:00-22:00; nothing was sent\n")
	}
	require.Equal(t, cli.ExitAccepted, sendAt("02.06.2026 08:00:00").code)
	require.Len(t, gateway.Messages(), 4)
}

// The hours end after the rows were checked and before the proof is sent.
func TestSend_hoursEndBeforeTheProof(t *testing.T) {
	gateway := newGateway(t, nil)
	now := time.Date(2027, 6, 1, 17, 30, 0, 0, time.UTC) // 20:30 in Romania
	passing := func() time.Time {
		defer func() { now = now.Add(50 * time.Minute) }()
		return now
	}
	got := smslinkAt(t.Context(), passing, accountOf(gateway), "", "send", "--proof", "0712345678",
		"--hours", "08:00-22:00", "--zone", "Europe/Bucharest", "--endpoint", gateway.URL, campaignFile)
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Contains(t, got.err, "smslink: it is 22:10 in Europe/Bucharest, outside --hours 08:00-22:00; nothing was sent\n")
	require.Empty(t, gateway.Messages())
}

// The machine sleeps in the pause between two attempts, and wakes after the end of the hours.
// Nothing is sent.
func TestSend_hoursEndBetweenTwoAttempts(t *testing.T) {
	t.Parallel()
	gateway := smslinktest.NewUnstartedGateway(nil)
	t.Cleanup(gateway.Close)
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := unused.Addr().String()
	require.NoError(t, unused.Close()) // the first attempt can't reach it
	server := &http.Server{Handler: gateway, ReadHeaderTimeout: time.Minute}
	t.Cleanup(func() { _ = server.Close() })

	var night atomic.Bool
	now := func() time.Time {
		if night.Load() {
			return time.Date(2027, 6, 1, 23, 30, 0, 0, time.UTC)
		}
		return time.Date(2027, 6, 1, 12, 0, 0, 0, time.UTC)
	}
	env := accountOf(gateway)
	var out, errOut bytes.Buffer
	stderr := writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "attempt 1: not sent") {
			listener, err := net.Listen("tcp", address)
			if assert.NoError(t, err) {
				go func() { _ = server.Serve(listener) }()
			}
			night.Store(true)
		}
		return errOut.Write(p)
	})
	console := cli.Console{In: strings.NewReader("id,to,text\n1,0712345671,a\n"), Out: &out, Err: stderr, Now: now, Getenv: func(name string) string { return env[name] }}
	code := cli.Run(t.Context(), console, newCommand, []string{
		"send", "--hours", "08:00-22:00", "--zone", "UTC", "--endpoint", "http://" + address + smslinktest.BulkPath, "-",
	})
	require.True(t, night.Load())
	require.Equal(t, cli.ExitNotSent, code, errOut.String())
	require.Contains(t, out.String(), "not sent: it is 23:30 in UTC, outside --hours 08:00-22:00\n")
	require.Empty(t, gateway.Uploads())
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// No message is scheduled outside the hours, not even on days on which the clocks change.
func TestSend_hoursOfScheduledMessages(t *testing.T) {
	gateway := newGateway(t, nil)
	now := func() time.Time { return time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC) }
	rows := "id,to,text,send_at\n" +
		"1,0712345671,Bună,2026-03-29T08:00:00+03:00\n" +
		"2,0712345672,Bună,2026-03-29T08:00:00+02:00\n" + // 09:00 after the change
		"3,0712345673,Bună,2026-03-29T07:59:00+03:00\n" +
		"4,0712345674,Bună,2026-10-25T21:59:00+02:00\n" +
		"5,0712345675,Bună,2026-10-25T21:59:00+01:00\n"
	file := filepath.Join(t.TempDir(), "june.csv")
	require.NoError(t, os.WriteFile(file, []byte(rows), 0o600))
	got := smslinkAt(t.Context(), now, accountOf(gateway), "", "send", "--hours", "08:00-22:00", "--zone", "Europe/Bucharest", "--on-bad-row", "skip", "--endpoint", gateway.URL, file)
	require.Contains(t, got.err, "june.csv:4: send_at is at 07:59 in Europe/Bucharest, outside --hours 08:00-22:00\n")
	require.Contains(t, got.err, "june.csv:6: send_at is at 22:59 in Europe/Bucharest, outside --hours 08:00-22:00\n")

	for _, args := range [][]string{{"--hours", "08:00-22:00"}, {"--hours", ""}, {"--hours", "8-22", "--zone", "UTC"}} {
		require.Equal(t, cli.ExitUsage, smslinkAt(t.Context(), now, accountOf(gateway), "", append([]string{"send", "--endpoint", gateway.URL, file}, args...)...).code, args)
	}
}

// A message that failed is not sent again at a time that has passed since, or that --hours exclude.
func TestSend_timesOfWhatIsSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		later time.Duration
		args  []string
		says  string
	}{
		"outside the hours": {0, []string{"--hours", "08:00-22:00", "--zone", "Europe/Bucharest"}, "send_at is at 23:00 in Europe/Bucharest, outside --hours 08:00-22:00\n"},
		"in the past":       {12 * time.Hour, nil, "send_at lies in the past; remove it to send now\n"},
	} {
		t.Run(name, func(t *testing.T) {
			gateway := newGateway(t, &smslinktest.Options{
				Now:     func() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) }, // it checks no times
				Senders: []string{"MAGAZIN"},
			})
			folder, now := t.TempDir(), time.Date(2027, 6, 1, 9, 0, 0, 0, time.UTC)
			file := filepath.Join(folder, "june.csv")
			require.NoError(t, os.WriteFile(file, []byte("id,to,from,text,send_at\n1,0712345671,ALTUL,unu,2027-06-01T23:00:00+03:00\n"), 0o600))
			send := func(args ...string) ran {
				return smslinkAt(t.Context(), func() time.Time { return now }, accountOf(gateway), "",
					append([]string{"send", "--endpoint", gateway.URL, "--journal", filepath.Join(folder, "june"), file}, args...)...)
			}
			require.Equal(t, cli.ExitSomeBad, send().code)
			require.Len(t, gateway.Uploads(), 1)
			now = now.Add(c.later)
			got := send(c.args...)
			require.Equal(t, cli.ExitSomeBad, got.code)
			require.Contains(t, got.out, "nothing left to send; 1 failed; ")
			got = send(append(c.args, "--resend-failed")...)
			require.Equal(t, cli.ExitNotSent, got.code)
			require.Contains(t, got.err, c.says)
			require.Len(t, gateway.Uploads(), 1)
		})
	}
}

// With --same-campaign, a new row with the contents of one that was sent is not taken for it,
// wherever it stands. If its time is outside the hours, it is not sent.
func TestSend_timesOfNewRows(t *testing.T) {
	const old, added = "1,0712345671,noaptea,2027-06-02T03:00:00+03:00\n", "2,0712345671,noaptea,2027-06-02T03:00:00+03:00\n"
	for rows, c := range map[string]struct {
		code int
		says string
	}{
		old + added: {cli.ExitSomeBad, "june.csv:3: send_at is at 03:00 in Europe/Bucharest, outside --hours 08:00-22:00\n"},
		added + old: {cli.ExitNotSent, "june.csv:2 has the contents of a row that was sent, which the files have, too; its time has passed or is outside the hours"},
		added:       {cli.ExitAccepted, ""}, // it has moved
	} {
		gateway := newGateway(t, nil)
		folder := t.TempDir()
		file := filepath.Join(folder, "june.csv")
		send := func(rows string, args ...string) ran {
			require.NoError(t, os.WriteFile(file, []byte("id,to,text,send_at\n"+rows), 0o600))
			return smslinkAt(t.Context(), func() time.Time { return time.Date(2027, 6, 1, 9, 0, 0, 0, time.UTC) }, accountOf(gateway), "",
				append([]string{"send", "--endpoint", gateway.URL, "--journal", filepath.Join(folder, "june"), file}, args...)...)
		}
		require.Equal(t, cli.ExitAccepted, send(old).code)
		got := send(rows, "--same-campaign", "--on-bad-row", "skip", "--hours", "08:00-22:00", "--zone", "Europe/Bucharest")
		require.Equal(t, c.code, got.code, got.err)
		require.Contains(t, got.err, c.says)
		require.Len(t, gateway.Messages(), 1)
	}
}
