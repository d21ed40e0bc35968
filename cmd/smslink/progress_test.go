//go:build unix

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cmdtest"
	"github.com/go-smslink/smslink/smslinktest"
)

// On a narrow terminal the progress bar takes one line, and is removed at the end.
func TestProgress_narrow(t *testing.T) {
	for _, c := range []struct {
		columns int
		line    string
	}{
		{79, `(?m)^200 accepted, 0 not  40%  \(200/500\) *$`},
		{40, `(?m)^sending  40%  \(200/500\) *$`},
	} {
		t.Run(fmt.Sprint(c.columns), func(t *testing.T) {
			t.Parallel()
			gateway, pass := newHoldingGateway(t, 2)
			term := cmdtest.NewTerminal(t, gateway, c.columns)
			term.Types("smslink send --yes --package-size 100 --endpoint "+gateway.URL+" "+numbered(t, 500), "Enter")
			term.Matches(c.line)
			close(pass)
			screen := term.Shows("500 rows: 500 accepted, 0 failed, 0 bad;", "500 SMS; 5 packages")
			require.NotContains(t, screen, "%")
		})
	}
}

// A dumb terminal gets no progress bar, since it can't go back to the start of the line.
func TestProgress_dumb(t *testing.T) {
	t.Parallel()
	gateway := newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault { return smslinktest.Delay(200 * time.Millisecond) }})
	term := cmdtest.NewTerminal(t, gateway, 100)
	term.Types("TERM=dumb smslink send --yes --package-size 100 --endpoint "+gateway.URL+" "+numbered(t, 500), "Enter")
	require.Eventually(t, func() bool {
		screen := term.Tmux("capture-pane", "-p", "-J")
		require.NotContains(t, screen, "%")
		return strings.Contains(screen, "5 packages")
	}, 2*time.Minute, 20*time.Millisecond)
}
