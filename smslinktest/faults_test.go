package smslinktest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

var codecs = []smslink.Codec{smslink.CodecNone, smslink.CodecZlib, smslink.CodecBZip2, smslink.CodecLZF}

// errReset is what a client's socket returns after a TCP reset.
var errReset = func() error {
	if runtime.GOOS == "windows" {
		return syscall.Errno(10054) // WSAECONNRESET; syscall.ECONNRESET has another value there
	}
	return syscall.ECONNRESET
}()

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

// Each fault has the outcome of its doc, and the ledger agrees.
func TestFaults(t *testing.T) {
	const (
		accepted = smslink.OutcomeAccepted
		rejected = smslink.OutcomeRejected
		inDoubt  = smslink.OutcomeInDoubt
		ok       = smslink.StatusSuccess
		silent   = smslink.StatusUnreported
	)
	all := []smslink.Status{ok, ok, ok}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
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
		{"ResetConnection before reading", smslinktest.ResetConnection().BeforeReading(), inDoubt, 0, nil, nil, nil},
		{"HangUp", smslinktest.HangUp(), inDoubt, 0, nil, nil, io.EOF},
		{"HangUp after taking", smslinktest.HangUp().AfterTaking(), inDoubt, 3, nil, nil, nil},
		{"ResetConnection", smslinktest.ResetConnection(), inDoubt, 0, nil, nil, errReset},
		{"ResetConnection after taking", smslinktest.ResetConnection().AfterTaking(), inDoubt, 3, nil, nil, errReset},
		{"LoseReply", smslinktest.LoseReply(), inDoubt, 3, nil, nil, io.EOF},
		{"CutReply at 0", smslinktest.CutReply(0), inDoubt, 3, nil, nil, nil},
		{"CutReply within the entries", smslinktest.CutReply(50), inDoubt, 3, nil, nil, io.ErrUnexpectedEOF},
		{"CutReply past the end", smslinktest.CutReply(1000), accepted, 3, all, nil, nil},
		{"Answer empty", smslinktest.Answer(200, ""), inDoubt, 0, nil, nil, smslink.ErrUnreadableReply},
		{"Answer HTML", smslinktest.Answer(200, "<html>Maintenance; back soon; sorry</html>"), inDoubt, 0, nil, nil, smslink.ErrUnreadableReply},
		{"Answer garbage after taking", smslinktest.Answer(202, "\x00\xff;;;").AfterTaking(), inDoubt, 3, nil, nil, smslink.ErrUnreadableReply},
		{"Answer 403", smslinktest.Answer(403, "no"), rejected, 0, nil, nil, nil},
		{"Answer 413", smslinktest.Answer(413, ""), rejected, 0, nil, nil, nil},
		{"Answer 500", smslinktest.Answer(500, ""), inDoubt, 0, nil, nil, nil},
		{"Answer 502 after taking", smslinktest.Answer(502, "<html>").AfterTaking(), inDoubt, 3, nil, nil, nil},
		{"Answer 503", smslinktest.Answer(503, "ERROR;3;suspended"), inDoubt, 0, nil, nil, nil},
		{"Reject", smslinktest.Reject("8", "no credit"), rejected, 0, nil, nil, &smslink.GatewayError{Code: "8"}},
		{"Redirect", smslinktest.Redirect(307, elsewhere.URL), rejected, 0, nil, nil, nil},
		{"Redirect before reading", smslinktest.Redirect(302, elsewhere.URL).BeforeReading(), rejected, 0, nil, nil, nil},
		{"Answer 413 before reading", smslinktest.Answer(413, "").BeforeReading(), rejected, 0, nil, nil, nil},
		{"HangUp before reading", smslinktest.HangUp().BeforeReading(), inDoubt, 0, nil, nil, nil},
		{"Reject after taking", smslinktest.Reject("8", "no credit").AfterTaking(), rejected, 3, nil, nil, nil},
		{"Delay", smslinktest.Delay(10 * time.Millisecond), accepted, 3, all, nil, nil},
		{"Delay past the timeout", smslinktest.Delay(time.Hour), inDoubt, 3, nil, nil, context.Canceled},
		{"Trickle", smslinktest.Trickle(50 * time.Microsecond), accepted, 3, all, nil, nil},
		{"Trickle past the timeout", smslinktest.Trickle(time.Second), inDoubt, 3, nil, nil, context.Canceled},
		{"EndlessReply", smslinktest.EndlessReply(), inDoubt, 3, nil, nil, smslink.ErrUnreadableReply},
		{"OmitEntries", smslinktest.OmitEntries(2), accepted, 3, []smslink.Status{ok, silent, ok}, nil, nil},
		{"OmitEntries all", smslinktest.OmitEntries(1, 2, 3), accepted, 3, []smslink.Status{silent, silent, silent}, nil, nil},
		{"ShuffleEntries", smslinktest.ShuffleEntries(7), accepted, 3, all, nil, nil},
		{"AddEntries", smslinktest.AddEntries("99:1:3", "x", ":::", "1:999:2"), accepted, 3, []smslink.Status{silent, ok, ok}, []string{"99:1:3", "x", ":::", "1:220000001:3", "1:999:2"}, nil},
	} {
		for _, codec := range codecs {
			t.Run(c.name+"/"+codec.String(), func(t *testing.T) {
				t.Parallel()
				gateway := newGateway(t, nil)
				gateway.Inject(c.fault)
				ctx := context.Background()
				if errors.Is(c.cause, context.Canceled) { // a client that gives up
					var cancel context.CancelFunc
					ctx, cancel = context.WithCancel(ctx)
					go func() {
						_, _ = gateway.WaitMessages(context.Background(), 1)
						cancel()
					}()
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

				packages := 0
				for _, upload := range gateway.Uploads() {
					require.Equal(t, 3, upload.Receivers)
					require.Empty(t, upload.Rejection)
					if upload.PackageID != "" {
						packages++
					}
				}
				require.Equal(t, c.taken, 3*packages)

				// The fault is over: the next package is accepted.
				_, err = gateway.Client().Send(context.Background(), packageOf(t, codec, 4))
				require.NoError(t, err)
				require.Len(t, gateway.Messages(), c.taken+1)
			})
		}
	}
}

