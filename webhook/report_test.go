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

	"github.com/go-smslink/smslink/webhook"
)

func TestReport_Network(t *testing.T) {
	for id, want := range map[string]string{"1": "Vodafone", "2": "Orange", "3": "Telekom", "5": "Digi", "4": "", "": "", "01": "", "99": ""} {
		require.Equal(t, want, webhook.Report{NetworkID: id}.Network(), id)
	}
}

// Only what the gateway counts is printed: not the operator's words, nor a network's,
// nor what else came.
func TestReport_printsNobodysWords(t *testing.T) {
	r := webhook.Report{
		RemoteID: "220000001", Delivered: true, Time: time.Unix(1_700_000_000, 0).UTC(),
		NetworkID: secretText, NetworkType: secretNumber, Text: secretText, ConnectionID: secretPassword, Other: url.Values{secretNumber: {secretPassword}},
	}
	const want = "report of 220000001: delivered, 2023-11-14T22:13:20Z"
	require.Equal(t, want, fmt.Sprint(r))
	require.Equal(t, "report of (not a number): not delivered, 0001-01-01T00:00:00Z", fmt.Sprint(webhook.Report{RemoteID: secretNumber}))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		require.Equal(t, want, fmt.Sprintf(verb, r))
		requireNoSecret(t, fmt.Sprintf(verb, &r)+fmt.Sprintf(verb, []webhook.Report{r})+fmt.Sprintf(verb, map[string]any{"r": r}))
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "r", r, "p", &r)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "r", r, "p", &r)
	requireNoSecret(t, logged.String())
	require.Contains(t, logged.String(), "r.remote_id=220000001 r.delivered=true r.time=2023-11-14T22:13:20")
}

func TestNothingShowsAPasswordANumberOrAText(t *testing.T) {
	handler := newHandler(t, new(reports).take, &webhook.Options{ConnectionID: secretPassword})
	requireNoSecrets(t, handler, &handler)
	for _, query := range []string{"message_id=" + secretNumber, "message_id=" + secretPassword + "&status=" + secretNumber} {
		_, err := parseReport(t, byGet(query))
		requireNoSecrets(t, err)
	}
}

// A program that dies with a report in its panic prints it to a log that strangers may read.
func TestReport_panicText(t *testing.T) {
	const asked = "SMSLINK_TEST_PANIC"
	if os.Getenv(asked) != "" {
		report, err := parseReport(t, byGet(plainReport+"&connection_id="+secretPassword+"&to="+secretNumber))
		require.NoError(t, err)
		panic(report)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestReport_panicText$")
	cmd.Env = append(os.Environ(), asked+"=1", "GOTRACEBACK=all")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "panic: ")
	requireNoSecret(t, string(out))
}
