package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/secrets"
	"github.com/go-smslink/smslink/webhook"
)

const (
	plainReply         = "sender=0712345678&receiver=1812&message=STOP+te+rog&timestamp=1700000000&network_id=1&network_name=Vodafone"
	plainUnsubscribing = plainReply + "&unsubscribe_message_id=6f1e8f7a-1c2d-4e3f-8a9b-0c1d2e3f4a5b&response_message_id=7&response_message=Gata&service_ids=1,9&unsubscribe_status_id=1&unsubscribe_status_message=done"
)

func parseUnsubscription(t testing.TB, r *http.Request) (webhook.Unsubscription, error) {
	t.Helper()
	return parsed(t, webhook.Unsubscriptions, r)
}

func parseReply(t testing.TB, r *http.Request) (webhook.Reply, error) {
	t.Helper()
	return parsed(t, webhook.Replies, r)
}

func byJSON(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	return r
}

func TestUnsubscriptions_parse(t *testing.T) {
	whole := webhook.Unsubscription{
		ID: "6f1e8f7a-1c2d-4e3f-8a9b-0c1d2e3f4a5b", From: "0712345678", To: "1812", Text: "STOP te rog", Time: time.Unix(1_700_000_000, 0).UTC(),
		Status: 1, StatusMessage: "done", ServiceIDs: "1,9", NetworkID: "1", NetworkName: "Vodafone", ResponseID: "7", ResponseText: "Gata",
	}
	least := webhook.Unsubscription{ID: "x", From: "0712345678"}
	with := func(change func(*webhook.Unsubscription)) webhook.Unsubscription {
		u := least
		change(&u)
		return u
	}
	const required = "unsubscribe_message_id=x&sender=0712345678"
	for form, want := range map[string]webhook.Unsubscription{
		plainUnsubscribing: whole,
		plainUnsubscribing + "&" + plainUnsubscribing: whole,
		required: least,
		"unsubscribe_message_id=%20x%0A&sender=+0712345678+":  least,
		required + "&unsubscribe_status_id=-4":                with(func(u *webhook.Unsubscription) { u.Status = -4 }),
		required + "&unsubscribe_status_id=-5&message=&x=y":   with(func(u *webhook.Unsubscription) { u.Status, u.Other = -5, url.Values{"x": {"y"}} }),
		"unsubscribe_message_id=x&sender=%2B40+712+345+678":   with(func(u *webhook.Unsubscription) { u.From = "+40 712 345 678" }),
		"unsubscribe_message_id=x&sender=+40712345678":        with(func(u *webhook.Unsubscription) { u.From = "+40712345678" }),
		"unsubscribe_message_id=x&sender=40712345678":         with(func(u *webhook.Unsubscription) { u.From = "+40712345678" }),
		"unsubscribe_message_id=x&sender=4071234567":          with(func(u *webhook.Unsubscription) { u.From = "4071234567" }),
		required + "&message=%00%FF%1B":                       with(func(u *webhook.Unsubscription) { u.Text = "\x00\xff\x1b" }),
		required + "&timestamp=2026-11-30T10:00:00":           with(func(u *webhook.Unsubscription) { u.Other = url.Values{"timestamp": {"2026-11-30T10:00:00"}} }),
		required + "&timestamp=0":                             with(func(u *webhook.Unsubscription) { u.Other = url.Values{"timestamp": {"0"}} }),
		required + "&timestamp=1&timestamp=2":                 with(func(u *webhook.Unsubscription) { u.Other = url.Values{"timestamp": {"1", "2"}} }),
		required + "&unsubscribe_status_id=done":              with(func(u *webhook.Unsubscription) { u.Other = url.Values{"unsubscribe_status_id": {"done"}} }),
		required + "&message=50%&unsubscribe_status_id=1":     with(func(u *webhook.Unsubscription) { u.Status, u.Other = 1, url.Values{"": {"message=50%"}} }),
		required + "&network_id=1&network_id=2&receiver=1812": with(func(u *webhook.Unsubscription) { u.To, u.Other = "1812", url.Values{"network_id": {"1", "2"}} }),
		required + "&x=" + strings.Repeat("a", 16<<10-50):     with(func(u *webhook.Unsubscription) { u.Other = url.Values{"x": {strings.Repeat("a", 16<<10-50)}} }),
	} {
		got, err := parseUnsubscription(t, byGet(form))
		require.NoError(t, err, form)
		require.Equal(t, want, got, form)
	}
	const id = "unsubscribe_message_id=x"
	for form, want := range map[string]string{
		"":                  "unsubscribe_message_id is missing or empty",
		"sender=0712345678": "unsubscribe_message_id is missing or empty",
		"sender=0712345678&" + id + "&" + id + "y": "unsubscribe_message_id has two different values",
		id:                          "sender is missing or empty",
		id + "&sender=%20":          "sender is missing or empty",
		id + "&sender=07&sender=08": "sender has two different values",
		id + "&sender=07%1B[31m":    "sender is not 1 to 64 characters of printable ASCII",
		id + "&sender=%C8%99":       "sender is not 1 to 64 characters of printable ASCII",
		id + "&sender=" + strings.Repeat("7", 65):          "sender is not 1 to 64 characters of printable ASCII",
		id + "&sender=07&x=" + strings.Repeat("a", 16<<10): "query is longer than 16 KiB",
	} {
		_, err := parseUnsubscription(t, byGet(form))
		require.EqualError(t, err, want, "%.100q", form)
		secrets.RequireHidden(t, err)
	}
}

