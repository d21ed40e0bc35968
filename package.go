package smslink

import (
	"cmp"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// Senders that every account has.
const (
	SenderNumeric = wire.SenderNumeric // the gateway's short code; the default
	SenderTest    = "SMSLink.ro"       // the vendor's name, for tests only
)

// Message is one SMS to be sent.
//
// fmt, with any verb, and log/slog print only its id and the size of its text, so that no log shows
// a receiver or a text by accident. There are two exceptions:
//
//   - encoding/json writes all of it, and so does slog's JSON handler if the Message is in a slice
//     or a struct;
//   - fmt prints all of it if it is in an unexported field of another struct.
type Message struct {
	// ID is the local message id, from 0, unique in its package. The gateway's reply is keyed by it
	// [ref]. SendMessage needs none. A [Stream] without a Journal numbers its messages if none of
	// them has an ID.
	ID int64

	// To is the receiver: 07xyzzzzzz for a Romanian mobile, else + or 00, the country code and the
	// number. Spaces and punctuation are dropped. Anything that is not certainly one phone number
	// is invalid: see [ParseReceiver] and [Package.LenientReceivers]. Only the gateway knows
	// whether the number exists: see [StatusNumberFailed].
	To string

	// From is the sender: [SenderNumeric] (the default), [SenderTest], or a name approved for the
	// account. A name that is not UTF-8, or has a semicolon or a control character, is invalid: it
	// would break the package.
	From string

	// Text is the message, in UTF-8, of up to 256 MiB. If it has more than 160 characters, or 70 if
	// one of them is outside the GSM alphabet, it is sent in several segments, and each of them is
	// billed. Package gsm7 counts them.
	//
	// As in the reference client, spaces, tabs, line ends, NUL and vertical tab are trimmed from
	// both ends, CRLF becomes LF, and tabs and lone carriage returns are dropped [ref]. A text
	// that can't arrive as written is invalid: one that is empty or not UTF-8, or that has ASCII
	// control characters other than tab and line ends, or the sequence %0A or %3B, which the
	// gateway reads as a line feed or a semicolon. Every other % is fine.
	Text string

	// SendAt is the time to send at, to the second. The zero Time means now. So does 1970-01-01
	// 00:00:00 UTC, since the wire has 0 for now [ref]. An earlier time is invalid. The gateway
	// decides how near or far a time may be.
	SendAt time.Time
}

// Format prints the id and the size of the text. A struct that embeds a Message is printed the
// same way.
func (m Message) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "message %d (text of %d bytes)", m.ID, len(m.Text))
}

// LogValue returns what Format prints.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(slog.Int64("id", m.ID), slog.Int("text_bytes", len(m.Text)))
}

// Package accumulates messages for one upload. The zero value is empty and ready to use.
//
// Add checks and encodes each message at once, so that [Client.Send] has nothing left to check.
//
// # Sealed packages
//
// A package that the gateway accepted, or that is in doubt, is sealed: Send and Add return an error
// and Remove does nothing, until Reset empties the package or Reopen allows it to be sent a second
// time.
//
// # Concurrency
//
// A Package must not be copied after first use. Goroutines must not share one while any of them
// changes it: to fill packages from several goroutines, give each its own. If a package is sent by
// two goroutines at once, one Send fails. Reset and Reopen panic during a Send.
type Package struct {
	// Codec compresses the package when it is sent; nil means [Options.Codec].
	Codec Codec

	// LenientReceivers makes Add take every receiver with a digit in it, as the reference client
	// does [ref]: each + becomes 00, and everything else that is not a digit is dropped. Two
	// numbers in one field then become one wrong number, and a truncated number reaches a stranger.
	// By default, what [ParseReceiver] does not take is invalid.
	LenientReceivers bool

	seal atomic.Pointer[sealedError] // nil unless the package is sealed
	form *plainForm                  // a pointer, so that fmt prints an address
}

// sealedError is the reason why a sealed package can be neither changed nor sent.
type sealedError string

var (
	errBeingSent      = sealedError("the package is being sent by another call")
	errAcceptedBefore = sealedError("the package was accepted before; " +
		"Reset it for new messages, or Reopen it to send the same ones twice")
	errInDoubtBefore = sealedError("the package was sent before and may have been accepted; " +
		"find out, then Reset it, or Reopen it to risk sending it twice")
)

func (e sealedError) Error() string { return string(e) }

func (e sealedError) verdict() verdict { return verdict{} }

// sealed returns the reason why the package is sealed, or nil.
func (p *Package) sealed() error {
	if seal := p.seal.Load(); seal != nil {
		return *seal
	}
	return nil
}

// beginSend seals the package during a Send.
func (p *Package) beginSend() error {
	if p.seal.CompareAndSwap(nil, &errBeingSent) {
		return nil
	}
	return cmp.Or(p.sealed(), error(errBeingSent)) // the other Send may have ended just now
}

// endSend leaves the package sealed, or opens it if its Send has taken no effect.
func (p *Package) endSend(outcome Outcome) {
	switch outcome {
	case OutcomeNotSent, OutcomeRejected:
		p.seal.Store(nil)
	case OutcomeAccepted:
		p.seal.Store(&errAcceptedBefore)
	default:
		p.seal.Store(&errInDoubtBefore)
	}
}

