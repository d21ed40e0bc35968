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

// scripted returns a gateway that meets every assumption, except those that the wrappers break, and
// a server for it that is not started.
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
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10} //nolint:gosec // one test allows no newer one
	t.Cleanup(server.Close)
	return gateway, server
}

// settingsOf are the settings of a probe of a gateway that is served at that URL.
func settingsOf(gateway *smslinktest.Gateway, url string) options {
	return options{
		connectionID: gateway.ConnectionID, password: gateway.Password, endpoint: url + smslinktest.BulkPath,
		to: "0712345678", maxMessages: 50_000, timeout: time.Minute, idleWait: keptFor + 200*time.Millisecond,
		transport: smslink.NewTransport(),
	}
}

// probed makes these checks, or all, against a server that is started here, with TLS.
func probed(
	t *testing.T, gateway *smslinktest.Gateway, server *httptest.Server, change func(*options), names ...string,
) []finding {
	t.Helper()
	server.StartTLS()
	opts := settingsOf(gateway, server.URL)
	opts.only = names
	opts.transport.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	var err error
	opts.blacklist, err = blacklist.NewClient(gateway.ConnectionID, gateway.Password, &blacklist.Options{
		Endpoint: server.URL + smslinktest.BlacklistPath, HTTPClient: server.Client(),
	})
	require.NoError(t, err)
	if change != nil {
		change(&opts)
	}
	s, err := newSession(opts)
	require.NoError(t, err)
	return slices.Collect(s.findings(t.Context()))
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

// onReply changes the reply to each POST of a path.
func onReply(path string, change func(reply string) string) wrapper {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.URL.Path != path {
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
	return onReply(smslinktest.BulkPath, func(reply string) string {
		if !strings.HasPrefix(reply, "MESSAGE;") {
			return reply
		}
		start := strings.LastIndex(reply, ";") + 1
		return reply[:start] + strings.Join(change(strings.Split(reply[start:], ",")), ",")
	})
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

// lenient corrects the field of an upload before the gateway reads it, so that a wrong one is
// accepted.
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
	return onReply(smslinktest.BalancePath, func(string) string {
		return fmt.Sprintf("MESSAGE;4;balance;%d,0", 100-asked.Add(1))
	})(next)
}

// refusingRepeats is a gateway that accepts no package twice.
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
