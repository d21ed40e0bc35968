package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/webhook"
)

// ranSandbox is a running sandbox command.
type ranSandbox struct {
	t    *testing.T
	stop context.CancelFunc
	code chan int
	err  bytes.Buffer // to be read after the end
	usage
}

// usage is what the command prints with --json.
type usage struct {
	URL          string `json:"url"`
	Endpoint     string `json:"endpoint"`
	Balance      string `json:"balance"`
	ConnectionID string `json:"connection_id"`
	Password     string `json:"password"`
}

func startSandbox(t *testing.T, env map[string]string, args ...string) *ranSandbox {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := &ranSandbox{t: t, stop: stop, code: make(chan int, 1)}
	if !slices.Contains(args, "--listen") {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	out, said := io.Pipe()
	go func() {
		s.code <- cli.Run(ctx, cli.Console{In: strings.NewReader(""), Out: said, Err: &s.err, Getenv: func(name string) string { return env[name] }}, newCommand,
			append([]string{"sandbox", "--json"}, args...))
		_ = said.Close()
	}()
	t.Cleanup(stop)
	d := json.NewDecoder(out)
	require.NoError(t, d.Decode(&s.usage))
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return s
}

func (s *ranSandbox) end() {
	s.t.Helper()
	s.stop()
	select {
	case code := <-s.code:
		require.Equal(s.t, cli.ExitAccepted, code, s.err.String())
	case <-time.After(2 * time.Minute):
		require.Fail(s.t, "it does not end")
	}
}

// account returns the account that the sandbox prints, as environment variables.
func (s *ranSandbox) account() map[string]string {
	return map[string]string{account.EnvConnectionID: s.ConnectionID, account.EnvPassword: s.Password}
}

// The sandbox answers as docs/gateway.md says.
func TestSandbox_probeFindsNoDeviation(t *testing.T) {
	t.Parallel()
	s := startSandbox(t, nil)
	got := smslinkIn(s.account(), "", "probe", "--endpoint", s.Endpoint, "--to", "0712345678", "--pause", "0", "--idle-wait", "2100ms", "--max", "10000", "--yes")
	require.Contains(t, got.out, " 0 deviate, ")
	require.Contains(t, got.out, "plain http, which does not leave this machine")
	s.end()
}

func TestSandbox_takesACampaignAndEndsCleanly(t *testing.T) {
	s := startSandbox(t, nil, "--sender", "MAGAZIN")
	require.Regexp(t, `^http://127\.0\.0\.1:[1-9]\d*/$`, s.URL)
	require.Equal(t, s.URL+"sms/gateway/communicate/bulk-v3.php", s.Endpoint)
	got := smslinkIn(s.account(), "", "send", "--endpoint", s.Endpoint, campaignFile)
	require.Equal(t, cli.ExitAccepted, got.code, got.err)
	resp, err := http.Get(s.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(page), "200 messages to 200 phones")

	events, err := http.Get(s.URL + "events") // must not keep the sandbox from ending
	require.NoError(t, err)
	defer events.Body.Close()
	s.end()
	require.Empty(t, s.err.String())
}

func TestSandbox_endsOnAnInterrupt(t *testing.T) {
	s := startSandbox(t, nil)
	resp, err := http.Get(s.URL) // by now it listens to signals
	require.NoError(t, err)
	resp.Body.Close()
	if runtime.GOOS == "windows" {
		t.Skip("a process can't send itself a signal")
	}
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, self.Signal(os.Interrupt))
	require.Equal(t, cli.ExitAccepted, <-s.code)
}

func TestSandbox_faultsInOrder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "faults")
	require.NoError(t, os.WriteFile(file, []byte("\ufeff# the first two uploads\r\nreject 8 no credit\r\n\n  lose-reply  \n"), 0o600))
	s := startSandbox(t, nil, "--faults", file, "--fault", "none", "--fault", "answer 503", "--credit", "3", "--unknown-number", "0700000009")
	defer s.end()
	const row = "id,to,text\n1,0700000001,a\n"
	for _, want := range []int{cli.ExitNotSent, cli.ExitInDoubt, cli.ExitAccepted, cli.ExitInDoubt, cli.ExitAccepted, cli.ExitSomeBad} {
		require.Equal(t, want, smslinkIn(s.account(), row, "send", "--endpoint", s.Endpoint, "-").code)
	}
	got := smslinkIn(s.account(), "id,to,text\n1,0700000009,a\n", "send", "--endpoint", s.Endpoint, "-")
	require.Contains(t, got.out, "number failed")
}