func TestReplies_parse(t *testing.T) {
	want := webhook.Reply{From: "0712345678", To: "1812", Text: "STOP te rog", Time: time.Unix(1_700_000_000, 0).UTC(), NetworkID: "1", NetworkName: "Vodafone"}
	for how, r := range map[string]*http.Request{
		"GET": byGet(plainReply), "form POST": byPost("", plainReply), "multipart": multipartOf(t, plainReply), "query and form": byPost(plainReply, plainReply),
		"JSON of strings": byJSON(`{"sender":"0712345678","receiver":"1812","message":"STOP te rog","timestamp":"1700000000","network_id":"1","network_name":"Vodafone"}`),
		"JSON of numbers": byJSON(" {\"sender\":\"0712345678\",\"receiver\":1812,\"message\":\"STOP te rog\",\"timestamp\":1700000000,\"network_id\":1,\"network_name\":\"Vodafone\"}\r\n"),
	} {
		got, err := parseReply(t, r)
		require.NoError(t, err, how)
		require.Equal(t, want, got, how)
	}
	got, err := parseReply(t, byGet("sender=07&message=%00%FF%1B"))
	require.NoError(t, err)
	require.Equal(t, webhook.Reply{From: "07", Text: "\x00\xff\x1b"}, got)
	for body, want := range map[string]webhook.Reply{
		`{"sender":"07","message":"null","network_name":null}`:         {From: "07", Text: "null"},
		`{"sender":"07","message":"a\u0219\n\ud83d\ude00\u0000"}`:      {From: "07", Text: "aș\n😀\x00"},
		`{"sender":"07","message":"a","message":"a"}`:                  {From: "07", Text: "a"},
		`{"sender":"07","message":"a","message":"b"}`:                  {From: "07", Other: url.Values{"message": {"a", "b"}}},
		`{"sender":"07","timestamp":1.7e9,"x":{"y":[1,"2"]},"z":true}`: {From: "07", Other: url.Values{"timestamp": {"1.7e9"}, "x": {`{"y":[1,"2"]}`}, "z": {"true"}}},
		`{"sender":712345678}`:                                         {From: "712345678"},
	} {
		got, err := parseReply(t, byJSON(body))
		require.NoError(t, err, body)
		require.Equal(t, want, got, body)
	}
	for body, want := range map[string]string{
		``:                                 "body can't be read",
		`null`:                             "body can't be read",
		`[]`:                               "body can't be read",
		`{"sender":"07"`:                   "body can't be read",
		`{"sender":"07"}{}`:                "body can't be read",
		`{"sender":"07",}`:                 "body can't be read",
		`{"sender":"07","message":"\xff"}`: "body can't be read",
		"{\"sender\":\"07\",\"message\":\"\xff\"}": "body can't be read",
		`{}`: "sender is missing or empty",
		`{"sender":["07"]}` + strings.Repeat(" ", 16<<10): "body is longer than 16 KiB",
	} {
		_, err := parseReply(t, byJSON(body))
		require.EqualError(t, err, want, "%.100q", body)
	}
}

