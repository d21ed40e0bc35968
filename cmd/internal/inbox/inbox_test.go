package inbox_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/inbox"
	"github.com/go-smslink/smslink/smslinktest"
)

// served is a page on a server, with its gateway and the gateway's client.
type served struct {
	*httptest.Server
	t       *testing.T
	gateway *smslinktest.Gateway
	client  *smslink.Client
}

func serve(t *testing.T, opts *smslinktest.Options) *served {
	t.Helper()
	gateway := smslinktest.NewUnstartedGateway(opts)
	t.Cleanup(gateway.Close)
	server := httptest.NewServer(inbox.New(gateway, inbox.Usage{
		Endpoint: "http://sandbox/bulk", ConnectionID: gateway.ConnectionID, Password: gateway.Password,
	}))
	t.Cleanup(server.Close)
	s := &served{Server: server, t: t, gateway: gateway}
	s.client = s.clientWith(gateway.Password)
	return s
}

func (s *served) clientWith(password string) *smslink.Client {
	s.t.Helper()
	opts := &smslink.Options{Endpoint: s.URL + smslinktest.BulkPath}
	client, err := smslink.NewClient(s.gateway.ConnectionID, password, opts)
	require.NoError(s.t, err)
	return client
}

func (s *served) send(messages ...smslink.Message) {
	s.t.Helper()
	var p smslink.Package
	for _, m := range messages {
		require.NoError(s.t, p.Add(m))
	}
	_, err := s.client.Send(context.Background(), &p)
	require.NoError(s.t, err)
}

// answer is a response without its body.
type answer struct {
	StatusCode int
	Header     http.Header
}

// ask makes a request with these headers; "Host" is one of them.
func (s *served) ask(method, path string, form url.Values, headers ...string) (answer, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, s.URL+path, strings.NewReader(form.Encode()))
	require.NoError(s.t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.Client().Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return answer{resp.StatusCode, resp.Header}, string(raw)
}

func (s *served) page(path string) string {
	s.t.Helper()
	resp, body := s.ask(http.MethodGet, path, nil)
	require.Equal(s.t, http.StatusOK, resp.StatusCode, body)
	return body
}

func TestPhones_areOneHoweverTheirNumberIsWritten(t *testing.T) {
	s := serve(t, nil)
	s.send(
		smslink.Message{ID: 1, To: "0712345678", Text: "unu"},
		smslink.Message{ID: 2, To: "+40712345678", Text: "doi"},
		smslink.Message{ID: 3, To: "0044712345678", Text: "trei"},
	)
	require.Contains(t, s.page("/"), "3 messages to 2 phones")
	conversation := s.page("/phones/0712345678")
	require.Regexp(t, `(?s)dir="auto">unu</p>.*dir="auto">doi</p>`, conversation)
	require.Contains(t, conversation, "<dd>0040712345678</dd>")
	require.NotContains(t, conversation, `<p class="bubble accepted" dir="auto">trei`)
}

func TestList_isPagedTheNewestFirst(t *testing.T) {
	s := serve(t, nil)
	var messages []smslink.Message
	for i := range 120 {
		to, text := fmt.Sprintf("07000%05d", i), fmt.Sprintf("mesajul %d.", i)
		messages = append(messages, smslink.Message{ID: int64(i), To: to, Text: text})
	}
	s.send(messages...)
	s.send(smslink.Message{ID: 1, To: "0700000003", Text: "din nou"})
	first := s.page("/")
	require.Equal(t, 50, strings.Count(first, `<li id="row-`))
	require.Contains(t, first, `id="row-0700000003"`)
	require.Less(t, strings.Index(first, `id="row-0700000003"`), strings.Index(first, `id="row-0700000119"`))
	require.Contains(t, first, `href="/?skip=50"`)
	last := s.page("/?skip=100")
	require.Equal(t, 20, strings.Count(last, `<li id="row-`))
	require.NotContains(t, last, "list-older")
	require.Contains(t, last, `href="/?skip=50"`)
	for _, odd := range []string{"/?skip=-5", "/?skip=x", "/?skip=99999999999", "/?notice=99", "/uploads?skip=7"} {
		s.page(odd)
	}
	for _, gone := range []string{
		"/phones/1", "/phones/x", "/phones/" + strings.Repeat("9", 4000), "/uploads/0", "/uploads/3", "/uploads/x",
	} {
		resp, body := s.ask(http.MethodGet, gone, nil)
		require.Equal(t, http.StatusNotFound, resp.StatusCode)
		require.Contains(t, body, "Not here any more")
	}

	for query, want := range map[string]int{
		"0700000003": 1, "+40 700 000 003": 1, "00011": 11, "99999": 0,
		"din nou": 1, "MESAJUL 11": 11, "mesajul": 50, "nimic": 0,
	} {
		require.Equal(t, want, strings.Count(s.page("/?q="+url.QueryEscape(query)), `<li id="row-`), query)
	}
	require.Contains(t, s.page("/?q=mesajul"), `href="/?q=mesajul&amp;skip=50"`)
}

