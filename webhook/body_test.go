package webhook_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/webhook"
)

func TestReports_parse_queryAndBodyCountAlike(t *testing.T) {
	got, err := parseReport(t, byPost("message_id=7&shop=2", "message_id=7&status=0&timestamp=5&shop=3"))
	require.NoError(t, err)
	require.Equal(t, webhook.Report{RemoteID: "7", Time: time.Unix(5, 0).UTC(), Other: url.Values{"shop": {"2", "3"}}}, got)

	_, err = parseReport(t, byPost("status=1", "message_id=7&status=0&timestamp=5"))
	require.EqualError(t, err, "status has two different values")

	r := byPost("shop=2", "message_id=7&status=0&timestamp=5")
	require.NoError(t, r.ParseForm(), "a middleware has read the body")
	got, err = parseReport(t, r)
	require.NoError(t, err)
	require.Equal(t, url.Values{"shop": {"2"}}, got.Other)
	require.Equal(t, "7", got.RemoteID)
}

// ParseForm leaves a multipart body unread, and the PostForm empty.
func TestReports_parse_multipartBehindAMiddleware(t *testing.T) {
	for name, read := range map[string]func(r *http.Request) error{
		"no one":                            func(*http.Request) error { return nil },
		"one that calls ParseForm":          func(r *http.Request) error { return r.ParseForm() },
		"one that calls ParseMultipartForm": func(r *http.Request) error { return r.ParseMultipartForm(1 << 20) },
		"one that calls both":               func(r *http.Request) error { return errors.Join(r.ParseForm(), r.ParseMultipartForm(1<<20)) },
	} {
		r := multipartOf(t, plainReport+"&connection_id=C1")
		require.NoError(t, read(r), name)
		got, err := parseReport(t, r)
		require.NoError(t, err, name)
		require.Equal(t, webhook.Report{RemoteID: "220000001", Delivered: true, Time: time.Unix(1_700_000_000, 0).UTC(), ConnectionID: "C1"}, got, name)
	}
}

// ParseForm leaves a JSON body unread, and the PostForm empty.
func TestReplies_parse_jsonBehindAMiddleware(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"sender":"0712345678","message":"YES"}`))
	r.Header.Set("Content-Type", "application/json")
	require.NoError(t, r.ParseForm())
	got, err := parsed(t, webhook.Replies, r)
	require.NoError(t, err)
	require.Equal(t, "0712345678 YES", got.From+" "+got.Text)
}

func TestReports_parse_readsNoMoreThanItsBound(t *testing.T) {
	for _, kind := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=b"} {
		body := &countingReader{}
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.Header.Set("Content-Type", kind)
		_, err := parseReport(t, r)
		require.EqualError(t, err, "body is longer than 16 KiB")
		require.LessOrEqual(t, body.read, 16<<10+1)
	}
}

type countingReader struct{ read int }

func (r *countingReader) Read(p []byte) (int, error) {
	r.read += len(p)
	return len(p), nil
}

func TestReports_parse_leavesNothingOnDisk(t *testing.T) {
	t.Setenv("TMPDIR", "/does/not/exist") // where mime/multipart would put a file
	got, err := parseReport(t, multipartOf(t, plainReport))
	require.NoError(t, err)
	require.Equal(t, "220000001", got.RemoteID)
}

func TestReports_parse_bodies(t *testing.T) {
	long := plainReport + "&x=" + strings.Repeat("a", 16<<10)
	fits := (plainReport + "&x=" + strings.Repeat("a", 16<<10))[:16<<10]
	typed := func(kind string, body io.Reader) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.Header.Set("Content-Type", kind)
		return r
	}
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name string
		r    *http.Request
		want string
	}{
		{"16 KiB", byPost("", fits), ""},
		{"more", byPost("", long), "body is longer than 16 KiB"},
		{"without an end", typed(form, &countingReader{}), "body is longer than 16 KiB"},
		{"broken off", typed(form, iotest.ErrReader(io.ErrUnexpectedEOF)), "body ended early"},
		{"longer than a middleware allows", typed(form, http.MaxBytesReader(nil, io.NopCloser(strings.NewReader(plainReport)), 10)), "body can't be read"},
		{"multipart broken off", typed("multipart/form-data; boundary=b", iotest.ErrReader(io.ErrUnexpectedEOF)), "body ended early"},
		{"a query of 16 KiB", byGet(fits), ""},
		{"a longer query", byGet(long), "query is longer than 16 KiB"},
		{"a longer query of a POST", byPost(long, plainReport), "query is longer than 16 KiB"},
		{"a type with parameters", typed("Application/X-WWW-Form-Urlencoded; charset=UTF-8", strings.NewReader(plainReport)), ""},
		{"no type", typed("", strings.NewReader(plainReport)), "message_id is missing or empty"},
		{"JSON", typed("application/json", strings.NewReader(`{"message_id":1}`)), "status is missing or empty"},
		{"a body with GET", func() *http.Request { r := byPost("", plainReport); r.Method = http.MethodGet; return r }(), "message_id is missing or empty"},
		{"no body", func() *http.Request { r := byPost(plainReport, ""); r.Body = nil; return r }(), ""},
		{"multipart without a boundary", typed("multipart/form-data", strings.NewReader("--\r\n")), "body can't be read"},
		{"multipart cut short", typed("multipart/form-data; boundary=b", strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"message_id\"\r\n\r\n1")), "body can't be read"},
		{"multipart of too much", typed("multipart/form-data; boundary=b", strings.NewReader("--b\r\n"+strings.Repeat("a", 16<<10))), "body is longer than 16 KiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseReport(t, c.r)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.want)
		})
	}
}
