package smslink_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-smslink/smslink"
	"github.com/stretchr/testify/require"
)

// outcomes has a row for each error of the package, and for some others.
var outcomes = []struct {
	name string
	err  error
	want smslink.Outcome
	safe bool
}{
	{"SendError", &smslink.SendError{Err: io.EOF}, smslink.OutcomeInDoubt, false},
	{"SendError", &smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: io.EOF}, smslink.OutcomeNotSent, true},
	{"SendError", &smslink.SendError{Outcome: smslink.OutcomeRejected, Err: &smslink.GatewayError{Code: "7"}},
		smslink.OutcomeRejected, true},
	{"SendError", &smslink.SendError{Err: &smslink.GatewayError{Code: "7"}}, smslink.OutcomeInDoubt, false},
	{"SendError", &smslink.SendError{Outcome: smslink.OutcomeAccepted, Err: io.EOF}, smslink.OutcomeInDoubt, false},
	{"SendError", &smslink.SendError{Outcome: 77, Err: io.EOF}, smslink.OutcomeInDoubt, false},
	{"SendError", (*smslink.SendError)(nil), smslink.OutcomeInDoubt, false},
	{"MessageError", &smslink.MessageError{Err: smslink.ErrReceiver}, smslink.OutcomeInvalid, true},
	{"MessageError", &smslink.MessageError{Err: io.EOF}, smslink.OutcomeInvalid, true},
	{"MessageError", errRepeated(), smslink.OutcomeInvalid, false},
	{"MessageError", (*smslink.MessageError)(nil), smslink.OutcomeInDoubt, false},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusUnreported}, smslink.OutcomeInDoubt, false},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusSenderFailed}, smslink.OutcomeFailed, true},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusNumberFailed}, smslink.OutcomeFailed, true},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusSuccess}, smslink.OutcomeInDoubt, false},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusInternalOrBlacklisted}, smslink.OutcomeFailed, false},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusInsufficientCredit}, smslink.OutcomeFailed, true},
	{"ResultError", &smslink.ResultError{Status: 6}, smslink.OutcomeInDoubt, false},
	{"ResultError", (*smslink.ResultError)(nil), smslink.OutcomeInDoubt, false},

	// On their own, these say nothing about a message.
	{"GatewayError", &smslink.GatewayError{Code: "7"}, smslink.OutcomeInDoubt, false},
	{"ErrReceiver", smslink.ErrReceiver, smslink.OutcomeInDoubt, false},
	{"ErrStopped", smslink.ErrStopped, smslink.OutcomeInDoubt, false},
	{"ErrUnreadableReply", smslink.ErrUnreadableReply, smslink.OutcomeInDoubt, false},

	{"of others", context.Canceled, smslink.OutcomeInDoubt, false},
	{"of others", &url.Error{Err: io.EOF}, smslink.OutcomeInDoubt, false},
}

// errRepeated returns the error of a message whose id its package has.
func errRepeated() error {
	var p smslink.Package
	return cmp.Or(p.Add(message(1)), p.Add(message(1)))
}

func TestSafeToResend_everyErrorOfThePackage(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range outcomes {
		tested[c.name] = true
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err),
			errors.Join(c.err, errors.New("and more"))} {
			require.Equal(t, c.want, smslink.OutcomeOf(err), c.name)
			require.Equal(t, c.safe, smslink.SafeToResend(err), c.name)
		}
	}
	for _, name := range declaredErrors(t) {
		require.True(t, tested[name], "no row for %s", name)
	}
	require.Equal(t, smslink.OutcomeAccepted, smslink.OutcomeOf(nil))
	require.False(t, smslink.SafeToResend(nil))
}

// lane is an error as programs make them: it embeds the package's, and joins another.
type lane struct {
	*smslink.SendError
	other error
}

func (l lane) Unwrap() []error { return []error{l.other} }

// named embeds the package's error, and nothing more.
type named struct {
	*smslink.SendError
	name string
}

func TestOutcomeOf_errorThatEmbedsAnother(t *testing.T) {
	notSent := &smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: io.EOF}
	inDoubt := &smslink.SendError{Err: io.EOF}
	for _, c := range []struct {
		err  error
		want smslink.Outcome
	}{
		{lane{notSent, inDoubt}, smslink.OutcomeInDoubt},
		{lane{inDoubt, notSent}, smslink.OutcomeInDoubt},
		{lane{notSent, errors.Join(io.EOF, &smslink.ResultError{Status: smslink.StatusInternalOrBlacklisted})},
			smslink.OutcomeFailed},
		{lane{notSent, io.EOF}, smslink.OutcomeNotSent},
		{lane{nil, notSent}, smslink.OutcomeInDoubt},
		{named{notSent, "a"}, smslink.OutcomeNotSent},
		{named{nil, "a"}, smslink.OutcomeInDoubt},
	} {
		require.Equal(t, c.want, smslink.OutcomeOf(c.err))
		require.Equal(t, c.want == smslink.OutcomeNotSent, smslink.SafeToResend(c.err))
	}
}

