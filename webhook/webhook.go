// Package webhook receives what the gateway sends to a program: delivery reports, unsubscriptions
// and replies [public].
//
// [Reports], [Unsubscriptions] and [Replies] each return an [http.Handler] for one URL of yours,
// which you set in your account. The rest of this comment applies to all three.
//
// # The secret
//
// The gateway does not sign its requests. Only the secret in the URL shows that a request is the
// gateway's, so serve the URL over https. The secret is the last element of the URL's path. It has
// 16 to 1024 characters of A-Z, a-z, 0-9, -, ., _ and ~; crypto/rand.Text makes a good one.
//
// For https://shop.example/sms/reports/<secret>, mount the handler at /sms/reports/{secret}. An
// [http.ServeMux] then answers a stranger as if there were no handler. Requests without the secret
// get a 404, and their body is not read. The time of the comparison depends only on the guess.
//
// # Answers
//
//   - 200: the callback returned nil.
//   - 400: the request is not what the handler is for.
//   - 403: the report is of another connection; see [Options].
//   - 404: the request does not have the secret.
//   - 405: the gateway does not use the request's method.
//   - 500: the callback returned an error or panicked, or the request's body ended early.
//
// After a connection error, or an answer from 400 to 599, the gateway sends an unsubscription or a
// reply twice more within two hours [public]. Whether it sends a report again is [unknown]. No
// answer quotes the request.
//
// # The callback
//
// The callback is called in the request's goroutine, and concurrently. It must be idempotent: the
// same call may come several times, and in any order.
//
// Its context has the request's values but is never canceled: a request that has arrived is
// processed even if the gateway hangs up. Give it a timeout if the callback needs one. A panic is
// recovered and logged, except [http.ErrAbortHandler].
package webhook

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink/internal/wire"
)

// Options are the settings of a handler. Nil and zero fields mean the defaults.
type Options struct {
	// ConnectionID, if not empty, restricts [Reports] to the reports of one connection. Other
	// reports, and those that name no connection, get a 403. The gateway names the connection only
	// if the account has that switched on. The other handlers ignore it.
	ConnectionID string

	// Answer returns the body of the answer to a reply whose callback has returned nil. The gateway
	// sends the body back as an SMS and bills it, if the account has that switched on [public]. Nil
	// means an empty body. Only [Replies] uses it. A panic in Answer counts as one in the callback:
	// the gateway gets a 500 and sends the reply again, although the callback has taken it.
	Answer func(Reply) string

	// Logger gets one event for each request. Nil means no logging. The levels are
	//
	//   - Debug: the callback returned nil, or the request does not have the secret
	//   - Warn: the request has the secret, but its body ended early, it is not what the handler is
	//     for, or it is of another connection
	//   - Error: the callback failed or panicked
	//
	// No event has a URL, a text, a phone number, or the text of the callback's error or panic.
	// An event has the type of the error or panic instead, and the remote id of a report.
	Logger *slog.Logger
}

// Reports returns a handler of delivery reports, which the gateway sends by GET or as a form POST
// [public]. It calls take for each; see [Report] for how to store them. The error names the
// argument at fault.
func Reports(secret string, take func(context.Context, Report) error, opts *Options) (http.Handler, error) {
	return newHandler("delivery report", getOrPost, secret, parseReport, take, opts)
}

// Unsubscriptions returns a handler of unsubscriptions, which the gateway sends by GET [public]. It
// calls take for each; see [Unsubscription]. The error names the argument at fault.
func Unsubscriptions(
	secret string, take func(context.Context, Unsubscription) error, opts *Options,
) (http.Handler, error) {
	return newHandler("unsubscription", []string{http.MethodGet}, secret, parseUnsubscription, take, opts)
}

// Replies returns a handler of replies, which the gateway sends by GET, as a form POST or as a JSON
// POST [public]. It calls take for each; see [Reply]. The gateway may send the body of an answer
// back as an SMS, so it is empty for every request with the secret, unless [Options].Answer returns
// one. The error names the argument at fault.
func Replies(secret string, take func(context.Context, Reply) error, opts *Options) (http.Handler, error) {
	return newHandler("reply", getOrPost, secret, parseReply, take, opts)
}

// The bounds of a secret's length, in characters.
const (
	minSecret = 16
	maxSecret = 1 << 10
)

var getOrPost = []string{http.MethodGet, http.MethodPost}

// call is what the gateway sends.
type call interface {
	Report | Unsubscription | Reply
	slog.LogValuer
}

// handler handles calls of one kind.
type handler[T call] struct {
	kind         string
	methods      []string
	isSecret     func(string) bool
	isConnection func(string) bool // nil means any
	parse        func(url.Values) (T, error)
	take         func(context.Context, T) error
	answer       func(Reply) string // nil means an empty body
	logger       *slog.Logger
}

func newHandler[T call](
	kind string, methods []string, secret string,
	parse func(url.Values) (T, error),
	take func(context.Context, T) error,
	opts *Options,
) (http.Handler, error) {
	if opts == nil {
		opts = &Options{}
	}
	switch {
	case len(secret) < minSecret:
		return nil, errors.New("smslink: the webhook's secret is shorter than 16 characters")
	case len(secret) > maxSecret:
		return nil, errors.New("smslink: the webhook's secret is longer than 1024 characters")
	case strings.ContainsFunc(secret, func(c rune) bool { return !plainInPath(c) }):
		return nil, errors.New("smslink: the webhook's secret has a character other than A-Z, a-z, 0-9, -, ., _ and ~")
	case take == nil:
		return nil, errors.New("smslink: the webhook's callback is nil")
	}
	h := &handler[T]{
		kind:     kind,
		methods:  methods,
		isSecret: matcher(secret),
		parse:    parse,
		take:     take,
		answer:   opts.Answer,
		logger:   opts.Logger,
	}
	if h.logger == nil {
		h.logger = slog.New(slog.DiscardHandler)
	}
	if opts.ConnectionID != "" {
		h.isConnection = matcher(opts.ConnectionID)
	}
	return http.HandlerFunc(h.serve), nil // fmt prints a function as its address, without the secret
}

