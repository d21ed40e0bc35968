package outbox

// State is a message's state, as in the view smslink_outbox.
type State string

// The states of a message.
const (
	Queued    State = "queued"
	Sending   State = "sending"   // claimed; its upload has not ended, or its worker has not recorded the end
	Accepted  State = "accepted"  // by the gateway, or by a person's [VerdictSent]; this is not delivery
	Failed    State = "failed"    // the gateway took its package and reported a failure; with status 4 it may have been sent
	InDoubt   State = "in doubt"  // it may have been sent; see [Outbox.Resolve]
	Rejected  State = "rejected"  // with its package; nothing of it was taken; see [Outbox.Resolve]
	Invalid   State = "invalid"   // [smslink.Package.Add] refused it when it was to be sent; Note says why
	Cancelled State = "cancelled" // by [Outbox.Cancel] or [Outbox.ErasePerson]
	Expired   State = "expired"   // before it was sent
	OptedOut  State = "opted out" // its receiver has: see [Outbox.OptOut]
	Abandoned State = "abandoned" // by [Outbox.Resolve]
)

// The states of a package, as smslink_package and the text of statements have them. The view
// smslink_outbox, which the migrations make, joins them and the results to the states of messages.
const (
	stateSending  = 1
	stateAccepted = 2
	stateNotSent  = 3
	stateRejected = 4
	stateInDoubt  = 5
	stateResolved = 6
)

// packageState returns a package's state as a State. Its messages' own states also depend on their
// results.
func packageState(state int) State {
	switch state {
	case stateAccepted:
		return Accepted
	case stateNotSent:
		return Queued
	case stateRejected:
		return Rejected
	default:
		return InDoubt
	}
}

// Values of the package column for messages that ended without one. They are 10 less once the
// receiver, sender and text are erased.
const (
	cancelledPackage = -1
	expiredPackage   = -2
	invalidPackage   = -3
	abandonedPackage = -4
	optedOutPackage  = -5
)
