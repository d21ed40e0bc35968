package smslink

import (
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-smslink/smslink/gsm7"
	"github.com/go-smslink/smslink/internal/wire"
)

// Senders that every account has.
const (
	SenderNumeric = wire.SenderNumeric // the gateway's short code; what an empty From means
	SenderTest    = "SMSLink.ro"       // the vendor's name, for tests only
)

// Message is one SMS as a caller wants it sent. It prints and logs as its id
// alone, but encoding/json writes it whole, and with it slog's JSON handler where the
// Message is in a slice or a struct; and no type can keep fmt from printing an
// unexported field.
type Message struct {
	// ID is the local message id, any number from 0, unique in its package. The
	// gateway's reply is keyed by it.
	ID int64

	// To is the receiver: 07xyzzzzzz for a Romanian mobile, else + or 00 with the
	// country code. Every + becomes 00 and whatever else is no digit is dropped, as
	// the reference client does: "+40 712-345-678" is 0040712345678, but two numbers
	// in one field become one, and so do a number and an extension. With [ParseReceiver], or the package's StrictReceivers, such a receiver is refused. Whether the number exists is for the gateway to say: see
	// [StatusNumberFailed].
	To string

	// From is the sender: [SenderNumeric], which is also what an empty From means,
	// [SenderTest], or a name approved for the account. A semicolon, a control
	// character and a line end are refused, since they would break the package.
	From string

	// Text is the message, in UTF-8, of any length up to 256 MiB. Over 160 characters
	// (70 outside the GSM alphabet) it reaches the phone as several segments, each
	// billed: package gsm7 tells how many, and which characters make them more.
	//
	// As the reference client does, spaces, tabs, line ends, NUL and vertical tab
	// are trimmed from both ends, CRLF becomes LF, and tabs and lone carriage returns
	// are dropped. Refused is what can't arrive as written: an empty text, bytes that
	// are not UTF-8, ASCII control characters other than tab and line ends, and the
	// two sequences %0A and %3B (in upper case, as here), which the gateway reads as a
	// line feed and a semicolon. Every other % is fine.
	Text string

	// SendAt is when to send, to the second; the zero Time means now. The fraction
	// of a second is dropped, and 1970-01-01 00:00:00 UTC is the wire's own word for
	// now. How far ahead or how near a time may lie, the gateway decides.
	SendAt time.Time
}

// Format prints the id and the text's size, whatever the verb, so that no log has
// the receiver or the text in it by accident. A struct that embeds a Message
// prints so too; name the field instead.
func (m Message) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "message %d (text of %d bytes)", m.ID, len(m.Text))
}

// LogValue is what Format prints, for log/slog.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(slog.Int64("id", m.ID), slog.Int("text_bytes", len(m.Text)))
}

// Package accumulates messages for one upload. Its zero value is empty and ready
// to use.
//
// [Package.Add] checks and encodes each message right away, in the wire's own
// form, so that [Client.Send] has nothing left to refuse.
//
// A package that was accepted by the gateway, or may have been, is sealed:
// Send and Add refuse it and Remove leaves it alone, until [Package.Reset] empties
// it or [Package.Reopen] says that a second sending is wanted. See [Outcome].
//
// A Package must not be copied after first use, and goroutines must not share
// one while any of them changes it: two calls of Add, Remove, Reset or Reopen at
// once, or a Reset or Reopen during a Send, panic where they meet, as writes to a
// map do; the others only read, and are no more guarded than reads of a map. Two
// concurrent Sends of the same package are safe: one of them is refused. To fill
// packages from several goroutines, give each its own.
type Package struct {
	// Codec compresses the package when it is sent. Nil means [CodecZlib].
	Codec Codec

	// Fold makes Add replace the characters of a text that make it take more SMS, such as
	// ș, by near ones, such as s, with [gsm7.Fold]; a text that would take as many stays as it
	// is. To see what would be changed, give gsm7.FoldChanges the text that [Package.Messages] has without it.
	Fold bool

	// StrictReceivers makes Add read a receiver with [ParseReceiver], and refuse what that
	// refuses with [ErrReceiver]. Without it the gateway decides, and two numbers in one field
	// become one other number.
	StrictReceivers bool

	seal  atomic.Int32 // a fate
	lines *lines       // behind a pointer, where fmt prints an address and no message
}

