package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outboxcmd"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinktest"
)

// shop runs commands on an outbox in SQLite, and sends to a test gateway.
type shop struct {
	*testing.T
	dir     string
	gateway *smslinktest.Gateway
	env     map[string]string
}

func newShop(t *testing.T, rules ...smslinktest.Rule) *shop {
	s := &shop{T: t, dir: t.TempDir(), gateway: smslinktest.NewGateway(&smslinktest.Options{Rules: rules})}
	t.Cleanup(s.gateway.Close)
	s.env = map[string]string{
		"SMSLINK_OUTBOX_DB":     "sqlite:" + filepath.Join(s.dir, "shop.db"),
		"SMSLINK_CONNECTION_ID": s.gateway.ConnectionID,
		"SMSLINK_PASSWORD":      s.gateway.Password,
	}
	s.must("migrate")
	return s
}

func (s *shop) file(name, text string) string {
	path := filepath.Join(s.dir, name)
	require.NoError(s, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (s *shop) run(ctx context.Context, args ...string) (string, error) {
	var out, errOut bytes.Buffer
	cmd := outboxcmd.NewCommand(cli.Console{Out: &out, Err: &errOut, Getenv: func(name string) string { return s.env[name] }})
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	return out.String() + errOut.String(), err
}

func (s *shop) must(args ...string) string {
	s.Helper()
	out, err := s.run(s.Context(), args...)
	require.NoError(s, err, out)
	return out
}

// resolvesSome runs a resolve after which messages are left, as its exit code says.
func (s *shop) resolvesSome(args ...string) string {
	s.Helper()
	out, err := s.run(s.Context(), args...)
	require.Equal(s, cli.Exit(cli.ExitSomeBad, nil), err, out)
	return out
}

// send runs a worker until a message has a state.
func (s *shop) send(want outbox.State, key string) {
	ctx, stop := context.WithCancel(s.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.run(ctx, "run", "--endpoint", s.gateway.URL)
		ended <- err
	}()
	require.Eventually(s, func() bool {
		var r outbox.Record
		require.NoError(s, json.Unmarshal([]byte(s.must("lookup", "--json", key)), &r))
		return r.State == want
	}, 2*time.Minute, 20*time.Millisecond)
	stop()
	require.NoError(s, <-ended)
}

// doubt returns the only package in doubt.
func (s *shop) doubt() (u outbox.Unresolved) {
	require.NoError(s, json.Unmarshal([]byte(s.must("doubts", "--json")), &u))
	return u
}

// A report of the account resolves the messages that it has.
func TestResolve_fromReport(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	earlier := s.file("earlier.csv", "id,to,text\n1,0700000013,La fel.\n2,0700000015,De trei ori.\n3,0700000016,Câte una.\n")
	rows := s.file("june.csv", "id,to,text\n1,0700000011,Bună ziua.\n2,0700000012,Altul.\n3,0700000013,La fel.\n"+
		"4,0700000014,De două ori.\n5,+40700000014,De doua ori.\n"+
		"6,+40700000015,De trei ori.\n7,0700000015,De trei ori.\n"+
		"8,+40700000016,Câte una.\n9,0700000016,Cate una.\n")
	s.must("enqueue", "--campaign", "may", earlier)
	s.send(outbox.Accepted, "may-1")
	s.must("enqueue", "--campaign", "june", rows)
	s.gateway.Inject(smslinktest.LoseReply())
	s.send(outbox.InDoubt, "june-1")

	u := s.doubt()
	report := s.file("account.csv", "Data;Telefon;Mesaj\n1.6.2026;40700000011;Buna ziua.\n1.6.2026;40700000013;La fel.\n"+
		"1.6.2026;40700000014;De doua ori.\n2.6.2026;40700000014;De doua ori.\n"+
		"1.6.2026;40700000015;De trei ori.\n2.6.2026;40700000015;De trei ori.\n"+
		strings.Repeat("1.6.2026;40700000016;Cate una.\n", 3))
	for name, text := range map[string]string{
		"results.csv":   strings.Join(outcome.ResultsHeader, ",") + "\njune.csv,2,1,3,success,77,1,,0700000011,accepted,,,\n",
		"reports.jsonl": `{"remote_id":"77","delivered":true,"row":{"file":"june.csv","line":2,"id":"1"}}` + "\n",
	} {
		out, err := s.run(t.Context(), "resolve", u.Package, "--from-report", s.file(name, text), "--by", "Ana", "--reason", "a test")
		require.ErrorContains(t, err, name+": it is not the account's report", out)
	}
	rounded := s.file("rounded.csv", "to,text\n4.07E+10,Altul.\n")
	out := s.resolvesSome("resolve", u.Package, "--from-report", rounded, "--by", "Ana", "--reason", "the report")
	require.Contains(t, out, "9 not in the report\n1 row of the report can't be read, and may be about any message")
	require.NotContains(t, out, "--not-sent")
	out = s.resolvesSome("resolve", u.Package, "--from-report", report, "--report-column", "to=Telefon", "--by", "Ana", "--reason", "the report")
	require.Contains(t, out, "5 of 9 messages found in the report and recorded as sent")
	require.Contains(t, out, "3 in the report, but not as often as the outbox may have sent them: they stay in doubt",
		"the report may mean may-1 and may-2")
	require.Contains(t, out, "1 not in the report; but --not-sent would also queue those that are in it")
	require.NotContains(t, out, "resolve the rest with --not-sent")
	require.Contains(t, s.must("lookup", "june-1"), "accepted")
	require.Contains(t, s.must("lookup", "june-2"), "in doubt")
	require.Contains(t, s.must("lookup", "june-3"), "in doubt")
	for _, key := range []string{"june-4", "june-5", "june-8", "june-9"} {
		require.Contains(t, s.must("lookup", key), "accepted", "the report has their text as often as the outbox")
	}
	require.Contains(t, s.must("doubts"), "4 messages of bulk")

	out, err := s.run(t.Context(), "resolve", u.Package, "--not-sent", "--by", "Ana", "--reason", "a test")
	require.ErrorContains(t, err, "the package may still be sent; end its worker ")
	require.NotContains(t, out, "queued again")
	db, err := sql.Open("sqlite", filepath.Join(s.dir, "shop.db"))
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(t.Context(), "UPDATE smslink_package SET began = began - 3600000000, deadline = deadline - 3600000000")
	require.NoError(t, err)
	out, err = s.run(t.Context(), "resolve", u.Package, "--not-sent", "--by", "Ana", "--reason", "a test")
	require.NoError(t, err, "an hour later")
	host, err := os.Hostname()
	require.NoError(t, err)
	require.Regexp(t, `^smslink: the messages are queued again; if process [0-9]+ on `+regexp.QuoteMeta(host)+
		` \(worker .*\) still runs, end it now\n$`, out)
}

// A report may mean an earlier message with the same number and text. The one in doubt stays so.
func TestResolve_fromReportThatMayMeanAnEarlierMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		row   string // the earlier message
		state outbox.State
	}{
		"it was abandoned":                 {"0700000011,Buna ziua.", outbox.Abandoned},
		"it failed":                        {"0700000011,Buna ziua.", outbox.Failed},
		"it has the number's other form":   {"+40700000011,Buna ziua.", outbox.Accepted},
		"its text is folded in the report": {"0700000011,Bună ziua.", outbox.Accepted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var failing atomic.Bool
			s := newShop(t, func(smslink.Message) smslink.Status {
				if failing.Load() {
					return smslink.StatusSenderFailed
				}
				return smslink.StatusSuccess
			})
			s.must("enqueue", "--campaign", "may", s.file("may.csv", "id,to,text\n1,"+c.row+"\n"))
			switch c.state {
			case outbox.Abandoned:
				s.gateway.Inject(smslinktest.LoseReply())
				s.send(outbox.InDoubt, "may-1")
				s.must("resolve", s.doubt().Package, "--abandon", "--by", "Ana", "--reason", "too old by now")
			case outbox.Failed:
				failing.Store(true)
				s.send(outbox.Failed, "may-1")
				failing.Store(false)
			default:
				s.send(c.state, "may-1")
			}
			s.must("enqueue", "--campaign", "june", s.file("june.csv", "id,to,text\n1,0700000011,Buna ziua.\n"))
			s.gateway.Inject(smslinktest.Answer(502, "")) // the gateway has not taken it
			s.send(outbox.InDoubt, "june-1")

			report := s.file("account.csv", "Data;Telefon;Mesaj\n1.5.2026;40700000011;Buna ziua.\n")
			out := s.resolvesSome("resolve", s.doubt().Package, "--from-report", report, "--report-column", "to=Telefon",
				"--by", "Ana", "--reason", "the report")
			require.Contains(t, out, "1 in the report, but not as often as the outbox may have sent them: they stay in doubt\n")
			require.Contains(t, s.must("lookup", "june-1"), "june-1: in doubt")

			both := s.file("both.csv", "Data;Telefon;Mesaj\n"+strings.Repeat("1.5.2026;40700000011;Buna ziua.\n", 2))
			out = s.must("resolve", s.doubt().Package, "--from-report", both, "--report-column", "to=Telefon",
				"--by", "Ana", "--reason", "a test")
			require.Equal(t, "1 of 1 message found in the report and recorded as sent\n", out)
		})
	}
}

