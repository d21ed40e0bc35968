package webhook_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/secrets"
	"github.com/go-smslink/smslink/webhook"
)

func TestReport_Network(t *testing.T) {
	for id, want := range map[string]string{"1": "Vodafone", "2": "Orange", "3": "Telekom", "5": "Digi", "4": "", "": "", "01": "", "99": ""} {
		require.Equal(t, want, webhook.Report{NetworkID: id}.Network(), id)
	}
}

// Only the gateway's id, the outcome and the time are printed, and no text of an operator or a
// network.
func TestReport_printsNoTextAndNoNumber(t *testing.T) {
	r := webhook.Report{
		RemoteID: "220000001", Delivered: true, Time: time.Unix(1_700_000_000, 0).UTC(),
		NetworkID: secrets.Text, NetworkType: secrets.Number, Text: secrets.Text, ConnectionID: secrets.Password, Other: url.Values{secrets.Number: {secrets.Password}},
	}
	const want = "report of 220000001: delivered, 2023-11-14T22:13:20Z"
	require.Equal(t, want, fmt.Sprint(r))
	require.Equal(t, "report of (not a number): not delivered, 0001-01-01T00:00:00Z", fmt.Sprint(webhook.Report{RemoteID: secrets.Number}))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		require.Equal(t, want, fmt.Sprintf(verb, r))
		secrets.RequireAbsent(t, fmt.Sprintf(verb, &r)+fmt.Sprintf(verb, []webhook.Report{r})+fmt.Sprintf(verb, map[string]any{"r": r}))
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "r", r, "p", &r)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "r", r, "p", &r)
	secrets.RequireAbsent(t, logged.String())
	require.Contains(t, logged.String(), "r.remote_id=220000001 r.delivered=true r.time=2023-11-14T22:13:20")
}

func TestNothingShowsAPasswordANumberOrAText(t *testing.T) {
	handler := newHandler(t, new(reports).take, &webhook.Options{ConnectionID: secrets.Password})
	secrets.RequireHidden(t, handler, &handler)
	for _, query := range []string{"message_id=" + secrets.Number, "message_id=" + secrets.Password + "&status=" + secrets.Number} {
		_, err := parseReport(t, byGet(query))
		secrets.RequireHidden(t, err)
	}
}

// A program that panics with a report prints it to a log that strangers may read.
func TestReport_panicText(t *testing.T) {
	const asked = "SMSLINK_TEST_PANIC"
	if os.Getenv(asked) != "" {
		report, err := parseReport(t, byGet(plainReport+"&connection_id="+secrets.Password+"&to="+secrets.Number))
		require.NoError(t, err)
		panic(report)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestReport_panicText$")
	cmd.Env = append(os.Environ(), asked+"=1", "GOTRACEBACK=all")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "panic: ")
	secrets.RequireAbsent(t, string(out))
}
