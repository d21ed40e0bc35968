package smslink_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

const plainReport = "message_id=220000001&status=1&timestamp=1700000000"

func byGet(query string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL.RawQuery = query
	return r
}

func byPost(query, form string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form))
	r.URL.RawQuery = query
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// multipartOf has a form's parameters as parts, and a file beside them.
func multipartOf(t *testing.T, form string) *http.Request {
	t.Helper()
	values, err := url.ParseQuery(form)
	require.NoError(t, err)
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name := range values {
		require.NoError(t, w.WriteField(name, values.Get(name)))
	}
	file, err := w.CreateFormFile("upload", "x.bin")
	require.NoError(t, err)
	_, err = file.Write(make([]byte, 15_000))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	r := httptest.NewRequest(http.MethodPost, "/", &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

func TestParseDeliveryReport(t *testing.T) {
	plain := smslink.DeliveryReport{RemoteID: "220000001", Delivered: true, Time: time.Unix(1_700_000_000, 0).UTC()}
	with := func(change func(*smslink.DeliveryReport)) smslink.DeliveryReport {
		r := plain
		change(&r)
		return r
	}
	other := func(values url.Values) smslink.DeliveryReport {
		return with(func(r *smslink.DeliveryReport) { r.Other = values })
	}
	for _, c := range []struct {
		name, form string
		want       smslink.DeliveryReport
	}{
		{"required fields alone", plainReport, plain},
		{"undelivered", "message_id=220000001&status=0&timestamp=1700000000", with(func(r *smslink.DeliveryReport) { r.Delivered = false })},
		{"all that can be switched on", plainReport + "&network_id=3&network_type=national&delivery_report=DELIVRD+%C8%99i&connection_id=C%2B1&message_count=2",
			smslink.DeliveryReport{RemoteID: "220000001", Delivered: true, Time: plain.Time, NetworkID: "3", NetworkType: "national", Text: "DELIVRD și", ConnectionID: "C+1", Segments: 2}},
		{"blanks around the optional", plainReport + "&message_count=%202+&connection_id=%09C1%0D%0A&delivery_report=+x+",
			with(func(r *smslink.DeliveryReport) { r.Segments, r.ConnectionID, r.Text = 2, "C1", " x " })},
		{"a form that ends in a line end", plainReport + "&connection_id=C1\r\n", with(func(r *smslink.DeliveryReport) { r.ConnectionID = "C1" })},
		{"everything twice, but for blanks", "message_id=220000001%20&status=1%0D&timestamp=+1700000000&connection_id=C1+&message_count=2+&" + plainReport + "&connection_id=C1&message_count=2",
			with(func(r *smslink.DeliveryReport) { r.Segments, r.ConnectionID = 2, "C1" })},
		{"two counts of one number", plainReport + "&message_count=2&message_count=02", other(url.Values{"message_count": {"2", "02"}})},
		{"one broken escape", plainReport + "&delivery_report=50%&network_id=1", with(func(r *smslink.DeliveryReport) {
			r.NetworkID, r.Other = "1", url.Values{"": {"delivery_report=50%"}}
		})},
		{"empty optional fields", plainReport + "&network_id=&network_type=&delivery_report=&connection_id=", plain},
		{"blanks around the required", "message_id=%20220000001%0A&status=+1&timestamp=1700000000%09", plain},
		{"an id that is no number", "message_id=a-B_9~%21&status=1&timestamp=1700000000", with(func(r *smslink.DeliveryReport) { r.RemoteID = "a-B_9~!" })},
		{"the longest id", "message_id=" + strings.Repeat("9", 128) + "&status=1&timestamp=1700000000", with(func(r *smslink.DeliveryReport) { r.RemoteID = strings.Repeat("9", 128) })},
		{"the first second", "message_id=220000001&status=1&timestamp=1", with(func(r *smslink.DeliveryReport) { r.Time = time.Unix(1, 0).UTC() })},
		{"the last second", "message_id=220000001&status=1&timestamp=253402300799", with(func(r *smslink.DeliveryReport) { r.Time = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) })},
		{"everything twice", plainReport + "&message_count=2&network_id=1&" + plainReport + "&message_count=2&network_id=1",
			with(func(r *smslink.DeliveryReport) { r.Segments, r.NetworkID = 2, "1" })},
		{"parameters that nobody knows", plainReport + "&campaign=a&campaign=b&x", other(url.Values{"campaign": {"a", "b"}, "x": {""}})},
		{"two networks", plainReport + "&network_id=1&network_id=2", other(url.Values{"network_id": {"1", "2"}})},
		{"two counts", plainReport + "&message_count=1&message_count=2", other(url.Values{"message_count": {"1", "2"}})},
		{"a count of nothing", plainReport + "&message_count=0", other(url.Values{"message_count": {"0"}})},
		{"a count below nothing", plainReport + "&message_count=-1", other(url.Values{"message_count": {"-1"}})},
		{"a count beyond an int32", plainReport + "&message_count=2147483648", other(url.Values{"message_count": {"2147483648"}})},
		{"no count", plainReport + "&message_count=two", other(url.Values{"message_count": {"two"}})},
		{"a broken escape", plainReport + "&delivery_report=50%&a=b;c", other(url.Values{"": {"delivery_report=50%", "a=b;c"}})},
		{"bytes that are no text", plainReport + "&delivery_report=%00%FF%1B", with(func(r *smslink.DeliveryReport) { r.Text = "\x00\xff\x1b" })},
	} {
		t.Run(c.name, func(t *testing.T) {
			requests := map[string]*http.Request{"GET": byGet(c.form), "POST": byPost("", c.form), "POST with a query": byPost(c.form, "")}
			if !strings.Contains(c.name, "tw") && c.name != "parameters that nobody knows" && !strings.Contains(c.name, "broken escape") {
				requests["multipart"] = multipartOf(t, c.form)
			}
			for how, r := range requests {
				got, err := smslink.ParseDeliveryReport(r)
				require.NoError(t, err, how)
				require.Equal(t, c.want, got, how)
			}
		})
	}
}

func TestParseDeliveryReport_refuses(t *testing.T) {
	const rest = "&status=1&timestamp=1700000000"
	for form, want := range map[string]string{
		"":                                                           "message_id is missing or empty",
		"status=1&timestamp=1":                                       "message_id is missing or empty",
		"message_id=" + rest:                                         "message_id is missing or empty",
		"message_id=%20%0A" + rest:                                   "message_id is missing or empty",
		"message_id=%zz" + rest:                                      "message_id is missing or empty",
		"Message_ID=1" + rest:                                        "message_id is missing or empty",
		"message_id=1;a" + rest:                                      "message_id is missing or empty",
		"message_id=a%20b" + rest:                                    "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=%1B[31m" + rest:                                  "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=a%00" + rest:                                     "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=a%7F" + rest:                                     "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=%C3%A9" + rest:                                   "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=%FF" + rest:                                      "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=" + strings.Repeat("9", 129) + rest:              "message_id is not 1 to 128 characters of visible ASCII",
		"message_id=1&message_id=2" + rest:                           "message_id comes with two different values",
		"message_id=1&timestamp=1":                                   "status is missing or empty",
		"message_id=1&status=&timestamp=1":                           "status is missing or empty",
		"message_id=1&status=2&timestamp=1":                          "status is neither 1, delivered, nor 0, undelivered",
		"message_id=1&status=01&timestamp=1":                         "status is neither 1, delivered, nor 0, undelivered",
		"message_id=1&status=true&timestamp=1":                       "status is neither 1, delivered, nor 0, undelivered",
		"message_id=1&status=0&status=1&timestamp=1":                 "status comes with two different values",
		"message_id=1&status=1":                                      "timestamp is missing or empty",
		"message_id=1&status=1&timestamp=0":                          "timestamp is no number of Unix seconds from 1 to the year 9999",
		"message_id=1&status=1&timestamp=-1":                         "timestamp is no number of Unix seconds from 1 to the year 9999",
		"message_id=1&status=1&timestamp=%2B1":                       "timestamp is no number of Unix seconds from 1 to the year 9999",
		"message_id=1&status=1&timestamp=1.5":                        "timestamp is no number of Unix seconds from 1 to the year 9999",
		"message_id=1&status=1&timestamp=1700000000000":              "timestamp is no number of Unix seconds from 1 to the year 9999",
		"message_id=1&status=1&timestamp=253402300800":               "timestamp is no number of Unix seconds from 1 to the year 9999",
		"message_id=1&status=1&timestamp=" + strings.Repeat("9", 40): "timestamp is no number of Unix seconds from 1 to the year 9999",
		"message_id=1&status=1&timestamp=1&timestamp=2":              "timestamp comes with two different values",
	} {
		for _, r := range []*http.Request{byGet(form), byPost("", form)} {
			got, err := smslink.ParseDeliveryReport(r)
			require.Equal(t, smslink.DeliveryReport{}, got)
			require.EqualError(t, err, "smslink: delivery report: "+want, "%q", form)
			var reportErr *smslink.DeliveryReportError
			require.ErrorAs(t, err, &reportErr)
			require.Equal(t, strings.Fields(want)[0], reportErr.Field)
			require.Error(t, reportErr.Err)
		}
	}
}

func TestParseDeliveryReport_queryAndBodyCountAlike(t *testing.T) {
	got, err := smslink.ParseDeliveryReport(byPost("message_id=7&shop=2", "message_id=7&status=0&timestamp=5&shop=3"))
	require.NoError(t, err)
	require.Equal(t, smslink.DeliveryReport{RemoteID: "7", Time: time.Unix(5, 0).UTC(), Other: url.Values{"shop": {"2", "3"}}}, got)

	_, err = smslink.ParseDeliveryReport(byPost("status=1", "message_id=7&status=0&timestamp=5"))
	require.EqualError(t, err, "smslink: delivery report: status comes with two different values")

	r := byPost("shop=2", "message_id=7&status=0&timestamp=5")
	require.NoError(t, r.ParseForm(), "somebody has read the body")
	got, err = smslink.ParseDeliveryReport(r)
	require.NoError(t, err)
	require.Equal(t, url.Values{"shop": {"2"}}, got.Other)
	require.Equal(t, "7", got.RemoteID)
}

// ParseForm leaves a multipart body unread, and the PostForm empty.
func TestParseDeliveryReport_multipartBehindAMiddleware(t *testing.T) {
	for name, read := range map[string]func(r *http.Request) error{
		"nobody":                            func(*http.Request) error { return nil },
		"one that calls ParseForm":          func(r *http.Request) error { return r.ParseForm() },
		"one that calls ParseMultipartForm": func(r *http.Request) error { return r.ParseMultipartForm(1 << 20) },
		"one that calls both":               func(r *http.Request) error { return errors.Join(r.ParseForm(), r.ParseMultipartForm(1<<20)) },
	} {
		r := multipartOf(t, plainReport+"&connection_id=C1")
		require.NoError(t, read(r), name)
		got, err := smslink.ParseDeliveryReport(r)
		require.NoError(t, err, name)
		require.Equal(t, smslink.DeliveryReport{RemoteID: "220000001", Delivered: true, Time: time.Unix(1_700_000_000, 0).UTC(), ConnectionID: "C1"}, got, name)
	}
}

func TestParseDeliveryReport_readsNoMoreThanItsBound(t *testing.T) {
	for _, kind := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=b"} {
		body := &countingReader{}
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.Header.Set("Content-Type", kind)
		_, err := smslink.ParseDeliveryReport(r)
		require.EqualError(t, err, "smslink: delivery report: body is longer than 16 KiB")
		require.LessOrEqual(t, body.read, 16<<10+1)
	}
}

