package smslink_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// unframed returns a response without Content-Length or chunks, which its connection's end ends.
func unframed(status, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nConnection: close\r\n\r\n%s", status, body)
}

// A status cut in two reads as another one, for which the message would be sent again.
func TestSend_lastEntryOfAnUnframedReplyProvesNothing(t *testing.T) {
	chunked := func(body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	const credit, unreported = smslink.StatusInsufficientCredit, smslink.StatusUnreported
	for _, c := range []struct {
		name, answer string
		second       smslink.Status
		again        []int64
	}{
		{"a length", http200("MESSAGE;1;ok;77;1:9:5,2:10:5"), credit, []int64{1, 2}},
		{"chunks", chunked("MESSAGE;1;ok;77;1:9:5,2:10:5"), credit, []int64{1, 2}},
		{"neither", unframed("200 OK", "MESSAGE;1;ok;77;1:9:5,2:10:5"), unreported, []int64{1}},
		{"neither, in an id", unframed("200 OK", "MESSAGE;1;ok;77;1:9:5,2:1"), unreported, []int64{1}},
		{"neither, said twice", unframed("200 OK", "MESSAGE;1;ok;77;1:9:5,2:10:5,2:10:5"), unreported, []int64{1}},
		{"neither, but a comma", unframed("200 OK", "MESSAGE;1;ok;77;1:9:5,2:10:5,"), credit, []int64{1, 2}},
		{"neither, but a line end", unframed("200 OK", "MESSAGE;1;ok;77;1:9:5,2:10:5\r\n"), credit, []int64{1, 2}},
		{"neither, but a field more", unframed("200 OK", "MESSAGE;1;ok;77;1:9:5,2:10:5;"), credit, []int64{1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, p, err := sendTo(t, replying(t, c.answer), 1, 2)
			require.NoError(t, err)
			require.Equal(t, credit, resp.Results[0].Status)
			require.Equal(t, c.second, resp.Results[1].Status)
			require.Equal(t, c.second == credit, smslink.SafeToResend(resp.Results[1].Err()))
			again, err := resp.Retryable(p, nil)
			require.NoError(t, err)
			require.Equal(t, c.again, ids(again))
		})
	}
}

func TestBalance_unframedReplyMayBeCutInANumber(t *testing.T) {
	for answer, want := range map[string]int64{
		http200("MESSAGE;4;ok;100,250"):                         250,
		unframed("200 OK", "MESSAGE;4;ok;100,250"):              -1,
		unframed("200 OK", "MESSAGE;4;ok;100,250\n"):            250,
		unframed("200 OK", "MESSAGE;4;ok;100,250,1700000000"):   250,
		unframed("200 OK", "MESSAGE;4;ok;100,250,1700000000;x"): 250,
	} {
		balance, err := newClient(t, &smslink.Options{Endpoint: replying(t, answer)}).Balance(context.Background())
		if want < 0 {
			require.ErrorIs(t, err, smslink.ErrUnreadableReply)
			continue
		}
		require.NoError(t, err, answer)
		require.Equal(t, want, balance.International)
	}
}

// The start of a MESSAGE is one however the parser would trim it.
func TestSend_halfAMESSAGEUnderA4xxIsInDoubt(t *testing.T) {
	const whole = "MESSAGE;"
	for _, before := range []string{"", "\ufeff", " ", "\r\n", "\n\ufeff \t"} {
		for n := range len(whole) + 1 {
			body := before + whole[:n]
			_, p, err := sendTo(t, replying(t, "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n"+body), 1)
			requireOutcome(t, smslink.OutcomeInDoubt, p, err)
			if n > 0 {
				_, p, err = sendTo(t, replying(t, unframed("403 Forbidden", body)), 1)
				requireOutcome(t, smslink.OutcomeInDoubt, p, err)
			}
		}
		_, p, err := sendTo(t, replying(t, "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n"+before+"MESSY"), 1)
		requireOutcome(t, smslink.OutcomeRejected, p, err)
	}
	_, p, err := sendTo(t, replying(t, "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n\xef\xbb"), 1)
	requireOutcome(t, smslink.OutcomeInDoubt, p, err)
}

// A refusal, or a status, that a MESSAGE follows in the same reply proves nothing.
func TestSend_aMESSAGEBehindTheReplyLeavesItInDoubt(t *testing.T) {
	const second = "MESSAGE;1;ok;77;1:9:3"
	for _, body := range []string{
		"ERROR;16;error while sending\r\n" + second,
		"ERROR;16;error while sending;" + second,
		"\ufeffMESSAGE;1;ok;77;1:9:2;\r\n" + second,
	} {
		_, p, err := sendTo(t, replying(t, http200(body)), 1)
		requireOutcome(t, smslink.OutcomeInDoubt, p, err)
		require.ErrorIs(t, err, smslink.ErrUnreadableReply)
		require.Equal(t, body, string(sendError(t, err).Reply))
	}
}

// A MESSAGE about other messages may be the reply to another package.
func TestSend_replyAboutOtherMessagesIsInDoubt(t *testing.T) {
	for _, entries := range []string{"9:a:3", "9:a:3,8:b:3", "9:a:3,x", "0001:a:3", "1", "1:a"} {
		_, p, err := sendTo(t, replying(t, http200("MESSAGE;1;ok;77;"+entries)), 1, 2)
		requireOutcome(t, smslink.OutcomeInDoubt, p, err)
		require.ErrorIs(t, err, smslink.ErrUnreadableReply)
		require.Contains(t, string(sendError(t, err).Reply), entries)
	}
	resp, _, err := sendTo(t, replying(t, http200("MESSAGE;1;ok;77;9:a:3,2:b:3")), 1, 2)
	require.NoError(t, err)
	require.Equal(t, smslink.StatusSuccess, resp.Results[1].Status)
}

// A server that writes a second answer behind each reply. On a connection that another upload gets,
// it would be taken for that one's.
func TestSend_aSecondAnswerIsNobodys(t *testing.T) {
	for name, junk := range map[string]string{
		"403": "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "ERROR": strings.ReplaceAll(http200("ERROR;8;no credit"), "Connection: close\r\n", ""),
		"MESSAGE": strings.ReplaceAll(http200("MESSAGE;1;ok;77;1:9:3"), "Connection: close\r\n", ""),
	} {
		t.Run(name, func(t *testing.T) {
			gw := newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault {
				return smslinktest.Raw(func(reply string) string {
					return strings.ReplaceAll(http200(reply), "Connection: close\r\n", "") + junk
				})
			}})
			client := gw.Client()
			var lanes sync.WaitGroup
			for lane := range int64(8) {
				lanes.Go(func() {
					for i := range int64(25) {
						var p smslink.Package
						if err := p.Add(message(100*lane + i)); err != nil {
							t.Error(err)
						}
						resp, err := client.Send(context.Background(), &p)
						if err != nil || resp.Err() != nil {
							t.Error(err, resp)
						}
					}
				})
			}
			lanes.Wait()
			require.Len(t, gw.Messages(), 200)
		})
	}
}

