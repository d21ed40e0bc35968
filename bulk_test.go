package smslink_test

import (
	"context"
	"crypto/md5"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/stretchr/testify/require"
)

func TestSend_oneResultAMessage(t *testing.T) {
	gw := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{func(m smslink.Message) smslink.Status {
		return smslink.Status(m.ID%5 + 1)
	}}})
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			p := packageOf(t, 40, 11, 32, 23, 54)
			p.Codec = codec
			resp, err := gw.Client().Send(context.Background(), p)
			require.NoError(t, err)
			require.NotEmpty(t, resp.PackageID)
			require.Empty(t, resp.Unmatched)
			require.Positive(t, resp.Elapsed)
			require.Len(t, resp.Results, 5)
			taken := gw.Messages()
			taken = taken[len(taken)-5:]
			for i, m := range taken {
				require.Equal(t, smslink.Result{ID: m.ID, RemoteID: m.RemoteID, Status: smslink.Status(m.ID%5 + 1)},
					resp.Results[i])
			}
			require.Equal(t, 1, resp.Count(smslink.StatusSuccess))
		})
	}
}

func TestSend_arrivesAsTheVectorsSay(t *testing.T) {
	gw := newGateway(t, nil)
	client := gw.Client()
	for _, v := range vectors(t) {
		for _, codec := range codecs {
			p := smslink.Package{Codec: codec}
			v.fill(&p)
			seen := len(gw.Messages())
			_, err := client.Send(context.Background(), &p)
			require.NoError(t, err, "%s, %s", v.Name, codec)
			taken := gw.Messages()[seen:]
			require.Len(t, taken, p.Len())
			at := 0
			for m := range p.Messages() {
				got := smslink.Message{ID: taken[at].ID, To: taken[at].To, From: taken[at].From, Text: taken[at].Text,
					SendAt: taken[at].SendAt}
				require.Equal(t, m, got)
				at++
			}
		}
	}
}

// The golden is one whole upload with a vector's plain form.
func TestSend_upload(t *testing.T) {
	const golden = "testdata/upload.golden"
	got := make(chan []byte, 1)
	endpoint := peer(t, func(conn net.Conn, request []byte) {
		got <- request
		_, _ = io.WriteString(conn, http200("MESSAGE;1;ok;1;1:1:3,2:2:3,3:3:3"))
	})
	client, err := smslink.NewClient("A1B2C3", "p@ss\r\n--word", &smslink.Options{Endpoint: endpoint, TestMode: true})
	require.NoError(t, err)
	client.Fix(time.Unix(1893456000, 0), "SMSLINKBOUNDARY")
	p := smslink.Package{Codec: smslink.CodecNone}
	vectors(t)[0].fill(&p)
	_, err = client.Send(context.Background(), &p)
	require.NoError(t, err)

	host := strings.TrimSuffix(strings.TrimPrefix(endpoint, "http://"), "/bulk-v3.php")
	upload := strings.Replace(string(<-got), "Host: "+host, "Host: 127.0.0.1", 1)
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(upload), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), upload)
	require.Contains(t, upload, string(unbase64(t, vectors(t)[0].PlainBase64)))
	require.Contains(t, upload, vectors(t)[0].PlainMD5)
}

func TestSend_credentialsArriveIntact(t *testing.T) {
	var all strings.Builder
	for c := range 256 {
		all.WriteByte(byte(c))
	}
	for _, secret := range []string{
		all.String(), "\r\n", " ", "--", "ș;ț%0A\"'",
		"\r\n--boundary--\r\nContent-Disposition: form-data; name=\"test\"\r\n\r\n1",
	} {
		gw := newGateway(t, &smslinktest.Options{ConnectionID: "id" + secret, Password: secret + "pw"})
		_, err := gw.Client().Send(context.Background(), packageOf(t, 1))
		require.NoError(t, err, "%q", secret)
	}
}

func TestSend_testModeIsAsked(t *testing.T) {
	gw := newGateway(t, nil)
	client, err := smslink.NewClient(gw.ConnectionID, gw.Password, &smslink.Options{Endpoint: gw.URL, TestMode: true})
	require.NoError(t, err)
	_, err = client.Send(context.Background(), packageOf(t, 1))
	require.NoError(t, err)
	_, err = gw.Client().Send(context.Background(), packageOf(t, 2))
	require.NoError(t, err)
	require.True(t, gw.Messages()[0].Test)
	require.False(t, gw.Messages()[1].Test)
}

