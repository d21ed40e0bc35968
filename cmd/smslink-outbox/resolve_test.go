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
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outboxcmd"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/smslinktest"
)

// A report of the account resolves the messages that it has.
func TestResolve_fromReport(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	t.Cleanup(gateway.Close)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	env := map[string]string{
		"SMSLINK_OUTBOX_DB":     "sqlite:" + filepath.Join(dir, "shop.db"),
		"SMSLINK_CONNECTION_ID": gateway.ConnectionID,
		"SMSLINK_PASSWORD":      gateway.Password,
	}
	run := func(ctx context.Context, args ...string) (string, error) {
		var out, errOut bytes.Buffer
		cmd := outboxcmd.NewCommand(cli.Console{Out: &out, Err: &errOut, Getenv: func(name string) string { return env[name] }})
		cmd.SetArgs(args)
		err := cmd.ExecuteContext(ctx)
		return out.String() + errOut.String(), err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := run(t.Context(), args...)
		require.NoError(t, err, out)
		return out
	}
	must("migrate")
	earlier := file("earlier.csv", "id,to,text\n1,0700000013,La fel.\n2,0700000015,De trei ori.\n3,0700000016,Câte una.\n")
	rows := file("june.csv", "id,to,text\n1,0700000011,Bună ziua.\n2,0700000012,Altul.\n3,0700000013,La fel.\n"+
		"4,0700000014,De două ori.\n5,+40700000014,De doua ori.\n"+
		"6,+40700000015,De trei ori.\n7,0700000015,De trei ori.\n"+
		"8,+40700000016,Câte una.\n9,0700000016,Cate una.\n")
	send := func(want outbox.State, key string) {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := run(ctx, "run", "--endpoint", gateway.URL)
			ended <- err
		}()
		require.Eventually(t, func() bool {
			var r outbox.Record
			require.NoError(t, json.Unmarshal([]byte(must("lookup", "--json", key)), &r))
			return r.State == want
		}, 2*time.Minute, 20*time.Millisecond)
		stop()
		require.NoError(t, <-ended)
	}
	must("enqueue", "--campaign", "may", earlier)
	send(outbox.Accepted, "may-1")
	must("enqueue", "--campaign", "june", rows)
	gateway.Inject(smslinktest.LoseReply())
	send(outbox.InDoubt, "june-1")

	var u outbox.Unresolved
	require.NoError(t, json.Unmarshal([]byte(must("doubts", "--json")), &u))
	report := file("account.csv", "Data;Telefon;Mesaj\n1.6.2026;40700000011;Buna ziua.\n1.6.2026;40700000013;La fel.\n"+
		"1.6.2026;40700000014;De doua ori.\n2.6.2026;40700000014;De doua ori.\n"+
		"1.6.2026;40700000015;De trei ori.\n2.6.2026;40700000015;De trei ori.\n"+
		strings.Repeat("1.6.2026;40700000016;Cate una.\n", 3))
	for name, text := range map[string]string{
		"results.csv":   strings.Join(outcome.ResultsHeader, ",") + "\njune.csv,2,1,3,success,77,1,,0700000011,accepted,,\n",
		"reports.jsonl": `{"remote_id":"77","delivered":true,"row":{"file":"june.csv","line":2,"id":"1"}}` + "\n",
	} {
		out, err := run(t.Context(), "resolve", u.Package, "--from-report", file(name, text), "--by", "Ana", "--reason", "a test")
		require.ErrorContains(t, err, name+": it is not the account's report", out)
	}
	out := must("resolve", u.Package, "--from-report", report, "--report-column", "to=Telefon", "--by", "Ana", "--reason", "the report")
	require.Contains(t, out, "5 of 9 messages found in the report and recorded as sent")
	require.Contains(t, out, "3 in the report, but not as often as in the outbox: they stay in doubt",
		"the report may mean may-1 and may-2")
	require.Contains(t, out, "1 not in the report; but --not-sent would also queue those that are in it")
	require.NotContains(t, out, "resolve the rest with --not-sent")
	require.Contains(t, must("lookup", "june-1"), "accepted")
	require.Contains(t, must("lookup", "june-2"), "in doubt")
	require.Contains(t, must("lookup", "june-3"), "in doubt")
	for _, key := range []string{"june-4", "june-5", "june-8", "june-9"} {
		require.Contains(t, must("lookup", key), "accepted", "the report has their text as often as the outbox")
	}
	require.Contains(t, must("doubts"), "4 messages of bulk")

	_, err := run(t.Context(), "resolve", u.Package, "--not-sent", "--by", "Ana", "--reason", "a test")
	require.ErrorContains(t, err, "the package may still be sent; end its worker ")
	db, err := sql.Open("sqlite", filepath.Join(dir, "shop.db"))
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(t.Context(), "UPDATE smslink_package SET began = began - 3600000000, deadline = deadline - 3600000000")
	require.NoError(t, err)
	out, err = run(t.Context(), "resolve", u.Package, "--not-sent", "--by", "Ana", "--reason", "a test")
	require.NoError(t, err, "an hour later")
	host, err := os.Hostname()
	require.NoError(t, err)
	require.Regexp(t, `end process [0-9]+ on `+regexp.QuoteMeta(host)+` \(worker .*\) first, if it still runs`, out)
}
