package smslink

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"strings"
)

// DeliveryOptions are a [DeliveryHandler]'s settings. Nil and zero fields mean the defaults.
type DeliveryOptions struct {
	// ConnectionID, where it is not empty, is the only one whose reports are taken; the
	// others, and those that name none, get 403. It comes only where the account has
	// switched it on.
	ConnectionID string

	// Dedupe is how many reports are remembered, so that one of them that comes again
	// is answered 200 and not handed on: those that were last handed on with a nil
	// error. 0 means none. Reports are the same where their remote id, Delivered and
	// Time are. While one is being handed on, the same one waits, and is handed on too
	// if that fails. Among thousands, an entry takes 200 bytes at the most. The memory
	// is this process's: after a restart, or in another process, a report is new again.
	Dedupe int

	// Logger hears, with remote ids, of each report taken (debug), of requests that are
	// none (warn; without the secret: debug), and of those that the callback failed on
	// (error). No event has a URL, a text, a receiver or the callback's own words, which
	// are the callback's to log. Nil means no logging.
	Logger *slog.Logger
}

// minSecret is a secret's shortest length, in characters.
const minSecret = 16

// DeliveryHandler makes an http.Handler that takes the gateway's delivery reports and
// hands each to handle, in the request's goroutine and under its context. Goroutines
// may use it, and call handle, concurrently.
//
// Nothing authenticates a report but the secret, so serve it over https. It is the
// last element of the path, wherever the handler is mounted: for
// https://shop.example/sms/<secret> mount it at /sms/. It has 16 characters or more of
// A-Z, a-z, 0-9, -, ., _ and ~; crypto/rand.Text makes a good one. A request without
// it is answered 404, as http.NotFound does, its body unread. How long the comparing
// takes says nothing of the secret.
//
// With the secret, a report is answered 200 once handle has returned nil, and 500 where
// it returned an error or panicked, so that the gateway may send it again; whether it
// does is unknown. What is no report (see [ParseDeliveryReport]) gets 400, and a method
// other than GET and POST 405. No answer quotes anything. A panic goes no further, but
// for [http.ErrAbortHandler], which is net/http's own.
//
// The same report may come several times, reports of one message may come in any
// order, and one may come before the [Client.Send] of its message has returned: handle
// has to keep one whose remote id it does not know yet.
//
// The error names the argument or option at fault.
func DeliveryHandler(secret string, handle func(context.Context, DeliveryReport) error, opts *DeliveryOptions) (http.Handler, error) {
	if opts == nil {
		opts = &DeliveryOptions{}
	}
	switch {
	case len(secret) < minSecret:
		return nil, errors.New("smslink: the delivery reports' secret is shorter than 16 characters")
	case strings.ContainsFunc(secret, func(c rune) bool { return !plainInPath(c) }):
		return nil, errors.New("smslink: the delivery reports' secret holds a character other than A-Z, a-z, 0-9, -, ., _ and ~")
	case handle == nil:
		return nil, errors.New("smslink: the delivery reports' callback is nil")
	case opts.Dedupe < 0:
		return nil, fmt.Errorf("smslink: the delivery reports' Dedupe is negative: %d", opts.Dedupe)
	}
	h := &deliveryHandler{isSecret: matcher(secret), handle: handle, logger: opts.Logger}
	if h.logger == nil {
		h.logger = slog.New(slog.DiscardHandler)
	}
	if opts.ConnectionID != "" {
		h.isConnection = matcher(opts.ConnectionID)
	}
	if opts.Dedupe > 0 {
		h.seen = newReportMemory(opts.Dedupe)
	}
	return http.HandlerFunc(h.serve), nil // of which fmt can only print the address
}

// plainInPath tells whether no URL ever needs to escape c [RFC 3986].
func plainInPath(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-._~", c)
}

// matcher tells whether a text is want. It compares digests, of one length and of
// unforeseeable bytes, so that its time depends on the text alone.
func matcher(want string) func(string) bool {
	digest := sha256.Sum256([]byte(want))
	return func(text string) bool {
		got := sha256.Sum256([]byte(text))
		return subtle.ConstantTimeCompare(got[:], digest[:]) == 1
	}
}

type deliveryHandler struct {
	isSecret     func(string) bool
	isConnection func(string) bool // nil = any
	handle       func(context.Context, DeliveryReport) error
	seen         *reportMemory // nil = none
	logger       *slog.Logger
}

func (h *deliveryHandler) serve(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	if !h.isSecret(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]) {
		h.logger.DebugContext(ctx, "smslink: request without the delivery reports' secret")
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		h.logger.WarnContext(ctx, "smslink: no delivery report", "error", "the method is neither GET nor POST")
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "only GET and POST are allowed", http.StatusMethodNotAllowed)
		return
	}
	report, err := ParseDeliveryReport(r)
	if err != nil {
		h.logger.WarnContext(ctx, "smslink: no delivery report", "error", err.Error())
		http.Error(w, "this is no delivery report", http.StatusBadRequest)
		return
	}
	if h.isConnection != nil && !h.isConnection(report.ConnectionID) {
		h.logger.WarnContext(ctx, "smslink: delivery report of another connection", "report", report)
		http.Error(w, "this is another connection's delivery report", http.StatusForbidden)
		return
	}
	if err := h.take(ctx, report); err != nil {
		http.Error(w, "the delivery report was not taken", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// take hands the report on, unless one like it was handed on before.
func (h *deliveryHandler) take(ctx context.Context, report DeliveryReport) (err error) {
	if h.seen != nil {
		key := keyOf(report)
		repeated, err := h.seen.begin(ctx, key)
		if err != nil {
			return err
		}
		if repeated {
			h.logger.DebugContext(ctx, "smslink: repeated delivery report", "report", report)
			return nil
		}
		taken := false
		defer func() { h.seen.end(key, taken) }() // also where the callback ends the goroutine
		err = h.call(ctx, report)
		taken = err == nil
		return err
	}
	return h.call(ctx, report)
}

var errPanicked = errors.New("smslink: the callback panicked")

// call hands the report on and contains a panic.
func (h *deliveryHandler) call(ctx context.Context, report DeliveryReport) (err error) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v)
		default:
			h.logger.ErrorContext(ctx, "smslink: delivery report: the callback panicked", "report", report, "panic", panicText(v), "stack", stack())
			err = errPanicked
		}
	}()
	if err := h.handle(ctx, report); err != nil {
		h.logger.ErrorContext(ctx, "smslink: delivery report: the callback failed", "report", report, "error_type", fmt.Sprintf("%T", err))
		return err
	}
	h.logger.DebugContext(ctx, "smslink: delivery report taken", "report", report)
	return nil
}

// panicText is what the runtime itself says of a panic, or the type of the program's
// own words, which may hold anything.
func panicText(v any) string {
	if fault, ok := v.(runtime.Error); ok {
		return fault.Error()
	}
	return fmt.Sprintf("%T", v)
}

// stack names the functions that led to a panic, without their arguments.
func stack() string {
	var b strings.Builder
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)]) // past this, call's defer and Callers
	for {
		frame, more := frames.Next()
		b.WriteString(frame.Function + ":" + strconv.Itoa(frame.Line) + " ")
		if !more {
			return strings.TrimSpace(b.String())
		}
	}
}
