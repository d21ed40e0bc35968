package smslink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// answered is what Send makes of a 2xx with that body.
func answered(t testing.TB, p *smslink.Package, body string) (*smslink.Response, error) {
	t.Helper()
	return newClient(t, &smslink.Options{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		return response(200, body), nil
	})}}).Send(context.Background(), p)
}

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
		{"one contradicted", "7:a:3,7:x:5,3:b:3,9:c:3", results{{7, "", 0}, {3, "b", ok}, {9, "c", ok}}, []string{"7:x:5", "7:a:3"}},
		{"one contradicted, and once more", "7:a:2,7:x:3,3:b:3,9:c:3,7:a:2", results{{7, "", 0}, {3, "b", ok}, {9, "c", ok}}, []string{"7:x:3", "7:a:2", "7:a:2"}},
		{"one repeated with another id", "7:a:3,7:x:3,3:b:3,9:c:3", results{{7, "a", ok}, {3, "b", ok}, {9, "c", ok}}, []string{"7:x:3"}},
		{"one repeated at the end", "7:a:3,3:b:3,9:c:3,7:a:3", results{{7, "a", ok}, {3, "b", ok}, {9, "c", ok}}, []string{"7:a:3"}},
		{"a foreign one", "7:a:3,8:x:3,3:b:3,9:c:3", results{{7, "a", ok}, {3, "b", ok}, {9, "c", ok}}, []string{"8:x:3"}},
		{"malformed ones", "7:a:3,3:b,x:c:3,9:c:3:4,07:a:3,9::2", results{{7, "a", ok}, {3, "", 0}, {9, "", 0}}, []string{"3:b", "x:c:3", "9:c:3:4", "07:a:3", "9::2"}},
		{"an undocumented status", "7:a:6,3:b:3,9:c:3", results{{7, "a", 6}, {3, "b", ok}, {9, "c", ok}}, nil},
		{"a status of nothing", "7:a:0,3:b:3,9:c:3", results{{7, "", 0}, {3, "b", ok}, {9, "c", ok}}, []string{"7:a:0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, err := answered(t, packageOf(t, 7, 3, 9), "\ufeffMESSAGE;1;Pachet preluat;P-77;"+c.entries+";future;fields\r\n")
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
		require.ErrorIs(t, resp.Err(), smslink.ErrUnreported)
		require.ErrorIs(t, p.Add(message(2)), smslink.ErrSealed)
	}
}

func TestResponse_Err(t *testing.T) {
	resp, err := answered(t, packageOf(t, 1, 2, 3, 4, 5, 6, 7), "MESSAGE;1;ok;77;1:a:1,2:b:2,3:c:3,4:d:4,5:e:5,6:f:42")
	require.NoError(t, err)
	all := resp.Err()
	for id, sentinel := range map[int64]error{
		1: smslink.ErrSenderFailed, 2: smslink.ErrNumberFailed, 4: smslink.ErrInternalOrBlacklisted,
		5: smslink.ErrInsufficientCredit, 6: smslink.ErrUnknownStatus, 7: smslink.ErrUnreported,
	} {
		require.ErrorIs(t, all, sentinel)
		one := resp.Results[id-1].Err()
		require.ErrorIs(t, one, sentinel)
		var resultErr *smslink.ResultError
		require.ErrorAs(t, one, &resultErr)
		require.Equal(t, id, resultErr.ID)
		require.Equal(t, resp.Results[id-1].RemoteID, resultErr.RemoteID)
		require.Equal(t, resp.Results[id-1].Status, resultErr.Status)
	}
	require.NoError(t, resp.Results[2].Err())
	require.EqualError(t, resp.Results[5].Err(), "smslink: message 6: status 42 is not documented; ask the vendor")
	joined := all.(interface{ Unwrap() []error }).Unwrap()
	require.Len(t, joined, 6)
	var first *smslink.ResultError
	require.True(t, errors.As(joined[0], &first) && first.ID == 1)
	require.EqualError(t, all, "smslink: 6 of 7 messages not reported as accepted: "+
		"message 1: sender failed: check that the sender is approved for the account; "+
		"message 2: number failed: check the number; "+
		"message 4: internal error or number blacklisted: look whether the number is on the account's blacklist; if not, try again later; and 3 more")
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

func TestStatus_namesAndAdvice(t *testing.T) {
	for status, want := range map[smslink.Status][2]string{
		smslink.StatusUnreported:            {"unreported", "before sending it again"},
		smslink.StatusSenderFailed:          {"sender failed", "approved"},
		smslink.StatusNumberFailed:          {"number failed", "check the number"},
		smslink.StatusSuccess:               {"success", ""},
		smslink.StatusInternalOrBlacklisted: {"internal error or blacklisted", "blacklist"},
		smslink.StatusInsufficientCredit:    {"insufficient credit", "top up"},
		42:                                  {"status 42", "not documented"},
		-1:                                  {"status -1", "not documented"},
	} {
		require.Equal(t, want[0], status.String())
		require.Contains(t, status.Advice(), want[1])
	}
}

// The cap on a reply grows with the package, and a reply at its size is read.
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

// Whatever the gateway says, a Send either fails with an outcome or has one
// result a message, in order, and no entry of the reply is dropped.
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
