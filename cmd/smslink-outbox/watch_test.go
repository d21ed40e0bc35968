//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cmdtest"
	"github.com/go-smslink/smslink/smslinktest"
)

// The figures have the names of smslinkotel's metrics, and overwrite the ones shown before.
func TestOutboxStatus_watch(t *testing.T) {
	t.Parallel()
	gateway := smslinktest.NewGateway(nil)
	t.Cleanup(gateway.Close)
	db := "sqlite:" + filepath.Join(t.TempDir(), "shop.db")
	var rows strings.Builder
	rows.WriteString("id,to,text\n")
	for i := range 12 {
		fmt.Fprintf(&rows, "%d,07%08d,Codul dvs. este %d.\n", i+1, i, i)
	}
	file := filepath.Join(t.TempDir(), "campaign.csv")
	require.NoError(t, os.WriteFile(file, []byte(rows.String()), 0o600))
	term := cmdtest.NewTerminal(t, gateway, 100)
	term.Types("export "+"SMSLINK_OUTBOX_DB="+db, "Enter")
	term.Types("smslink-outbox migrate && smslink-outbox enqueue --campaign june "+file+"; clear", "Enter")
	term.Types("(sleep 3; smslink-outbox pause --reason 'a test' --by Ioana) & smslink-outbox status --watch", "Enter")
	screen := term.Shows("oldest due", "paused: no")
	require.Regexp(t, `(?m)^(\$ )? *lane +queued +oldest due +accepted in the last minute$`, screen)
	require.Regexp(t, `(?m)^ +bulk +12 +[0-9.]+m?s +0 █{24}$`, screen)
	require.Regexp(t, `(?m)^ +urgent +0 +0s +0$`, screen)
	require.Regexp(t, `(?m)^packages: 0 sending, 0 in doubt, 0 rejected$`, screen)
	screen = term.Shows("paused: Ioana: a test")
	require.NotContains(t, screen, "paused: no")
	require.Equal(t, 1, strings.Count(screen, "packages: "))
}