// Add checks m and appends it to the package, allocating nothing once the
// package's memory has grown, as long as the ids rise. What it changes in a
// receiver and a text stands with the fields of [Message].
//
// The error is a [*MessageError], which names the field and holds one of
// [ErrNegativeID], [ErrRepeatedID], [ErrNoDigit], [ErrReceiver], [ErrSeparator],
// [ErrControlCharacter], [ErrInvalidUTF8], [ErrEmptyText], [ErrTooLong],
// [ErrLiteralEscape] and [ErrBefore1970]; or [ErrAlreadySent] or
// [ErrOutcomeUnknown], where it is the package that is sealed. The package is then as
// it was.
func (p *Package) Add(m Message) error {
	if err := p.seize("Add", busyChanging, false); err != nil {
		return err
	}
	defer p.release(fateOpen)
	if p.lines == nil {
		p.lines = &lines{maxID: -1}
	}
	if p.StrictReceivers && !canonical(m.To) {
		number, err := ParseReceiver(m.To)
		if err != nil {
			return &MessageError{ID: m.ID, Field: string(wire.FieldTo), Err: ErrReceiver}
		}
		m.To = number
	}
	if p.Fold && len(m.Text) <= maxField {
		m.Text = folded(m.Text)
	}
	field, rule := p.lines.add(m)
	if rule != nil {
		return &MessageError{ID: m.ID, Field: string(field), Err: rule}
	}
	return nil
}

// folded is the text as gsm7 folds it, where it then takes fewer SMS as it is sent.
func folded(text string) string {
	sent := wire.Trimmed(text)
	measured := gsm7.Measure(sent)
	if measured.Segments <= 1 || measured.Alphabet == gsm7.GSM7 {
		return text
	}
	if folded := gsm7.Fold(sent); gsm7.Measure(wire.Trimmed(folded)).Segments < measured.Segments {
		return folded
	}
	return text
}

// Remove takes the message with that id out of the package and tells whether it
// did. It takes time in proportion to the package. A sealed package is left as it
// is.
func (p *Package) Remove(id int64) bool {
	if p.seize("Remove", busyChanging, false) != nil {
		return false
	}
	defer p.release(fateOpen)
	return p.lines != nil && p.lines.remove(id)
}

// Len is the number of messages in the package.
func (p *Package) Len() int {
	if p.lines == nil {
		return 0
	}
	return len(p.lines.index)
}

// Size is the number of bytes of the plain form.
func (p *Package) Size() int {
	if p.lines == nil {
		return 0
	}
	return p.lines.size
}

// plain is the plain form in pieces, the package's own memory: to be read, not kept.
func (p *Package) plain() [][]byte {
	if p.lines == nil || p.lines.size == 0 {
		return nil
	}
	return p.lines.blocks[:p.lines.last+1]
}

// Segments is how many SMS the package's messages make in all, as package gsm7 counts
// them: what is billed, if each is accepted.
func (p *Package) Segments() int {
	n := 0
	for _, segments := range p.segments() {
		n += int(segments)
	}
	return n
}

// segments are those of each message.
func (p *Package) segments() []int32 {
	if p.lines == nil {
		return nil
	}
	return p.lines.segments()
}

// like is a new package with the settings of p.
func (p *Package) like() *Package {
	return &Package{Codec: p.Codec, Fold: p.Fold, StrictReceivers: p.StrictReceivers}
}

// String gives the package's counts and none of its messages.
func (p *Package) String() string {
	return fmt.Sprintf("package of %d messages, %d bytes", p.Len(), p.Size())
}

// Messages iterates over the messages in order, each as the gateway will read
// it: receivers and texts as [Package.Add] changed them, times in UTC. The package
// must not change meanwhile: a loop that adds or removes messages panics.
func (p *Package) Messages() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		n := p.Len()
		for i := range n {
			if p.Len() != n {
				panic("smslink: a Package was changed while its Messages were being ranged over")
			}
			record, err := wire.ParseRecord(p.lines.text(i))
			if err != nil {
				panic("smslink: a package holds a line that its own Add did not write") // a defect of ours
			}
			if !yield(Message{record.ID, record.Receiver, record.Sender, record.Text, record.Time()}) {
				return
			}
		}
	}
}

// AppendPlain appends the plain form to dst and returns it: one line a message,
// localMessageId;receiverNumber;senderId;messageText;timestampProgrammed, lines
// joined by CRLF, as the gateway decodes it.
func (p *Package) AppendPlain(dst []byte) []byte {
	dst = slices.Grow(dst, p.Size())
	for _, piece := range p.plain() {
		dst = append(dst, piece...)
	}
	return dst
}

// Reset empties the package and unseals it, and keeps its memory and its settings.
func (p *Package) Reset() {
	_ = p.seize("Reset", busyChanging, true)
	defer p.release(fateOpen)
	if l := p.lines; l != nil {
		for i := range l.blocks {
			l.blocks[i] = l.blocks[i][:0]
		}
		*l = lines{blocks: l.blocks, index: l.index[:0], maxID: -1}
	}
}

// Reopen unseals a package that was sent, so that it can be changed and sent
// once more. It says: I know that its messages may then be sent, and billed,
// twice. After it, [Package.Remove] those that are known to have been accepted, by
// the ids of a Response's Results, and not in a loop over [Package.Messages].
func (p *Package) Reopen() {
	_ = p.seize("Reopen", busyChanging, true)
	p.release(fateOpen)
}
