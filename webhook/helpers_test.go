package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/webhook"
)

const urlSecret = "v3rySecret-of_18.~"

// reports collects the reports of a handler.
type reports struct {
	mu  sync.Mutex
	got []webhook.Report
	err error // what the callback returns
}

func (r *reports) take(_ context.Context, report webhook.Report) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, report)
	return r.err
}

func newHandler(t testing.TB, handle func(context.Context, webhook.Report) error, opts *webhook.Options) http.Handler {
	t.Helper()
	h, err := webhook.Reports(urlSecret, handle, opts)
	require.NoError(t, err)
	return h
}

// call makes one request over real HTTP.
func call(t testing.TB, method, url, form string) (status int, header http.Header, body string) {
	t.Helper()
	var sent io.Reader
	if method == http.MethodPost {
		sent = strings.NewReader(form)
	} else if form != "" {
		url += "?" + form
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, sent)
	require.NoError(t, err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	direct := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := direct.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header, string(raw)
}

// record calls the handler with the secret.
func record(h http.Handler, form string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := byGet(form)
	r.URL.Path = "/" + urlSecret
	h.ServeHTTP(w, r)
	return w
}

// parseReport calls a handler, and returns what the callback got or what was logged.
func parseReport(t testing.TB, r *http.Request) (webhook.Report, error) {
	t.Helper()
	return parsed(t, webhook.Reports, r)
}

func parsed[T any](t testing.TB, newHandler func(string, func(context.Context, T) error, *webhook.Options) (http.Handler, error), r *http.Request) (got T, err error) {
	t.Helper()
	var logged bytes.Buffer
	taken := 0
	h, err := newHandler(urlSecret, func(_ context.Context, c T) error {
		taken++
		got = c
		return nil
	}, &webhook.Options{Logger: slog.New(slog.NewJSONHandler(&logged, nil))})
	require.NoError(t, err)
	r.URL.Path = "/" + urlSecret
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code == http.StatusOK {
		require.Equal(t, 1, taken)
		require.Empty(t, logged.String())
		return got, nil
	}
	require.Zero(t, taken)
	var event struct{ Level, Error string }
	require.NoError(t, json.Unmarshal(logged.Bytes(), &event))
	require.Equal(t, "WARN", event.Level)
	return got, errors.New(event.Error)
}

const plainReport = "message_id=220000001&status=1&timestamp=1700000000"

func byGet(query string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL.RawQuery = query
	return r
}

func byPost(query, form string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form))
	r.URL.RawQuery = query
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// multipartOf returns a body with a form's parameters and a file.
func multipartOf(t *testing.T, form string) *http.Request {
	t.Helper()
	values, err := url.ParseQuery(form)
	require.NoError(t, err)
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name := range values {
		require.NoError(t, w.WriteField(name, values.Get(name)))
	}
	file, err := w.CreateFormFile("upload", "x.bin")
	require.NoError(t, err)
	_, err = file.Write(make([]byte, 15_000))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	r := httptest.NewRequest(http.MethodPost, "/", &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}
