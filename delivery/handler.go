package delivery

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

// Options are the settings of [NewHandler]. Nil and zero fields mean the defaults.
type Options struct {
	// ConnectionID, if not empty, restricts the handler to the reports of one connection.
	// Other reports, and those that name no connection, are answered 403. The gateway
	// names the connection only if the account has that switched on.
	ConnectionID string

	// Logger is called for each request. Nil means no logging. The levels are
	//
	//   - Debug: a report that was taken, and a request without the secret;
	//   - Warn: a request with the secret that is not a report, or is another connection's;
	//   - Error: a callback that failed or panicked.
	//
	// No event has a URL, a text, a phone number, or the words of the callback's error
	// or panic: it has their type, and the report's remote id.
	Logger *slog.Logger
}

// The bounds of a secret's length, in characters.
const (
	minSecret = 16
	maxSecret = 1 << 10
)

// NewHandler returns a handler that parses the gateway's delivery reports, as
// [ParseRequest] does, and calls handle with each. Its error names the argument at fault.
//
// # The secret
//
// A report has no signature. Only the secret in its URL shows that it is the gateway's, so
// serve it over https. The secret is the last element of the URL's path. It has 16 to
// 1024 characters of A-Z, a-z, 0-9, -, ., _ and ~; crypto/rand.Text makes a good one.
//
// For https://shop.example/sms/<secret>, mount the handler at /sms/{secret}. An
// [http.ServeMux] then answers a stranger as if no handler were there. Requests without
// the secret are answered 404, and their body is not read. The time that the comparison
// takes depends on the guess alone.
//
// # Answers
//
//   - 200: handle has returned nil.
//   - 400: the request is not a report.
//   - 403: the report is another connection's; see [Options].
//   - 404: the request does not have the secret.
//   - 405: the method is neither GET nor POST.
//   - 500: handle returned an error or panicked, or the request's body ended early.
//
// Whether the gateway sends a report again after an answer other than 200 is [unknown].
// No answer quotes the request.
//
// # The callback
//
// handle is called in the request's goroutine, and concurrently. It must be idempotent:
// the same report may come several times, reports of one message may come in any order,
// and a report may come before the Send of its message has returned. See the package
// documentation for a table that does this.
//
// The context has the request's values but is never cancelled, so that a gateway that
// hangs up does not undo a report that has arrived whole; give it a time-out if handle
// needs one. A panic is logged and does not leave the handler, except for
// [http.ErrAbortHandler].
func NewHandler(secret string, handle func(context.Context, Report) error, opts *Options) (http.Handler, error) {
	if opts == nil {
		opts = &Options{}
	}
	switch {
	case len(secret) < minSecret:
		return nil, errors.New("smslink: the delivery reports' secret is shorter than 16 characters")
	case len(secret) > maxSecret:
		return nil, errors.New("smslink: the delivery reports' secret is longer than 1024 characters")
	case strings.ContainsFunc(secret, func(c rune) bool { return !plainInPath(c) }):
		return nil, errors.New("smslink: the delivery reports' secret has a character other than A-Z, a-z, 0-9, -, ., _ and ~")
	case handle == nil:
		return nil, errors.New("smslink: the delivery reports' callback is nil")
	}
	h := &handler{isSecret: matcher(secret), handle: handle, logger: opts.Logger}
	if h.logger == nil {
		h.logger = slog.New(slog.DiscardHandler)
	}
	if opts.ConnectionID != "" {
		h.isConnection = matcher(opts.ConnectionID)
	}
	return http.HandlerFunc(h.serve), nil // fmt prints a func as its address, so it cannot print the secret
}

// plainInPath reports whether c is never escaped in a URL (RFC 3986, unreserved).
func plainInPath(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-._~", c)
}

// matcher returns a function that reports whether a text equals want. It compares digests, so that
// the time it takes depends on the text alone.
func matcher(want string) func(string) bool {
	digest := sha256.Sum256([]byte(want))
	return func(text string) bool {
		got := sha256.Sum256([]byte(text))
		return subtle.ConstantTimeCompare(got[:], digest[:]) == 1
	}
}

type handler struct {
	isSecret     func(string) bool
	isConnection func(string) bool // nil means any
	handle       func(context.Context, Report) error
	logger       *slog.Logger
}

func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	if guess := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; len(guess) > maxSecret || !h.isSecret(guess) {
		h.logger.DebugContext(ctx, "smslink: request without the delivery reports' secret")
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		h.logger.WarnContext(ctx, "smslink: not a delivery report", "error", "the method is neither GET nor POST")
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "only GET and POST are allowed", http.StatusMethodNotAllowed)
		return
	}
	report, err := parse(r)
	if err != nil {
		attrs := []any{"error", err.Error()}
		if report.RemoteID != "" {
			attrs = append(attrs, "remote_id", numeric(report.RemoteID))
		}
		h.logger.WarnContext(ctx, "smslink: not a delivery report", attrs...)
		if errors.Is(err, errBrokenBody) {
			http.Error(w, notTaken, http.StatusInternalServerError)
			return
		}
		http.Error(w, "this is not a delivery report", http.StatusBadRequest)
		return
	}
	if h.isConnection != nil && !h.isConnection(report.ConnectionID) {
		h.logger.WarnContext(ctx, "smslink: delivery report of another connection", "report", report)
		http.Error(w, "this is another connection's delivery report", http.StatusForbidden)
		return
	}
	if err := h.logged(ctx, report, h.call(ctx, report)); err != nil {
		http.Error(w, notTaken, http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// notTaken is the body of an answer after which the gateway may send the report again.
const notTaken = "the delivery report was not kept"

// verdict is what the callback returned or panicked with. It leaves out the words of a panic:
// even the runtime's own may quote an index.
type verdict struct {
	err       error
	panicType string // empty if there was no panic
	stack     string
}

var errPanicked = errors.New("smslink: the callback panicked")

// call calls the callback and recovers a panic, including panic(nil).
func (h *handler) call(ctx context.Context, report Report) (v verdict) {
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
	v.err = h.handle(context.WithoutCancel(ctx), report) // a report that has arrived whole outlives its request
	returned = true
	return v
}

// logged logs what the callback made of the report, and returns its error.
func (h *handler) logged(ctx context.Context, report Report, v verdict) error {
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

// stack returns the names and lines of the functions that led to a panic, without their arguments.
func stack() string {
	var b strings.Builder
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)]) // skip Callers, stack and call's deferred function
	for {
		frame, more := frames.Next()
		b.WriteString(frame.Function + ":" + strconv.Itoa(frame.Line) + " ")
		if !more {
			return strings.TrimSpace(b.String())
		}
	}
}
