//go:build unix

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The figures have the names of smslinkotel's metrics, and are drawn over those of before.
func TestOutboxStatus_watch(t *testing.T) {
	db := "sqlite:" + filepath.Join(t.TempDir(), "shop.db")
	term := newTerminal(t, newGateway(t, nil), 100)
	term.types("export "+envDB+"="+db, "Enter")
	term.types("smslink outbox migrate && smslink outbox enqueue --campaign june "+numbered(t, 12)+"; clear", "Enter")
	term.types("(sleep 3; smslink outbox pause --reason 'a test' --by Ioana) & smslink outbox status --watch", "Enter")
	screen := term.shows("oldest due", "paused: no")
	require.Regexp(t, `(?m)^(\$ )? *lane +queued +oldest due +accepted in the last minute$`, screen)
	require.Regexp(t, `(?m)^ +bulk +12 +[0-9.]+m?s +0 █{24}$`, screen)
	require.Regexp(t, `(?m)^ +urgent +0 +0s +0$`, screen)
	require.Regexp(t, `(?m)^packages: 0 sending, 0 in doubt, 0 held$`, screen)
	screen = term.shows("paused: Ioana: a test")
	require.NotContains(t, screen, "paused: no")
	require.Equal(t, 1, strings.Count(screen, "packages: "))
}
