package probe

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// needs returns the checks to make so that a check is tried: itself, and those that it depends on.
func needs(name string) []string {
	if strings.HasPrefix(name, "package-") {
		return []string{"test-mode", name}
	}
	return []string{name}
}

func TestChecks_allHaveACase(t *testing.T) {
	for _, c := range checks {
		require.NotEmpty(t, cases[c.name].breaks, c.name)
		require.Equal(t, isQuestion(c.fact), cases[c.name].breaks[0].verdict == noted, "%s asks, or assumes", c.name)
	}
	require.Len(t, cases, len(checks))
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(Names()))), len(checks), "names are unique")
}

func TestChecks_gatewayThatMeetsTheAssumption(t *testing.T) {
	t.Parallel()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			gateway, server := scripted(t)
			findings := probed(t, gateway, server, nil, needs(c.name)...)
			got := findings[len(findings)-1]
			require.Equal(t, c.name, got.Check)
			require.Contains(t, got.Seen, cases[c.name].seen)
			want := holds
			if isQuestion(c.fact) {
				want = noted
			}
			require.Equal(t, want, got.Verdict, got.Seen)
		})
	}
}

func TestChecks_gatewayThatBreaksTheAssumption(t *testing.T) {
	t.Parallel()
	for name, c := range cases {
		for _, d := range c.breaks {
			t.Run(name+"/"+d.seen, func(t *testing.T) {
				t.Parallel()
				var wrappers []wrapper
				if d.wrap != nil {
					wrappers = []wrapper{d.wrap}
				}
				gateway, server := scripted(t, wrappers...)
				if d.server != nil {
					d.server(server)
				}
				findings := probed(t, gateway, server, nil, needs(name)...)
				got := findings[len(findings)-1]
				require.Contains(t, got.Seen, d.seen)
				require.Equal(t, d.verdict, got.Verdict, got.Seen)
			})
		}
	}
}

// Each upload of a whole probe is in test mode and has the right password.
func TestFindings_onlyTestModeAndTheRightPassword(t *testing.T) {
	t.Parallel()
	var uploads []*form
	gateway, server := scripted(t, onUpload(func(_ http.ResponseWriter, f *form) bool {
		uploads = append(uploads, f)
		return false
	}))
	findings := probed(t, gateway, server, func(o *options) { o.maxMessages = 10_000 })
	require.Len(t, findings, len(checks))
	require.Greater(t, len(uploads), 30)
	for _, f := range uploads {
		require.Equal(t, "1", f.get("test"))
		require.Equal(t, gateway.ConnectionID, f.get("connection_id"))
		require.Equal(t, gateway.Password, f.get("password"))
	}
	for _, f := range findings[:len(findings)-1] {
		require.Contains(t, []verdict{holds, noted}, f.Verdict, "%s: %s", f.Check, f.Seen)
	}
	last := findings[len(findings)-1]
	require.Equal(t, unclear, last.Verdict)
	require.Equal(t, "not tried: it has more than 10000 messages; see --max", last.Seen)
}

func TestTransport_letsNothingPassThatIsNotInTestMode(t *testing.T) {
	for name, change := range map[string]func(f *form){
		"in earnest":         func(f *form) { f.set("test", "0") },
		"another password":   func(f *form) { f.set("password", "guess") },
		"another connection": func(f *form) { f.set("connection_id", "guess") },
	} {
		reached := false
		gateway, server := scripted(t, onUpload(func(http.ResponseWriter, *form) bool { reached = true; return false }))
		server.Start()
		s, err := newSession(settingsOf(gateway, server.URL))
		require.NoError(t, err)
		x := s.send(t.Context(), upload{change: change}, s.message(1))
		require.ErrorIs(t, x.err, errNotTestMode, name)
		require.False(t, reached, name)
	}
}

// A rejected account is not tried again, which would get the IP address banned.
func TestFindings_aRefusedAccountEndsIt(t *testing.T) {
	for _, first := range []string{"credentials", "same-upload-twice"} {
		for _, code := range []string{"2", "3", "4", "5", "6", "7"} {
			uploads := 0
			gateway, server := scripted(t, onUpload(func(w http.ResponseWriter, _ *form) bool {
				uploads++
				_, _ = io.WriteString(w, "ERROR;"+code+";no")
				return true
			}))
			names := Names()[slices.Index(Names(), first):]
			findings := probed(t, gateway, server, nil, names...)
			require.Equal(t, 1, uploads)
			require.Len(t, findings, len(names))
			for _, f := range findings[1:] {
				require.Equal(t, "not tried: the account was rejected, with ERROR "+code, f.Seen, f.Check)
				require.Equal(t, unclear, f.Verdict)
			}
		}
	}
}

// A password that is wrong for the balance is not given again. Other ERRORs may be about the
// balance alone.
func TestFindings_aBalanceWithAWrongPasswordEndsIt(t *testing.T) {
	for code, want := range map[string]struct {
		seen     string // by the last check
		requests int
	}{
		"6": {"not tried: the account was rejected, with ERROR 6", 1},
		"7": {"not tried: the account was rejected, with ERROR 7", 1},
		"4": {"MESSAGE; 2 success", 3},
	} {
		requests := 0
		count := onRequest(func(http.ResponseWriter, *http.Request) bool { requests++; return false })
		gateway, server := scripted(t, onBalance("ERROR;"+code+";no"), count)
		findings := probed(t, gateway, server, nil, "balance", "test-mode", "codec-zlib")
		require.Equal(t, want.seen, findings[2].Seen)
		require.Equal(t, want.requests, requests)
	}
}

