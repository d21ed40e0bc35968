package smslink_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func unchanged(m smslink.Message, _ smslink.Status) (smslink.Message, bool) { return m, true }

func TestRetryable_whichMessages(t *testing.T) {
	for _, c := range []struct {
		name, entries string
		correct       func(smslink.Message, smslink.Status) (smslink.Message, bool)
		want          []int64
	}{
		{"of each status", "1:a:1,2:b:2,3:c:3,4:d:4,5:e:5,6:f:6", nil, []int64{5}},
		{"of each status, corrected", "1:a:1,2:b:2,3:c:3,4:d:4,5:e:5,6:f:6", unchanged, []int64{1, 2, 5}},
		{"only some corrected", "1:a:1,2:b:2,3:c:3,4:d:4,5:e:5,6:f:6", func(m smslink.Message, s smslink.Status) (smslink.Message, bool) {
			return m, s == smslink.StatusSenderFailed
		}, []int64{1, 5}},
		{"all accepted", "1:a:3,2:b:3,3:c:3,4:d:3,5:e:3,6:f:3,7:g:3", unchanged, nil},
		{"none reported", "", unchanged, nil},
		{"without credit", "7:a:5,6:a:5,5:a:5,4:a:5,3:a:5,2:a:5,1:a:5", nil, []int64{1, 2, 3, 4, 5, 6, 7}},
		{"told twice", "1:a:5,2:b:5,3:c:1,1:x:3,3:x:3", unchanged, []int64{2}},
		{"told again in a form that can't be read", "1:a:5,2:b:5,3:c:5,01:x:3, 3 :x:3:4", nil, []int64{2}},
		{"told of another message", "1:a:5,2:b:5,30:x:3", nil, []int64{1, 2}},
		{"told again by an id with a fraction", "1:a:5,2:b:5,4:d:5,2.0:x:3", nil, []int64{1, 4}},
		{"in quotes", "1:a:5,2:b:5,4:d:5,\"2\":x:3", nil, []int64{1, 4}},
		{"with a sign", "1:a:5,2:b:5,4:d:5,+2:x:3,-4:x:3", nil, []int64{1}},
		{"with other separators", "1:a:5,2:b:5,4:d:5,7:e:5,2=x=3,7|x|3", nil, []int64{1, 4}},
		{"with NUL", "1:a:5,2:b:5,4:d:5,2\x00:x:3", nil, []int64{1, 4}},
		{"after a byte order mark", "1:a:5,2:b:5,4:d:5,\ufeff2:x:3", nil, []int64{1, 4}},
		{"with another id further on", "1:a:5,2:b:5,4:d:5,#2:4:3", nil, []int64{1}},
		{"with no id", "1:a:5,2:b:5,4:d:5,x:y:3", unchanged, nil},
		{"with an id in other digits", "1:a:5,2:b:5,4:d:5,٢:x:3", unchanged, nil},
		{"with an id of nobody's that can't be read", "1:a:5,2:b:5,4:d:5,#9:x:3", unchanged, nil},
		{"with one longer than any", "1:a:5,2:b:5,4:d:5,99999999999999999999:x:3", unchanged, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := packageOf(t, 1, 2, 3, 4, 5, 6, 7)
			p.Codec = smslink.CodecLZF
			resp, err := answered(t, p, "MESSAGE;1;ok;77;"+c.entries)
			require.NoError(t, err)
			before := plain(p)
			again, err := resp.Retryable(p, c.correct)
			require.NoError(t, err)
			require.Equal(t, c.want, ids(again))
			require.Equal(t, smslink.CodecLZF, again.Codec)
			require.Equal(t, before, plain(p))
			require.ErrorIs(t, p.Add(message(9)), smslink.ErrSealed, "still sealed")
		})
	}
}

// Whatever a text holds, it is the same bytes on the wire the second time.
func TestRetryable_sameBytes(t *testing.T) {
	p := smslink.Package{PackageOptions: smslink.PackageOptions{LenientReceivers: true}}
	for id, text := range []string{
		"Salut;\nce mai faci?", "100%", "%\n0A", "%3;", "%0\nA", "%%", "%0a%3b", "a\u0085b\u00a0", "  tuns\ttab\r\n;", "ș" + strings.Repeat("ț;\n%", 1000), "\u2003x\u2003", ";", "%;3B",
	} {
		require.NoError(t, p.Add(smslink.Message{ID: int64(100 - id), To: "+40 712-345-678+12", From: " Shop, S.R.L. ", Text: text, SendAt: time.Unix(int64(id), 5)}))
	}
	resp := &smslink.Response{}
	for _, id := range ids(&p) {
		resp.Results = append(resp.Results, smslink.Result{ID: id, Status: smslink.StatusInsufficientCredit})
	}
	p.Fold, p.LenientReceivers = true, false // once they were added
	again, err := resp.Retryable(&p, nil)
	require.NoError(t, err)
	require.Equal(t, plain(&p), plain(again))
	require.True(t, again.Fold)
	require.False(t, again.LenientReceivers)
}