type countingReader struct{ read int }

func (r *countingReader) Read(p []byte) (int, error) {
	r.read += len(p)
	return len(p), nil
}

func TestParseDeliveryReport_leavesNothingOnDisk(t *testing.T) {
	t.Setenv("TMPDIR", "/does/not/exist") // where mime/multipart would put a file
	got, err := smslink.ParseDeliveryReport(multipartOf(t, plainReport))
	require.NoError(t, err)
	require.Equal(t, "220000001", got.RemoteID)
}

func TestParseDeliveryReport_bodies(t *testing.T) {
	long := plainReport + "&x=" + strings.Repeat("a", 16<<10)
	fits := (plainReport + "&x=" + strings.Repeat("a", 16<<10))[:16<<10]
	typed := func(kind string, body io.Reader) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.Header.Set("Content-Type", kind)
		return r
	}
	const form = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name string
		r    *http.Request
		want string
	}{
		{"16 KiB", byPost("", fits), ""},
		{"more", byPost("", long), "body is longer than 16 KiB"},
		{"without an end", typed(form, endlessReader{}), "body is longer than 16 KiB"},
		{"broken off", typed(form, iotest.ErrReader(io.ErrUnexpectedEOF)), "body broke off"},
		{"longer than a middleware allows", typed(form, http.MaxBytesReader(nil, io.NopCloser(strings.NewReader(plainReport)), 10)), "body can't be read"},
		{"multipart broken off", typed("multipart/form-data; boundary=b", iotest.ErrReader(io.ErrUnexpectedEOF)), "body broke off"},
		{"a query of 16 KiB", byGet(fits), ""},
		{"a longer query", byGet(long), "query is longer than 16 KiB"},
		{"a longer query of a POST", byPost(long, plainReport), "query is longer than 16 KiB"},
		{"a type with parameters", typed("Application/X-WWW-Form-Urlencoded; charset=UTF-8", strings.NewReader(plainReport)), ""},
		{"no type", typed("", strings.NewReader(plainReport)), "message_id is missing or empty"},
		{"JSON", typed("application/json", strings.NewReader(`{"message_id":1}`)), "message_id is missing or empty"},
		{"a body with GET", func() *http.Request { r := byPost("", plainReport); r.Method = http.MethodGet; return r }(), "message_id is missing or empty"},
		{"no body", func() *http.Request { r := byPost(plainReport, ""); r.Body = nil; return r }(), ""},
		{"multipart without a boundary", typed("multipart/form-data", strings.NewReader("--\r\n")), "body can't be read"},
		{"multipart cut short", typed("multipart/form-data; boundary=b", strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"message_id\"\r\n\r\n1")), "body can't be read"},
		{"multipart of too much", typed("multipart/form-data; boundary=b", strings.NewReader("--b\r\n"+strings.Repeat("a", 16<<10))), "body is longer than 16 KiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := smslink.ParseDeliveryReport(c.r)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, "smslink: delivery report: "+c.want)
		})
	}
}

