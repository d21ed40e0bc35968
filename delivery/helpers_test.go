package delivery_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/delivery"
)

const urlSecret = "v3rySecret-of_18.~"

// reports collects what a handler hands on.
type reports struct {
	mu  sync.Mutex
	got []delivery.Report
	err error // what the callback returns
}

func (r *reports) take(_ context.Context, report delivery.Report) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, report)
	return r.err
}

func newHandler(t testing.TB, handle func(context.Context, delivery.Report) error, opts *delivery.Options) http.Handler {
	t.Helper()
	h, err := delivery.NewHandler(urlSecret, handle, opts)
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

// multipartOf has a form's parameters as parts, and a file beside them.
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

const (
	secretPassword = "hunter2-Xq7"
	secretNumber   = "0040712345678"
	secretText     = "Codul Ioanei este 482913"
)

// requireNoSecrets prints a value in every way that a program would, and looks
// for the secrets: as they are, and as the bytes that fmt makes of a []byte.
func requireNoSecrets(t *testing.T, values ...any) {
	t.Helper()
	for _, v := range values {
		printed := fmt.Sprintf("%v\n%+v\n%#v\n%s\n%q", v, v, v, v, v)
		var logged bytes.Buffer
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "v", v)
		printed += logged.String()
		if raw, err := json.Marshal(v); err == nil {
			printed += string(raw)
		}
		if err, ok := v.(error); ok {
			printed += err.Error()
		}
		requireNoSecret(t, printed)
	}
}

func requireNoSecret(t *testing.T, printed string) {
	t.Helper()
	for _, secret := range []string{secretPassword, secretNumber, secretText} {
		require.NotContains(t, printed, secret)
		var decimal, hex []string
		for _, c := range []byte(secret) {
			decimal = append(decimal, strconv.Itoa(int(c)))
			hex = append(hex, fmt.Sprintf("0x%x", c))
		}
		for offset := range 3 { // base64 of a text depends on where in it the secret starts
			encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + secret))
			require.NotContains(t, printed, encoded[4:len(encoded)-4])
		}
		require.NotContains(t, printed, strings.Join(decimal, " "))
		require.NotContains(t, printed, strings.Join(hex, ", "))
	}
}
