package probe

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/blacklist"
	"github.com/go-smslink/smslink/smslinktest"
)

// wrapper changes how a gateway behaves.
type wrapper func(next http.Handler) http.Handler

// scripted starts a gateway that meets every assumption, except as the wrappers have it.
func scripted(t *testing.T, wrappers ...wrapper) (*smslinktest.Gateway, *httptest.Server) {
	t.Helper()
	gateway := smslinktest.NewUnstartedGateway(nil)
	t.Cleanup(gateway.Close)
	var handler http.Handler = gateway
	for _, wrap := range wrappers {
		handler = wrap(handler)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10} //nolint:gosec // one test takes the newer ones away
	t.Cleanup(server.Close)
	return gateway, server
}

// probed makes one check against a server that is started here, with TLS.
func probed(t *testing.T, gateway *smslinktest.Gateway, server *httptest.Server, change func(*Options), names ...string) []Finding {
	t.Helper()
	server.StartTLS()
	transport := smslink.NewTransport()
	transport.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	opts := Options{
		ConnectionID: gateway.ConnectionID, Password: gateway.Password, Endpoint: server.URL + smslinktest.BulkPath, To: "0712345678",
		Only: names, IdleWait: keptFor + 200*time.Millisecond, Transport: transport,
	}
	var err error
	opts.Blacklist, err = blacklist.NewClient(gateway.ConnectionID, gateway.Password, &blacklist.Options{
		Endpoint: server.URL + smslinktest.BlacklistPath, HTTPClient: server.Client(),
	})
	require.NoError(t, err)
	if change != nil {
		change(&opts)
	}
	p, err := New(opts)
	require.NoError(t, err)
	return slices.Collect(p.Findings(t.Context()))
}

// onUpload lets react answer an upload in the gateway's place, by returning true.
func onUpload(react func(w http.ResponseWriter, f *form) bool) wrapper {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			f, err := parseForm(r.Header.Get("Content-Type"), body)
			if err == nil && react(w, f) {
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// refuse answers uploads with an ERROR if the condition is true.
func refuse(code string, condition func(f *form) bool) wrapper {
	return onUpload(func(w http.ResponseWriter, f *form) bool {
		if !condition(f) {
			return false
		}
		_, _ = io.WriteString(w, "ERROR;"+code+";refused")
		return true
	})
}

func always(*form) bool { return true }

// onReply changes the reply to each upload, or each balance.
func onReply(path string, change func(reply string) string) wrapper {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, path) {
				next.ServeHTTP(w, r)
				return
			}
			recorded := httptest.NewRecorder()
			next.ServeHTTP(recorded, r)
			w.WriteHeader(recorded.Code)
			_, _ = io.WriteString(w, change(recorded.Body.String()))
		})
	}
}

// onEntries changes the entries of each MESSAGE.
func onEntries(change func(entries []string) []string) wrapper {
	return onReply("/bulk-v3.php", func(reply string) string {
		head, entries, ok := cutLast(reply, ";")
		if !ok || !strings.HasPrefix(reply, "MESSAGE;") {
			return reply
		}
		return head + ";" + strings.Join(change(strings.Split(entries, ",")), ",")
	})
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// raw answers every request with these bytes.
func raw(answer string) wrapper {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			}
		})
	}
}

// lenient fixes the field of an upload before the gateway reads it, so that a wrong one is taken.
func lenient(fix func(f *form)) wrapper {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			f, err := parseForm(r.Header.Get("Content-Type"), body)
			if err == nil {
				fix(f)
				body, _ = f.bytes()
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			next.ServeHTTP(w, r)
		})
	}
}

// onRequest lets react answer a request in the gateway's place, by returning true.
func onRequest(react func(w http.ResponseWriter, r *http.Request) bool) wrapper {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !react(w, r) {
				next.ServeHTTP(w, r)
			}
		})
	}
}

// spending is a balance that loses one SMS each time it is asked for.
func spending(next http.Handler) http.Handler {
	var asked atomic.Int64
	return onReply("/index.php", func(string) string { return fmt.Sprintf("MESSAGE;4;balance;%d,0", 100-asked.Add(1)) })(next)
}

// refusingRepeats is a gateway that takes no package twice.
func refusingRepeats(next http.Handler) http.Handler {
	var mu sync.Mutex
	seen := map[string]bool{}
	return refuse("16", func(f *form) bool {
		mu.Lock()
		defer mu.Unlock()
		repeated := seen[f.get("MD5Plain")]
		seen[f.get("MD5Plain")] = true
		return repeated
	})(next)
}
