package outbox

import (
	"context"
	"slices"
	"time"

	"github.com/go-smslink/smslink"
)

// Tracer is told of messages that are enqueued and of each package that [Outbox.Run] uploads, for
// example to make spans and metrics. Package github.com/go-smslink/smslink/smslinkotel/outboxotel
// has one for OpenTelemetry. Goroutines call its methods concurrently, and wait for them. What they
// are told holds no receiver, text, key or credential.
type Tracer interface {
	// TraceEnqueue returns a word that is stored with the messages that [Outbox.Enqueue] is given
	// under ctx, so that their packages can be linked to the one who enqueued them: a traceparent,
	// for example. More than 64 characters, or any other than visible ASCII, are stored as none.
	TraceEnqueue(ctx context.Context) string

	// TracePackageStart is called when a package is claimed and about to be uploaded. The context
	// that it returns must descend from ctx. It is that of [smslink.Client.Send] and of
	// TracePackageEnd.
	TracePackageStart(ctx context.Context, data PackageStart) context.Context

	// TracePackageEnd is called once for each TracePackageStart, after the database was told what
	// became of the package.
	TracePackageEnd(ctx context.Context, data PackageEnd)
}

// PackageStart is what is known of a package before its upload.
type PackageStart struct {
	Lane     string
	Messages int
	Traces   []string // the different words of TraceEnqueue, if there are no more than 16
}

// PackageEnd is what became of a package.
type PackageEnd struct {
	State    State           // of its messages: Settled, Queued (again, since they were not sent), Held or InDoubt
	Waits    []time.Duration // from Enqueue to the gateway's reply, of each message with [smslink.StatusSuccess]
	Unpaid   int             // messages with [smslink.StatusInsufficientCredit], which are queued again
	Recorded bool            // in the database; if not, the package is in doubt
	Err      error           // as [smslink.Client.Send] returned it
}

// The most different words of TraceEnqueue that a package is traced with, and the most characters
// of each.
const (
	maxTraces = 16
	maxTrace  = 64
)

// trace returns the word to store with messages that are enqueued.
func (o *Outbox) trace(ctx context.Context) string {
	if o.opts.Tracer == nil {
		return ""
	}
	word := o.opts.Tracer.TraceEnqueue(ctx)
	if !visible(word, maxTrace) {
		return ""
	}
	return word
}

// addTrace keeps a message's word, unless there are too many.
func (c *claim) addTrace(word string) {
	if word != "" && len(c.traces) <= maxTraces && !slices.Contains(c.traces, word) {
		c.traces = append(c.traces, word)
	}
}

// traceStart tells the tracer, if there is one, of a package that is about to be uploaded.
func (r *run) traceStart(ctx context.Context, c *claim) context.Context {
	if r.opts.Tracer == nil {
		return ctx
	}
	data := PackageStart{Lane: c.lane, Messages: len(c.ids)}
	if len(c.traces) <= maxTraces {
		data.Traces = c.traces
	}
	return r.opts.Tracer.TracePackageStart(ctx, data)
}

// traceEnd tells the tracer what became of a package whose reply came at a time of this machine's
// clock.
func (r *run) traceEnd(ctx context.Context, c *claim, replied time.Time, recorded bool) {
	if r.opts.Tracer == nil {
		return
	}
	data := PackageEnd{State: messageState(stateAfter(c.err, c.stop)), Recorded: recorded, Err: c.err}
	if c.resp != nil {
		sinceClaim := replied.Sub(c.began)
		for i, result := range c.resp.Results {
			switch result.Status {
			case smslink.StatusSuccess:
				data.Waits = append(data.Waits, sinceClaim+time.Duration(max(c.now-c.enqueued[i], 0))*time.Microsecond)
			case smslink.StatusInsufficientCredit:
				data.Unpaid++
			}
		}
	}
	r.opts.Tracer.TracePackageEnd(ctx, data)
}

// messageState returns the state of the messages of a package in a state.
func messageState(state int) State {
	switch state {
	case stateAccepted:
		return Settled
	case stateNotSent:
		return Queued
	case stateHeld:
		return Held
	default:
		return InDoubt
	}
}
