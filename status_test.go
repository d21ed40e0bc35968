package smslink_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/url"
	"path/filepath"
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
}{
	{"ErrUnknown", smslink.ErrUnknown, smslink.OutcomeInDoubt},
	{"ErrNotSent", smslink.ErrNotSent, smslink.OutcomeNotSent},
	{"ErrRejected", smslink.ErrRejected, smslink.OutcomeRejected},
	{"ErrSealed", smslink.ErrSealed, smslink.OutcomeInDoubt},

	{"SendError", &smslink.SendError{Err: io.EOF}, smslink.OutcomeInDoubt},
	{"SendError", &smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: io.EOF}, smslink.OutcomeNotSent},
	{"SendError", &smslink.SendError{Outcome: smslink.OutcomeRejected, Err: &smslink.GatewayError{Code: "7"}}, smslink.OutcomeRejected},
	{"SendError", &smslink.SendError{Err: &smslink.GatewayError{Code: "7"}}, smslink.OutcomeInDoubt},
	{"MessageError", &smslink.MessageError{Err: smslink.ErrReceiver}, smslink.OutcomeNotSent},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusUnreported}, smslink.OutcomeInDoubt},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusSenderFailed}, smslink.OutcomeRejected},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusNumberFailed}, smslink.OutcomeRejected},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusInternalOrBlacklisted}, smslink.OutcomeInDoubt},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusInsufficientCredit}, smslink.OutcomeRejected},
	{"ResultError", &smslink.ResultError{Status: 6}, smslink.OutcomeInDoubt},

	// Alone these say nothing of any message.
	{"GatewayError", &smslink.GatewayError{Code: "7"}, smslink.OutcomeInDoubt},
	{"ErrStopped", smslink.ErrStopped, smslink.OutcomeInDoubt},
	{"ErrEmptyPackage", smslink.ErrEmptyPackage, smslink.OutcomeInDoubt},
	{"ErrCodecMethod", smslink.ErrCodecMethod, smslink.OutcomeInDoubt},
	{"ErrUnreadableReply", smslink.ErrUnreadableReply, smslink.OutcomeInDoubt},
	{"ErrReplyTooLarge", smslink.ErrReplyTooLarge, smslink.OutcomeInDoubt},
	{"ErrRepeatedInStream", smslink.ErrRepeatedInStream, smslink.OutcomeInDoubt},
	{"ErrReceiver", smslink.ErrReceiver, smslink.OutcomeInDoubt},
	{"ErrNegativeID", smslink.ErrNegativeID, smslink.OutcomeInDoubt},
	{"ErrRepeatedID", smslink.ErrRepeatedID, smslink.OutcomeInDoubt},
	{"ErrNoDigit", smslink.ErrNoDigit, smslink.OutcomeInDoubt},
	{"ErrSeparator", smslink.ErrSeparator, smslink.OutcomeInDoubt},
	{"ErrControlCharacter", smslink.ErrControlCharacter, smslink.OutcomeInDoubt},
	{"ErrInvalidUTF8", smslink.ErrInvalidUTF8, smslink.OutcomeInDoubt},
	{"ErrEmptyText", smslink.ErrEmptyText, smslink.OutcomeInDoubt},
	{"ErrTooLong", smslink.ErrTooLong, smslink.OutcomeInDoubt},
	{"ErrLiteralEscape", smslink.ErrLiteralEscape, smslink.OutcomeInDoubt},
	{"ErrBefore1970", smslink.ErrBefore1970, smslink.OutcomeInDoubt},
	{"ErrUnreported", smslink.ErrUnreported, smslink.OutcomeInDoubt},
	{"ErrSenderFailed", smslink.ErrSenderFailed, smslink.OutcomeInDoubt},
	{"ErrNumberFailed", smslink.ErrNumberFailed, smslink.OutcomeInDoubt},
	{"ErrInternalOrBlacklisted", smslink.ErrInternalOrBlacklisted, smslink.OutcomeInDoubt},
	{"ErrInsufficientCredit", smslink.ErrInsufficientCredit, smslink.OutcomeInDoubt},
	{"ErrUnknownStatus", smslink.ErrUnknownStatus, smslink.OutcomeInDoubt},

	{"of others", context.Canceled, smslink.OutcomeInDoubt},
	{"of others", &url.Error{Err: io.EOF}, smslink.OutcomeInDoubt},
}

func TestSafeToResend_everyErrorOfThePackage(t *testing.T) {
	sentinels := map[smslink.Outcome]error{
		smslink.OutcomeInDoubt: smslink.ErrUnknown, smslink.OutcomeNotSent: smslink.ErrNotSent, smslink.OutcomeRejected: smslink.ErrRejected,
	}
	tested := map[string]bool{}
	for _, c := range outcomes {
		tested[c.name] = true
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err), errors.Join(c.err, errors.New("and more"))} {
			require.Equal(t, c.want, smslink.OutcomeOf(err), "%s: %v", c.name, err)
			require.Equal(t, c.want != smslink.OutcomeInDoubt, smslink.SafeToResend(err), "%s: %v", c.name, err)
			for outcome, sentinel := range sentinels {
				if errors.Is(err, sentinel) {
					require.Equal(t, c.want, outcome, "%s: %v: errors.Is and OutcomeOf agree", c.name, err)
				} else if outcome == c.want {
					require.Equal(t, smslink.OutcomeInDoubt, c.want, "%s: %v: errors.Is and OutcomeOf agree", c.name, err)
				}
			}
		}
	}
	for _, name := range declaredErrors(t) {
		require.True(t, tested[name], "no row for %s", name)
	}
	require.Equal(t, smslink.OutcomeAccepted, smslink.OutcomeOf(nil))
	require.False(t, smslink.SafeToResend(nil))
}

func TestOutcomeOf_theMostDoubtfulOfSeveral(t *testing.T) {
	notSent := &smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: io.EOF}
	rejected := &smslink.SendError{Outcome: smslink.OutcomeRejected, Err: io.EOF}
	inDoubt := &smslink.SendError{Outcome: smslink.OutcomeInDoubt, Err: io.EOF}
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
	} {
		require.Equal(t, c.want, smslink.OutcomeOf(errors.Join(c.errs...)), "%v", c.errs)
	}
}

// A response's error is about all of its messages.
func TestResponse_Err_isSafeOnlyIfNothingWasTaken(t *testing.T) {
	for body, want := range map[string]smslink.Outcome{
		"1:a:2,2:b:5":  smslink.OutcomeRejected,
		"1:a:2,2:b:3":  smslink.OutcomeInDoubt,
		"1:a:2,2:b:4":  smslink.OutcomeInDoubt,
		"1:a:2":        smslink.OutcomeInDoubt,
		"1:a:2,2:b:99": smslink.OutcomeInDoubt,
	} {
		resp, err := answered(t, packageOf(t, 1, 2), "MESSAGE;1;ok;77;"+body)
		require.NoError(t, err)
		require.Equal(t, want, smslink.OutcomeOf(resp.Err()), body)
		require.Equal(t, want == smslink.OutcomeRejected, smslink.SafeToResend(resp.Err()), body)
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
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
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
	}
	require.Greater(t, len(names), 25)
	return names
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

func TestOutcome_String(t *testing.T) {
	require.Equal(t, "in doubt", smslink.Outcome(0).String(), "the zero value is the cautious one")
	require.Equal(t, "not sent", smslink.OutcomeNotSent.String())
	require.Equal(t, "rejected", smslink.OutcomeRejected.String())
	require.Equal(t, "accepted", smslink.OutcomeAccepted.String())
	require.Equal(t, "Outcome(9)", smslink.Outcome(9).String())
}
