package smslinktest_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// upload is a form that is made without the SDK, so that mistakes which the SDK and the gateway
// share are found.
type upload struct {
	gateway *smslinktest.Gateway
	fields  [][2]string
	packed  []byte
}

func newUpload(gateway *smslinktest.Gateway, method int, plain, packed string) *upload {
	sum := func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
	return &upload{gateway, [][2]string{
		{"connection_id", gateway.ConnectionID}, {"password", gateway.Password}, {"test", "0"}, {"Compression", fmt.Sprint(method)},
		{"MD5Plain", sum(plain)}, {"MD5Compressed", sum(packed)},
		{"SizePlain", fmt.Sprint(len(plain))}, {"SizeCompressed", fmt.Sprint(len(packed))},
		{"Timestamp", "1893456000"}, {"Buffering", "1"}, {"Version", "2.1"},
		{"Receivers", fmt.Sprint(strings.Count(plain, "\r\n") + 1)},
	}, []byte(packed)}
}

func (u *upload) set(name, value string) {
	for i := range u.fields {
		if u.fields[i][0] == name {
			u.fields[i][1] = value
		}
	}
}

// request returns the form as a request.
func (u *upload) request(t *testing.T) *http.Request {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, field := range u.fields {
		require.NoError(t, form.WriteField(field[0], field[1]))
	}
	file, err := form.CreateFormFile("Package", "any name.bin")
	require.NoError(t, err)
	_, err = file.Write(u.packed)
	require.NoError(t, err)
	require.NoError(t, form.Close())
	req, err := http.NewRequest(http.MethodPost, u.gateway.URL+"?timestamp=1893456000", &body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", form.FormDataContentType())
	return req
}

func (u *upload) post(t *testing.T) string {
	t.Helper()
	return u.send(t, u.request(t))
}

func (*upload) send(t *testing.T, request *http.Request) string {
	t.Helper()
	resp, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	return string(raw)
}

func newGateway(t testing.TB, opts *smslinktest.Options) *smslinktest.Gateway {
	gateway := smslinktest.NewGateway(opts)
	t.Cleanup(gateway.Close)
	return gateway
}

// If a message is scheduled for the gateway's present or past, the whole package is rejected.
func TestGateway_refusesWhatIsScheduledForThePast(t *testing.T) {
	now := time.Date(2030, 1, 1, 8, 0, 0, 0, time.UTC)
	gateway := newGateway(t, &smslinktest.Options{Now: func() time.Time { return now }})
	plain := func(at time.Time) string {
		return fmt.Sprintf("1;0712345678;numeric;a;0\r\n2;0712345678;numeric;b;%d", at.Unix())
	}
	for _, at := range []time.Time{now, now.Add(-time.Second), now.AddDate(-20, 0, 0)} {
		require.Equal(t, "ERROR;15;schedule in the past or too near", newUpload(gateway, 0, plain(at), plain(at)).post(t))
	}
	require.Empty(t, gateway.Messages())
	at := now.Add(time.Second)
	require.Equal(t, "MESSAGE;1;package accepted;1001;1:220000001:3,2:220000002:3", newUpload(gateway, 0, plain(at), plain(at)).post(t))
	require.Equal(t, now, gateway.Messages()[0].Time)
}

// A sender that is not approved has status 1, and a bad number has status 2.
func TestGateway_failsOtherSendersAndBadNumbers(t *testing.T) {
	plain := "1;0712345678;numeric;a;0\r\n2;0712345678;SMSLink.ro;a;0\r\n3;0712345678;MAGAZIN;a;0\r\n4;07;numeric;a;0\r\n5;0040212345678;numeric;a;0"
	ask := func(opts *smslinktest.Options) string {
		gateway := newGateway(t, opts)
		return newUpload(gateway, 0, plain, plain).post(t)
	}
	require.Equal(t, "MESSAGE;1;package accepted;1001;1:220000001:3,2:220000002:3,3:220000003:1,4:220000004:2,5:220000005:2", ask(nil))
	require.Contains(t, ask(&smslinktest.Options{Senders: []string{"MAGAZIN"}}), "3:220000003:3")
	require.Contains(t, ask(&smslinktest.Options{Senders: []string{smslinktest.AnySender}}), "3:220000003:3")
	require.NotContains(t, ask(&smslinktest.Options{Senders: []string{"Magazin"}}), "3:220000003:3")
}

func TestGateway_zeroTestIDs(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{ZeroTestIDs: true})
	u := newUpload(gateway, 0, "1;0712345678;numeric;a;0\r\n2;0712345678;numeric;b;0", "1;0712345678;numeric;a;0\r\n2;0712345678;numeric;b;0")
	u.set("test", "1")
	require.Equal(t, "MESSAGE;1;package accepted;1001;1:0:3,2:0:3", u.post(t))
	u.set("test", "0")
	require.Equal(t, "MESSAGE;1;package accepted;1002;1:220000003:3,2:220000004:3", u.post(t))
	require.ErrorContains(t, gateway.Deliver(t.Context(), "0", true), "no message has the remote id")
	require.NoError(t, gateway.Deliver(t.Context(), "220000004", true))
}