func TestSend_asksTheEndpointWithATimestampAlone(t *testing.T) {
	before := time.Now().Unix()
	var got *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "MESSAGE;1;ok;1;1:1:3")
	}))
	defer server.Close()
	_, _, err := sendTo(t, server.URL+"/sms/gateway/communicate/bulk-v3.php", 1)
	require.NoError(t, err)
	require.Equal(t, http.MethodPost, got.Method)
	require.Equal(t, "/sms/gateway/communicate/bulk-v3.php", got.URL.Path)
	require.Len(t, got.URL.Query(), 1)
	require.Positive(t, got.ContentLength)
	require.Empty(t, got.TransferEncoding)
	require.Equal(t, "smslink-go", got.UserAgent())
	var at int64
	_, err = fmt.Sscan(got.URL.Query().Get("timestamp"), &at)
	require.NoError(t, err)
	require.GreaterOrEqual(t, at, before)
	require.LessOrEqual(t, at, time.Now().Unix())
}

// After Send has returned, the memory is the caller's again, even if a transport keeps the body.
func TestSend_nothingReadsThePackageAfterwards(t *testing.T) {
	var kept io.Reader
	client := newClient(t, via(func(r *http.Request) (*http.Response, error) {
		kept = r.Body
		return response(413, "too large"), nil
	}))
	p := packageOf(t, 1)
	p.Codec = smslink.CodecNone
	_, err := client.Send(context.Background(), p)
	require.Equal(t, smslink.OutcomeRejected, smslink.OutcomeOf(err))
	rest, err := io.ReadAll(kept)
	require.Error(t, err)
	require.Empty(t, rest)
}

type ownCodec struct {
	method int
	err    error
}

func (c ownCodec) Method() int  { return c.method }
func (ownCodec) String() string { return "own" }
func (c ownCodec) AppendCompress(dst, plain []byte) ([]byte, error) {
	if c.err != nil {
		return dst, c.err
	}
	return smslink.CodecZlib.AppendCompress(dst, plain)
}

func TestSend_takesACodecOfTheCallersOwn(t *testing.T) {
	gw := newGateway(t, nil)
	p := packageOf(t, 1, 2)
	p.Codec = ownCodec{method: 1}
	_, err := gw.Client().Send(context.Background(), p)
	require.NoError(t, err)
	require.Len(t, gw.Messages(), 2)
}

func TestSend_refusesACodecThatTheGatewayDoesNotKnow(t *testing.T) {
	gw := newGateway(t, nil)
	for _, method := range []int{-1, 4, 99} {
		p := packageOf(t, 1)
		p.Codec = ownCodec{method: method}
		_, err := gw.Client().Send(context.Background(), p)
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))
		require.EqualError(t, err,
			fmt.Sprintf("smslink: not sent: the codec own has method %d, which the gateway does not know; it knows 0 "+
				"to 3", method))
		_, err = smslink.NewClient("c", "p", &smslink.Options{Codec: ownCodec{method: method}})
		require.EqualError(t, err,
			fmt.Sprintf("smslink: the codec own has method %d, which the gateway does not know; it knows 0 to 3",
				method))
	}
	require.Empty(t, gw.Messages())
}

func TestSend_codecErrorIsNotSent(t *testing.T) {
	gw := newGateway(t, nil)
	broken := errors.New("out of paper")
	p := packageOf(t, 1)
	p.Codec = ownCodec{method: 1, err: broken}
	_, err := gw.Client().Send(context.Background(), p)
	require.ErrorIs(t, err, broken)
	require.EqualError(t, err, "smslink: not sent: codec own: out of paper")
	require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))
	p.Codec = nil
	_, err = gw.Client().Send(context.Background(), p)
	require.NoError(t, err, "not sent leaves the package open")
}

