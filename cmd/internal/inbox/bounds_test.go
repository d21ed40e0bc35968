package inbox_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// A page stays small, whatever an upload holds.
func TestPages_areBounded(t *testing.T) {
	const long = 4 << 20
	s := serve(t, nil)
	s.send(smslink.Message{ID: 1, To: "0700000001", Text: "început " + strings.Repeat("ș", long/2) + " sfârșit"})
	s.send(smslink.Message{ID: 2, To: "0700000002", From: strings.Repeat("M", long), Text: "a"})
	p := smslink.Package{LenientReceivers: true}
	require.NoError(t, p.Add(smslink.Message{ID: 3, To: "07" + strings.Repeat("1", long), Text: "b"}))
	_, err := s.client.Send(context.Background(), &p)
	require.NoError(t, err)
	for range 100 {
		s.gateway.Inject(smslinktest.Answer(503, strings.Repeat("busy", 1000)))
	}
	for range 3 {
		_, _ = s.client.Send(context.Background(), &p)
	}

	number := url.PathEscape("07" + strings.Repeat("1", 38) + "…")
	for _, path := range []string{
		"/", "/?q=sf%C3%A2r%C8%99it", "/?q=%C3%AEnceput", "/?status=accepted", "/controls",
		"/uploads", "/uploads/1", "/uploads/3", "/phones/0700000001", "/phones/0700000002", "/phones/" + number,
		"/?q=" + strings.Repeat("x", 100_000),
	} {
		body := s.page(path)
		require.Less(t, len(body), 100_000, path)
	}
	conversation := s.page("/phones/0700000001")
	require.Contains(t, conversation, "început ș")
	require.Contains(t, conversation, "ș…</p>")
	require.Contains(t, conversation, "This is the start of 4,194,")
	require.NotContains(t, s.page("/phones/0700000002"), "This is the start of")
	require.Contains(t, s.page("/controls"), "and 80 more")
}

// Streams that no one reads take a fixed number of connections at the most, and a page that is
// opened later still receives changes.
func TestEvents_areBounded(t *testing.T) {
	s := serve(t, nil)
	const most, more = 32, 10
	var ended [most + more]chan error
	var newest *bufio.Scanner
	for i := range ended {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/events", nil)
		require.NoError(t, err)
		resp, err := s.Client().Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		ended[i] = make(chan error, 1)
		events := bufio.NewScanner(resp.Body)
		require.True(t, events.Scan(), "the first event comes at once")
		require.True(t, resp.Close, "the connection ends with the stream")
		if i == len(ended)-1 {
			newest = events
			break
		}
		go func() {
			for events.Scan() {
			}
			ended[i] <- events.Err()
		}()
	}
	for i := range more {
		select {
		case err := <-ended[i]:
			require.NoError(t, err)
		case <-time.After(time.Minute):
			require.Fail(t, "the oldest streams stay open", i)
		}
	}
	for i := more; i < most+more-1; i++ {
		require.Empty(t, ended[i], fmt.Sprint("stream ", i, " of ", most+more, " has ended"))
	}
	s.send(smslink.Message{ID: 1, To: "0700000001", Text: "a"})
	for newest.Scan() {
		if strings.Contains(newest.Text(), `"messages":1`) {
			return
		}
	}
	require.Fail(t, "the newest stream receives no change")
}
