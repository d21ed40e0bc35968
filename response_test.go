package smslink_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
	"github.com/stretchr/testify/require"
)

func TestResponse_matchesEntriesToMessages(t *testing.T) {
	type results = []smslink.Result
	ok := smslink.StatusSuccess
	for _, c := range []struct {
		name, entries string
		want          results
		unmatched     []string
	}{
		{"in order", "7:a:3,3:b:3,9:c:3", results{{7, "a", ok}, {3, "b", ok}, {9, "c", ok}}, nil},
		{"shuffled", "9:c:3,7:a:3,3:b:3", results{{7, "a", ok}, {3, "b", ok}, {9, "c", ok}}, nil},
		{"one omitted", "7:a:3,9:c:3", results{{7, "a", ok}, {3, "", 0}, {9, "c", ok}}, nil},
		{"none", "", results{{7, "", 0}, {3, "", 0}, {9, "", 0}}, nil},
		{"blank and empty entries", " 7:a:3 ,, 3:b:3,\n9:c:3,", results{{7, "a", ok}, {3, "b", ok}, {9, "c", ok}}, nil},
		{"one contradicted", "7:a:3,7:x:5,3:b:3,9:c:3", results{{7, "", 0}, {3, "b", ok}, {9, "c", ok}},
			[]string{"7:x:5", "7:a:3"}},
		{"one contradicted, and once more", "7:a:2,7:x:3,3:b:3,9:c:3,7:a:2",
			results{{7, "", 0}, {3, "b", ok}, {9, "c", ok}}, []string{"7:x:3", "7:a:2", "7:a:2"}},
		{"one repeated with another id", "7:a:3,7:x:3,3:b:3,9:c:3", results{{7, "a", ok}, {3, "b", ok}, {9, "c", ok}},
			[]string{"7:x:3"}},
		{"one repeated at the end", "7:a:3,3:b:3,9:c:3,7:a:3", results{{7, "a", ok}, {3, "b", ok}, {9, "c", ok}},
			[]string{"7:a:3"}},
		{"a foreign one", "7:a:3,8:x:3,3:b:3,9:c:3", results{{7, "a", ok}, {3, "b", ok}, {9, "c", ok}},
			[]string{"8:x:3"}},
		{"malformed ones", "7:a:3,3:b,x:c:3,9:c:3:4,07:a:3,9::2", results{{7, "a", ok}, {3, "", 0}, {9, "", 0}},
			[]string{"3:b", "x:c:3", "9:c:3:4", "07:a:3", "9::2"}},
		{"an undocumented status", "7:a:6,3:b:3,9:c:3", results{{7, "a", 6}, {3, "b", ok}, {9, "c", ok}}, nil},
		{"a status of nothing", "7:a:0,3:b:3,9:c:3", results{{7, "", 0}, {3, "b", ok}, {9, "c", ok}},
			[]string{"7:a:0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp,
				err := answered(t, packageOf(t, 7, 3, 9), "\ufeffMESSAGE;1;Pachet preluat;P-77;"+c.entries+
				";future;fields\r\n")
			require.NoError(t, err)
			require.Equal(t, "P-77", resp.PackageID)
			require.Equal(t, "1", resp.Code)
			require.Equal(t, "Pachet preluat", resp.Text)
			require.Equal(t, c.want, resp.Results)
			require.Equal(t, c.unmatched, resp.Unmatched)
		})
	}
}

func TestResponse_withoutItsLastFieldsIsStillAccepted(t *testing.T) {
	for _, body := range []string{"MESSAGE;1;ok", "MESSAGE;1;ok;77"} {
		p := packageOf(t, 1)
		resp, err := answered(t, p, body)
		require.NoError(t, err)
		require.Equal(t, []smslink.Result{{ID: 1, Status: smslink.StatusUnreported}}, resp.Results)
		require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(resp.Err()))
		requireSealed(t, p.Add(message(2)))
	}
}