func TestRetryable_corrects(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{
		smslinktest.UnknownNumbers("0799999999"), smslinktest.ApprovedSenders("Shop"), smslinktest.Blacklist("0788888888"),
	}})
	gateway.SetCredit(1)
	client := gateway.Client()
	var p smslink.Package
	for _, m := range []smslink.Message{
		{ID: 1, To: "0711111111", Text: "a"}, {ID: 2, To: "0799999999", Text: "b;\n"}, {ID: 3, To: "0733333333", From: "Shopp", Text: "c"},
		{ID: 4, To: "0788888888", Text: "d"}, {ID: 5, To: "0755555555", Text: "e"},
	} {
		require.NoError(t, p.Add(m))
	}
	resp, err := client.Send(context.Background(), &p)
	require.NoError(t, err)
	again, err := resp.Retryable(&p, func(m smslink.Message, s smslink.Status) (smslink.Message, bool) {
		switch s {
		case smslink.StatusNumberFailed:
			require.Equal(t, smslink.Message{ID: 2, To: "0799999999", From: "numeric", Text: "b;"}, m)
			m.To = "0722222222"
		case smslink.StatusSenderFailed:
			m.From = "Shop"
		}
		return m, true
	})
	require.NoError(t, err)
	gateway.SetCredit(10)
	resp, err = client.Send(context.Background(), again)
	require.NoError(t, err)
	require.NoError(t, resp.Err())
	var taken []string
	for _, m := range gateway.Messages() {
		if m.Status == smslink.StatusSuccess {
			taken = append(taken, m.To+" "+m.From+" "+m.Text)
		}
	}
	require.Equal(t, []string{"0711111111 numeric a", "0722222222 numeric b;", "0733333333 Shop c", "0755555555 numeric e"}, taken)
}

func TestRetryable_refuses(t *testing.T) {
	p := packageOf(t, 1, 2)
	resp, err := answered(t, p, "MESSAGE;1;ok;77;1:a:5,2:b:2")
	require.NoError(t, err)
	stored := &smslink.Response{Results: resp.Results} // as one that was read from JSON
	for _, other := range []*smslink.Package{nil, {}, packageOf(t, 1), packageOf(t, 0, 1), packageOf(t, 1, 3), packageOf(t, 2, 3), packageOf(t, 2, 1), packageOf(t, 1, 2, 3)} {
		for _, resp := range []*smslink.Response{resp, stored} {
			again, err := resp.Retryable(other, nil)
			require.Nil(t, again)
			require.EqualError(t, err, "smslink: the response is not this package's; their messages differ")
		}
	}
	again, err := stored.Retryable(p, nil)
	require.NoError(t, err)
	require.Equal(t, []int64{1}, ids(again))
	for rule, change := range map[error]func(*smslink.Message){
		smslink.ErrReceiver:   func(m *smslink.Message) { m.To = secretText[:5] },
		smslink.ErrRepeatedID: func(m *smslink.Message) { m.ID = 1 },
		smslink.ErrNegativeID: func(m *smslink.Message) { m.ID = -1 },
		smslink.ErrEmptyText:  func(m *smslink.Message) { *m = smslink.Message{ID: 2, To: "0712345678"} },
	} {
		again, err := resp.Retryable(p, func(m smslink.Message, _ smslink.Status) (smslink.Message, bool) {
			change(&m)
			return m, true
		})
		require.Nil(t, again)
		require.ErrorIs(t, err, rule)
		var messageErr *smslink.MessageError
		require.ErrorAs(t, err, &messageErr)
	}
}

func TestRetryable_correctionsAreHeldToTheSettings(t *testing.T) {
	p := &smslink.Package{PackageOptions: smslink.PackageOptions{Fold: true}}
	require.NoError(t, p.Add(smslink.Message{ID: 1, To: "0712345678", Text: "a"}))
	resp, err := answered(t, p, "MESSAGE;1;ok;77;1:a:2")
	require.NoError(t, err)
	for to, want := range map[string]error{"0712345679": nil, "12": smslink.ErrReceiver} {
		again, err := resp.Retryable(p, func(m smslink.Message, _ smslink.Status) (smslink.Message, bool) {
			m.To, m.Text = to, strings.Repeat("ș", 71)
			return m, true
		})
		require.ErrorIs(t, err, want)
		if want == nil {
			require.Equal(t, "1;0712345679;numeric;"+strings.Repeat("s", 71)+";0", plain(again))
		}
	}
}

