package smslinktest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

var codecs = []smslink.Codec{smslink.None, smslink.Zlib, smslink.BZip2, smslink.LZF}

func packageOf(t testing.TB, codec smslink.Codec, ids ...int64) *smslink.Package {
	t.Helper()
	p := &smslink.Package{Codec: codec}
	for _, id := range ids {
		require.NoError(t, p.Add(smslink.Message{ID: id, To: fmt.Sprintf("07%08d", id), Text: fmt.Sprintf("Mesajul %d", id)}))
	}
	return p
}

func statuses(resp *smslink.Response) []smslink.Status {
	var all []smslink.Status
	for _, result := range resp.Results {
		all = append(all, result.Status)
	}
	return all
}

// Each fault against what its doc promises: the outcome, and what the ledger has.
func TestFaults(t *testing.T) {
	const (
		accepted = smslink.OutcomeAccepted
		rejected = smslink.OutcomeRejected
		unknown  = smslink.OutcomeUnknown
		ok       = smslink.Success
		silent   = smslink.StatusUnreported
	)
	all := []smslink.Status{ok, ok, ok}
	for _, c := range []struct {
		name      string
		fault     smslinktest.Fault
		want      smslink.Outcome
		taken     int
		statuses  []smslink.Status // of an accepted package
		unmatched []string
		cause     error
	}{
		{"nothing", smslinktest.Fault{}, accepted, 3, all, nil, nil},
		{"ResetUnread", smslinktest.ResetUnread(), unknown, 0, nil, nil, nil},
		{"Close", smslinktest.Close(), unknown, 0, nil, nil, nil},
		{"Close after taking", smslinktest.Close().AfterTaking(), unknown, 3, nil, nil, nil},
		{"Reset", smslinktest.Reset(), unknown, 0, nil, nil, nil},
		{"Reset after taking", smslinktest.Reset().AfterTaking(), unknown, 3, nil, nil, nil},
		{"LoseReply", smslinktest.LoseReply(), unknown, 3, nil, nil, nil},
		{"CutReply at 0", smslinktest.CutReply(0), unknown, 3, nil, nil, nil},
		{"CutReply within the entries", smslinktest.CutReply(50), unknown, 3, nil, nil, nil},
		{"CutReply past the end", smslinktest.CutReply(1000), accepted, 3, all, nil, nil},
		{"Answer empty", smslinktest.Answer(200, ""), unknown, 0, nil, nil, smslink.ErrUnreadableReply},
		{"Answer HTML", smslinktest.Answer(200, "<html>Maintenance; back soon; sorry</html>"), unknown, 0, nil, nil, smslink.ErrUnreadableReply},
		{"Answer garbage after taking", smslinktest.Answer(202, "\x00\xff;;;").AfterTaking(), unknown, 3, nil, nil, smslink.ErrUnreadableReply},
		{"Answer 403", smslinktest.Answer(403, "no"), rejected, 0, nil, nil, nil},
		{"Answer 413", smslinktest.Answer(413, ""), rejected, 0, nil, nil, nil},
		{"Answer 500", smslinktest.Answer(500, ""), unknown, 0, nil, nil, nil},
		{"Answer 502 after taking", smslinktest.Answer(502, "<html>").AfterTaking(), unknown, 3, nil, nil, nil},
		{"Answer 503", smslinktest.Answer(503, "ERROR;3;suspended"), unknown, 0, nil, nil, nil},
		{"Refuse", smslinktest.Refuse("8", "no credit"), rejected, 0, nil, nil, &smslink.GatewayError{Code: "8"}},
		{"Redirect", smslinktest.Redirect(307, "http://127.0.0.1:1/"), rejected, 0, nil, nil, nil},
		{"Delay", smslinktest.Delay(10 * time.Millisecond), accepted, 3, all, nil, nil},
		{"Delay past the time-out", smslinktest.Delay(time.Hour), unknown, 3, nil, nil, context.DeadlineExceeded},
		{"Trickle", smslinktest.Trickle(50 * time.Microsecond), accepted, 3, all, nil, nil},
		{"Trickle past the time-out", smslinktest.Trickle(time.Second), unknown, 3, nil, nil, context.DeadlineExceeded},
		{"EndlessReply", smslinktest.EndlessReply(), unknown, 3, nil, nil, smslink.ErrReplyTooLarge},
		{"OmitEntries", smslinktest.OmitEntries(2), accepted, 3, []smslink.Status{ok, silent, ok}, nil, nil},
		{"OmitEntries all", smslinktest.OmitEntries(1, 2, 3), accepted, 3, []smslink.Status{silent, silent, silent}, nil, nil},
		{"RepeatEntries", smslinktest.RepeatEntries(1, 3), accepted, 3, all, []string{"1:220000001:3", "3:220000003:3"}, nil},
		{"ShuffleEntries", smslinktest.ShuffleEntries(7), accepted, 3, all, nil, nil},
		{"AddEntries", smslinktest.AddEntries("99:1:3", "x", ":::"), accepted, 3, all, []string{"99:1:3", "x", ":::"}, nil},
		{"MalformEntries", smslinktest.MalformEntries(2), accepted, 3, []smslink.Status{ok, silent, ok}, []string{"2:220000002"}, nil},
	} {
		for _, codec := range codecs {
			t.Run(c.name+"/"+codec.String(), func(t *testing.T) {
				t.Parallel()
				gateway := newGateway(t, nil)
				gateway.Inject(c.fault)
				ctx := context.Background()
				if errors.Is(c.cause, context.DeadlineExceeded) {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, 150*time.Millisecond)
					defer cancel()
				}
				p := packageOf(t, codec, 1, 2, 3)
				resp, err := gateway.Client().Send(ctx, p)
				require.Equal(t, c.want, smslink.OutcomeOf(err), "%v", err)
				require.Len(t, gateway.Messages(), c.taken)
				if c.want == accepted {
					require.NoError(t, err)
					require.Equal(t, c.statuses, statuses(resp))
					require.Equal(t, c.unmatched, resp.Unmatched)
					for i, m := range gateway.Messages() {
						require.Equal(t, m.ID, resp.Results[i].ID)
					}
				} else if c.cause != nil {
					require.ErrorIs(t, err, c.cause)
				}

				// The fault is over, and the next package finds a gateway that works.
				_, err = gateway.Client().Send(context.Background(), packageOf(t, codec, 4))
				require.NoError(t, err)
				require.Len(t, gateway.Messages(), c.taken+1)
			})
		}
	}
}