func TestSend_emptyPackage(t *testing.T) {
	for _, p := range []*smslink.Package{nil, {}} {
		_, err := newClient(t, nil).Send(context.Background(), p)
		require.ErrorContains(t, err, "the package is empty")
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))
		require.EqualError(t, err, "smslink: not sent: the package is empty; add a message first")
	}
}

func TestSend_fromManyGoroutines(t *testing.T) {
	gw := newGateway(t, nil)
	client := gw.Client()
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			var p smslink.Package
			for round := range 20 {
				p.Reset()
				p.Codec = codecs[(worker+round)%len(codecs)]
				for i := range 20 {
					if err := p.Add(message(int64(worker*1000 + round*20 + i))); err != nil {
						t.Error(err)
					}
				}
				if _, err := client.Send(context.Background(), &p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, gw.Messages(), 8*20*20)
}

func TestNewClient_refuses(t *testing.T) {
	insecure := http.DefaultTransport.(*http.Transport).Clone()
	insecure.TLSClientConfig.InsecureSkipVerify = true
	old := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS11}}
	for _, c := range []struct {
		name, id, password string
		opts               *smslink.Options
		says               string
	}{
		{"no connection id", "", "p", nil, "smslink: the connection id is empty"},
		{"no password", "c", "", nil, "smslink: the password is empty"},
		{"a relative endpoint", "c", "p", &smslink.Options{Endpoint: "/bulk-v3.php"},
			"smslink: the endpoint is not an absolute URL, such as https://host/path/bulk-v3.php"},
		{"an endpoint without a host", "c", "p", &smslink.Options{Endpoint: "https:///bulk-v3.php"},
			"smslink: the endpoint is not an absolute URL, such as https://host/path/bulk-v3.php"},
		{"an endpoint that is no URL", "c", "p", &smslink.Options{Endpoint: "https://user:hunter2@[::1"},
			"smslink: the endpoint is not an absolute URL, such as https://host/path/bulk-v3.php"},
		{"another scheme", "c", "p", &smslink.Options{Endpoint: "ftp://example.com/"},
			"smslink: the endpoint is neither https nor http"},
		{"a user in the endpoint", "c", "p", &smslink.Options{Endpoint: "https://user:hunter2@example.com/"},
			"smslink: the endpoint holds a user or password; leave them out"},
		{"a query in the endpoint", "c", "p", &smslink.Options{Endpoint: "https://example.com/?a=b"},
			"smslink: the endpoint holds a query or a fragment; leave it out"},
		{"a fragment in the endpoint", "c", "p", &smslink.Options{Endpoint: "https://example.com/#a"},
			"smslink: the endpoint holds a query or a fragment; leave it out"},
		{"a slash after the endpoint's .php", "c", "p", &smslink.Options{Endpoint: smslink.DefaultEndpoint + "/"},
			"smslink: the endpoint has a slash after its .php; leave it out"},
		{"a negative timeout", "c", "p", &smslink.Options{Timeout: -time.Second},
			"smslink: Options.Timeout is negative: -1s"},
		{"a user agent with a line end", "c", "p", &smslink.Options{UserAgent: "a\r\nX-Injected: b"},
			"smslink: the user agent holds a character other than visible ASCII and spaces"},
		{"a transport without TLS verification", "c", "p",
			&smslink.Options{HTTPClient: &http.Client{Transport: insecure}},
			"smslink: the HTTP client turns TLS verification off; give its transport the server's certificate as " +
				"RootCAs instead"},
		{"a transport that allows TLS 1.1", "c", "p", &smslink.Options{HTTPClient: &http.Client{Transport: old}},
			"smslink: the HTTP client allows TLS below 1.2; leave its transport's MinVersion at its default"},
		{"a nil transport", "c", "p", &smslink.Options{HTTPClient: &http.Client{Transport: (*http.Transport)(nil)}},
			"smslink: HTTPClient.Transport is a nil *http.Transport; leave the field nil to use smslink's own"},
		{"ReuseConnections with a given transport", "c", "p",
			&smslink.Options{ReuseConnections: true, HTTPClient: &http.Client{Transport: &http.Transport{}}},
			"smslink: ReuseConnections is for the client's own transport; set DisableKeepAlives of the given one to " +
				"false instead"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := smslink.NewClient(c.id, c.password, c.opts)
			require.Nil(t, client)
			require.EqualError(t, err, c.says)
		})
	}
}