func TestSandbox_callback(t *testing.T) {
	var calls atomic.Int64
	methods := make(chan string, 9)
	program := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		methods <- r.Method
	}))
	defer program.Close()
	s := startSandbox(t, nil, "--callback", program.URL, "--callback-post", "--deliver-after", "1ms")
	defer s.end()
	require.Equal(t, cli.ExitAccepted, smslinkIn(s.account(), "id,to,text\n1,0700000001,a\n", "send", "--endpoint", s.Endpoint, "-").code)
	require.Equal(t, http.MethodPost, <-methods)

	byHand := startSandbox(t, nil, "--callback", program.URL, "--deliver-after", "manual")
	defer byHand.end()
	require.Equal(t, cli.ExitAccepted, smslinkIn(byHand.account(), "id,to,text\n1,0700000001,a\n", "send", "--endpoint", byHand.Endpoint, "-").code)
	require.EqualValues(t, 1, calls.Load())
	resp, err := http.Post(byHand.URL+"messages/220000001/deliver", "", nil)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.MethodGet, <-methods)
}

// A phone on the page replies and unsubscribes, and the program receives both.
func TestSandbox_repliesAndUnsubscriptions(t *testing.T) {
	const secret = "a-secret-of-16-characters-or-more"
	var replies []webhook.Reply
	var unsubscriptions []webhook.Unsubscription
	takeReplies, err := webhook.Replies(secret, func(_ context.Context, r webhook.Reply) error { replies = append(replies, r); return nil },
		&webhook.Options{Answer: func(r webhook.Reply) string { return strings.Repeat("+", len(r.Text)-4) }})
	require.NoError(t, err)
	takeUnsubscriptions, err := webhook.Unsubscriptions(secret, func(_ context.Context, u webhook.Unsubscription) error {
		unsubscriptions = append(unsubscriptions, u)
		return nil
	}, nil)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/replies/{secret}", takeReplies)
	mux.Handle("/unsubscriptions/{secret}", takeUnsubscriptions)
	program := httptest.NewServer(mux)
	defer program.Close()
	s := startSandbox(t, nil, "--reply-callback", program.URL+"/replies/"+secret, "--reply-by", "JSON", "--unsubscribe-callback", program.URL+"/unsubscriptions/"+secret)
	defer s.end()
	press := func(text, do string) string {
		resp, err := http.PostForm(s.URL+"phones/0700000001/messages", url.Values{"text": {text}, "do": {do}, "back": {"/phones/0700000001"}})
		require.NoError(t, err)
		defer resp.Body.Close()
		page, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(page)
	}
	rows := "id,to,text\n1,0700000001,Salut\n"
	require.Equal(t, cli.ExitAccepted, smslinkIn(s.account(), rows, "send", "--endpoint", s.Endpoint, "-").code)
	require.Contains(t, press("Salut!", "reply"), "may send the body of the answer back as an SMS, and bill it: &#43;&#43;<")
	require.Contains(t, press("Sus!", "reply"), "answered with an empty body")
	require.Len(t, replies, 2)
	require.Equal(t, "0700000001", replies[0].From)
	require.Equal(t, "Salut!", replies[0].Text)
	require.NotContains(t, press("", "reply"), "<b>unsubscribed</b>")

	page := press("", "unsubscribe")
	require.Contains(t, page, "0700 000 001 unsubscribed: further messages fail with status 4.")
	require.Contains(t, page, "<b>unsubscribed</b>")
	require.Len(t, unsubscriptions, 1)
	require.Equal(t, "STOP", unsubscriptions[0].Text)
	require.Equal(t, "0700000001", unsubscriptions[0].From)
	require.Equal(t, cli.ExitSomeBad, smslinkIn(s.account(), rows, "send", "--endpoint", s.Endpoint, "-").code)

	alone := startSandbox(t, nil)
	defer alone.end()
	s.URL = alone.URL
	require.Equal(t, cli.ExitAccepted, smslinkIn(alone.account(), rows, "send", "--endpoint", alone.Endpoint, "-").code)
	require.Contains(t, press("a", "reply"), "start the sandbox with --reply-callback URL")
	require.Contains(t, press("a", "unsubscribe"), "no program was called")
}