// retrying is a RoundTripper that buffers a body and sends it again after a 502, as
// hashicorp/go-retryablehttp's does.
func retrying(inner http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (resp *http.Response, err error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		for range 3 {
			again := r.Clone(r.Context())
			again.Body = io.NopCloser(strings.NewReader(string(body)))
			if resp, err = inner.RoundTrip(again); err == nil && resp.StatusCode < 500 {
				return resp, nil
			}
		}
		return resp, err
	})
}

func TestSend_refusalAfterASecondConnectionIsInDoubt(t *testing.T) {
	gw := newGateway(t, nil)
	client, err := smslink.NewClient(gw.ConnectionID, gw.Password, &smslink.Options{
		Endpoint: gw.URL, HTTPClient: &http.Client{Transport: retrying(smslink.NewTransport())},
	})
	require.NoError(t, err)
	for _, refusal := range []smslinktest.Fault{smslinktest.Refuse("8", "no credit"), smslinktest.Answer(403, "")} {
		gw.Reset()
		gw.Inject(smslinktest.Answer(502, "").AfterTaking(), refusal)
		p := packageOf(t, 1)
		_, err = client.Send(context.Background(), p)
		require.Len(t, gw.Messages(), 1, "the first upload was taken")
		requireOutcome(t, smslink.OutcomeInDoubt, p, err)
		require.ErrorContains(t, err, "another connection")

		gw.Inject(refusal) // at the first connection
		p = packageOf(t, 2)
		_, err = client.Send(context.Background(), p)
		requireOutcome(t, smslink.OutcomeRejected, p, err)
	}
}