func TestNewClient_leavesTheCallersHTTPClientAlone(t *testing.T) {
	own := &http.Client{Timeout: time.Minute}
	newClient(t, &smslink.Options{HTTPClient: own})
	require.Equal(t, &http.Client{Timeout: time.Minute}, own)
}

// Go's own multipart reader reads the reference's fields.
func TestSend_formAsAnotherReaderSeesIt(t *testing.T) {
	var form *multipart.Form
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		form = r.MultipartForm
		_, _ = io.WriteString(w, "MESSAGE;1;ok;1;1:1:3,2:2:3")
	}))
	defer server.Close()
	p := packageOf(t, 1, 2)
	p.Codec = smslink.CodecLZF
	_, err := newClient(t, &smslink.Options{Endpoint: server.URL}).Send(context.Background(), p)
	require.NoError(t, err)

	require.Len(t, form.Value, 12)
	value := func(name string) string { return strings.Join(form.Value[name], "|") }
	file := form.File["Package"][0]
	opened, err := file.Open()
	require.NoError(t, err)
	packed, err := io.ReadAll(opened)
	require.NoError(t, err)
	require.Equal(t, "connection", value("connection_id"))
	require.Equal(t, "password", value("password"))
	require.Equal(t, "0", value("test"))
	require.Equal(t, "3", value("Compression"))
	require.Equal(t, fmt.Sprintf("%x", md5.Sum(p.AppendPlain(nil))), value("MD5Plain"))
	require.Equal(t, fmt.Sprintf("%x", md5.Sum(packed)), value("MD5Compressed"))
	require.Equal(t, fmt.Sprint(p.Size()), value("SizePlain"))
	require.Equal(t, fmt.Sprint(len(packed)), value("SizeCompressed"))
	require.Equal(t, "1", value("Buffering"))
	require.Equal(t, "2.1", value("Version"))
	require.Equal(t, "2", value("Receivers"))
	require.Equal(t, "application/octet-stream", file.Header.Get("Content-Type"))
	require.Equal(t, plain(p), string(decoders[3](t, packed)))
}

func TestSend_nilContext(t *testing.T) {
	gw := newGateway(t, nil)
	p := packageOf(t, 1)
	_, err := gw.Client().Send(noContext, p)
	requireOutcome(t, smslink.OutcomeNotSent, p, err)
	require.EqualError(t, err, "smslink: not sent: the context is nil")
	_, err = gw.Client().SendMessage(noContext, message(1))
	require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))
	_, err = gw.Client().Balance(noContext)
	require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))
	require.Empty(t, gw.Uploads())

	_, err = gw.Client().Send(t.Context(), p)
	require.NoError(t, err)
	for _, client := range []*smslink.Client{gw.Client(), new(smslink.Client), nil} { // the seal is asked first
		_, err = client.Send(noContext, p)
		requireSealed(t, err)
		require.False(t, smslink.SafeToResend(err))
		require.NotContains(t, err.Error(), "not sent")
	}
}

func TestClient_thatNewClientDidNotMake(t *testing.T) {
	for _, client := range []*smslink.Client{nil, new(smslink.Client)} {
		p := packageOf(t, 1)
		_, err := client.Send(t.Context(), p)
		requireOutcome(t, smslink.OutcomeNotSent, p, err)
		require.EqualError(t, err, "smslink: not sent: the Client was not made by NewClient")
		_, err = client.Send(t.Context(), nil)
		require.ErrorContains(t, err, "the package is empty")
		_, err = client.SendMessage(t.Context(), message(1))
		require.ErrorContains(t, err, "not made by NewClient")
		_, err = client.Balance(t.Context())
		require.ErrorContains(t, err, "not made by NewClient")
		require.False(t, client.TestMode())
		stream := client.Stream(numbered(1, new(int), nil), &smslink.StreamOptions{Journal: newSpy()})
		require.Empty(t, collect(t, t.Context(), stream))
		require.ErrorContains(t, stream.Err(), "not made by NewClient")
	}
}

