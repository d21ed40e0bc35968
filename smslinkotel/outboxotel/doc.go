// Package outboxotel reports an outbox to OpenTelemetry: a span for each package, linked to the
// spans that enqueued its messages, and metrics of what is due, in doubt and rejected.
//
//	telemetry, err := outboxotel.New(nil) // the global providers
//	...
//	box, err := outbox.New(db, outbox.Postgres, &outbox.Options{Tracer: telemetry})
//	...
//	_, err = telemetry.Observe(box, 10*time.Second) // in one process for each database
//
// Give the [smslink.Client] of [outbox.Outbox.Run] the [smslinkotel.Telemetry], too: its span of
// the upload is then a child of the package's.
//
// # Spans
//
// Each package that is uploaded is a span named "process smslink.outbox". If its messages were
// enqueued under one span, that span is its parent, so that a trace leads from an order to its SMS.
// If there were 2 to 16 spans, it is linked to them. Messages that were enqueued under no span do
// not count. The span of a package that was not accepted has the status Error. A span has these
// attributes:
//
//   - smslink.outbox.lane
//   - messaging.batch.message_count: messages in the package
//   - smslink.outbox.state: "accepted", "queued" (again, since it was not sent), "rejected" or
//     "in_doubt"
//   - smslink.outbox.recorded: false if the end of the upload could not be recorded; absent
//     otherwise
//
// # Metrics
//
//	smslink.outbox.messages        counter    {message}  lane, and state of the uploaded package
//	smslink.outbox.wait            histogram  s          lane; from Enqueue to the gateway's reply
//	smslink.outbox.contradictions  counter    {package}  lane; a person's verdict was wrong
//	smslink.outbox.queued          gauge      {message}  lane; 100,001 means more than 100,000
//	smslink.outbox.oldest_due      gauge      s          lane; since the oldest message was due,
//	                                                     or the lane opened if that is later;
//	                                                     0 if the lane is closed
//	smslink.outbox.packages        gauge      {package}  state: "sending", "in_doubt" or "rejected"
//	smslink.outbox.overdue         gauge      s          since the first missed deadline
//	smslink.outbox.paused          gauge                 1 if the outbox is paused or halted, else 0
//
// The lane and the state are in the attributes smslink.outbox.lane and smslink.outbox.state. The
// gauges are those of [Telemetry.Observe].
package outboxotel
