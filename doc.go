// Package smslink sends SMS through SMSLink's BULK gateway: thousands of messages in one upload,
// with a result for each of them.
//
// These docs mark where a fact about the gateway comes from: [ref] is the vendor's own PHP client,
// called the reference client; [public] is what the vendor and others have published, and is not
// confirmed.
//
// # Sending
//
// [NewClient] makes a [Client]. [Client.SendMessage] sends one [Message]. To send many in one
// upload, add them to a [Package], give it to [Client.Send] and read the [Response], which has a
// [Result] for each message. A result of [StatusSuccess] means that the gateway accepted the
// message for sending, not that it was delivered. Package webhook receives the gateway's delivery
// reports.
//
// # Outcomes
//
// Each package and each message has an [Outcome], which [OutcomeOf] returns for the error of a
// call:
//
//   - accepted: the error is nil;
//   - not sent: no byte of the package was handed to any transport;
//   - rejected: the gateway, or a server in front of it, rejected the package;
//   - failed: the gateway took the package, but reported a failure for this message;
//   - invalid: the message was refused before it was put into a package;
//   - in doubt: it may have been taken, because the reply was lost or does not say.
//
// [SafeToResend] reports whether the message can be sent again without the risk of a duplicate SMS.
// A package that was accepted or is in doubt can't be sent again before [Package.Reopen].
//
// # Streams
//
// A [Stream] sends any number of messages in bounded memory, cut into packages. With a [Journal]
// the same input can be sent again after a crash: messages that were accepted, failed or are in
// doubt are skipped, except those that failed for want of credit. Package journal keeps a Journal
// in a file.
//
// # Costs
//
// A message is billed by the segment. One SMS holds 160 characters, or 70 if one of them is outside
// the GSM alphabet. [Package.Segments] counts the segments of a package, and package gsm7 those of
// any text. [Client.Balance] returns what the account has left.
//
// # Testing
//
// Package smslinktest has a gateway for tests, which checks uploads, keeps a ledger of what it
// took, and fails on request.
package smslink