// A malformed entry may be about any message, so that no message is reported as failed.
func TestAddEntries_malformed(t *testing.T) {
	for _, c := range []struct {
		entry     string
		want      smslink.Result
		unmatched []string
	}{
		{"99:1:3", smslink.Result{ID: 2, RemoteID: "220000002", Status: smslink.StatusNumberFailed}, []string{"99:1:3"}},
		{"garbage", smslink.Result{ID: 2}, []string{"garbage", "2:220000002:2"}},
	} {
		gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0700000002")}})
		gateway.Inject(smslinktest.AddEntries(c.entry))
		resp, err := gateway.Client().Send(t.Context(), packageOf(t, nil, 1, 2))
		require.NoError(t, err)
		require.Equal(t, smslink.StatusSuccess, resp.Results[0].Status)
		require.Equal(t, c.want, resp.Results[1])
		require.Equal(t, c.unmatched, resp.Unmatched)
	}
}

func TestFaults_overTLS(t *testing.T) {
	gateway := smslinktest.NewUnstartedGateway(nil)
	gateway.StartTLS()
	defer gateway.Close()
	for _, fault := range []smslinktest.Fault{smslinktest.ResetConnection().BeforeReading(), smslinktest.ResetConnection(), smslinktest.LoseReply(), smslinktest.CutReply(5)} {
		gateway.Inject(fault)
		_, err := gateway.Client().Send(context.Background(), packageOf(t, nil, 1))
		require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err), "%v", err)
	}
	require.Len(t, gateway.Messages(), 2)
}

func TestCutReply_sendsSoManyBytes(t *testing.T) {
	gateway := newGateway(t, nil)
	for _, n := range []int{0, 1, 50} {
		gateway.Inject(smslinktest.CutReply(n))
		_, err := gateway.Client().Send(context.Background(), packageOf(t, nil, 1, 2, 3))
		var sendErr *smslink.SendError
		require.ErrorAs(t, err, &sendErr)
		require.Len(t, sendErr.Reply, n)
	}
}

func TestShuffleEntries_shuffles(t *testing.T) {
	reply := func(faults ...smslinktest.Fault) string {
		gateway := newGateway(t, nil)
		gateway.Inject(faults...)
		plain := "1;0712345678;numeric;a;0\r\n2;0712345678;numeric;b;0\r\n3;0712345678;numeric;c;0\r\n4;0712345678;numeric;d;0\r\n5;0712345678;numeric;e;0"
		return newUpload(gateway, 0, plain, plain).post(t)
	}
	first, again := reply(smslinktest.ShuffleEntries(1)), reply(smslinktest.ShuffleEntries(1))
	require.Equal(t, first, again)
	require.NotEqual(t, reply(), first)
}

func TestInject_waitsForAnUploadThatWouldBeTaken(t *testing.T) {
	gateway := newGateway(t, nil)
	gateway.Inject(smslinktest.LoseReply())
	wrong, err := smslink.NewClient(gateway.ConnectionID, "wrong", &smslink.Options{Endpoint: gateway.URL})
	require.NoError(t, err)
	_, err = wrong.Send(context.Background(), packageOf(t, nil, 1))
	require.ErrorIs(t, err, &smslink.GatewayError{Code: "7"})
	_, err = gateway.Client().Send(context.Background(), packageOf(t, nil, 1))
	require.Equal(t, smslink.OutcomeInDoubt, smslink.OutcomeOf(err))
}

func TestFaults_overHTTP2(t *testing.T) {
	gateway := smslinktest.NewUnstartedGateway(nil)
	gateway.Server.EnableHTTP2 = true
	gateway.StartTLS()
	defer gateway.Close()
	for name, c := range map[string]struct {
		fault smslinktest.Fault
		want  smslink.Outcome
	}{
		"ResetConnection": {smslinktest.ResetConnection(), smslink.OutcomeInDoubt},
		"LoseReply":       {smslinktest.LoseReply(), smslink.OutcomeInDoubt},
		"CutReply":        {smslinktest.CutReply(5), smslink.OutcomeInDoubt},
		"no cut":          {smslinktest.CutReply(500), smslink.OutcomeAccepted},
		"Reject":          {smslinktest.Reject("8", "x").BeforeReading(), smslink.OutcomeRejected},
	} {
		gateway.Inject(c.fault)
		_, err := gateway.Client().Send(context.Background(), packageOf(t, nil, 1))
		require.Equal(t, c.want, smslink.OutcomeOf(err), "%s: %v", name, err)
	}
}

func TestFaults_refuseBadArguments(t *testing.T) {
	for name, call := range map[string]func(){
		"CutReply": func() { smslinktest.CutReply(-1) },
		"Answer":   func() { smslinktest.Answer(101, "") },
		"Reject":   func() { smslinktest.Reject("8", "a;b") },
		"Redirect": func() { smslinktest.Redirect(200, "") },
	} {
		require.Panics(t, call, name)
	}
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
	gateway.Inject(smslinktest.Reject("1", "first"), smslinktest.Reject("2", "second"))
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
	require.Equal(t, []string{"first", "second", "accepted", "in doubt", "accepted"}, got)
	require.Equal(t, []int{3, 4, 5}, asked)
}