func TestNewClient_refusesNilPointers(t *testing.T) {
	for says, opts := range map[string]*smslink.Options{
		"smslink: Options.Codec is a nil *smslink_test.ownCodec":  {Codec: (*ownCodec)(nil)},
		"smslink: Options.Tracer is a nil *smslink_test.recorder": {Tracer: (*recorder)(nil)},
	} {
		_, err := smslink.NewClient("c", "p", opts)
		require.EqualError(t, err, says)
	}
	p := packageOf(t, 1)
	p.Codec = (*ownCodec)(nil)
	client := newGateway(t, nil).Client()
	_, err := client.Send(t.Context(), p)
	require.ErrorContains(t, err, "not sent: the package's Codec is a nil pointer; set it to nil to use the client's")
	p.Codec = nil
	_, err = client.Send(t.Context(), p)
	require.NoError(t, err)
}

func TestSend_codecOfTheClient(t *testing.T) {
	gw := newGateway(t, nil)
	client := clientOf(t, gw, smslink.Options{Codec: smslink.CodecLZF})
	p := packageOf(t, 1)
	p.Codec = smslink.CodecBZip2
	_, err := client.Send(t.Context(), p)
	require.NoError(t, err)
	_, err = client.SendMessage(t.Context(), message(2))
	require.NoError(t, err)
	for b := range client.Stream(numbered(3, new(int), nil), nil).Batches(t.Context()) {
		require.NoError(t, b.Err)
	}
	var methods []int
	for _, upload := range gw.Uploads() {
		methods = append(methods, upload.Compression)
	}
	require.Equal(t, []int{2, 3, 3}, methods)
}

func TestSendMessage(t *testing.T) {
	gw := newGateway(t, nil)
	result, err := gw.Client().SendMessage(t.Context(), smslink.Message{To: "0712 345 678", Text: "Salut!"})
	require.NoError(t, err)
	require.Equal(t, smslink.Result{RemoteID: "220000001", Status: smslink.StatusSuccess}, result)

	result, err = gw.Client().SendMessage(t.Context(), smslink.Message{ID: 7, To: "712345678", Text: "Salut!"})
	require.ErrorIs(t, err, smslink.ErrReceiver)
	require.True(t, smslink.SafeToResend(err))
	require.Equal(t, smslink.Result{ID: 7}, result)

	for status, want := range map[smslink.Status]smslink.Outcome{
		smslink.StatusSenderFailed: smslink.OutcomeFailed, smslink.StatusNumberFailed: smslink.OutcomeFailed,
		smslink.StatusInternalOrBlacklisted: smslink.OutcomeFailed,
		smslink.StatusInsufficientCredit:    smslink.OutcomeFailed, 77: smslink.OutcomeInDoubt,
	} {
		client := newClient(t,
			&smslink.Options{Endpoint: replying(t, http200("MESSAGE;1;ok;1;0:9:"+statusDigits(status)))})
		result, err = client.SendMessage(t.Context(), smslink.Message{To: "0712345678", Text: "a"})
		require.Equal(t, status, result.Status)
		require.Equal(t, want, smslink.OutcomeOf(err))
		require.ErrorAs(t, err, new(*smslink.ResultError))
	}
	for answer, want := range map[string]smslink.Outcome{
		http200("MESSAGE;1;ok;1"): smslink.OutcomeInDoubt, http200("ERROR;7;no"): smslink.OutcomeRejected,
		http200(""): smslink.OutcomeInDoubt,
	} {
		_,
			err = newClient(t, &smslink.Options{Endpoint: replying(t, answer)}).SendMessage(t.Context(),
			smslink.Message{To: "0712345678", Text: "a"})
		require.Equal(t, want, smslink.OutcomeOf(err))
		require.Equal(t, want == smslink.OutcomeRejected, smslink.SafeToResend(err))
	}
}

func statusDigits(s smslink.Status) string {
	if s > 9 {
		return string(rune('0'+s/10)) + string(rune('0'+s%10))
	}
	return string(rune('0' + s))
}

// Characters that would end a field, a line, a part or a header if they were not escaped.
var injections = []string{
	"\r\n", "\n", "\r", "\"", "\\\"", ";", "; filename=\"x\"", "\r\n\r\n", "--", "\x00", "%0D%0A", "%0a", "&test=1",
	"ș",
	"\r\nContent-Disposition: form-data; name=\"test\"\r\n\r\n1", "\r\n2;0799999999;numeric;Injectat;0",
	"\r\nX-Injected: 1",
}

