package outbox

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/go-smslink/smslink"
)

// stopReason is why further packages would most likely fare no better, or nil.
func stopReason(resp *smslink.Response, err error) error {
	var refusal *smslink.GatewayError
	if errors.As(err, &refusal) {
		switch refusal.Code {
		case "1", "2", "3", "4", "5", "6", "7", "8", "14":
			return refusal
		}
	}
	var failure *smslink.SendError
	if !errors.As(err, &failure) {
		if resp != nil && resp.Count(smslink.StatusInsufficientCredit) > 0 {
			return smslink.ErrInsufficientCredit
		}
		return nil
	}
	switch failure.Outcome {
	case smslink.OutcomeNotSent:
		if !errors.As(err, new(*url.Error)) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			return failure.Err
		}
	case smslink.OutcomeRejected:
		switch status := failure.StatusCode; status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired, http.StatusTooManyRequests:
			return failure.Err
		default:
			if status >= 300 && status < 400 {
				return failure.Err
			}
		}
	}
	return nil
}
