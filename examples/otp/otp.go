package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-smslink/smslink"
)

// sendCode answers a request for a one-time code. The SMS outlives the request: a browser that
// hangs up must not put it in doubt.
func sendCode(w http.ResponseWriter, r *http.Request, sms *smslink.Client, phone, code string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 20*time.Second)
	defer cancel()
	result, err := sms.SendMessage(ctx, smslink.Message{To: phone, Text: "Codul dvs. este " + code + "."})
	switch {
	case err == nil:
		fmt.Fprintln(w, "The code was sent.")
	case errors.Is(err, smslink.ErrReceiver), result.Status == smslink.StatusNumberFailed:
		http.Error(w, "This is not a mobile number.", http.StatusBadRequest)
	case smslink.SafeToResend(err):
		http.Error(w, "The code was not sent. Please try again.", http.StatusServiceUnavailable)
	default: // in doubt, or status 4
		http.Error(w, "The code may have been sent. Please wait a minute.", http.StatusBadGateway)
	}
}
