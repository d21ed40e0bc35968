// Package smslinkotel reports the uploads of an [smslink.Client] to OpenTelemetry: a span for each,
// and metrics of messages, SMS and time.
//
//	telemetry, err := smslinkotel.New(nil) // the global providers
//	...
//	client, err := smslink.NewClient(connectionID, password, &smslink.Options{Tracer: telemetry})
//
// Package outboxotel, beside this one, does the same for an outbox.
//
// # Spans
//
// Each Send is a span named "send smslink", a child of the span of the context that Send got. An
// otelhttp transport adds its own span below it. A Send of a sealed package, or during
// [smslink.Options.Cooldown], is neither a span nor in the metrics. A span whose package was not
// accepted has the status Error and the error's text, which holds no receiver, text or credential,
// unless an error of the caller's does: see [smslink.SendError]. A span has these attributes:
//
//   - messaging.system, messaging.operation.name, messaging.operation.type: "smslink", "send",
//     "send"
//   - messaging.batch.message_count: messages in the package
//   - smslink.package.size: bytes of the package's plain form
//   - smslink.upload.size: bytes of the HTTP request's body
//   - smslink.codec: "none", "zlib", "bzip2", "lzf" or that of another codec
//   - smslink.attempt: 1, or n if a stream sends the package for the n-th time
//   - smslink.test_mode: true in test mode; absent otherwise
//   - smslink.outcome: "accepted", "not_sent", "rejected" or "in_doubt"
//   - http.response.status_code, if there was a response
//   - smslink.gateway.code: the code of the gateway's ERROR, if it answered with one
//   - smslink.segments: SMS that the accepted messages take
//   - smslink.messages.STATUS: messages of that status, if there are any, for each STATUS below
//
// # Metrics
//
//	smslink.messages           counter    {message}  outcome, and status if the outcome is accepted
//	smslink.segments           counter    {segment}  SMS that the accepted messages take
//	smslink.retries            counter    {retry}    uploads that repeat one that was not sent
//	smslink.messages.invalid   counter    {message}  not put into a package; see [Telemetry.Batches]
//	smslink.upload.duration    histogram  s          outcome, http.response.status_code
//	smslink.package.size       histogram  By         bytes of the plain form
//	smslink.credit             gauge      {segment}  see [Telemetry.ObserveBalance]
//
// The outcome and the status are in the attributes smslink.outcome and smslink.status. A status is
// "success", "unreported", "sender_failed", "number_failed", "internal_error_or_blacklisted",
// "insufficient_credit" or "other". Uploads in test mode have the attribute smslink.test_mode.
//
// Messages are counted once per upload: those of a package that was not sent and is retried count
// again with each attempt. A message is in doubt if its outcome is in_doubt, or if its outcome is
// accepted and its status is unreported or other. [New] begins the counters of these at 0, except
// those of test mode, so that a rate includes the first message.
package smslinkotel
