package inbox_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func TestPages_areKeptFromOtherSites(t *testing.T) {
	s := serve(t, nil)
	own := s.URL
	typed := []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	linked := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	image := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}
	frame := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}
	_, port, _ := strings.Cut(strings.TrimPrefix(own, "http://"), ":")
	for _, c := range []struct {
		name    string
		method  string
		headers []string
		want    int
	}{
		{"a typed address", "GET", typed, 200},
		{"our own page", "POST", []string{"Origin", own, "Sec-Fetch-Site", "same-origin"}, 303},
		{"our own page, an old browser", "POST", []string{"Origin", own}, 303},
		{"a program", "POST", nil, 303},
		{"localhost", "GET", []string{"Host", "localhost:" + port}, 200},
		{"localhost, posting", "POST",
			[]string{"Host", "localhost:" + port, "Origin", "http://localhost:" + port}, 303},
		{"IPv6", "GET", []string{"Host", "[::1]:" + port}, 200},
		{"an address without a port", "GET", []string{"Host", "[::1]"}, 200},
		{"a link from elsewhere", "GET", linked, 200},

		{"DNS rebinding", "GET", []string{"Host", "evil.example:" + port}, 403},
		{"DNS rebinding, same-origin", "POST", []string{
			"Host", "evil.example:" + port, "Origin", "http://evil.example:" + port, "Sec-Fetch-Site", "same-origin",
		}, 403},
		{"a name like an address", "GET", []string{"Host", "127.0.0.1.evil.example:" + port}, 403},
		{"a name like localhost", "GET", []string{"Host", "localhost.evil.example"}, 403},
		{"a foreign Origin", "POST", []string{"Origin", "https://evil.example"}, 403},
		{"a foreign Origin, reading", "GET", []string{"Origin", "https://evil.example"}, 403},
		{"another port", "POST", []string{"Origin", "http://127.0.0.1:1"}, 403},
		{"the other scheme", "POST", []string{"Origin", strings.Replace(own, "http", "https", 1)}, 403},
		{"a null Origin", "POST", []string{"Origin", "null"}, 403},
		{"an empty Origin", "POST", []string{"Origin", ""}, 403},
		{"cross-site without Origin", "POST", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"same-site", "POST", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"a posted navigation", "POST", linked, 403},
		{"an image", "GET", image, 403},
		{"a frame", "GET", frame, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			path, form := "/", url.Values(nil)
			if c.method == http.MethodPost {
				path, form = "/credit", url.Values{"do": {"set"}, "credit": {"7"}}
			}
			s.gateway.SetCredit(1)
			resp, body := s.ask(c.method, path, form, c.headers...)
			require.Equal(t, c.want, resp.StatusCode, body)
			require.Equal(t, c.want == 303, s.gateway.Credit() == 7)
			require.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
			if c.want == 403 && c.method == http.MethodGet {
				resp, _ := s.ask(c.method, "/events", nil, c.headers...)
				require.Equal(t, 403, resp.StatusCode)
			}
		})
	}
}

func TestPages_haveStrictHeaders(t *testing.T) {
	s := serve(t, nil)
	for _, path := range []string{"/", "/controls", "/uploads", "/static/inbox.js", "/nowhere"} {
		resp, body := s.ask(http.MethodGet, path, nil)
		policy := resp.Header.Get("Content-Security-Policy")
		for _, part := range []string{
			"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'",
			"form-action 'self'",
		} {
			require.Contains(t, policy, part)
		}
		require.NotContains(t, policy, "unsafe")
		require.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "same-origin", resp.Header.Get("Referrer-Policy"))
		require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
		if strings.Contains(body, "<html") {
			require.NotContains(t, body, "style=")
			require.NotRegexp(t, `<script[^>]*>[^<]`, body)
			require.NotRegexp(t, `\son[a-z]+=`, body)
			require.NotRegexp(t, `(src|href)="(https?:)?//`, body)
		}
	}
}

// A page elsewhere may know the sandbox's credentials, and still must not use them.
func TestEndpoints_takeProgramsAndNoPages(t *testing.T) {
	s := serve(t, nil)
	form := url.Values{
		"connection_id": {s.gateway.ConnectionID}, "password": {s.gateway.Password}, "mode": {"account-balance"},
	}
	nodesFetch := []string{"Sec-Fetch-Mode", "cors"}
	for _, headers := range [][]string{nil, {"Host", "sandbox:8040"}, nodesFetch} {
		resp, body := s.ask(http.MethodPost, smslinktest.BalancePath, form, headers...)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Contains(t, body, "MESSAGE;4;")
	}
	for _, headers := range [][]string{
		{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Origin", s.URL},
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-origin"},
	} {
		for _, path := range []string{smslinktest.BalancePath, smslinktest.BulkPath + "?timestamp=1"} {
			resp, body := s.ask(http.MethodPost, path, form, headers...)
			require.Equal(t, http.StatusForbidden, resp.StatusCode, headers)
			require.Contains(t, body, "a web page may not use the gateway")
		}
	}
	require.Empty(t, s.gateway.Uploads())
}

func TestPages_showTextsAsText(t *testing.T) {
	s := serve(t, nil)
	const hostile = `</p><script>alert(1)</script><img src=x onerror=alert(1)>"'&`
	s.send(smslink.Message{ID: 1, To: "0700000001", From: `"><b>`, Text: hostile})
	for _, path := range []string{
		"/", "/phones/0700000001", "/phones/%3Cscript%3E", "/?q=script", "/?q=" + url.QueryEscape(hostile),
		"/uploads/1",
	} {
		_, body := s.ask(http.MethodGet, path, nil)
		for _, never := range []string{"<script>", "<img src=x", "<b>"} {
			require.NotContains(t, strings.ReplaceAll(body, "smslink <b>sandbox", ""), never+"a", path)
			if never != "<b>" {
				require.NotContains(t, body, never, path)
			}
		}
	}
	require.Contains(t, s.page("/phones/0700000001"), `&lt;script&gt;alert(1)&lt;/script&gt;`)
}