// plainInPath reports whether c is never escaped in a URL (RFC 3986, unreserved).
func plainInPath(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-._~", c)
}

// matcher returns a function that reports whether a text equals want. It compares digests, so its
// time depends only on the text.
func matcher(want string) func(string) bool {
	digest := sha256.Sum256([]byte(want))
	return func(text string) bool {
		got := sha256.Sum256([]byte(text))
		return subtle.ConstantTimeCompare(got[:], digest[:]) == 1
	}
}

func (h *handler[T]) serve(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	if guess := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; len(guess) > maxSecret || !h.isSecret(guess) {
		h.logger.DebugContext(ctx, "smslink: webhook: a request without the secret", "kind", h.kind)
		http.NotFound(w, r)
		return
	}
	if !slices.Contains(h.methods, r.Method) {
		h.logger.WarnContext(ctx, "smslink: webhook: not what the gateway sends",
			"kind", h.kind, "error", "the method is not one that the gateway uses")
		w.Header().Set("Allow", strings.Join(h.methods, ", "))
		h.say(w, http.StatusMethodNotAllowed, "the method must be "+strings.Join(h.methods, " or "))
		return
	}
	values, err := parameters(r)
	var c T
	if err == nil {
		c, err = h.parse(values)
	}
	if err != nil {
		attrs := []any{"kind", h.kind, "error", err.Error()}
		if report, ok := any(c).(Report); ok && report.RemoteID != "" {
			attrs = append(attrs, "remote_id", wire.Numeric(report.RemoteID))
		}
		h.logger.WarnContext(ctx, "smslink: webhook: not what the gateway sends", attrs...)
		if errors.Is(err, errBrokenBody) {
			h.say(w, http.StatusInternalServerError, "the "+h.kind+" was not kept")
			return
		}
		h.say(w, http.StatusBadRequest, "this is not a "+h.kind)
		return
	}
	if report, ok := any(c).(Report); ok && h.isConnection != nil && !h.isConnection(report.ConnectionID) {
		h.logger.WarnContext(ctx, "smslink: webhook: a report of another connection", "call", report)
		h.say(w, http.StatusForbidden, "this is another connection's delivery report")
		return
	}
	result := h.call(ctx, c)
	h.log(ctx, c, result)
	if result.err != nil {
		h.say(w, http.StatusInternalServerError, "the "+h.kind+" was not kept")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(result.answer))
}

// say answers with an error, whose body is empty if the gateway may send it back as an SMS.
func (h *handler[T]) say(w http.ResponseWriter, status int, text string) {
	var c T
	if _, isReply := any(c).(Reply); isReply {
		w.WriteHeader(status)
		return
	}
	http.Error(w, text, status)
}

// result is what the callback returned or panicked with, without the text of a panic: even one of
// the runtime may quote a number.
type result struct {
	answer    string
	err       error
	panicType string // empty if there was no panic
	stack     string
}

var errPanicked = errors.New("smslink: the callback panicked")

// call calls the callback and recovers a panic. With GODEBUG=panicnil=1, recover returns nil for
// panic(nil), so returned shows whether there was one.
func (h *handler[T]) call(ctx context.Context, c T) (r result) {
	returned := false
	defer func() {
		if returned {
			return
		}
		switch value := recover(); value {
		case http.ErrAbortHandler:
			panic(value)
		default:
			r = result{err: errPanicked, panicType: fmt.Sprintf("%T", value), stack: stack()}
		}
	}()
	r.err = h.take(context.WithoutCancel(ctx), c)
	if reply, ok := any(c).(Reply); ok && r.err == nil && h.answer != nil {
		r.answer = h.answer(reply)
	}
	returned = true
	return r
}

// log logs the result of the callback.
func (h *handler[T]) log(ctx context.Context, c T, r result) {
	switch {
	case r.err == nil:
		h.logger.DebugContext(ctx, "smslink: webhook: taken", "kind", h.kind, "call", c)
	case r.panicType != "":
		h.logger.ErrorContext(ctx, "smslink: webhook: the callback panicked",
			"kind", h.kind, "call", c, "panic_type", r.panicType, "stack", r.stack)
	default:
		h.logger.ErrorContext(ctx, "smslink: webhook: the callback failed",
			"kind", h.kind, "call", c, "error_type", fmt.Sprintf("%T", r.err))
	}
}

// stack returns the names and lines of the functions that led to a panic, without their arguments.
func stack() string {
	var b strings.Builder
	callers := make([]uintptr, 32)
	const skip = 3 // Callers, stack and call's deferred function
	frames := runtime.CallersFrames(callers[:runtime.Callers(skip, callers)])
	for {
		frame, more := frames.Next()
		b.WriteString(frame.Function + ":" + strconv.Itoa(frame.Line) + " ")
		if !more {
			return strings.TrimSpace(b.String())
		}
	}
}
