package smslink

import "context"

// Tracer observes the uploads of a [Client], for example to make spans and metrics of them. The
// module github.com/go-smslink/smslink/smslinkotel has one for OpenTelemetry.
//
// The goroutine that called [Client.Send] calls both methods, and waits for them. Goroutines call
// them concurrently for different packages. Their arguments hold no receiver, text, credential
// or URL.
type Tracer interface {
	// TraceUploadStart is called at the start of Send, unless the package is sealed or empty, and
	// before it is compressed. The context that it returns must descend from ctx. It is that of the
	// HTTP request, of the log events, and of TraceUploadEnd.
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
	Attempt  int    // 1, or n if a [Stream] sends the package for the n-th time
}

// UploadEnd is the result of an upload.
type UploadEnd struct {
	Outcome    Outcome
	StatusCode int            // of HTTP; 0 if there was no response
	Bytes      int64          // of the request's body; 0 if it was not made
	Statuses   map[Status]int // how many messages have which status; nil unless the outcome is accepted
	Segments   int            // SMS that the messages with StatusSuccess make
	Err        error          // as Send returns it
}