// A URL that is set for the wrong webhook gets a 400, and the log has the cause.
func TestHandlers_takeNoOtherKind(t *testing.T) {
	_, err := parseReply(t, byGet(plainUnsubscribing))
	require.EqualError(t, err, "unsubscribe_message_id belongs to an unsubscription; set the URL of an Unsubscriptions handler for those")
	_, err = parseReply(t, byGet(plainReport))
	require.EqualError(t, err, "sender is missing or empty")
	_, err = parseUnsubscription(t, byGet(plainReply))
	require.EqualError(t, err, "unsubscribe_message_id is missing or empty")
	_, err = parseUnsubscription(t, byGet(plainReport))
	require.EqualError(t, err, "unsubscribe_message_id is missing or empty")
	for _, form := range []string{plainReply, plainUnsubscribing} {
		_, err = parseReport(t, byGet(form))
		require.EqualError(t, err, "message_id is missing or empty")
	}
}

// answers returns what each handler answers to a request at its secret URL.
func answers(t *testing.T, fail error, opts *webhook.Options, request func() *http.Request) (unsubscription, reply *httptest.ResponseRecorder) {
	t.Helper()
	unsubscriptions, err := webhook.Unsubscriptions(urlSecret, func(context.Context, webhook.Unsubscription) error { return fail }, opts)
	require.NoError(t, err)
	replies, err := webhook.Replies(urlSecret, func(context.Context, webhook.Reply) error { return fail }, opts)
	require.NoError(t, err)
	unsubscription, reply = httptest.NewRecorder(), httptest.NewRecorder()
	unsubscriptions.ServeHTTP(unsubscription, request())
	replies.ServeHTTP(reply, request())
	return unsubscription, reply
}

func at(path string, r *http.Request) *http.Request {
	r.URL.Path = path
	return r
}

// The answer's body, which the gateway could send as an SMS, is always empty.
func TestReplies_answersHaveNoBody(t *testing.T) {
	for name, c := range map[string]struct {
		fail    error
		request func() *http.Request
		want    int
	}{
		"taken":        {nil, func() *http.Request { return at("/"+urlSecret, byGet(plainReply)) }, 200},
		"failed":       {errors.New(secrets.Text), func() *http.Request { return at("/"+urlSecret, byGet(plainReply)) }, 500},
		"no reply":     {nil, func() *http.Request { return at("/"+urlSecret, byGet("x=y")) }, 400},
		"other method": {nil, func() *http.Request { r := at("/"+urlSecret, byGet(plainReply)); r.Method = http.MethodPut; return r }, 405},
		"broken body": {nil, func() *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/"+urlSecret, io.MultiReader(strings.NewReader("{"), iotestErrReader{}))
			r.Header.Set("Content-Type", "application/json")
			return r
		}, 500},
	} {
		_, got := answers(t, c.fail, nil, c.request)
		require.Equal(t, c.want, got.Code, name)
		require.Empty(t, got.Body.String(), name)
	}
	opts := &webhook.Options{Answer: func(r webhook.Reply) string { return "Am primit: " + r.Text }}
	_, got := answers(t, nil, opts, func() *http.Request { return at("/"+urlSecret, byGet(plainReply)) })
	require.Equal(t, "Am primit: STOP te rog", got.Body.String())
	require.Equal(t, "text/plain; charset=utf-8", got.Header().Get("Content-Type"))
	_, got = answers(t, errors.New("x"), opts, func() *http.Request { return at("/"+urlSecret, byGet(plainReply)) })
	require.Equal(t, 500, got.Code)
	require.Empty(t, got.Body.String(), "it was not kept")
	panics := &webhook.Options{Answer: func(webhook.Reply) string { panic(secrets.Text) }}
	_, got = answers(t, nil, panics, func() *http.Request { return at("/"+urlSecret, byGet(plainReply)) })
	require.Equal(t, 500, got.Code)
	require.Empty(t, got.Body.String())
}

type iotestErrReader struct{}

