package smslink_test

import (
	"context"
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
			return m, s == smslink.SenderFailed
		}, []int64{1, 5}},
		{"all accepted", "1:a:3,2:b:3,3:c:3,4:d:3,5:e:3,6:f:3,7:g:3", unchanged, nil},
		{"none reported", "", unchanged, nil},
		{"without credit", "7:a:5,6:a:5,5:a:5,4:a:5,3:a:5,2:a:5,1:a:5", nil, []int64{1, 2, 3, 4, 5, 6, 7}},
		{"told twice", "1:a:5,2:b:5,3:c:1,1:x:3,3:x:3", unchanged, []int64{2}},
		{"told again in a form that can't be read", "1:a:5,2:b:5,3:c:5,01:x:3, 3 :x:3:4", nil, []int64{2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := packageOf(t, 1, 2, 3, 4, 5, 6, 7)
			p.Codec = smslink.LZF
			resp, err := answered(t, p, "MESSAGE;1;ok;77;"+c.entries)
			require.NoError(t, err)
			before := plain(p)
			again, err := resp.Retryable(p, c.correct)
			require.NoError(t, err)
			require.Equal(t, c.want, ids(again))
			require.Equal(t, smslink.LZF, again.Codec)
			require.Equal(t, before, plain(p))
			require.ErrorIs(t, p.Add(message(9)), smslink.ErrAlreadySent, "still sealed")
		})
	}
}

// Whatever a text holds, it is the same bytes on the wire the second time.
func TestRetryable_sameBytes(t *testing.T) {
	var p smslink.Package
	for id, text := range []string{
		"Salut;\nce mai faci?", "100%", "%\n0A", "%3;", "%0\nA", "%%", "%0a%3b", "a\u0085b\u00a0", "  tuns\ttab\r\n;", "ș" + strings.Repeat("ț;\n%", 1000), "\u2003x\u2003", ";", "%;3B",
	} {
		require.NoError(t, p.Add(smslink.Message{ID: int64(100 - id), To: "+40 712-345-678+12", From: " Shop, S.R.L. ", Text: text, SendAt: time.Unix(int64(id), 5)}))
	}
	resp := &smslink.Response{}
	for _, id := range ids(&p) {
		resp.Results = append(resp.Results, smslink.Result{ID: id, Status: smslink.InsufficientCredit})
	}
	p.Fold, p.StrictReceivers = true, true // once they were added
	again, err := resp.Retryable(&p, nil)
	require.NoError(t, err)
	require.Equal(t, plain(&p), plain(again))
	require.True(t, again.Fold)
	require.True(t, again.StrictReceivers)
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
		case smslink.NumberFailed:
			require.Equal(t, smslink.Message{ID: 2, To: "0799999999", From: "numeric", Text: "b;"}, m)
			m.To = "0722222222"
		case smslink.SenderFailed:
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
		if m.Status == smslink.Success {
			taken = append(taken, m.To+" "+m.From+" "+m.Text)
		}
	}
	require.Equal(t, []string{"0711111111 numeric a", "0722222222 numeric b;", "0733333333 Shop c", "0755555555 numeric e"}, taken)
}

func TestRetryable_refuses(t *testing.T) {
	p := packageOf(t, 1, 2)
	resp, err := answered(t, p, "MESSAGE;1;ok;77;1:a:5,2:b:2")
	require.NoError(t, err)
	for _, other := range []*smslink.Package{nil, {}, packageOf(t, 1), packageOf(t, 1, 3), packageOf(t, 2, 1), packageOf(t, 1, 2, 3)} {
		again, err := resp.Retryable(other, nil)
		require.Nil(t, again)
		require.EqualError(t, err, "smslink: the response is not this package's; their ids differ")
	}
	for rule, change := range map[error]func(*smslink.Message){
		smslink.ErrNoDigit:    func(m *smslink.Message) { m.To = secretText[:5] },
		smslink.ErrRepeatedID: func(m *smslink.Message) { m.ID = 1 },
		smslink.ErrEmptyText:  func(m *smslink.Message) { *m = smslink.Message{ID: 2, To: "07"} },
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
	p := &smslink.Package{Fold: true, StrictReceivers: true}
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

// What was not paid for goes through a stream with its journal again, but a corrected
// message under its old id does not.
func TestRetryable_withAJournal(t *testing.T) {
	j := &memory{states: map[int64]smslink.Result{}}
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0799999999")}})
	gateway.SetCredit(1)
	client := gateway.Client()
	send := func(messages func(func(smslink.Message, error) bool)) (last smslink.Batch) {
		for b := range client.SendAll(context.Background(), messages, &smslink.SendAllOptions{Journal: j, ContinueWithoutCredit: true}) {
			last = b
		}
		return last
	}
	first := send(func(yield func(smslink.Message, error) bool) {
		_ = yield(smslink.Message{ID: 1, To: "0711111111", Text: "a"}, nil) && yield(smslink.Message{ID: 2, To: "0799999999", Text: "b"}, nil) && yield(smslink.Message{ID: 3, To: "0733333333", Text: "c"}, nil)
	})
	require.NoError(t, first.Err)
	again, err := first.Response.Retryable(first.Package, func(m smslink.Message, _ smslink.Status) (smslink.Message, bool) {
		m.To = "0722222222"
		return m, true
	})
	require.NoError(t, err)
	require.Equal(t, []int64{2, 3}, ids(again))
	gateway.SetCredit(10)
	second := send(func(yield func(smslink.Message, error) bool) {
		for m := range again.Messages() {
			if !yield(m, nil) {
				return
			}
		}
	})
	require.NoError(t, second.Err)
	require.Equal(t, []int64{3}, ids(second.Package))
	require.Len(t, second.Earlier, 1)
	require.EqualValues(t, 2, second.Earlier[0].ID)
}