func TestResponse_Err(t *testing.T) {
	resp, err := answered(t, packageOf(t, 1, 2, 3, 4, 5, 6, 7), "MESSAGE;1;ok;77;1:a:1,2:b:2,3:c:3,4:d:4,5:e:5,6:f:42")
	require.NoError(t, err)
	all := resp.Err()
	for _, id := range []int64{1, 2, 4, 5, 6, 7} {
		one := resp.Results[id-1].Err()
		var resultErr *smslink.ResultError
		require.ErrorAs(t, one, &resultErr)
		require.Equal(t, id, resultErr.ID)
		require.Equal(t, resp.Results[id-1].RemoteID, resultErr.RemoteID)
		require.Equal(t, resp.Results[id-1].Status, resultErr.Status)
	}
	require.NoError(t, resp.Results[2].Err())
	require.EqualError(t, resp.Results[5].Err(), "smslink: message 6: status 42: it is not documented; ask the vendor")
	joined := all.(interface{ Unwrap() []error }).Unwrap()
	require.Len(t, joined, 6)
	var first *smslink.ResultError
	require.True(t, errors.As(joined[0], &first) && first.ID == 1)
	require.EqualError(t, all, "smslink: 6 of 7 messages failed or are in doubt: "+
		"message 1: sender failed: check that the sender is approved for the account; "+
		"message 2: number failed: check the number; "+
		"message 4: internal error or blacklisted: check whether the number is on the account's blacklist; if not, "+
		"try again later; and 3 more")
	require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(all))
	require.False(t, smslink.SafeToResend(all))
	for status := smslink.StatusUnreported; status <= smslink.StatusInsufficientCredit; status++ {
		require.Equal(t, 1, resp.Count(status), "%v", status)
	}
}

func TestResponse_ErrIsNilIfAllSucceeded(t *testing.T) {
	resp, err := answered(t, packageOf(t, 1), "MESSAGE;1;ok;77;1:a:3")
	require.NoError(t, err)
	require.NoError(t, resp.Err())
}

// The limit on a reply grows with the package. A reply of exactly that size is read.
func TestResponse_longestIdsFitTheCap(t *testing.T) {
	const n = 2000
	var p smslink.Package
	var entries []string
	for i := range int64(n) {
		require.NoError(t, p.Add(message(1<<62+i)))
		entries = append(entries, fmt.Sprintf("%d:%020d:3", 1<<62+i, i))
	}
	resp, err := answered(t, &p, "MESSAGE;1;ok;77;"+strings.Join(entries, ","))
	require.NoError(t, err)
	require.Equal(t, n, resp.Count(smslink.StatusSuccess))
}

// For any reply, Send either returns an error or one result for each message, in order. No entry of
// the reply is dropped.
func FuzzSend_reply(f *testing.F) {
	f.Add("MESSAGE;1;ok;77;1:a:3,2:b:2,3:c:5")
	f.Add("\ufeffMESSAGE;1;ok;77;3:c:3,1:a:3,1:x:3,,9:9:9,:::;more")
	f.Add("ERROR;7;wrong password")
	f.Add("<html>;;</html>")
	f.Fuzz(func(t *testing.T, body string) {
		p := packageOf(t, 1, 2, 3)
		resp, err := answered(t, p, body)
		if err != nil {
			var sendErr *smslink.SendError
			require.ErrorAs(t, err, &sendErr)
			require.Contains(t, []smslink.Outcome{smslink.OutcomeRejected, smslink.OutcomeInDoubt}, sendErr.Outcome)
			return
		}
		require.Len(t, resp.Results, 3)
		matched := 0
		for i, result := range resp.Results {
			require.Equal(t, int64(i+1), result.ID)
			if result.Status != smslink.StatusUnreported {
				matched++
			}
		}
		entries := 0
		if fields := strings.Split(strings.TrimSpace(body), ";"); len(fields) > 4 {
			for entry := range strings.SplitSeq(fields[4], ",") {
				if strings.TrimSpace(entry) != "" {
					entries++
				}
			}
		}
		require.Equal(t, entries, matched+len(resp.Unmatched))
	})
}

