package smslink

import "context"

// Tracer observes the uploads of a [Client], for example to make spans and metrics of them. The
// module github.com/go-smslink/smslink/smslinkotel has one for OpenTelemetry.
//
// Both methods are called in the goroutine of [Client.Send], and concurrently for different
// packages. Their arguments hold no receiver, text or credential, except that what UploadEnd.Err
// wraps may quote the upload: the Reply of the [*SendError], the Text of a [*GatewayError], and
// net/http's own errors. The text of Err may hold the endpoint's URL, and the caller's own errors:
// see [SendError].
type Tracer interface {
	// TraceUploadStart is called before a package is compressed and sent. It is not called for a
	// sealed package, nor during [Options.Cooldown]. The context that it returns must descend from
	// ctx. It is the context of the HTTP request, the log events and TraceUploadEnd.
	TraceUploadStart(ctx context.Context, data UploadStart) context.Context

	// TraceUploadEnd is called once for each TraceUploadStart, before Send returns. If a codec or
	// a transport panics, the outcome is [OutcomeInDoubt] and Err is nil.
	TraceUploadEnd(ctx context.Context, data UploadEnd)
}

// UploadStart is what is known before an upload.
type UploadStart struct {
	Messages int    // in the package
	Bytes    int    // of the package's plain form
	Codec    string // its name, such as "zlib"
	TestMode bool   // see [Options]
	Attempt  int    // from 1; a [Stream] may need several
}

// UploadEnd is the result of an upload.
type UploadEnd struct {
	Outcome    Outcome
	StatusCode int            // of HTTP; 0 if there was no response
	Bytes      int64          // of the request's body; 0 if it was not made
	Statuses   map[Status]int // the number of messages by status; nil unless the outcome is accepted
	Segments   int            // of the messages with StatusSuccess
	Err        error          // as Send returns it
}
