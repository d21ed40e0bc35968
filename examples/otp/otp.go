package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"time"

	"github.com/go-smslink/smslink"
)

// service is an HTTP handler that texts a one-time code to the number it is given.
type service struct {
	sms  *smslink.Client
	keep func(phone, code string) // for the log-in, which compares it
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	phone, code := r.PostFormValue("phone"), newCode()
	s.keep(phone, code)

	// The call outlives the request: a browser that hangs up must not put an SMS in doubt.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 20*time.Second)
	defer cancel()
	_, err := s.sms.SendMessage(ctx, smslink.Message{To: phone, Text: "Codul dvs. este " + code + "."})
	switch {
	case err == nil:
		fmt.Fprintln(w, "The code is on its way.")
	case errors.Is(err, smslink.ErrReceiver), errors.Is(err, smslink.ErrNumberFailed):
		http.Error(w, "This is not a mobile number.", http.StatusBadRequest)
	case smslink.SafeToResend(err):
		http.Error(w, "The code was not sent. Please try again.", http.StatusServiceUnavailable)
	default: // nobody knows, and nothing sends it again by itself
		http.Error(w, "The code may be on its way. Please wait a minute before you ask for another.", http.StatusBadGateway)
	}
}

// newCode returns six random digits.
func newCode() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return fmt.Sprintf("%06d", n)
}