// unseal opens the package, unless it is being sent.
func (p *Package) unseal(method string) {
	seal := p.seal.Load()
	if seal == &errBeingSent || !p.seal.CompareAndSwap(seal, nil) { // a Send may have begun just now
		panic("smslink: " + method + " of a Package that is being sent")
	}
}

// Add checks m and appends it to the package. It allocates nothing once the package's memory has
// grown, as long as the ids rise. See [Message] for what it changes in a receiver and a text.
//
// If Add returns an error, the package is unchanged. The error is a [*MessageError] that names the
// field and the reason, unless the package is sealed.
func (p *Package) Add(m Message) error {
	if err := p.sealed(); err != nil {
		return fmt.Errorf("smslink: %w", err)
	}
	if p.form == nil {
		p.form = &plainForm{maxID: -1}
	}
	to := m.To // a copy, so that m is not allocated
	if !p.LenientReceivers && !canonical(to) && len(to) <= maxField {
		var buf receiverBuffer
		digits, err := parseReceiver(&buf, to)
		if err != nil {
			return &MessageError{ID: m.ID, Field: wire.FieldTo, Err: err}
		}
		to = string(digits)
	}
	field, reason := p.form.add(Message{m.ID, to, m.From, m.Text, m.SendAt})
	if reason != nil {
		return &MessageError{ID: m.ID, Field: field, Err: reason}
	}
	return nil
}

// Remove removes the message with that id and reports whether the package had it. It takes time in
// proportion to the package. If the package is sealed, Remove does nothing and returns false.
func (p *Package) Remove(id int64) bool {
	return p.form != nil && p.sealed() == nil && p.form.remove(id)
}

// Len returns the number of messages in the package.
func (p *Package) Len() int {
	if p == nil || p.form == nil {
		return 0
	}
	return len(p.form.index)
}

// Size returns the number of bytes of the plain form.
func (p *Package) Size() int {
	if p.form == nil {
		return 0
	}
	return p.form.size
}

// plain returns the plain form in pieces. They are the package's own memory, to be read only.
func (p *Package) plain() [][]byte {
	if p.form == nil || p.form.size == 0 {
		return nil
	}
	return p.form.blocks[:p.form.last+1]
}

// ids returns the ids of the messages in order.
func (p *Package) ids() []int64 {
	ids := make([]int64, p.Len())
	for i := range ids {
		ids[i] = p.form.index[i].id
	}
	return ids
}

// emptyResults returns a Result for each message, in order, without a status.
func (p *Package) emptyResults() []Result {
	results := make([]Result, p.Len())
	for i := range results {
		results[i].ID = p.form.index[i].id
	}
	return results
}

// Segments returns the number of SMS that the messages make together, as package gsm7 counts them.
// They are billed if all messages are accepted. It takes time in proportion to the package.
func (p *Package) Segments() int {
	n := 0
	if p.form != nil {
		p.form.countSegments(func(_, segments int) { n += segments })
	}
	return n
}

// acceptedSegments returns the number of SMS that the accepted messages make together.
func (p *Package) acceptedSegments(r *Response) int {
	n := 0
	p.form.countSegments(func(place, segments int) {
		if r.Results[place].Status == StatusSuccess {
			n += segments
		}
	})
	return n
}

// Format prints the package's counts, whatever the verb, and nothing of its messages.
func (p *Package) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "package of %d messages, %d bytes", p.Len(), p.Size())
}

// Messages iterates over the messages in order, each as the gateway will read it: receivers and
// texts as Add changed them, times in UTC. It panics if the loop adds or removes a message and goes
// on.
func (p *Package) Messages() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		n := p.Len()
		for i := range n {
			if p.Len() != n {
				panic("smslink: a Package was changed while its Messages were being ranged over")
			}
			record, err := wire.ParseRecord(p.form.text(i))
			if err != nil {
				panic("smslink: a package holds a line that its own Add did not write") // a defect of ours
			}
			if !yield(Message{record.ID, record.Receiver, record.Sender, record.Text, record.Time()}) {
				return
			}
		}
	}
}

// AppendPlain appends the plain form to dst and returns it. The plain form has a line for each
// message, localMessageId;receiverNumber;senderId;messageText;timestampProgrammed, with CRLF
// between lines [ref].
func (p *Package) AppendPlain(dst []byte) []byte {
	dst = slices.Grow(dst, p.Size())
	for _, piece := range p.plain() {
		dst = append(dst, piece...)
	}
	return dst
}

// Reset empties and unseals the package. It keeps the package's memory and settings.
func (p *Package) Reset() {
	p.unseal("Reset")
	if f := p.form; f != nil {
		for i := range f.blocks {
			f.blocks[i] = f.blocks[i][:0]
		}
		*f = plainForm{blocks: f.blocks, index: f.index[:0], maxID: -1}
	}
}

// Reopen unseals a package that was sent, so that it can be changed and sent again. Its messages
// may then be sent, and billed, twice. After Reopen and before the next Send, remove those that
// were accepted, by the ids of the [Response]'s Results: in a sealed package Remove does nothing.
func (p *Package) Reopen() { p.unseal("Reopen") }