type endlessReader struct{}

func (endlessReader) Read(p []byte) (int, error) { return len(p), nil }

func TestDeliveryReport_Network(t *testing.T) {
	for id, want := range map[string]string{"1": "Vodafone", "2": "Orange", "3": "Telekom", "5": "Digi", "4": "", "": "", "01": "", "99": ""} {
		require.Equal(t, want, smslink.DeliveryReport{NetworkID: id}.Network(), id)
	}
}

// Only what the gateway counts is printed: not the operator's words, nor a network's,
// nor what else came.
func TestDeliveryReport_printsNobodysWords(t *testing.T) {
	r := smslink.DeliveryReport{
		RemoteID: "220000001", Delivered: true, Time: time.Unix(1_700_000_000, 0).UTC(),
		NetworkID: secretText, NetworkType: secretNumber, Text: secretText, ConnectionID: secretPassword, Other: url.Values{secretNumber: {secretPassword}},
	}
	const want = "report of 220000001: delivered, 2023-11-14T22:13:20Z"
	require.Equal(t, want, fmt.Sprint(r))
	require.Equal(t, "report of (not a number): not delivered, 0001-01-01T00:00:00Z", fmt.Sprint(smslink.DeliveryReport{RemoteID: secretNumber}))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		require.Equal(t, want, fmt.Sprintf(verb, r))
		requireNoSecret(t, fmt.Sprintf(verb, &r)+fmt.Sprintf(verb, []smslink.DeliveryReport{r})+fmt.Sprintf(verb, map[string]any{"r": r}))
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "r", r, "p", &r)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "r", r, "p", &r)
	requireNoSecret(t, logged.String())
	require.Contains(t, logged.String(), "r.remote_id=220000001 r.delivered=true r.time=2023-11-14T22:13:20")
}

