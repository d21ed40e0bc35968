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

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// outcomes has a row for each error of the package, and for some others.
var outcomes = []struct {
	name string
	err  error
	want smslink.Outcome
}{
	{"ErrUnknown", smslink.ErrUnknown, smslink.OutcomeUnknown},
	{"ErrNotSent", smslink.ErrNotSent, smslink.OutcomeNotSent},
	{"ErrRejected", smslink.ErrRejected, smslink.OutcomeRejected},
	{"ErrSealed", smslink.ErrSealed, smslink.OutcomeUnknown},

	{"SendError", &smslink.SendError{Err: io.EOF}, smslink.OutcomeUnknown},
	{"SendError", &smslink.SendError{Outcome: smslink.OutcomeNotSent, Err: io.EOF}, smslink.OutcomeNotSent},
	{"SendError", &smslink.SendError{Outcome: smslink.OutcomeRejected, Err: &smslink.GatewayError{Code: "7"}}, smslink.OutcomeRejected},
	{"SendError", &smslink.SendError{Err: &smslink.GatewayError{Code: "7"}}, smslink.OutcomeUnknown},
	{"MessageError", &smslink.MessageError{Err: smslink.ErrReceiver}, smslink.OutcomeNotSent},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusUnreported}, smslink.OutcomeUnknown},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusSenderFailed}, smslink.OutcomeRejected},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusNumberFailed}, smslink.OutcomeRejected},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusInternalOrBlacklisted}, smslink.OutcomeUnknown},
	{"ResultError", &smslink.ResultError{Status: smslink.StatusInsufficientCredit}, smslink.OutcomeRejected},
	{"ResultError", &smslink.ResultError{Status: 6}, smslink.OutcomeUnknown},

	// Alone these say nothing of any message.
	{"GatewayError", &smslink.GatewayError{Code: "7"}, smslink.OutcomeUnknown},
	{"ErrStopped", smslink.ErrStopped, smslink.OutcomeUnknown},
	{"ErrEmptyPackage", smslink.ErrEmptyPackage, smslink.OutcomeUnknown},
	{"ErrCodecMethod", smslink.ErrCodecMethod, smslink.OutcomeUnknown},
	{"ErrUnreadableReply", smslink.ErrUnreadableReply, smslink.OutcomeUnknown},
	{"ErrReplyTooLarge", smslink.ErrReplyTooLarge, smslink.OutcomeUnknown},
	{"ErrRepeatedInStream", smslink.ErrRepeatedInStream, smslink.OutcomeUnknown},
	{"ErrReceiver", smslink.ErrReceiver, smslink.OutcomeUnknown},
	{"ErrNegativeID", smslink.ErrNegativeID, smslink.OutcomeUnknown},
	{"ErrRepeatedID", smslink.ErrRepeatedID, smslink.OutcomeUnknown},
	{"ErrNoDigit", smslink.ErrNoDigit, smslink.OutcomeUnknown},
	{"ErrSeparator", smslink.ErrSeparator, smslink.OutcomeUnknown},
	{"ErrControlCharacter", smslink.ErrControlCharacter, smslink.OutcomeUnknown},
	{"ErrInvalidUTF8", smslink.ErrInvalidUTF8, smslink.OutcomeUnknown},
	{"ErrEmptyText", smslink.ErrEmptyText, smslink.OutcomeUnknown},
	{"ErrTooLong", smslink.ErrTooLong, smslink.OutcomeUnknown},
	{"ErrLiteralEscape", smslink.ErrLiteralEscape, smslink.OutcomeUnknown},
	{"ErrBefore1970", smslink.ErrBefore1970, smslink.OutcomeUnknown},
	{"ErrUnreported", smslink.ErrUnreported, smslink.OutcomeUnknown},
	{"ErrSenderFailed", smslink.ErrSenderFailed, smslink.OutcomeUnknown},
	{"ErrNumberFailed", smslink.ErrNumberFailed, smslink.OutcomeUnknown},
	{"ErrInternalOrBlacklisted", smslink.ErrInternalOrBlacklisted, smslink.OutcomeUnknown},
	{"ErrInsufficientCredit", smslink.ErrInsufficientCredit, smslink.OutcomeUnknown},
	{"ErrUnknownStatus", smslink.ErrUnknownStatus, smslink.OutcomeUnknown},

	{"of others", context.Canceled, smslink.OutcomeUnknown},
	{"of others", &url.Error{Err: io.EOF}, smslink.OutcomeUnknown},
}

func TestSafeToResend_everyErrorOfThePackage(t *testing.T) {
	sentinels := map[smslink.Outcome]error{
		smslink.OutcomeUnknown: smslink.ErrUnknown, smslink.OutcomeNotSent: smslink.ErrNotSent, smslink.OutcomeRejected: smslink.ErrRejected,
	}
	tested := map[string]bool{}
	for _, c := range outcomes {
		tested[c.name] = true
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err), errors.Join(c.err, errors.New("and more"))} {
			require.Equal(t, c.want, smslink.OutcomeOf(err), "%s: %v", c.name, err)
			require.Equal(t, c.want != smslink.OutcomeUnknown, smslink.SafeToResend(err), "%s: %v", c.name, err)
			for outcome, sentinel := range sentinels {
				if errors.Is(err, sentinel) {
					require.Equal(t, c.want, outcome, "%s: %v: errors.Is and OutcomeOf agree", c.name, err)
				} else if outcome == c.want {
					require.Equal(t, smslink.OutcomeUnknown, c.want, "%s: %v: errors.Is and OutcomeOf agree", c.name, err)
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
	unknown := &smslink.SendError{Outcome: smslink.OutcomeUnknown, Err: io.EOF}
	for _, c := range []struct {
		errs []error
		want smslink.Outcome
	}{
		{[]error{notSent, notSent}, smslink.OutcomeNotSent},
		{[]error{notSent, rejected}, smslink.OutcomeRejected},
		{[]error{rejected, notSent}, smslink.OutcomeRejected},
		{[]error{notSent, unknown, rejected}, smslink.OutcomeUnknown},
		{[]error{unknown, notSent}, smslink.OutcomeUnknown},
		{[]error{rejected, unknown}, smslink.OutcomeUnknown},
		{[]error{unknown, rejected}, smslink.OutcomeUnknown},
		{[]error{io.EOF, fmt.Errorf("deep: %w", errors.Join(io.EOF, unknown)), notSent}, smslink.OutcomeUnknown},
	} {
		require.Equal(t, c.want, smslink.OutcomeOf(errors.Join(c.errs...)), "%v", c.errs)
	}
}

// A response's error is about all of its messages.
func TestResponse_Err_isSafeOnlyIfNothingWasTaken(t *testing.T) {
	for body, want := range map[string]smslink.Outcome{
		"1:a:2,2:b:5":  smslink.OutcomeRejected,
		"1:a:2,2:b:3":  smslink.OutcomeUnknown,
		"1:a:2,2:b:4":  smslink.OutcomeUnknown,
		"1:a:2":        smslink.OutcomeUnknown,
		"1:a:2,2:b:99": smslink.OutcomeUnknown,
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
