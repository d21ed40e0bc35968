package smslink

// fate is what a package's seal says of its sending, or of what keeps it busy.
type fate int32

const (
	fateOpen fate = iota
	fateUnknown
	fateAccepted
	busyChanging
	busySending
)

func fateOf(outcome Outcome) fate {
	switch outcome {
	case OutcomeNotSent, OutcomeRejected:
		return fateOpen
	case OutcomeAccepted:
		return fateAccepted
	}
	return fateUnknown
}

// sealed tells why the package can't be changed or sent, or nil.
func (f fate) sealed() error {
	switch f {
	case fateAccepted:
		return ErrAlreadySent
	case fateUnknown, busySending:
		return ErrOutcomeUnknown
	}
	return nil
}

// seize makes the package busy. A seal forbids that, unless it is to be broken; to
// find the package busy already is a race between goroutines.
func (p *Package) seize(call string, busy fate, breaking bool) error {
	for {
		found := fate(p.seal.Load())
		if err := found.sealed(); err != nil && !breaking {
			return err
		}
		if found >= busyChanging {
			panic("smslink: " + call + " of a Package that another goroutine is changing or sending")
		}
		if p.seal.CompareAndSwap(int32(found), int32(busy)) {
			return nil
		}
	}
}

// release ends what seize began.
func (p *Package) release(to fate) { p.seal.Store(int32(to)) }