// A server that ends its replies with the connection, as HTTP/1.0's do, accepts a single message.
func TestSendMessage_acceptedInAnUnframedReply(t *testing.T) {
	for _, version := range []string{"1.0", "1.1", "2.0"} {
		client := newClient(t,
			&smslink.Options{Endpoint: replying(t, "HTTP/"+version+" 200 OK\r\n\r\nMESSAGE;1;ok;77;0:220000001:3")})
		result, err := client.SendMessage(context.Background(), smslink.Message{To: "0712345678", Text: "a"})
		require.NoError(t, err, version)
		require.Equal(t, smslink.Result{RemoteID: "220000001", Status: smslink.StatusSuccess}, result)
	}
	for _, status := range []string{"1", "2", "4", "5", "33"} {
		client := newClient(t,
			&smslink.Options{Endpoint: replying(t, unframed("200 OK", "MESSAGE;1;ok;77;0:220000001:"+status))})
		_, err := client.SendMessage(context.Background(), smslink.Message{To: "0712345678", Text: "a"})
		require.Error(t, err)
		require.False(t, smslink.SafeToResend(err), "it may be the start of another status")
	}
}

// A status that is cut looks like another one, after which the message would be sent again.
func TestSend_lastEntryOfAnUnframedReplyProvesNothing(t *testing.T) {
	chunked := func(body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body),
			body)
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
		{"neither, and a false HTTP/2", "HTTP/2.0 200 OK\r\n\r\nMESSAGE;1;ok;77;1:9:5,2:10:5", unreported, []int64{1}},
		{"neither, in an id", unframed("200 OK", "MESSAGE;1;ok;77;1:9:5,2:1"), unreported, nil},
		{"neither, said twice", unframed("200 OK", "MESSAGE;1;ok;77;1:9:5,2:10:5,2:10:5"), unreported, []int64{1}},
		{"neither, but a comma", unframed("200 OK", "MESSAGE;1;ok;77;1:9:5,2:10:5,"), credit, []int64{1, 2}},
		{"neither, but a line end", unframed("200 OK", "MESSAGE;1;ok;77;1:9:5,2:10:5\r\n"), credit, []int64{1, 2}},
		{"neither, but a field more", unframed("200 OK", "MESSAGE;1;ok;77;1:9:5,2:10:5;"), credit, []int64{1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, _, err := sendTo(t, replying(t, c.answer), 1, 2)
			require.NoError(t, err)
			if c.again != nil {
				require.Equal(t, credit, resp.Results[0].Status)
			} else {
				require.Equal(t, unreported, resp.Results[0].Status, "an entry can't be read")
			}
			require.Equal(t, c.second, resp.Results[1].Status)
			require.Equal(t, c.second == credit, smslink.SafeToResend(resp.Results[1].Err()))
			var again []int64
			for _, result := range resp.Results {
				if smslink.SafeToResend(result.Err()) {
					again = append(again, result.ID)
				}
			}
			require.Equal(t, c.again, again)
		})
	}
}

