package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/cmdtest"
)

func TestMain(m *testing.M) { cmdtest.Main(m, map[string]func(){"smslink": main}) }

func TestScripts(t *testing.T) { cmdtest.Scripts(t) }

// The outbox is a program of its own, and is started if it is installed.
func TestOutbox_isAProgramOfItsOwn(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	got := smslinkIn(nil, "", "outbox", "status")
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Equal(t, "smslink: smslink-outbox is not installed; install it with\n  go install github.com/go-smslink/smslink/cmd/smslink-outbox@latest\n", got.err)
}
