// Package smslink sends SMS through SMSLink's BULK gateway: thousands of messages in one upload,
// with a result for each of them.
//
// These docs mark where a fact about the gateway comes from: [ref] is the vendor's own PHP client,
// called the reference client; [public] is what the vendor and others have published, and no one
// has confirmed.
//
// # Sending
//
// [NewClient] makes a [Client]. [Client.SendMessage] sends one [Message]. To send many in one
// upload, add them to a [Package], give it to [Client.Send] and read the [Response], which has a
// [Result] for each message. A result of [StatusSuccess] means that the gateway accepted the
// message for sending, not that it was delivered. Package delivery receives the gateway's delivery
// reports.
//
// # Outcomes
//
// A failed call may have sent nothing, may have been refused, or may have been accepted by a
// gateway whose reply was lost. [OutcomeOf] returns which, and [SafeToResend] reports whether the
// messages can be sent again without the risk of a second SMS. A package that was accepted, or may
// have been, is sealed: a second Send of it fails.
//
// # Streams
//
// A [Stream] sends any number of messages in bounded memory, cut into packages. With a [Journal]
// the same input can be sent again after a crash: messages whose ids were sent, or may have been,
// are skipped. Package journal keeps a Journal in a file.
//
// # Costs
//
// A message is billed by segments: 160 characters in one SMS, or 70 if one of them is outside the
// GSM alphabet. [Package.Segments] counts those of a package, and package gsm7 those of any text.
// [Client.Balance] returns what the account has left.
//
// # Testing
//
// Package smslinktest has a gateway for tests, which checks uploads, keeps a ledger of what it
// took, and fails on request.
package smslink