func TestOutcomeOf_theMostDoubtfulOfSeveral(t *testing.T) {
	notSent := &smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: io.EOF}
	rejected := &smslink.SendError{Outcome: smslink.OutcomeRejected, Err: io.EOF}
	inDoubt := &smslink.SendError{Outcome: smslink.OutcomeInDoubt, Err: io.EOF}
	invalid := &smslink.MessageError{Err: io.EOF}
	failed := &smslink.ResultError{Status: smslink.StatusNumberFailed}
	for _, c := range []struct {
		errs []error
		want smslink.Outcome
	}{
		{[]error{notSent, notSent}, smslink.OutcomeNotSent},
		{[]error{notSent, rejected}, smslink.OutcomeRejected},
		{[]error{rejected, notSent}, smslink.OutcomeRejected},
		{[]error{notSent, inDoubt, rejected}, smslink.OutcomeInDoubt},
		{[]error{inDoubt, notSent}, smslink.OutcomeInDoubt},
		{[]error{rejected, inDoubt}, smslink.OutcomeInDoubt},
		{[]error{inDoubt, rejected}, smslink.OutcomeInDoubt},
		{[]error{io.EOF, fmt.Errorf("deep: %w", errors.Join(io.EOF, inDoubt)), notSent}, smslink.OutcomeInDoubt},
		{[]error{notSent, invalid}, smslink.OutcomeNotSent},
		{[]error{failed, rejected}, smslink.OutcomeFailed},
		{[]error{failed, inDoubt}, smslink.OutcomeInDoubt},
	} {
		joined := errors.Join(c.errs...)
		require.Equal(t, c.want, smslink.OutcomeOf(joined), "%v", c.errs)
		require.Equal(t, !slices.Contains(c.errs, error(inDoubt)) && c.want != smslink.OutcomeInDoubt,
			smslink.SafeToResend(joined), "%v", c.errs)
	}
	require.False(t, smslink.SafeToResend(errors.Join(notSent, errRepeated())))
	require.False(t,
		smslink.SafeToResend(errors.Join(failed, &smslink.ResultError{Status: smslink.StatusInternalOrBlacklisted})))
}

// The error of a response is about all its messages.
func TestResponse_Err_isSafeOnlyIfNothingWasTaken(t *testing.T) {
	for body, want := range map[string]smslink.Outcome{
		"1:a:2,2:b:5":  smslink.OutcomeFailed,
		"1:a:2,2:b:3":  smslink.OutcomeInDoubt,
		"1:a:2,2:b:4":  smslink.OutcomeFailed,
		"1:a:2":        smslink.OutcomeInDoubt,
		"1:a:2,2:b:99": smslink.OutcomeInDoubt,
	} {
		resp, err := answered(t, packageOf(t, 1, 2), "MESSAGE;1;ok;77;"+body)
		require.NoError(t, err)
		require.Equal(t, want, smslink.OutcomeOf(resp.Err()), body)
		require.Equal(t, body == "1:a:2,2:b:5", smslink.SafeToResend(resp.Err()), body)
	}
}

// declaredErrors returns the names of the exported errors that the package's source declares.
func declaredErrors(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, name := range declaredErrorTypes(t) {
		if ast.IsExported(name) {
			names = append(names, name)
		}
	}
	for _, decl := range declarations(t) {
		vars, ok := decl.(*ast.GenDecl)
		if !ok || vars.Tok != token.VAR {
			continue
		}
		for _, spec := range vars.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				if strings.HasPrefix(name.Name, "Err") {
					names = append(names, name.Name)
				}
			}
		}
	}
	require.Len(t, names, 7)
	return names
}

func TestStatus_hasOneMeaning(t *testing.T) {
	for status, want := range map[smslink.Status]struct {
		name    string
		outcome smslink.Outcome
		safe    bool
		advice  string
	}{
		smslink.StatusUnreported:   {"unreported", smslink.OutcomeInDoubt, false, "before sending it again"},
		smslink.StatusSenderFailed: {"sender failed", smslink.OutcomeFailed, true, "approved"},
		smslink.StatusNumberFailed: {"number failed", smslink.OutcomeFailed, true, "check the number"},
		smslink.StatusSuccess:      {"success", smslink.OutcomeAccepted, false, ""},
		smslink.StatusInternalOrBlacklisted: {"internal error or blacklisted", smslink.OutcomeFailed, false,
			"blacklist"},
		smslink.StatusInsufficientCredit: {"insufficient credit", smslink.OutcomeFailed, true, "top up"},
		6:                                {"status 6", smslink.OutcomeInDoubt, false, "not documented"},
		42:                               {"status 42", smslink.OutcomeInDoubt, false, "not documented"},
		-1:                               {"status -1", smslink.OutcomeInDoubt, false, "not documented"},
	} {
		require.Equal(t, want.name, status.String())
		require.Equal(t, want.outcome, status.Outcome())
		err := smslink.Result{ID: 7, Status: status}.Err()
		require.Equal(t, want.outcome, smslink.OutcomeOf(err))
		require.Equal(t, want.safe, smslink.SafeToResend(err))
		if status != smslink.StatusSuccess {
			require.ErrorContains(t, err, "smslink: message 7: "+want.name+": ")
			require.ErrorContains(t, err, want.advice)
		}
	}
}

func TestOutcome_String(t *testing.T) {
	require.Equal(t, "in doubt", smslink.Outcome(0).String(), "the zero value is the cautious one")
	require.Equal(t, "not sent", smslink.OutcomeNotSent.String())
	require.Equal(t, "rejected", smslink.OutcomeRejected.String())
	require.Equal(t, "accepted", smslink.OutcomeAccepted.String())
	require.Equal(t, "Outcome(9)", smslink.Outcome(9).String())
}