// No field can change another. Each upload reaches the gateway with the given fields, or is
// refused.
func TestSend_injectionThroughEveryField(t *testing.T) {
	var seen atomic.Value // the last upload's boundary
	gw := smslinktest.NewUnstartedGateway(nil)
	handler := gw.Server.Config.Handler
	gw.Server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(strings.TrimPrefix(r.Header.Get("Content-Type"), "multipart/form-data; boundary="))
		if r.Header.Get("X-Injected") != "" {
			t.Error("a header was injected")
		}
		handler.ServeHTTP(w, r)
	})
	gw.Start()
	defer gw.Close()

	client := gw.Client()
	_, err := client.Send(context.Background(), packageOf(t, 1))
	require.NoError(t, err)
	boundary := seen.Load().(string)
	payloads := append([]string{
		boundary, "--" + boundary, "\r\n--" + boundary + "--\r\n",
		"\r\n--" + boundary + "\r\nContent-Disposition: form-data; name=\"test\"\r\n\r\n1",
	}, injections...)

	t.Run("in a message", func(t *testing.T) {
		for _, x := range payloads {
			for field, m := range map[string]smslink.Message{
				"To":   {ID: 7, To: "0712" + x + "345678", Text: "a"},
				"From": {ID: 7, To: "0712345678", From: "Shop" + x + "Name", Text: "a"},
				"Text": {ID: 7, To: "0712345678", Text: "a" + x + "b"},
			} {
				for _, codec := range codecs {
					p := packageOf(t, 1)
					p.Codec = codec
					refused := p.Add(m)
					require.NoError(t, p.Add(message(9)))
					before := len(gw.Messages())
					_, err := client.Send(context.Background(), p)
					require.NoError(t, err, "%s %q", field, x)
					taken := gw.Messages()[before:]
					require.Equal(t, int64(1), taken[0].ID)
					require.Equal(t, int64(9), taken[len(taken)-1].ID)
					if refused != nil {
						require.Len(t, taken, 2)
						continue
					}
					require.Len(t, taken, 3, "%s %q", field, x)
					got := taken[1]
					require.Equal(t, int64(7), got.ID)
					require.Empty(t, strings.Trim(got.To, "0123456789"))
					if field == "From" {
						require.Equal(t, m.From, got.From)
					}
					if field == "Text" { // without what is dropped: see Message
						require.Equal(t, strings.ReplaceAll(strings.ReplaceAll(m.Text, "\r\n", "\n"), "\r", ""),
							got.Text)
					}
				}
			}
		}
	})
	t.Run("in the credentials", func(t *testing.T) {
		for _, x := range payloads {
			other := newGateway(t, &smslinktest.Options{ConnectionID: "id" + x, Password: x + "word"})
			_, err := other.Client().Send(context.Background(), packageOf(t, 1, 2))
			require.NoError(t, err, "%q", x)
			require.Len(t, other.Messages(), 2)
			require.False(t, other.Uploads()[0].Test)
		}
	})
	t.Run("in the options", func(t *testing.T) {
		for _, x := range []string{"\r\nX-Injected: 1", "\n", "\x00", "é", "\x7f"} {
			_, err := smslink.NewClient("c", "p", &smslink.Options{UserAgent: "agent" + x})
			require.ErrorContains(t, err, "the user agent", "%q", x)
		}
		for _, x := range []string{"\r\nX-Injected: 1", "\n", "\x00"} {
			_, err := smslink.NewClient("c", "p", &smslink.Options{Endpoint: gw.URL + x})
			require.ErrorContains(t, err, "the endpoint", "%q", x)
		}
	})
}

