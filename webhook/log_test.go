package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/secrets"
	"github.com/go-smslink/smslink/webhook"
)

func TestReports_anotherConnectionIsNotQuoted(t *testing.T) {
	var logged bytes.Buffer
	h := newHandler(t, new(reports).take, &webhook.Options{ConnectionID: "ours-4711", Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	w := record(h, plainReport+"&connection_id=theirs-0815")
	require.Equal(t, 403, w.Code)
	require.Equal(t, "this is another connection's delivery report\n", w.Body.String())
	require.Regexp(t, `^time=\S+ level=WARN msg="smslink: webhook: a report of another connection" call.remote_id=220000001 call.delivered=true call.time=\S+\n$`, logged.String())
}

// A missing report can be found in the log by its remote id.
func TestReports_logsTheRemoteIDOfWhatItRefuses(t *testing.T) {
	for form, want := range map[string]string{
		"message_id=220000001&status=2&timestamp=1": ` remote_id=220000001\n$`,
		"message_id=220000001&status=1":             ` remote_id=220000001\n$`,
		"message_id=0712345678&status=1":            ` remote_id="\(not a number\)"\n$`,
		"message_id=a%20b&status=1&timestamp=1":     `visible ASCII"\n$`,
		"status=1&timestamp=1":                      `missing or empty"\n$`,
	} {
		var logged bytes.Buffer
		h := newHandler(t, new(reports).take, &webhook.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		require.Equal(t, 400, record(h, form).Code)
		require.Regexp(t, want, logged.String())
	}
}

// Anyone can send any number of requests without the secret.
func TestReports_levels(t *testing.T) {
	var logged bytes.Buffer
	h := newHandler(t, func(_ context.Context, r webhook.Report) error {
		if !r.Delivered {
			return errors.New("failed")
		}
		return nil
	}, &webhook.Options{ConnectionID: "C1", Logger: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	const ours = "&connection_id=C1"
	for _, c := range []struct{ path, form, want string }{
		{"/guess", plainReport, `level=DEBUG msg="smslink: webhook: a request without the secret"`},
		{"/" + urlSecret, plainReport + ours, `level=DEBUG msg="smslink: webhook: taken" kind="delivery report"`},
		{"/" + urlSecret, "status=1", `level=WARN msg="smslink: webhook: not what the gateway sends" kind="delivery report"`},
		{"/" + urlSecret, plainReport, `level=WARN msg="smslink: webhook: a report of another connection"`},
		{"/" + urlSecret, "message_id=7&status=0&timestamp=1" + ours, `level=ERROR msg="smslink: webhook: the callback failed" kind="delivery report"`},
	} {
		logged.Reset()
		r := byGet(c.form)
		r.URL.Path = c.path
		h.ServeHTTP(httptest.NewRecorder(), r)
		require.Contains(t, logged.String(), c.want)
		require.Equal(t, 1, strings.Count(logged.String(), "\n"))
	}
}

func TestReports_logsNoSecret(t *testing.T) {
	var logged bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := newHandler(t, new(reports).take, &webhook.Options{Logger: logger, ConnectionID: "C1"})
	rest := "&delivery_report=" + strings.ReplaceAll(secrets.Text, " ", "+") + "&to=" + secrets.Number + "&p=" + secrets.Password
	for _, form := range []string{
		plainReport + rest + "&connection_id=C1", plainReport + rest + "&connection_id=C1", plainReport + rest, "message_id=" + secrets.Number + rest,
		"message_id=" + secrets.Number + "&status=1&timestamp=1&connection_id=C1" + rest,
	} {
		record(h, form)
	}
	for _, method := range []string{"GET", "PUT"} {
		for _, path := range []string{"/" + secrets.Password, "/" + urlSecret} {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path+"?"+rest, nil))
		}
	}
	require.Equal(t, 9, strings.Count(logged.String(), "\n"), "one event a request")
	secrets.RequireAbsent(t, logged.String())
	require.NotContains(t, logged.String(), urlSecret)
	for _, v := range []any{h, &h, struct{ h http.Handler }{h}} {
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", v, v, v), urlSecret)
	}
}
