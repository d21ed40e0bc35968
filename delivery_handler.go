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

	// Dedupe is how many reports are remembered. The handler remembers the last Dedupe
	// reports that the callback took with a nil error; one of them that comes again is
	// answered 200 and not handed on. It may remember up to as many before those. 0 means
	// none. Reports are the same where their remote id, Delivered and Time are. While one
	// is being handed on, the same one waits, as long as its request lasts, and is handed
	// on too if that fails. Of a thousand or more, each takes 200 bytes at the most. The
	// memory is this handler's: after a restart, or in another one, a report is new again.
	Dedupe int

	// Logger hears of reports by their remote ids. Debug: each report taken or repeated,
	// and each request without the secret. Warn: a request with the secret that is no
	// report, or another connection's. Error: a callback that failed or panicked. No event
	// has a URL, a text, a receiver or words of the callback's error or panic, of which it
	// tells the type. Nil means no logging.
	Logger *slog.Logger
}

// A secret's lengths, in characters.
const (
	minSecret = 16
	maxSecret = 1 << 10
)

// DeliveryHandler makes an http.Handler that takes the gateway's delivery reports and
// hands each to handle, in the request's goroutine. Goroutines may use it, and call
// handle, concurrently. The context has the request's values and is never done, so that
// a gateway that hangs up takes nothing back of a report that has arrived whole: bound
// it yourself.
//
// Nothing authenticates a report but the secret, so serve it over https. It is the
// last element of the path, wherever the handler is mounted: for
// https://shop.example/sms/<secret> mount it at /sms/{secret}. An [http.ServeMux] then
// answers all around it as if nothing were there; mounted at /sms/, it redirects /sms.
// The secret has 16 to 1024 characters of A-Z, a-z, 0-9, -, ., _ and ~;
// crypto/rand.Text makes a good one. A request without it is answered 404, as
// http.NotFound does, its body unread. How long the comparing takes says nothing of the
// secret; it grows with the length of the guess.
//
// With the secret, a report is answered 200 once handle has returned nil, and 500 where
// it returned an error or panicked, or where the request's body broke off, so that the
// gateway may send it again; whether it does is unknown. What is no report (see
// [ParseDeliveryReport]) gets 400, and a method other than GET and POST 405. No answer
// quotes anything. A panic goes no further, but for [http.ErrAbortHandler], which is
// net/http's own.
//
// The same report may come several times, reports of one message may come in any
// order, and one may come before the [Client.Send] of its message has returned: handle
// has to keep one whose remote id it does not know yet.
//
// DeliveryHandler's own error names the argument or option at fault.
func DeliveryHandler(secret string, handle func(context.Context, DeliveryReport) error, opts *DeliveryOptions) (http.Handler, error) {
	if opts == nil {
		opts = &DeliveryOptions{}
	}
	switch {
	case len(secret) < minSecret:
		return nil, errors.New("smslink: the delivery reports' secret is shorter than 16 characters")
	case len(secret) > maxSecret:
		return nil, errors.New("smslink: the delivery reports' secret is longer than 1024 characters")
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
	if guess := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; len(guess) > maxSecret || !h.isSecret(guess) {
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
	report, err := readReport(r)
	if err != nil {
		attrs := []any{"error", err.Error()}
		if report.RemoteID != "" {
			attrs = append(attrs, "remote_id", numeric(report.RemoteID))
		}
		h.logger.WarnContext(ctx, "smslink: no delivery report", attrs...)
		if errors.Is(err, errBrokenBody) {
			http.Error(w, notTaken, http.StatusInternalServerError)
			return
		}
		http.Error(w, "this is no delivery report", http.StatusBadRequest)
		return
	}
	if h.isConnection != nil && !h.isConnection(report.ConnectionID) {
		h.logger.WarnContext(ctx, "smslink: delivery report of another connection", "report", report)
		http.Error(w, "this is another connection's delivery report", http.StatusForbidden)
		return
	}
	if err := h.take(ctx, report); err != nil {
		http.Error(w, notTaken, http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// notTaken is the answer after which the gateway may send a report again.
const notTaken = "the delivery report was not taken"

// take hands the report on, unless one like it was taken before, and then logs what
// came of it.
func (h *deliveryHandler) take(ctx context.Context, report DeliveryReport) error {
	if h.seen == nil {
		return h.logged(ctx, report, h.call(ctx, report))
	}
	key := keyOf(report)
	repeated, err := h.seen.begin(ctx, key)
	if err != nil {
		return err
	}
	if repeated {
		h.logger.DebugContext(ctx, "smslink: repeated delivery report", "report", report)
		return nil
	}
	return h.logged(ctx, report, h.callAndEnd(ctx, report, key))
}

func (h *deliveryHandler) callAndEnd(ctx context.Context, report DeliveryReport, key reportKey) verdict {
	taken := false
	defer func() { h.seen.end(key, taken) }() // also where the callback ends the goroutine
	v := h.call(ctx, report)
	taken = v.err == nil
	return v
}

// verdict is what the callback made of a report. Of a panic it has none of the value's
// words, nor of the runtime's, which may quote an index.
type verdict struct {
	err       error
	panicType string // empty where there was none
	stack     string
}

var errPanicked = errors.New("smslink: the callback panicked")

// call hands the report on and contains a panic, also that of a nil.
func (h *deliveryHandler) call(ctx context.Context, report DeliveryReport) (v verdict) {
	returned := false
	defer func() {
		if returned {
			return
		}
		switch value := recover(); value {
		case http.ErrAbortHandler:
			panic(value)
		default:
			v = verdict{errPanicked, fmt.Sprintf("%T", value), stack()}
		}
	}()
	v.err = h.handle(context.WithoutCancel(ctx), report) // a report that arrived whole outlives its request
	returned = true
	return v
}

// logged logs what the callback made of the report, and gives its error back.
func (h *deliveryHandler) logged(ctx context.Context, report DeliveryReport, v verdict) error {
	switch {
	case v.err == nil:
		h.logger.DebugContext(ctx, "smslink: delivery report taken", "report", report)
	case v.panicType != "":
		h.logger.ErrorContext(ctx, "smslink: delivery report: the callback panicked", "report", report, "panic_type", v.panicType, "stack", v.stack)
	default:
		h.logger.ErrorContext(ctx, "smslink: delivery report: the callback failed", "report", report, "error_type", fmt.Sprintf("%T", v.err))
	}
	return v.err
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