func TestConversation_isPaged(t *testing.T) {
	s := serve(t, nil)
	for i := range 60 {
		s.send(smslink.Message{ID: int64(i), To: "0700000001", Text: fmt.Sprintf("nr. %d!", i)})
	}
	newest := s.page("/phones/0700000001")
	require.Equal(t, 50, strings.Count(newest, `class="bubble `))
	require.Contains(t, newest, "from=50")
	require.Equal(t, 10, strings.Count(s.page("/phones/0700000001?from=50"), `class="bubble `))
}

func TestButtons(t *testing.T) {
	s := serve(t, &smslinktest.Options{Reports: &smslinktest.Reports{Manual: true}})
	s.send(smslink.Message{ID: 1, To: "0700000001", Text: "a"})
	press := func(path string, form url.Values) string {
		_, body := s.ask(http.MethodPost, path, form)
		return body
	}
	body := press("/messages/220000001/deliver", url.Values{"back": {"/phones/0700000001"}})
	require.Contains(t, body, "Message 220000001 reported as delivered.")
	require.Contains(t, body, `<p class="bubble delivered"`, "back where the button stood")
	require.Contains(t, press("/messages/220000001/fail", nil), "reported as not delivered")
	require.Contains(t, press("/messages/9/fail", nil), "no message has the remote id")

	require.Contains(t, press("/credit", url.Values{"do": {"set"}, "credit": {"5"}}), "The credit is 5 now.")
	require.Contains(t, press("/credit", url.Values{"do": {"add"}, "credit": {"10"}}), "The credit is 15 now.")
	for _, bad := range []string{"-1", "x", "", "99999999999999999999"} {
		require.Contains(t, press("/credit", url.Values{"do": {"set"}, "credit": {bad}}), "a credit is a whole number")
	}
	require.Equal(t, 15, s.gateway.Credit())
	press("/credit", url.Values{"do": {"unlimited"}})
	require.Equal(t, smslinktest.Unlimited, s.gateway.Credit())

	require.Contains(t, press("/faults", url.Values{"fault": {"lose-reply"}, "words": {""}}),
		"Fault added: lose-reply.")
	require.Contains(t, press("/faults", url.Values{"fault": {"lose-reply"}, "words": {"answer 413"}}),
		"Fault added: answer 413.")
	require.Contains(t, press("/faults", url.Values{"words": {"explode"}}), "is unknown; the faults are none, ")
	s.gateway.Inspect(func(s smslinktest.Snapshot) { require.Len(t, s.Faults, 2) })

	require.Contains(t, press("/clear", nil), "Everything is cleared.")
	require.Empty(t, s.gateway.Messages())
	require.Contains(t, s.page("/"), "No messages yet")
	s.send(smslink.Message{ID: 1, To: "0700000002", Text: "după"})
	require.Contains(t, s.page("/"), "1 message to 1 phone<")
}

// A callback to a program that never answers is given up after three tries of 10 seconds. The page
// then says so.
func TestButtons_callbackThatIsNeverAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callback = "http://shop/replies/0123456789abcdef"
		gateway := smslinktest.NewUnstartedGateway(&smslinktest.Options{
			Webhooks: &smslinktest.Webhooks{Replies: callback},
			Reports:  &smslinktest.Reports{Client: &http.Client{Transport: silent{}}},
		})
		defer gateway.Close()
		browser, page := net.Pipe()
		server := &http.Server{Handler: inbox.New(gateway, inbox.Usage{Replies: callback})}
		go func() { _ = server.Serve(&listenerOfOne{Conn: page}) }()
		defer func() { require.NoError(t, server.Close()) }()
		ask := func(method, path string) *http.Response {
			req, err := http.NewRequestWithContext(t.Context(), method, "http://localhost"+path, nil)
			require.NoError(t, err)
			require.NoError(t, req.Write(browser))
			resp, err := http.ReadResponse(bufio.NewReader(browser), req)
			require.NoError(t, err)
			return resp
		}
		resp := ask(http.MethodPost, "/phones/0700000001/messages")
		require.Equal(t, http.StatusSeeOther, resp.StatusCode)
		require.NoError(t, resp.Body.Close())
		resp = ask(http.MethodGet, resp.Header.Get("Location"))
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Contains(t, string(body), "reply: context deadline exceeded")
	})
}