func TestFaults_overTLS(t *testing.T) {
	gateway := smslinktest.NewUnstartedGateway(nil)
	gateway.StartTLS()
	defer gateway.Close()
	for _, fault := range []smslinktest.Fault{smslinktest.ResetUnread(), smslinktest.Reset(), smslinktest.LoseReply(), smslinktest.CutReply(5)} {
		gateway.Inject(fault)
		_, err := gateway.Client().Send(context.Background(), packageOf(t, nil, 1))
		require.Equal(t, smslink.OutcomeUnknown, smslink.OutcomeOf(err), "%v", err)
	}
	require.Len(t, gateway.Messages(), 2)
}

func TestInject_comesInOrderAndBeforeTheRule(t *testing.T) {
	var asked []int
	gateway := newGateway(t, &smslinktest.Options{Fault: func(n int) smslinktest.Fault {
		asked = append(asked, n)
		if n%2 == 0 {
			return smslinktest.Answer(http.StatusBadGateway, "")
		}
		return smslinktest.Fault{}
	}})
	gateway.Inject(smslinktest.Refuse("1", "first"), smslinktest.Refuse("2", "second"))
	var got []string
	for id := range int64(5) {
		_, err := gateway.Client().Send(context.Background(), packageOf(t, nil, id))
		var gatewayErr *smslink.GatewayError
		if errors.As(err, &gatewayErr) {
			got = append(got, gatewayErr.Text)
		} else {
			got = append(got, smslink.OutcomeOf(err).String())
		}
	}
	require.Equal(t, []string{"first", "second", "accepted", "unknown", "accepted"}, got)
	require.Equal(t, []int{3, 4, 5}, asked)
}

func TestClose_endsAFaultThatWaits(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	gateway.Inject(smslinktest.Delay(time.Hour))
	sent := make(chan error, 1)
	client, p := gateway.Client(), packageOf(t, nil, 1)
	go func() {
		_, err := client.Send(context.Background(), p)
		sent <- err
	}()
	_, err := gateway.WaitMessages(t.Context(), 1)
	require.NoError(t, err)
	gateway.Close()
	require.Equal(t, smslink.OutcomeUnknown, smslink.OutcomeOf(<-sent))
}