// Whatever comes, there is no panic; a report has what the rules promise, and an
// error nothing of what came.
func FuzzParseDeliveryReport(f *testing.F) {
	for _, form := range []string{
		plainReport, plainReport + "&network_id=1&message_count=2&delivery_report=x", "", "&&=;%", "message_id=1&status=2", "message_id=\x00&status=1&timestamp=1", plainReport + "&" + plainReport,
	} {
		f.Add(form, form, "application/x-www-form-urlencoded", true)
		f.Add(form, "--b\r\nContent-Disposition: form-data; name=\"message_id\"\r\n\r\n7\r\n--b--\r\n", "multipart/form-data; boundary=b", true)
		f.Add(form, "", "", false)
	}
	f.Fuzz(func(t *testing.T, query, body, kind string, post bool) {
		r := byGet(query)
		if post {
			r = byPost(query, body)
			r.Header.Set("Content-Type", kind)
		}
		got, err := smslink.ParseDeliveryReport(r)
		if err != nil {
			require.Equal(t, smslink.DeliveryReport{}, got)
			require.Regexp(t, `^smslink: delivery report: (message_id|status|timestamp|query|body) (is missing or empty|comes with two different values|is not 1 to 128 characters of visible ASCII|`+
				`is neither 1, delivered, nor 0, undelivered|is no number of Unix seconds from 1 to the year 9999|is longer than 16 KiB|broke off|can't be read)$`, err.Error())
			return
		}
		require.Regexp(t, `^[!-~]{1,128}$`, got.RemoteID)
		require.Positive(t, got.Time.Unix())
		require.LessOrEqual(t, got.Time.Year(), 9999)
		require.GreaterOrEqual(t, got.Segments, 0)
		for _, name := range []string{"message_id", "status", "timestamp"} {
			require.NotContains(t, got.Other, name)
		}
	})
}
