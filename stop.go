package smslink

import (
	"errors"
	"net/http"
	"strings"
)

// StopReason takes what [Client.Send] returned for a package. It returns the reason why every
// further package would most likely fail, too, or nil. The reason is
//
//   - a [*GatewayError] of code 1 to 7 or 14, which is about the account or this program, whatever
//     the HTTP status;
//   - [ErrInsufficientCredit], if a message in resp has [StatusInsufficientCredit];
//   - a [*GatewayError] of code 8, which matches [ErrInsufficientCredit];
//   - an error naming the HTTP status, if a server refused with a 3xx, 401, 403, 404, 407 or 429,
//     and not with an ERROR of the gateway;
//   - the cause of a [*SendError] of [OutcomeNotSent] that is not the network's, such as a codec's
//     error.
//
// A [Stream] stops for these reasons.
func StopReason(resp *Response, err error) error {
	var refusal *GatewayError
	if errors.As(err, &refusal) && (refusal.isAboutAccount() || refusal.isCredit()) {
		return refusal
	}
	var failure *SendError
	switch {
	case err == nil && resp != nil && resp.Count(StatusInsufficientCredit) > 0:
		return ErrInsufficientCredit
	case !errors.As(err, &failure):
		return nil
	case failure.Outcome == OutcomeRejected && refusal == nil && barsAll(failure.StatusCode):
		return failure.Err
	case failure.Outcome == OutcomeNotSent && !failure.isNetworks():
		return failure.Err
	}
	return nil
}

// barsAll reports whether a refusal with that HTTP status awaits every other upload, too.
func barsAll(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired, http.StatusTooManyRequests:
		return true
	}
	return status >= 300 && status < 400
}

// ErrStopped means that a stream stopped before its end. The error that matches it wraps the
// reason.
var ErrStopped = errors.New("smslink: the stream stopped")

// stopError is ErrStopped with its reason. It says nothing of any message's outcome, and neither
// does the reason: the stream may have sent others.
type stopError struct{ aside }

func (e *stopError) Error() string {
	return printable(ErrStopped.Error() + ": " + strings.ReplaceAll(e.err.Error(), "smslink: ", ""))
}

func (e *stopError) outcome() Outcome { return OutcomeUnknown }

func (e *stopError) Is(target error) bool { return target == ErrStopped || e.aside.Is(target) }