func TestFindings_testModeThatCostsEndsIt(t *testing.T) {
	t.Parallel()
	gateway, server := scripted(t, spending)
	findings := probed(t, gateway, server, nil)
	require.Len(t, gateway.Messages(), 2, "of credentials and test-mode")
	require.Equal(t, "not tried: test mode spends credit", findings[len(findings)-1].Seen)
}

// No large package is sent before a check has shown that test mode is free.
func TestFindings_largePackagesNeedTestModeSeen(t *testing.T) {
	gateway, server := scripted(t, onBalance("ERROR;14;unknown mode"))
	findings := probed(t, gateway, server, nil, "test-mode", "package-1", "package-100", "package-10000")
	require.Equal(t, []verdict{unclear, holds, unclear, unclear}, verdicts(findings))
	require.Equal(t, "not tried: it was not seen that test mode spends no credit", findings[2].Seen)
}

func TestFindings_sizesEndAtTheFirstThatIsNotTaken(t *testing.T) {
	gateway, server := scripted(t, refuse("900", func(f *form) bool { return f.get("Receivers") == "1000" }))
	findings := probed(t, gateway, server, nil,
		"test-mode", "package-100", "package-1000", "package-10000", "package-50000")
	require.Equal(t, []verdict{holds, holds, deviates, unclear, unclear}, verdicts(findings))
	require.Equal(t, "not tried: a package of 1000 was not accepted", findings[4].Seen)
}

func verdicts(findings []finding) (all []verdict) {
	for _, f := range findings {
		all = append(all, f.Verdict)
	}
	return all
}

// Without an answer, every check is unclear.
func TestFindings_gatewayThatHangsUp(t *testing.T) {
	gateway, server := scripted(t, raw(""))
	findings := probed(t, gateway, server, nil)
	require.Len(t, findings, len(checks))
	for _, f := range findings {
		require.Equal(t, unclear, f.Verdict, "%s: %s", f.Check, f.Seen)
		require.NotEmpty(t, f.Seen)
		require.Empty(t, f.Reply)
	}
}

func TestFindings_timeOutIsUnclear(t *testing.T) {
	gateway, server := scripted(t, onRequest(func(_ http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done() // the client has given up
		return true
	}))
	impatient := func(o *options) { o.timeout = 100 * time.Millisecond }
	for _, f := range probed(t, gateway, server, impatient, "credentials", "chunked", "wrong-md5-plain") {
		require.Equal(t, unclear, f.Verdict)
		require.Contains(t, f.Seen, "context deadline exceeded")
	}
}

func TestFindings_interrupted(t *testing.T) {
	gateway, server := scripted(t)
	server.StartTLS()
	opts := settingsOf(gateway, server.URL)
	opts.pause = time.Hour
	s, err := newSession(opts)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	findings := slices.Collect(s.findings(ctx))
	require.Len(t, findings, len(checks)-1, "all but the blacklist")
	for _, f := range findings {
		require.Equal(t, unclear, f.Verdict)
		require.Equal(t, "interrupted", f.Seen)
	}
}

func TestFindings_areMasked(t *testing.T) {
	gateway, server := scripted(t, onUpload(func(w http.ResponseWriter, f *form) bool {
		_, _ = io.WriteString(w, "ERROR;900;"+f.get("password")+" "+f.get("Package")+"\xff")
		return true
	}))
	findings := probed(t, gateway, server, nil, "credentials")
	require.Equal(t, "HTTP/1.1 200, text/plain; charset=utf-8\nERROR;900;*** 1;0712****78;numeric;Proba 1;0?",
		findings[0].Reply)
}

func TestNewSession_refuses(t *testing.T) {
	gateway, _ := scripted(t)
	good := settingsOf(gateway, "https://gateway.example")
	_, err := newSession(good)
	require.NoError(t, err)
	for want, change := range map[string]func(*options){
		"not an absolute URL":           func(o *options) { o.endpoint = "x" },
		"the receiver is empty":         func(o *options) { o.to = "" },
		"is a Romanian landline number": func(o *options) { o.to = "0213123456" },
		`there is no check "nonsense"`:  func(o *options) { o.only = []string{"tls", "nonsense"} },
	} {
		opts := good
		change(&opts)
		_, err := newSession(opts)
		require.ErrorContains(t, err, want)
	}
}

// A form without a change is the client's own, byte for byte.
func TestForm_isTheClientsOwn(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	same := 0
	compare := roundTripper(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		f, err := parseForm(r.Header.Get("Content-Type"), body)
		require.NoError(t, err)
		rewritten, err := f.bytes()
		require.NoError(t, err)
		require.Equal(t, string(body), string(rewritten))
		same++
		f.setPlain(f.get("Package"))
		unchanged, err := f.bytes()
		require.NoError(t, err)
		require.Equal(t, string(body), string(unchanged), "sizes and digests fit")
		r.Body = io.NopCloser(bytes.NewReader(body))
		return http.DefaultTransport.RoundTrip(r)
	})
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{
		Endpoint: gateway.URL, HTTPClient: &http.Client{Transport: compare},
	})
	require.NoError(t, err)
	p := smslink.Package{Codec: smslink.CodecNone}
	require.NoError(t, p.Add(smslink.Message{ID: 1, To: "0712345678", Text: "a\nb;c ș"}))
	_, err = client.Send(t.Context(), &p)
	require.NoError(t, err)
	require.Equal(t, 1, same)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
