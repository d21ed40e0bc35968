package main

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/cmdtest"
	"github.com/go-smslink/smslink/cmd/internal/probe"
	"github.com/go-smslink/smslink/smslinktest"
)

// By default, the test gateway meets every assumption of docs/gateway.md.
func TestProbe_everyAssumptionHolds(t *testing.T) {
	gateway := smslinktest.NewUnstartedGateway(nil)
	gateway.StartTLS()
	t.Cleanup(gateway.Close)
	certificate := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: gateway.Server.Certificate().Raw}), 0o600))
	t.Setenv("SSL_CERT_FILE", certificate)

	args := []string{"probe", "--endpoint", gateway.URL, "--to", "0712345678", "--pause", "0", "--idle-wait", "2100ms", "--yes"}
	p := start(t, gateway, args...)
	require.Equal(t, cli.ExitAccepted, p.end(), "%s%s", p.out.String(), p.err.String())
	require.Contains(t, p.out.String(), " 0 deviate, 0 unclear. Questions: 6 answered, 0 not.\n")
	require.Contains(t, p.out.String(), "TLS 1.3")
	require.Equal(t, 1+2*(len(probe.Names())-1)+1, strings.Count(p.out.String(), "\n"))
}

// On a terminal it asks first, and sends nothing before the answer.
func TestProbe_asksFirst(t *testing.T) {
	gateway := newGateway(t, nil)
	term := cmdtest.NewTerminal(t, gateway, 200)
	probe := "smslink probe --to 0712345678 --pause 0 --only credentials --endpoint " + gateway.URL
	term.Types(probe, "Enter")
	term.Shows("1 check of 127.0.0.1:", "in test mode", "Begin? [y/N]")
	term.Types("n", "Enter")
	term.Shows("not confirmed")
	require.Empty(t, gateway.Uploads())
	term.Clear()
	term.Types(probe, "Enter")
	term.Shows("Begin? [y/N]")
	term.Types("y", "Enter")
	term.Shows("1 hold, 0 deviate")
	require.Len(t, gateway.Uploads(), 1)
}
