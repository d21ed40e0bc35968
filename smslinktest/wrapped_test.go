package smslinktest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// A gateway that takes at most two messages in a package. A handler in front of it reads the form
// and answers instead.
func ExampleNewUnstartedGateway() {
	gateway := smslinktest.NewUnstartedGateway(nil)
	gateway.Server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		form := r.Clone(r.Context())
		form.Body = io.NopCloser(bytes.NewReader(body))
		if messages, err := strconv.Atoi(form.FormValue("Receivers")); err == nil && messages > 2 {
			fmt.Fprint(w, "ERROR;17;too many messages")
			return
		}
		gateway.ServeHTTP(w, r)
	})
	gateway.Start()
	defer gateway.Close()

	for _, texts := range [][]string{{"unu", "doi"}, {"unu", "doi", "trei"}} {
		var pkg smslink.Package
		for i, text := range texts {
			if err := pkg.Add(smslink.Message{ID: int64(i), To: "0712345678", Text: text}); err != nil {
				log.Fatal(err)
			}
		}
		_, err := gateway.Client().Send(context.Background(), &pkg)
		fmt.Println(len(texts), smslink.OutcomeOf(err))
	}
	// Output:
	// 2 accepted
	// 3 rejected
}

// deviating starts a gateway wrapped in a handler.
func deviating(t *testing.T, opts *smslinktest.Options, wrap func(gateway http.Handler) http.HandlerFunc) *smslinktest.Gateway {
	gateway := smslinktest.NewUnstartedGateway(opts)
	gateway.Server.Config.Handler = wrap(gateway)
	gateway.Start()
	t.Cleanup(gateway.Close)
	return gateway
}

// editing returns a handler that changes the reply's body.
func editing(edit func(reply string) string) func(http.Handler) http.HandlerFunc {
	return func(gateway http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			recorded := httptest.NewRecorder()
			gateway.ServeHTTP(recorded, r)
			_, _ = io.WriteString(w, edit(recorded.Body.String()))
		}
	}
}

// A test can change each unconfirmed fact about the live gateway. This one changes those about the
// reply's text.
func TestGateway_whoseRepliesDeviate(t *testing.T) {
	wrongDigest := func(gateway *smslinktest.Gateway) string {
		u := newUpload(gateway, 0, onePlain, onePlain)
		u.set("MD5Plain", strings.Repeat("0", 32))
		return u.post(t)
	}
	big := func(gateway *smslinktest.Gateway) string {
		plain := strings.Replace(onePlain, "1;", "1234567890123456789;", 1)
		return newUpload(gateway, 0, plain, plain).post(t)
	}
	twice := func(gateway *smslinktest.Gateway) string {
		plain := onePlain + "\r\n" + onePlain
		return newUpload(gateway, 0, plain, plain).post(t)
	}
	balance := func(gateway *smslinktest.Gateway) string {
		b, err := gateway.Client().Balance(context.Background())
		if err != nil {
			return "malformed"
		}
		return fmt.Sprint(b.National)
	}
	for _, c := range []struct {
		name            string
		edit            func(reply string) string
		ask             func(gateway *smslinktest.Gateway) string
		meets, deviates string
	}{
		{"the digest is not checked", func(reply string) string {
			if strings.Contains(reply, "MD5") {
				return "MESSAGE;1;ok;1;1:1:3"
			}
			return reply
		}, wrongDigest, "ERROR;900;field MD5Plain is not the plain form's digest", "MESSAGE;1;ok;1;1:1:3"},
		{"another ERROR code", func(reply string) string { return strings.Replace(reply, "ERROR;900", "ERROR;1", 1) }, wrongDigest,
			"ERROR;900;field MD5Plain is not the plain form's digest", "ERROR;1;field MD5Plain is not the plain form's digest"},
		{"an id of 19 digits is mangled", func(reply string) string { return strings.Replace(reply, "1234567890123456789", "2147483647", 1) }, big,
			"MESSAGE;1;package accepted;1001;1234567890123456789:220000001:3", "MESSAGE;1;package accepted;1001;2147483647:220000001:3"},
		{"repeated ids are merged", func(reply string) string { reply, _, _ = strings.Cut(reply, ","); return reply }, twice,
			"MESSAGE;1;package accepted;1001;1:220000001:3,1:220000002:3", "MESSAGE;1;package accepted;1001;1:220000001:3"},
		{"the balance is malformed", func(string) string { return "MESSAGE;4;ok;1.000,50" }, balance, "1000000", "malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.meets, c.ask(newGateway(t, nil)))
			require.Equal(t, c.deviates, c.ask(deviating(t, nil, editing(c.edit))))
		})
	}
}

// This test changes the facts about what the gateway takes.
func TestGateway_thatTakesOtherUploads(t *testing.T) {
	chunked := func(gateway *smslinktest.Gateway) int {
		req := newUpload(gateway, 0, onePlain, onePlain).request(t)
		req.ContentLength = -1
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		return resp.StatusCode
	}
	require.Equal(t, http.StatusOK, chunked(newGateway(t, nil)))
	refuses := deviating(t, nil, func(gateway http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength < 0 {
				http.Error(w, "length required", http.StatusLengthRequired)
				return
			}
			gateway.ServeHTTP(w, r)
		}
	})
	require.Equal(t, http.StatusLengthRequired, chunked(refuses))
	require.Empty(t, refuses.Uploads())
	takes := deviating(t, nil, func(gateway http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			gateway.ServeHTTP(w, r)
		}
	})
	require.Equal(t, http.StatusOK, chunked(takes))
	require.Len(t, takes.Messages(), 1)
}

// This test changes the facts about a single message: a Rule can refuse a line end or a schedule.
func TestGateway_whoseRulesDeviate(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{func(m smslink.Message) smslink.Status {
		if strings.Contains(m.Text, "\n") || !m.SendAt.IsZero() {
			return smslink.StatusInternalOrBlacklisted
		}
		return smslink.StatusSuccess
	}}})
	for plain, want := range map[string]string{"1;0712345678;numeric;a%0Ab;0": "1:220000001:4", "1;0712345678;numeric;ab;1893456000": "1:220000001:4", "1;0712345678;numeric;ab;0": "1:220000001:3"} {
		gateway.Reset()
		require.Equal(t, "MESSAGE;1;package accepted;1001;"+want, newUpload(gateway, 0, plain, plain).post(t))
	}
}