const onePlain = "1;0712345678;numeric;Salut%0Alume%3B;1893456000"

func TestGateway_takesAnUploadMadeElsewhere(t *testing.T) {
	gateway := newGateway(t, nil)
	require.Equal(t, "MESSAGE;1;package accepted;1001;1:220000001:3", newUpload(gateway, 0, onePlain, onePlain).post(t))
	m := gateway.Messages()[0]
	require.Equal(t, "0712345678", m.To)
	require.Equal(t, "Salut\nlume;", m.Text)
	require.Equal(t, int64(1893456000), m.SendAt.Unix())
	require.Equal(t, "1001", m.PackageID)
	require.Equal(t, smslink.StatusSuccess, m.Status)
}

func TestGateway_refuses(t *testing.T) {
	gateway := newGateway(t, nil)
	bomb, err := smslink.CodecZlib.AppendCompress(nil, make([]byte, 64<<20))
	require.NoError(t, err)
	trailed, err := smslink.CodecZlib.AppendCompress(nil, []byte(onePlain))
	require.NoError(t, err)
	trailed = append(trailed, 'x')
	head, err := smslink.CodecBZip2.AppendCompress(nil, []byte(onePlain[:10]))
	require.NoError(t, err)
	twoStreams, err := smslink.CodecBZip2.AppendCompress(head, []byte(onePlain[10:]))
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		upload func() *upload
		want   string
	}{
		{"a wrong connection id", func() *upload {
			u := newUpload(gateway, 0, onePlain, onePlain)
			u.set("connection_id", "other")
			return u
		}, "ERROR;2;connection id not approved"},
		{"a wrong password", func() *upload { u := newUpload(gateway, 0, onePlain, onePlain); u.set("password", "x"); return u }, "ERROR;7;wrong password"},
		{"no password", func() *upload { u := newUpload(gateway, 0, onePlain, onePlain); u.set("password", ""); return u }, "ERROR;1;field password: malformed value"},
		{"fields in another order", func() *upload {
			u := newUpload(gateway, 0, onePlain, onePlain)
			u.fields[0], u.fields[1] = u.fields[1], u.fields[0]
			return u
		}, "ERROR;1;field connection_id: another field stands in its place"},
		{"a wrong MD5 of the plain form", func() *upload {
			u := newUpload(gateway, 0, onePlain, onePlain)
			u.set("MD5Plain", strings.Repeat("0", 32))
			return u
		}, "ERROR;900;field MD5Plain is not the plain form's digest"},
		{"a wrong MD5 of the package", func() *upload {
			u := newUpload(gateway, 0, onePlain, onePlain)
			u.set("MD5Compressed", strings.Repeat("0", 32))
			return u
		}, "ERROR;900;field MD5Compressed is not the package's digest"},
		{"a wrong plain size", func() *upload {
			u := newUpload(gateway, 0, onePlain, onePlain)
			u.set("SizePlain", "1000")
			return u
		}, "ERROR;900;field SizePlain is not the plain form's size"},
		{"a wrong packed size", func() *upload {
			u := newUpload(gateway, 0, onePlain, onePlain)
			u.set("SizeCompressed", "1")
			return u
		}, "ERROR;900;field SizeCompressed is not the package's size"},
		{"a wrong count", func() *upload { u := newUpload(gateway, 0, onePlain, onePlain); u.set("Receivers", "2"); return u }, "ERROR;900;field Receivers says 2, the package has 1 lines"},
		{"an unknown compression", func() *upload { return newUpload(gateway, 4, onePlain, onePlain) }, "ERROR;900;field Compression is not one of 0, 1, 2 and 3"},
		{"not zlib", func() *upload { return newUpload(gateway, 1, onePlain, onePlain) }, "ERROR;900;package: zlib: invalid header"},
		{"not bzip2", func() *upload { return newUpload(gateway, 2, onePlain, onePlain) }, "ERROR;900;package: bzip2 data invalid: bad magic value"},
		{"not LZF", func() *upload { return newUpload(gateway, 3, onePlain, "\xff\xff\xff") }, "ERROR;900;package: lzf: corrupt input"},
		{"bytes after the stream", func() *upload { return newUpload(gateway, 1, onePlain, string(trailed)) }, "ERROR;900;package: bytes follow its compressed stream"},
		{"two bzip2 streams", func() *upload { return newUpload(gateway, 2, onePlain, string(twoStreams)) }, "ERROR;900;package: more than one bzip2 stream; PHP reads only the first"},
		{"a bomb", func() *upload { return newUpload(gateway, 1, onePlain, string(bomb)) }, "ERROR;900;package: decodes to more than the 47 bytes of SizePlain"},
		{"a size over the limit", func() *upload {
			u := newUpload(gateway, 1, onePlain, string(bomb))
			u.set("SizePlain", "99999999999")
			return u
		}, "ERROR;900;field SizePlain is over 67108864 bytes"},
		{"too many messages", func() *upload { u := newUpload(gateway, 0, onePlain, onePlain); u.set("Receivers", "200001"); return u }, "ERROR;900;field Receivers is over 200000 messages"},
		{"a time that is past", func() *upload {
			return newUpload(gateway, 0, "1;0712345678;numeric;a;1700000000", "1;0712345678;numeric;a;1700000000")
		}, "ERROR;15;schedule in the past or too near"},
		{"a line with a field too few", func() *upload { return newUpload(gateway, 0, "1;07;a;0", "1;07;a;0") }, "ERROR;900;line 1: has 4 fields, not 5"},
		{"a line end at the end", func() *upload { return newUpload(gateway, 0, onePlain+"\r\n", onePlain+"\r\n") }, "ERROR;900;line 2: has 1 fields, not 5"},
		{"an empty package", func() *upload { return newUpload(gateway, 0, "", "") }, "ERROR;900;line 1: has 1 fields, not 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, c.upload().post(t))
		})
	}
	require.Empty(t, gateway.Messages())
}

