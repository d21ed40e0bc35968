//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
)

// Rows that the journal could not record are not sent. Once the disk has room, the same command
// sends them.
func TestSend_fullDiskUnderTheJournal(t *testing.T) {
	gateway := newGateway(t, nil)
	disk := smallDisk(t)
	filler := filepath.Join(disk, "filler")
	require.NoError(t, os.WriteFile(filler, make([]byte, 40<<10), 0o600))
	file := numbered(t, 2000)
	send := func() ran {
		return smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, "--journal", filepath.Join(disk, "june"), file)
	}
	got := send()
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Contains(t, got.err, "no space left on device; nothing was sent\n")
	require.Empty(t, gateway.Uploads())
	require.NoError(t, os.Remove(filler))
	require.Equal(t, cli.ExitAccepted, send().code)
	require.Len(t, gateway.Messages(), 2000)
}

// A folder whose files are something else is left unchanged.
func TestSend_journalOverOtherFiles(t *testing.T) {
	gateway := newGateway(t, nil)
	for _, name := range []string{"journal", "rows"} {
		folder := t.TempDir()
		file := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(file, []byte("4"), 0o600))
		got := smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, "--journal", folder, campaignFile)
		require.Equal(t, cli.ExitNotSent, got.code)
		require.Contains(t, got.err, "not a ")
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, "4", string(raw))
		got = smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, "--journal", file, campaignFile)
		require.Equal(t, cli.ExitNotSent, got.code)
		require.Contains(t, got.err, file+" is a file; name a folder; nothing was sent\n")
	}
	require.Empty(t, gateway.Uploads())
}
