package outbox

import (
	"context"
	"slices"
	"time"

	"github.com/go-smslink/smslink"
)

// Tracer traces enqueues and the packages that [Outbox.Run] uploads, for example as spans and
// metrics. Package github.com/go-smslink/smslink/smslinkotel/outboxotel has one for OpenTelemetry.
// Goroutines call its methods concurrently, and wait for them. Their arguments hold no receiver,
// text, key or credential.
type Tracer interface {
	// TraceEnqueue returns a string, such as a traceparent, that is stored with the messages. It
	// links their packages to the caller of [Outbox.Enqueue]. A string of more than 64 characters,
	// or with any other than visible ASCII, is not stored.
	TraceEnqueue(ctx context.Context) string

	// TracePackageStart is called when a package is claimed and about to be uploaded. The context
	// that it returns must descend from ctx. It is that of [smslink.Client.Send] and of
	// TracePackageEnd.
	TracePackageStart(ctx context.Context, data PackageStart) context.Context

	// TracePackageEnd is called once for each TracePackageStart, after the end of the upload was
	// recorded or recording was given up.
	TracePackageEnd(ctx context.Context, data PackageEnd)
}

// PackageStart describes a package before its upload.
type PackageStart struct {
	Lane     string
	Messages int
	Traces   []string // the different strings of TraceEnqueue, if there are no more than 16
}

// PackageEnd describes the end of a package's upload.
type PackageEnd struct {
	// State is how the upload ended: Accepted (also if some messages are in doubt), Queued (again,
	// because it was not sent), Rejected or InDoubt.
	State    State
	Waits    []time.Duration // from Enqueue to the gateway's reply, of each message with [smslink.StatusSuccess]
	Recorded bool            // in the database; if not, the package is in doubt, or is written back after a fail-over
	Err      error           // as [smslink.Client.Send] returned it

	// Contradicted means that a person had resolved the package otherwise: see [Outbox.Resolve].
	Contradicted bool
}

// The most different strings of TraceEnqueue that a package is traced with, and the most characters
// of each.
const (
	maxTraces = 16
	maxTrace  = 64
)

// trace returns the string to store with messages that are enqueued.
func (o *Outbox) trace(ctx context.Context) string {
	if o.opts.Tracer == nil {
		return ""
	}
	trace := o.opts.Tracer.TraceEnqueue(ctx)
	if !visible(trace, maxTrace) {
		return ""
	}
	return trace
}

// addTrace keeps a message's trace, unless there are too many.
func (c *claim) addTrace(trace string) {
	if trace != "" && len(c.traces) <= maxTraces && !slices.Contains(c.traces, trace) {
		c.traces = append(c.traces, trace)
	}
}

// traceStart traces a package that is about to be uploaded.
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

// traceEnd traces the end of an upload whose reply came at a time of this machine's clock.
func (r *run) traceEnd(ctx context.Context, c *claim, replied time.Time, recorded bool) {
	if r.opts.Tracer == nil {
		return
	}
	data := PackageEnd{
		State:    packageState(stateAfter(c.err, c.stop)),
		Recorded: recorded, Err: c.err, Contradicted: c.contradicted != "",
	}
	if c.resp != nil {
		sinceClaim := replied.Sub(c.began)
		for i, result := range c.resp.Results {
			if result.Status == smslink.StatusSuccess {
				beforeClaim := time.Duration(max(c.now-c.enqueued[i], 0)) * time.Microsecond
				data.Waits = append(data.Waits, beforeClaim+sinceClaim)
			}
		}
	}
	r.opts.Tracer.TracePackageEnd(ctx, data)
}
