package main

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/smslinktest"
)

// Status 4 has two meanings, and the blacklist says which it is.
func TestJournalShow_blacklist(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{smslinktest.BlacklistedNumbers("0700000003")}}) // an internal error
	require.NoError(t, gateway.Unsubscribe(t.Context(), "0700000002", "STOP"))
	folder := t.TempDir()
	rows, journal := filepath.Join(folder, "rows.csv"), filepath.Join(folder, "june")
	require.NoError(t, os.WriteFile(rows, []byte("id,to,text\n1,0700000001,a\n2,+40700000002,b\n3,0700000003,c\n"), 0o600))
	env := accountOf(gateway)
	require.Equal(t, cli.ExitSomeBad, smslinkIn(env, "", "send", "--endpoint", gateway.URL, "--journal", journal, rows).code)

	args := []string{"journal", "show", "--blacklist", "--endpoint", gateway.URL, journal}
	require.Contains(t, smslinkIn(env, "", args...).err, "--blacklist needs the campaign's FILEs: a journal has no numbers")
	args = append(args, rows)
	require.Contains(t, smslinkIn(env, "", args...).err, "--blacklist needs SMSLINK_LIVE_UPDATE_ID and SMSLINK_LIVE_UPDATE_PASSWORD")
	live := maps.Clone(env)
	live[account.EnvLiveUpdateID] = gateway.ConnectionID
	require.Contains(t, smslinkIn(live, "", args...).err, "set both SMSLINK_LIVE_UPDATE_ID and SMSLINK_LIVE_UPDATE_PASSWORD, or neither")
	live[account.EnvLiveUpdatePassword] = "hunter2"
	got := smslinkIn(live, "", args...)
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Contains(t, got.err, "rows.csv:3: smslink: blacklist: unexpected reply: ERROR 7")
	require.NotContains(t, got.err+got.out, "hunter2")

	live[account.EnvLiveUpdatePassword] = gateway.Password
	got = smslinkIn(live, "", args...)
	require.Equal(t, cli.ExitAccepted, got.code, got.err)
	require.Regexp(t, `(?m)^status 4 +id 2 +.*rows\.csv:3: on the blacklist\n +id 3 +.*rows\.csv:4: not on the blacklist, so most likely an internal error\n`, got.out)
	require.NotContains(t, got.out, "id 1 ")
	require.NotContains(t, smslinkIn(env, "", "journal", "show", journal, rows).out, "status 4")
}