func TestSend_boundaryIsNewEachTime(t *testing.T) {
	seen := map[string]bool{}
	endpoint := make(chan string, 1)
	client := newClient(t, via(func(r *http.Request) (*http.Response, error) {
		endpoint <- r.Header.Get("Content-Type")
		_, _ = io.Copy(io.Discard, r.Body)
		return response(200, "MESSAGE;1;ok;1;1:1:3"), nil
	}))
	for range 100 {
		_, err := client.Send(context.Background(), packageOf(t, 1))
		require.NoError(t, err)
		boundary := strings.TrimPrefix(<-endpoint, "multipart/form-data; boundary=")
		require.GreaterOrEqual(t, len(boundary), 26, "130 bits in base32")
		require.False(t, seen[boundary])
		seen[boundary] = true
	}
}

// BenchmarkSend measures everything except the network: its transport reads the upload and has the
// reply ready.
func BenchmarkSend(b *testing.B) {
	p := packageOfAll(b, messages(campaign))
	reply := replyTo(campaign)
	client := newClient(b, via(func(r *http.Request) (*http.Response, error) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
		return response(200, reply), nil
	}))
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			p.Codec = codec
			b.SetBytes(int64(p.Size()))
			b.ReportAllocs()
			for b.Loop() {
				p.Reopen()
				resp, err := client.Send(context.Background(), p)
				require.NoError(b, err)
				require.Equal(b, smslink.StatusSuccess, resp.Results[campaign-1].Status)
			}
		})
	}
}

func TestNewClient_defaultTimeout(t *testing.T) {
	require.Equal(t, 5*time.Minute, newClient(t, nil).Timeout())
}

// A transport that checks certificates in its own way does not turn checks off.
func TestNewClient_takesATransportWithItsOwnVerification(t *testing.T) {
	for _, config := range []*tls.Config{
		{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return nil }},
		{InsecureSkipVerify: true, VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return nil }},
	} {
		_, err := smslink.NewClient("c", "p",
			&smslink.Options{HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: config}}})
		require.NoError(t, err)
	}
}

// answering is a transport that reads each upload and answers with what next returns, or with an
// error if that is empty.
func answering(uploads *atomic.Int32, next func() (status int, body string)) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		uploads.Add(1)
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
		status, body := next()
		if body == "" {
			return nil, errors.New("the line is dead")
		}
		return response(status, body), nil
	})
}

const (
	acceptsOne    = "MESSAGE;1;ok;77;1:220000001:3"
	wrongPassword = "ERROR;7;wrong password"
)

// After a rejection of the account, one package is sent after a minute, then after two, and so on,
// up to an hour.
func TestSend_accountThatWasRefusedIsNotAskedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var uploads atomic.Int32
		reply := wrongPassword
		client := newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: answering(&uploads,
			func() (int, string) { return 200, reply })}})
		send := func() error {
			_, err := client.Send(context.Background(), packageOf(t, 1))
			return err
		}
		requireWaits := func(pause time.Duration) {
			t.Helper()
			before := uploads.Load()
			for _, rest := range []time.Duration{pause - time.Second, time.Second - time.Nanosecond, 0} {
				err := send()
				require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))
				require.ErrorIs(t, err, &smslink.GatewayError{Code: "7"})
				require.ErrorContains(t, err, "the account was rejected; the client uploads nothing for another ")
				require.ErrorContains(t, err, "wrong password")
				require.ErrorIs(t, smslink.StopReason(nil, err), &smslink.GatewayError{Code: "7"})
				time.Sleep(rest)
			}
			time.Sleep(time.Nanosecond)
			require.Equal(t, before, uploads.Load())
		}
		for range 2 { // the second time after an acceptance
			reply = wrongPassword
			require.Equal(t, smslink.OutcomeRejected, smslink.OutcomeOf(send()))
			for _, minutes := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
				requireWaits(minutes * time.Minute)
				require.Equal(t, smslink.OutcomeRejected, smslink.OutcomeOf(send()))
			}
			time.Sleep(time.Hour)
			reply = ""
			require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(send()), "it shows nothing of the account")
			reply = acceptsOne
			require.NoError(t, send())
			require.NoError(t, send())
		}
	})
}

