// Package smslink sends SMS through SMSLink's BULK gateway: thousands of messages in one upload,
// and for each of them what became of it.
//
// What these docs say of the gateway comes from the vendor's own PHP client, called the reference
// client ([ref]), or from what the vendor and others have published and nobody has confirmed
// ([public]).
//
// # Sending
//
// [NewClient] makes a [Client]. [Client.SendMessage] sends one [Message]. To send many in one
// upload, add them to a [Package], give it to [Client.Send] and read the [Response], which has a
// [Result] for each message. A result of [StatusSuccess] means that the gateway accepted the
// message for sending, not that it was delivered: package delivery takes the gateway's reports of
// that.
//
// # Outcomes
//
// A failed call may have sent nothing, may have been refused, or may have been accepted by a
// gateway whose reply was lost. [OutcomeOf] returns which, and [SafeToResend] reports whether the
// messages can be sent again without the risk of a second SMS. A package that was accepted, or may
// have been, is sealed against a second Send.
//
// # Streams
//
// A [Stream] sends any number of messages in bounded memory, cut into packages. With a [Journal]
// the same input can be sent again after a crash: what was sent, or may have been, is skipped.
// Package journal keeps one in a file.
//
// # Costs
//
// A message is billed by segments: 160 characters in one SMS, or 70 if one of them is outside the
// GSM alphabet. Package gsm7 counts them, and [Package.Segments] those of a package.
// [Client.Balance] returns what the account has left.
//
// # Testing
//
// Package smslinktest has a gateway for tests, which checks uploads, keeps a ledger of what it
// took, and fails on request.
package smslink