// An entry that can't be read may be about any message.
func TestSend_anUnreadableEntryLeavesNoFailure(t *testing.T) {
	for name, entry := range map[string]string{
		"a leading zero": "01:x:3", "a field more": "3:x:3:4", "a fraction": "2.0:x:3", "quotes": `"2":x:3`,
		"a sign": "+2:x:3", "other separators": "2=x=3",
		"NUL": "2\x00:x:3", "a byte order mark": "\ufeff2:x:3", "no id": "x:y:3", "other digits": "٢:x:3",
		"an id longer than any": "99999999999999999999:x:3", "no status": "1:x",
	} {
		p := packageOf(t, 1, 2, 3, 4, 5)
		resp, err := answered(t, p, "MESSAGE;1;ok;77;1:a:5,2:b:2,3:c:3,4:d:4,"+entry)
		require.NoError(t, err, name)
		for _, result := range resp.Results {
			want := smslink.OutcomeInDoubt
			if result.ID == 3 {
				want = smslink.OutcomeAccepted
			}
			require.Equal(t, want, smslink.OutcomeOf(result.Err()), name)
			require.False(t, smslink.SafeToResend(result.Err()), name)
		}
		require.Len(t, resp.Unmatched, 4, name)
	}
	resp, err := answered(t, packageOf(t, 1, 2), "MESSAGE;1;ok;77;1:a:5,2:b:2,30:x:3")
	require.NoError(t, err)
	for _, result := range resp.Results {
		require.True(t, smslink.SafeToResend(result.Err()), "an entry about another message can be read")
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

// The start of a MESSAGE counts as one, however the parser would trim it.
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

// A refusal proves nothing if it may hold a MESSAGE: behind other text and cut short, in lower
// case, or in a form that can't be read.
func TestSend_refusalThatMayHoldAMESSAGEIsInDoubt(t *testing.T) {
	const whole, notice = "MESSAGE;1;ok;77;1:9:3",
		"<br />\n<b>Notice</b>: Undefined index: x in <b>y.php</b> on line <b>7</b><br />\n"
	for _, before := range []string{notice, "Notice: ", "ERROR;3;suspended\r\n", "ERROR;3;suspended "} {
		for n := 1; n <= len(whole); n++ {
			for _, answer := range []string{
				unframed("403 Forbidden", before+whole[:n]),
				"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n" + before + whole[:n],
				unframed("200 OK", before+whole[:n]),
			} {
				_, p, err := sendTo(t, replying(t, answer), 1)
				requireOutcome(t, smslink.OutcomeInDoubt, p, err)
			}
		}
	}
	wide := func(text string) string {
		var b strings.Builder
		for _, c := range []byte(text) {
			b.WriteByte(c)
			b.WriteByte(0)
		}
		return b.String()
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := io.WriteString(w, whole)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	framed := func(header, body string) string {
		return fmt.Sprintf("HTTP/1.1 403 Forbidden\r\n%sContent-Length: %d\r\n\r\n%s", header, len(body), body)
	}
	for name, answer := range map[string]string{
		"lower case":               framed("", notice+"message;1;ok;77;1:9:3"),
		"UTF-16":                   framed("", "\xff\xfe"+wide(whole)),
		"gzip":                     framed("", zipped.String()),
		"gzip, as the header says": framed("Content-Encoding: gzip\r\n", zipped.String()),
		"another encoding":         framed("Content-Encoding: br\r\n", "???"),
	} {
		_, p, err := sendTo(t, replying(t, answer), 1)
		requireOutcome(t, smslink.OutcomeInDoubt, p, err)
		require.ErrorContains(t, err, "HTTP status 403", name)
	}
	for name, answer := range map[string]string{
		"a page":                     framed("", "<html>Acces interzis\nif (x) { throw message; }</html>\n"),
		"a page without encoding":    framed("Content-Encoding: identity\r\n", "Forbidden"),
		"a page without a length":    unframed("403 Forbidden", "<html>Forbidden</html>\n"),
		"a refusal without a length": unframed("200 OK", "ERROR;3;suspended"),
	} {
		_, p, err := sendTo(t, replying(t, answer), 1)
		require.Equal(t, smslink.OutcomeRejected, smslink.OutcomeOf(err), name)
		requireOutcome(t, smslink.OutcomeRejected, p, err)
	}
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

// A server writes a second answer after each reply. If the connection were kept, the next upload
// would take it for its reply.
func TestSend_aSecondAnswerIsIgnored(t *testing.T) {
	for name, junk := range map[string]string{
		"403":     "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
		"ERROR":   strings.ReplaceAll(http200("ERROR;8;no credit"), "Connection: close\r\n", ""),
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
	for _, refusal := range []smslinktest.Fault{smslinktest.Reject("8", "no credit"), smslinktest.Answer(403, "")} {
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

func BenchmarkReply(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			p := packageOfAll(b, messages(n))
			reply := replyTo(n)
			b.SetBytes(int64(len(reply)))
			b.ReportAllocs()
			for b.Loop() {
				resp, err := smslink.ReadReply(p, reply)
				if err != nil || resp.Results[n-1].Status != smslink.StatusSuccess {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestReply_takesNoMemoryAnEntry(t *testing.T) {
	allocs := func(n int) float64 {
		p, reply := packageOfAll(t, messages(n)), replyTo(n)
		return testing.AllocsPerRun(5, func() { _, _ = smslink.ReadReply(p, reply) })
	}
	require.LessOrEqual(t, allocs(10_000), allocs(100)+1)
}

// A reply may consist of entries that fit no message, up to its limit. They take little more memory
// than the reply.
func TestReply_keepsNoFloodOfEntries(t *testing.T) {
	const n = 20_001
	p := packageOfAll(t, messages(n))
	ok := replyTo(n)
	for _, entry := range []string{"x,", "1:1:1,", "999999:1:3,", ",", " ,", "1:1:3,"} {
		most := 64<<10 + 128*n
		reply := ok + "," + strings.Repeat(entry, (most-len(ok)-1)/len(entry))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		resp, err := smslink.ReadReply(p, reply)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(3*most), "%q", entry) // with the copy in the error
		if strings.Trim(entry, " ,") == "" {
			require.NoError(t, err)
			require.Empty(t, resp.Unmatched)
			continue
		}
		require.ErrorIs(t, err, smslink.ErrUnreadableReply, "%q", entry)
		require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err))
		require.Equal(t, reply, string(sendError(t, err).Reply), "nothing is lost")
	}
	contradictions := strings.ReplaceAll(strings.TrimPrefix(ok, "MESSAGE;1;ok;77;"), ":3,", ":1,")
	_, err := smslink.ReadReply(p, ok+contradictions) // each takes two entries of the bound
	require.ErrorIs(t, err, smslink.ErrUnreadableReply)
}

// Endless replies, in every part of a response, and compressed ones take little more memory than
// the limit, which for one message is 64 KiB and 128 bytes.
func TestSend_replyBombs(t *testing.T) {
	var packed bytes.Buffer
	zipper := gzip.NewWriter(&packed)
	_, _ = zipper.Write([]byte("MESSAGE;1;ok;1;1:1:3"))
	for range 32 {
		_, _ = zipper.Write(bytes.Repeat([]byte(",2:2:3"), 1<<18))
	}
	require.NoError(t, zipper.Close())

	endless := func(start, again string) func(io.Writer) {
		return func(w io.Writer) {
			chunk := bytes.Repeat([]byte(again), 1<<14/len(again))
			_, err := io.WriteString(w, start)
			for err == nil {
				_, err = w.Write(chunk)
			}
		}
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name   string
		answer func(io.Writer)
		head   bool // before the body, where a caller's transport has net/http's limits of 10 MB
	}{
		{"an endless body", endless(ok+"\r\nMESSAGE;1;ok;1;", "1:1:3,"), false},
		{"a body said to be huge", endless(ok+"Content-Length: 1099511627776\r\n\r\nMESSAGE;1;ok;1;", "1:1:3,"), false},
		{"endless chunks", endless(ok+"Transfer-Encoding: chunked\r\n\r\n", "6\r\n1:1:3,\r\n"), false},
		{"an endless chunk extension", endless(ok+"Transfer-Encoding: chunked\r\n\r\n6;", "a=b;"), false},
		{"an endless trailer", endless(ok+"Transfer-Encoding: chunked\r\n\r\n0\r\n", "X-A: b\r\n"), false},
		{"a gzip bomb", func(w io.Writer) {
			fmt.Fprintf(w, ok+"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", packed.Len(), packed.Bytes())
		}, false},
		{"an endless ERROR", endless("HTTP/1.1 403 Forbidden\r\n\r\nERROR;5;", "no"), false},
		{"endless headers", endless(ok, "X-A: b\r\n"), true},
		{"an endless header", endless(ok+"X-A: ", "b"), true},
		{"an endless status line", endless("HTTP/1.1 200 ", "b"), true},
		{"endless 1xx answers", endless("", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			endpoint := peer(t, func(conn net.Conn, _ []byte) { c.answer(conn) })
			for name, own := range map[string]*http.Client{"own transport": nil,
				"a caller's": {Transport: &http.Transport{}}} {
				if own != nil && c.head {
					continue
				}
				client := newClient(t, &smslink.Options{Endpoint: endpoint, HTTPClient: own, Timeout: time.Minute})
				p := packageOf(t, 1)
				p.Codec = smslink.CodecNone
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := client.Send(context.Background(), p)
				runtime.ReadMemStats(&after)
				require.Error(t, err, name)
				require.NotErrorIs(t, err, context.DeadlineExceeded, name)
				require.NotEqual(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err), name)
				require.LessOrEqual(t, len(sendError(t, err).Reply), 64<<10+128, name)
				require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2<<20), name) // both ends, garbage and all
			}
		})
	}
}
