package main

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/cmdtest"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "4") // unless the command line has another: many tests wait
	testscript.Main(m, map[string]func(){"smslink": mainAtClock})
}

// mainAtClock is main with the clock of a script: CLOCK is the time in Romania at which the command
// starts.
func mainAtClock() {
	var now func() time.Time
	if text := os.Getenv("CLOCK"); text != "" {
		romania, err := time.LoadLocation("Europe/Bucharest")
		if err != nil {
			panic(err)
		}
		set, err := time.ParseInLocation("02.01.2006 15:04", text, romania)
		if err != nil {
			panic(err)
		}
		began := time.Now()
		now = func() time.Time { return set.Add(time.Since(began)) }
	}
	cli.Main(func(c cli.Console) *cobra.Command {
		c.Now = now
		return newCommand(c)
	})
}

func TestScripts(t *testing.T) { cmdtest.Scripts(t) }

// The outbox is a program of its own, and is started if it is installed.
func TestOutbox_isAProgramOfItsOwn(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	got := smslinkIn(nil, "", "outbox", "status")
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Equal(t, "smslink: smslink-outbox is not installed; install it with\n  go install github.com/go-smslink/smslink/cmd/smslink-outbox@latest\n", got.err)
}