// After the pause, only one of many packages is sent.
func TestSend_onePackageAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var uploads atomic.Int32
		client := newClient(t, &smslink.Options{Cooldown: time.Second,
			HTTPClient: &http.Client{Transport: answering(&uploads, func() (int, string) {
				time.Sleep(100 * time.Millisecond)
				return 200, wrongPassword
			})}})
		var all sync.WaitGroup
		sendTen := func() {
			for range 10 {
				all.Go(func() { _, _ = client.Send(context.Background(), packageOf(t, 1)) })
			}
			all.Wait()
		}
		sendTen()
		require.EqualValues(t, 10, uploads.Load(), "nothing was known of the account")
		time.Sleep(time.Second)
		sendTen()
		require.EqualValues(t, 11, uploads.Load())
		time.Sleep(time.Second)
		sendTen()
		require.EqualValues(t, 11, uploads.Load(), "the second refusal in turn has doubled the pause")
		time.Sleep(time.Second)
		sendTen()
		require.EqualValues(t, 12, uploads.Load())
	})
}

// The package that asks again is canceled, because of a rejection of another account. That neither
// ends the pause nor begins the next one.
func TestSend_anotherAccountsRejectionWhileOnePackageAsksAgain(t *testing.T) {
	for _, code := range []string{"7", "9"} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			uploads := 0
			client := newClient(t, via(func(r *http.Request) (*http.Response, error) {
				uploads++
				if _, err := io.Copy(io.Discard, r.Body); err != nil {
					return nil, err
				}
				if uploads == 2 {
					cancel(&smslink.SendError{Outcome: smslink.OutcomeRejected, Err: &smslink.GatewayError{Code: code}})
					return nil, context.Cause(r.Context())
				}
				return response(200, wrongPassword), nil
			}))
			send := func(ctx context.Context) smslink.Outcome {
				_, err := client.Send(ctx, packageOf(t, 1))
				return smslink.OutcomeOf(err)
			}
			require.Equal(t, smslink.OutcomeRejected, send(t.Context()))
			time.Sleep(time.Minute)
			require.Equal(t, smslink.OutcomeInDoubt, send(ctx))
			require.Equal(t, smslink.OutcomeRejected, send(t.Context()))
			time.Sleep(time.Minute)
			require.Equal(t, smslink.OutcomeNotSent, send(t.Context()), "the pause is doubled")
			time.Sleep(time.Minute)
			require.Equal(t, smslink.OutcomeRejected, send(t.Context()))
		})
	}
}

func TestSend_whichRefusalsAreAboutTheAccount(t *testing.T) {
	for code := 1; code <= 17; code++ {
		for status, outcome := range map[int]smslink.Outcome{200: smslink.OutcomeRejected, 403: smslink.OutcomeRejected,
			502: smslink.OutcomeInDoubt} {
			waits := code <= 7 || code == 14
			for _, cooldown := range []time.Duration{0, -1} {
				var uploads atomic.Int32
				client := newClient(t, &smslink.Options{Cooldown: cooldown,
					HTTPClient: &http.Client{Transport: answering(&uploads, func() (int, string) {
						return status, fmt.Sprintf("ERROR;%d;x", code)
					})}})
				_, err := client.Send(t.Context(), packageOf(t, 1))
				require.Equal(t, outcome, smslink.OutcomeOf(err))
				_, _ = client.Send(t.Context(), packageOf(t, 1))
				require.Equal(t, waits && cooldown == 0, uploads.Load() == 1, "ERROR %d, cooldown %v", code, cooldown)
			}
		}
	}
}

// With a mistyped password, ten log-ins and a stream after them make one upload.
func TestSendMessage_oneUploadForAllLogIns(t *testing.T) {
	gateway := newGateway(t, nil)
	gateway.Inject(smslinktest.Reject("7", "wrong password"))
	client := gateway.Client()
	for range 10 {
		_, err := client.SendMessage(t.Context(), smslink.Message{To: "0712345678", Text: "Codul dvs. este 123456."})
		require.ErrorIs(t, err, &smslink.GatewayError{Code: "7"})
		require.True(t, smslink.SafeToResend(err))
	}
	j := newSpy()
	stream := client.Stream(numbered(5, new(int), nil), &smslink.StreamOptions{MaxMessages: 2, Journal: j})
	for _, b := range collect(t, t.Context(), stream) {
		require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(b.Err))
	}
	require.ErrorIs(t, stream.Err(), &smslink.GatewayError{Code: "7"})
	require.Empty(t, j.states)
	require.Len(t, gateway.Uploads(), 1)
}