// The id of a message that was accepted, or is still to be looked at, is not free.
func TestRetryable_correctionMayNotTakeAnothersID(t *testing.T) {
	for _, entries := range []string{"1:a:2,2:b:3,3:c:3", "1:a:2,2:b:5,3:c:5", "1:a:2,2:b:4", "2:b:2,1:a:2"} {
		p := packageOf(t, 1, 2, 3)
		resp, err := answered(t, p, "MESSAGE;1;ok;77;"+entries)
		require.NoError(t, err)
		again, err := resp.Retryable(p, func(m smslink.Message, _ smslink.Status) (smslink.Message, bool) {
			if m.ID == 1 {
				m.ID = 2
			}
			return m, true
		})
		require.Nil(t, again)
		require.Equal(t, &smslink.MessageError{ID: 2, Field: "ID", Err: smslink.ErrRepeatedID}, err)

		again, err = resp.Retryable(p, func(m smslink.Message, _ smslink.Status) (smslink.Message, bool) {
			m.ID += 1000
			return m, true
		})
		require.NoError(t, err)
		require.Contains(t, ids(again), int64(1001))
	}
}

// A package that was filled again, even under the same ids, is the next campaign.
func TestRetryable_refusesAPackageThatWasFilledAgain(t *testing.T) {
	for name, change := range map[string]func(p *smslink.Package, m smslink.Message){
		"reset":    func(p *smslink.Package, _ smslink.Message) { p.Reset(); require.NoError(t, p.Add(message(1))) },
		"reopened": func(p *smslink.Package, m smslink.Message) { p.Reopen(); require.True(t, p.Remove(m.ID)) },
	} {
		for _, codec := range []smslink.Codec{nil, smslink.CodecNone, smslink.CodecLZF} {
			p := packageOf(t, 1, 2)
			p.Codec = codec
			resp, err := answered(t, p, "MESSAGE;1;ok;77;1:a:5,2:b:5")
			require.NoError(t, err)
			change(p, message(2))
			require.NoError(t, p.Add(smslink.Message{ID: 2, To: "0799999999", Text: "the next campaign's"}))
			again, err := resp.Retryable(p, nil)
			require.Nil(t, again, name)
			require.EqualError(t, err, "smslink: the response is not this package's; their messages differ")
		}
	}
}

// That a Response knows its package shows nowhere: from the digest of a text that can be
// guessed, a receiver could be found.
func TestResponse_showsNoDigest(t *testing.T) {
	p := packageOf(t, 1)
	resp, err := answered(t, p, "MESSAGE;1;ok;77;1:a:5,x")
	require.NoError(t, err)
	known := &smslink.Response{
		PackageID: resp.PackageID, Code: resp.Code, Text: resp.Text, Results: resp.Results, Unmatched: resp.Unmatched, Elapsed: resp.Elapsed,
	}
	address := regexp.MustCompile(`0x[0-9a-f]+|<?nil>?`)
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		require.Equal(t, address.ReplaceAllString(fmt.Sprintf(verb, known), ""), address.ReplaceAllString(fmt.Sprintf(verb, resp), ""))
		require.Equal(t, address.ReplaceAllString(fmt.Sprintf(verb, *known), ""), address.ReplaceAllString(fmt.Sprintf(verb, *resp), ""))
	}
	want, err := json.Marshal(known)
	require.NoError(t, err)
	got, err := json.Marshal(resp)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got))
}

// The recipe of Retryable's doc: however often the campaign, and its corrections, are
// run again, each receiver gets one SMS.
func TestRetryable_withAJournal(t *testing.T) {
	j := &memory{states: map[int64]smslink.Result{}}
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0799999999")}})
	gateway.SetCredit(1)
	client := gateway.Client()
	campaign := packageOf(t)
	for _, m := range []smslink.Message{
		{ID: 1, To: "0711111111", Text: "a"}, {ID: 2, To: "0799999999", Text: "b"}, {ID: 3, To: "0733333333", Text: "c"}, {ID: 4, To: "0744444444", Text: "d"},
	} {
		require.NoError(t, campaign.Add(m))
	}
	send := func(p *smslink.Package) (last smslink.Batch) {
		messages := func(yield func(smslink.Message, error) bool) {
			for m := range p.Messages() {
				if !yield(m, nil) {
					return
				}
			}
		}
		for last = range client.Stream(messages, &smslink.StreamOptions{Journal: j, ContinueWithoutCredit: true}).Batches(context.Background()) {
			require.NoError(t, last.Err)
			require.Empty(t, last.Invalid)
		}
		return last
	}
	first := send(campaign)
	again, err := first.Response.Retryable(first.Package, func(m smslink.Message, _ smslink.Status) (smslink.Message, bool) {
		m.ID, m.To = 1_000_000+m.ID, "0722222222"
		return m, true
	})
	require.NoError(t, err)
	require.Equal(t, []int64{1_000_002, 3, 4}, ids(again))
	gateway.SetCredit(100)
	second := send(again)
	require.NoError(t, second.Response.Err())
	require.Empty(t, second.Earlier)

	for range 2 {
		require.Len(t, send(campaign).Earlier, 4)
		require.Len(t, send(again).Earlier, 3)
	}
	sms := map[string]int{}
	for _, m := range gateway.Messages() {
		if m.Status == smslink.StatusSuccess {
			sms[m.To]++
		}
	}
	require.Equal(t, map[string]int{"0711111111": 1, "0722222222": 1, "0733333333": 1, "0744444444": 1}, sms)
}