func (iotestErrReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// The secret protects the other handlers as it does the one of reports.
func TestHandlers_haveOneGuard(t *testing.T) {
	for name, request := range map[string]func() *http.Request{
		"no secret":         func() *http.Request { return at("/", byGet(plainUnsubscribing)) },
		"another secret":    func() *http.Request { return at("/"+strings.Repeat("x", len(urlSecret)), byGet(plainUnsubscribing)) },
		"more than it":      func() *http.Request { return at("/"+urlSecret+"x", byGet(plainUnsubscribing)) },
		"a body, unguarded": func() *http.Request { return httptest.NewRequest(http.MethodPost, "/guess", unreadable{t}) },
	} {
		unsubscription, reply := answers(t, nil, nil, request)
		for _, got := range []*httptest.ResponseRecorder{unsubscription, reply} {
			require.Equal(t, 404, got.Code, name)
			require.Equal(t, "404 page not found\n", got.Body.String(), name)
		}
	}
	unsubscription, _ := answers(t, nil, nil, func() *http.Request { return at("/"+urlSecret, byPost("", plainUnsubscribing)) })
	require.Equal(t, 405, unsubscription.Code)
	require.Equal(t, "GET", unsubscription.Header().Get("Allow"))
	unsubscription, _ = answers(t, errors.New(secrets.Text), nil, func() *http.Request { return at("/"+urlSecret, byGet(plainUnsubscribing)) })
	require.Equal(t, 500, unsubscription.Code)
	require.Equal(t, "the unsubscription was not kept\n", unsubscription.Body.String())
	for _, err := range []error{
		second(webhook.Unsubscriptions("short", func(context.Context, webhook.Unsubscription) error { return nil }, nil)),
		second(webhook.Replies("short", func(context.Context, webhook.Reply) error { return nil }, nil)),
	} {
		require.EqualError(t, err, "smslink: the webhook's secret is shorter than 16 characters")
	}
	require.EqualError(t, second(webhook.Replies(urlSecret, nil, nil)), "smslink: the webhook's callback is nil")
}

func second(_ http.Handler, err error) error { return err }

// No log line and no printed value has a number, a text or a network's name.
func TestHandlers_showNoSecrets(t *testing.T) {
	u := webhook.Unsubscription{
		ID: secrets.Number, From: secrets.Number, To: secrets.Number, Text: secrets.Text, Time: time.Unix(1_700_000_000, 0).UTC(), Status: 1, StatusMessage: secrets.Text,
		ServiceIDs: secrets.Text, NetworkName: secrets.Password, ResponseID: secrets.Number, ResponseText: secrets.Text, Other: url.Values{secrets.Number: {secrets.Text}},
	}
	r := webhook.Reply{From: secrets.Number, To: secrets.Number, Text: secrets.Text, NetworkName: secrets.Password, Other: url.Values{secrets.Number: {secrets.Text}}}
	require.Equal(t, "unsubscription (not a UUID): status 1, 2023-11-14T22:13:20Z", fmt.Sprint(u))
	u.ID = "6f1e8f7a-1c2d-4e3f-8a9b-0c1d2e3f4a5b"
	require.Equal(t, "unsubscription "+u.ID+": status 1, 2023-11-14T22:13:20Z", fmt.Sprint(u))
	require.Equal(t, "reply of 0001-01-01T00:00:00Z", fmt.Sprint(r))
	var logged bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		secrets.RequireAbsent(t, fmt.Sprintf(verb+verb+verb, u, &u, []any{u, r})+fmt.Sprintf(verb+verb, r, &r))
	}
	logger.Info("x", "u", u, "r", r, "pu", &u, "pr", &r)
	secret := "sender=" + secrets.Number + "&message=" + url.QueryEscape(secrets.Text) + "&network_name=" + secrets.Password
	for _, form := range []string{secret, "unsubscribe_message_id=" + secrets.Number + "&" + secret, "message=" + url.QueryEscape(secrets.Text)} {
		for _, fail := range []error{nil, errors.New(secrets.Text)} {
			answers(t, fail, &webhook.Options{Logger: logger}, func() *http.Request { return at("/"+urlSecret, byGet(form)) })
		}
	}
	require.Equal(t, 13, strings.Count(logged.String(), "\n"))
	secrets.RequireAbsent(t, logged.String())
	require.NotContains(t, logged.String(), urlSecret)
}

// No request causes a panic, and each accepted one is as its doc says.
func FuzzCalls(f *testing.F) {
	f.Add(plainReply, "", "", false)
	f.Add(plainUnsubscribing, "", "", false)
	f.Add("", plainReply, "application/x-www-form-urlencoded", true)
	f.Add("", `{"sender":"07","message":"a","x":{"y":[1]}}`, "application/json", true)
	f.Add("x=%zz", `{"sender":"07","sender":`, "application/json", true)
	f.Fuzz(func(t *testing.T, query, body, kind string, post bool) {
		request := func() *http.Request {
			r := byGet(query)
			if post {
				r = byPost(query, body)
				r.Header.Set("Content-Type", kind)
			}
			return r
		}
		if r, err := parseReply(t, request()); err == nil {
			require.Regexp(t, `^[ -~]{1,64}$`, r.From)
			require.NotContains(t, r.Other, "sender")
		}
		if u, err := parseUnsubscription(t, request()); err == nil {
			require.Regexp(t, `^[ -~]{1,64}$`, u.From)
			require.NotEmpty(t, u.ID)
		}
	})
}