// A report may mean the attempt to send a message for which the credit did not suffice. The next
// one is in doubt.
func TestResolve_fromReportThatMayMeanAnEarlierAttempt(t *testing.T) {
	t.Parallel()
	var broke atomic.Bool
	broke.Store(true)
	s := newShop(t, func(smslink.Message) smslink.Status {
		if broke.Load() {
			return smslink.StatusInsufficientCredit
		}
		return smslink.StatusSuccess
	})
	s.must("enqueue", "--campaign", "june", s.file("june.csv", "id,to,text\n1,0700000011,Buna ziua.\n"))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.run(ctx, "run", "--endpoint", s.gateway.URL)
		ended <- err
	}()
	require.Eventually(t, func() bool { return strings.Contains(s.must("status"), "insufficient credit") },
		2*time.Minute, 20*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
	broke.Store(false)
	s.must("resume", "--by", "Ana", "--reason", "there is credit")
	s.gateway.Inject(smslinktest.Answer(502, "")) // the gateway has not taken it
	s.send(outbox.InDoubt, "june-1")

	const header, line = "Data;Telefon;Mesaj\n", "1.5.2026;40700000011;Buna ziua.\n"
	resolve := []string{"resolve", s.doubt().Package, "--report-column", "to=Telefon", "--by", "Ana", "--reason", "a test", "--from-report"}
	out := s.resolvesSome(append(resolve, s.file("once.csv", header+line))...)
	require.Contains(t, out, "1 in the report, but not as often as the outbox may have sent them: they stay in doubt\n")
	out = s.must(append(resolve, s.file("twice.csv", header+line+line))...)
	require.Equal(t, "1 of 1 message found in the report and recorded as sent\n", out)
}
