package webhook_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A secret whose digest has only the start or the end of the right one is refused.
func TestReports_comparesAllOfTheDigest(t *testing.T) {
	h := newHandler(t, new(reports).take, nil)
	digest := sha256.Sum256([]byte(urlSecret))
	starts, ends := 0, 0
	for i := 0; starts < 2 || ends < 2; i++ {
		guess := fmt.Sprintf("%s%d", urlSecret[:16], i)
		sum := sha256.Sum256([]byte(guess))
		starting, ending := bytes.Equal(sum[:2], digest[:2]), bytes.Equal(sum[30:], digest[30:])
		if i >= 1000 && !starting && !ending {
			continue
		}
		r := byGet(plainReport)
		r.URL.Path = "/" + guess
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, 404, w.Code)
		if starting {
			starts++
		}
		if ending {
			ends++
		}
	}
}

// Without the secret, a handler mounted as in the README looks like a server without such a page.
func TestReports_withoutTheSecretIsAnyUnknownPage(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/sms/reports/{secret}", newHandler(t, new(reports).take, nil))
	handler := httptest.NewServer(mux)
	defer handler.Close()
	nothing := httptest.NewServer(http.NewServeMux())
	defer nothing.Close()
	for _, method := range []string{"GET", "POST", "HEAD", "PUT", "OPTIONS"} {
		for _, path := range []string{
			"/", "/sms", "/sms/", "/sms/reports", "/sms/reports/", "/sms/reports/guess", "/sms/reports/guess/", "/sms/reports/guess/x", "/sms/reports//", "/sms//reports/guess",
			"/sms/./reports/guess", "/sms/reports/..", "/sms/reports/%2e%2e", "/sms/reports/%2F", "/sms/reports/a%2Fb", "/sms/reports/" + strings.Repeat("a", 2000),
			"/sms/reports/" + urlSecret + "/", "/sms//reports/" + urlSecret, "/sms/reports//" + urlSecret,
		} {
			status, header, body := call(t, method, handler.URL+path, plainReport)
			wantStatus, wantHeader, wantBody := call(t, method, nothing.URL+path, plainReport)
			header.Del("Date")
			wantHeader.Del("Date")
			require.Equal(t, wantStatus, status, path)
			require.Equal(t, wantHeader, header, path)
			require.Equal(t, wantBody, body, path)
		}
	}
	status, _, _ := call(t, "POST", handler.URL+"/sms/reports/"+urlSecret, plainReport)
	require.Equal(t, 200, status)
}

func TestReports_readsNoBodyWithoutTheSecretOrForAWrongMethod(t *testing.T) {
	for path, method := range map[string]string{"/guess": http.MethodPost, "/" + urlSecret: http.MethodPut} {
		r := httptest.NewRequest(method, path, unreadable{t})
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		newHandler(t, new(reports).take, nil).ServeHTTP(w, r)
		require.GreaterOrEqual(t, w.Code, 404)
	}
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestReports_mountedAnywhere(t *testing.T) {
	var got reports
	h := newHandler(t, got.take, nil)
	mux := http.NewServeMux()
	mux.Handle("/dlr/", h)
	mux.Handle("GET /one/{secret}", h)
	mux.Handle("/stripped/", http.StripPrefix("/stripped/", h))
	mux.Handle("/rooted/", http.StripPrefix("/rooted", h))
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, under := range []string{"/dlr/", "/one/", "/stripped/", "/rooted/"} {
		status, _, _ := call(t, "GET", server.URL+under+urlSecret, plainReport)
		require.Equal(t, 200, status, under)
		status, _, _ = call(t, "GET", server.URL+under+"guess", plainReport)
		require.Equal(t, 404, status, under)
	}
	require.Len(t, got.got, 4)
}