func TestGateway_answersHTTPItself(t *testing.T) {
	gateway := newGateway(t, nil)
	for _, c := range []struct {
		method, url string
		status      int
		body        string
	}{
		{http.MethodGet, gateway.URL, http.StatusMethodNotAllowed, "only POST is allowed\n"},
		{http.MethodPost, strings.Replace(gateway.URL, "bulk-v3", "bulk-v2", 1), http.StatusNotFound, "404 page not found\n"},
		{http.MethodPost, gateway.URL, http.StatusOK, "ERROR;1;query timestamp: not Unix seconds"},
		{http.MethodPost, gateway.URL + "?timestamp=1", http.StatusOK, "ERROR;1;Content-Type is not multipart/form-data with a boundary"},
	} {
		req, err := http.NewRequest(c.method, c.url, strings.NewReader("x"))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		raw, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		require.Equal(t, c.status, resp.StatusCode)
		require.Equal(t, c.body, string(raw))
	}
}

// PHP sees an empty body if there is no Content-Length.
func TestGateway_refusesAChunkedUpload(t *testing.T) {
	gateway := newGateway(t, nil)
	resp, err := http.Post(gateway.URL+"?timestamp=1", "multipart/form-data; boundary=B", struct{ io.Reader }{strings.NewReader("--B--")})
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "ERROR;1;no Content-Length: PHP would see an empty body", string(raw))
}

func TestGateway_isAHandler(t *testing.T) {
	gateway := newGateway(t, nil)
	server := httptest.NewTLSServer(gateway)
	defer server.Close()
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{
		HTTPClient: server.Client(), Endpoint: server.URL + smslinktest.BulkPath,
	})
	require.NoError(t, err)
	var pkg smslink.Package
	require.NoError(t, pkg.Add(smslink.Message{ID: 1, To: "0712345678", Text: "a"}))
	_, err = client.Send(context.Background(), &pkg)
	require.NoError(t, err)
	require.Len(t, gateway.Messages(), 1)
}