// The environment's account may be real: it is used, but not shown.
func TestSandbox_theEnvironmentsAccount(t *testing.T) {
	env := map[string]string{account.EnvConnectionID: "A1B2", account.EnvPassword: "hunter2"}
	s := startSandbox(t, env, "--sender", "*")
	defer s.end()
	require.Equal(t, "A1B2", s.ConnectionID)
	require.Empty(t, s.Password)
	require.Equal(t, cli.ExitAccepted, smslinkIn(env, "", "send", "--endpoint", s.Endpoint, campaignFile).code)
	resp, err := http.Get(s.URL + "controls")
	require.NoError(t, err)
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NotContains(t, string(page), "hunter2")
}

func TestSandbox_saysHowToUseIt(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop() // it ends as soon as it has begun
	var out, errOut bytes.Buffer
	code := cli.Run(ctx, cli.Console{In: strings.NewReader(""), Out: &out, Err: &errOut, Getenv: func(string) string { return "" }}, newCommand, []string{"sandbox", "--listen", "127.0.0.1:0"})
	require.Equal(t, cli.ExitAccepted, code, errOut.String())
	require.Contains(t, out.String(), "export SMSLINK_CONNECTION_ID=test-connection SMSLINK_PASSWORD=test-password\n")
	require.True(t, strings.HasSuffix(out.String(), "Ctrl-C ends\nthe sandbox.\n"), "its last line ends: %q", out.String())
	require.Regexp(t, `printf 'id,to,text\\n1,0712345678,Salut!\\n' \| smslink send --endpoint http://127\.0\.0\.1:\d+/sms/gateway/communicate/bulk-v3\.php -\n`, out.String())
}

func TestSandbox_usage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "faults")
	require.NoError(t, os.WriteFile(file, []byte("# one\nlose-reply\nanswer many\n"), 0o600))
	for _, c := range []struct {
		name string
		args []string
		says string
	}{
		{"an argument", []string{"x"}, `unknown command "x"`},
		{"no port", []string{"--listen", "localhost"}, `--listen "localhost": write an address and a port, such as 127.0.0.1:8050`},
		{"a line of faults", []string{"--faults", file}, "--faults: " + file + `:3: fault "answer" takes an HTTP status from 200 to 599`},
		{"no file of faults", []string{"--faults", "no-such-file"}, "--faults: open no-such-file"},
		{"a fault", []string{"--fault", "explode"}, `--fault: fault "explode" is unknown; the faults are none, lose-reply`},
		{"a credit", []string{"--credit", "-1"}, "--credit takes a whole number from 0"},
		{"a callback", []string{"--callback", "localhost:3000"}, "--callback is not an absolute http or https URL"},
		{"another scheme", []string{"--callback", "file:///etc/passwd"}, "--callback is not an absolute http or https URL"},
		{"no callback to post to", []string{"--callback-post"}, "--callback-post needs --callback"},
		{"a callback for replies", []string{"--reply-callback", "localhost:3000"}, "--reply-callback is not an absolute http or https URL"},
		{"a callback for unsubscriptions", []string{"--unsubscribe-callback", "/x"}, "--unsubscribe-callback is not an absolute http or https URL"},
		{"another way to reply", []string{"--reply-by", "PUT"}, "--reply-by takes GET, POST or JSON"},
		{"a time", []string{"--deliver-after", "soon"}, "--deliver-after takes a time, such as 5s, or manual"},
		{"a time before now", []string{"--deliver-after", "-1s"}, "--deliver-after takes a time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := smslinkIn(nil, "", append([]string{"sandbox"}, c.args...)...)
			require.Equal(t, cli.ExitUsage, got.code)
			require.Empty(t, got.out)
			require.Contains(t, got.err, c.says)
			require.Equal(t, 1, strings.Count(got.err, "smslink: "))
		})
	}
	require.Contains(t, smslinkIn(nil, "", "sandbox", "--help").out, "Exit codes:")
}

func TestSandbox_addressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	got := smslinkIn(nil, "", "sandbox", "--listen", taken.Addr().String())
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Contains(t, got.err, "listen tcp "+taken.Addr().String())
}

func TestSandbox_warnsWhereOthersCanReachIt(t *testing.T) {
	s := startSandbox(t, nil, "--listen", "0.0.0.0:0")
	require.Contains(t, s.URL, "http://127.0.0.1:")
	s.end()
	require.Contains(t, s.err.String(), "smslink: warning: 0.0.0.0:0 can be reached from other machines")
}