// silent never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// listenerOfOne accepts one connection, which it has from the start.
type listenerOfOne struct {
	net.Conn
	accepted bool
}

func (l *listenerOfOne) Accept() (net.Conn, error) {
	if l.accepted {
		return nil, net.ErrClosed
	}
	l.accepted = true
	return l.Conn, nil
}

func (l *listenerOfOne) Close() error { return nil }

func (l *listenerOfOne) Addr() net.Addr { return l.LocalAddr() }

// Whoever posts a form chooses its field back, which must not lead to another site.
func TestButtons_leadBackToOurPagesOnly(t *testing.T) {
	s := serve(t, nil)
	s.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, back := range []string{
		"https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "\x00",
		"///evil.example", "/..//evil.example", "////evil.example",
	} {
		resp, _ := s.ask(http.MethodPost, "/credit", url.Values{"do": {"unlimited"}, "back": {back}})
		require.Regexp(t, `^/[^/\\]`, resp.Header.Get("Location"), back)
	}
}

func TestUploads_showWhyOneWasRefused(t *testing.T) {
	s := serve(t, nil)
	var p smslink.Package
	require.NoError(t, p.Add(smslink.Message{ID: 1, To: "0700000001", Text: "a"}))
	_, err := s.clientWith("hunter2").Send(context.Background(), &p)
	require.Error(t, err)
	s.gateway.Inject(smslinktest.HangUp())
	_, err = s.client.Send(context.Background(), &p)
	require.Error(t, err)
	list, upload := s.page("/uploads"), s.page("/uploads/1")
	require.Contains(t, list, "ERROR 7")
	require.Contains(t, list, "hang-up")
	require.Contains(t, upload, "ERROR;7;wrong password")
	require.Contains(t, upload, "MD5Compressed")
	require.NotContains(t, list+upload, "hunter2")
}

func TestEvents_gatherChanges(t *testing.T) {
	s := serve(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/events", nil)
	require.NoError(t, err)
	resp, err := s.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	events := bufio.NewScanner(resp.Body)
	next := func() (messages int) {
		for events.Scan() {
			if data, ok := strings.CutPrefix(events.Text(), "data: "); ok {
				var change struct{ Messages int }
				require.NoError(t, json.Unmarshal([]byte(data), &change))
				return change.Messages
			}
		}
		require.NoError(t, events.Err())
		return -1
	}
	require.Zero(t, next())
	const packages = 200
	start := time.Now()
	for i := range packages {
		s.send(smslink.Message{ID: int64(i), To: "0700000001", Text: "a"})
	}
	count := 0
	for next() < packages {
		count++
	}
	require.LessOrEqual(t, count, int(time.Since(start)/(250*time.Millisecond))+1, "events are gathered")
	cancel()
}

// A page's size does not grow with the number of messages. Its time is logged.
func TestList_ofAMillionMessages(t *testing.T) {
	s := serve(t, nil)
	packages, each := 2, 5_000
	if os.Getenv("SMSLINK_LONG") != "" { // see CONTRIBUTING.md
		packages, each = 20, 50_000
	}
	for i := range packages {
		var p smslink.Package
		for id := range each {
			n := i*each + id
			to, text := fmt.Sprintf("07%08d", n%700_000), fmt.Sprintf("Codul dvs. este %d.", n)
			require.NoError(t, p.Add(smslink.Message{ID: int64(id), To: to, Text: text}))
		}
		_, err := s.client.Send(context.Background(), &p)
		require.NoError(t, err)
	}
	start := time.Now()
	s.page("/")
	indexed := time.Since(start)
	for _, path := range []string{
		"/", "/?skip=5000", "/phones/0700000001", "/?q=0700699999", "/?q=nimic", "/uploads", "/uploads/2",
	} {
		start := time.Now()
		require.Less(t, len(s.page(path)), 100_000, path)
		t.Logf("%s: %v", path, time.Since(start).Round(time.Microsecond))
	}
	t.Logf("first page, with the index made: %v", indexed.Round(time.Millisecond))
}
