package smslink

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// Senders that every account has.
const (
	SenderNumeric = wire.SenderNumeric // the gateway's short code; what an empty From means
	SenderTest    = "SMSLink.ro"       // the vendor's name, for tests only
)

// Message is one SMS to be sent.
//
// Whatever the verb, fmt prints its id and the size of its text, and so does log/slog, so that no
// log shows a receiver or a text by accident. There are two exceptions:
//
//   - encoding/json writes it whole, and so does slog's JSON handler if the Message stands in a
//     slice or a struct;
//   - fmt prints it whole if it stands in an unexported field of another struct.
type Message struct {
	// ID is the local message id, from 0, unique in its package. The gateway's reply is keyed by
	// it [ref]. If you send one message at a time, it may be 0.
	ID int64

	// To is the receiver: 07xyzzzzzz for a Romanian mobile, else + or 00, the country code and
	// the number. Spaces and punctuation are dropped. Add refuses what is not certainly one
	// phone number, as [ParseReceiver] does, unless [PackageOptions] say LenientReceivers.
	// The gateway decides whether the number exists: see [StatusNumberFailed].
	To string

	// From is the sender: [SenderNumeric], which is also what an empty From means, [SenderTest],
	// or a name approved for the account. Add refuses a semicolon, a control character and a
	// line end, which would break the package.
	From string

	// Text is the message, in UTF-8, of up to 256 MiB. Over 160 characters, or 70 if one of them
	// is outside the GSM alphabet, it reaches the phone in several segments, each of which is
	// billed: package gsm7 counts them.
	//
	// As in the reference client, spaces, tabs, line ends, NUL and vertical tab are trimmed from
	// both ends, CRLF becomes LF, and tabs and lone carriage returns are dropped [ref]. Add
	// refuses what can't arrive as written: an empty text, bytes that are not UTF-8, ASCII
	// control characters other than tab and line ends, and the sequences %0A and %3B, which the
	// gateway reads as a line feed and a semicolon. Every other % is fine.
	Text string

	// SendAt is the time to send at, to the second. The zero Time means now, and so does
	// 1970-01-01 00:00:00 UTC, which stands for it on the wire [ref]. The gateway decides how
	// near or far a time may be.
	SendAt time.Time
}

// Format prints the id and the size of the text. A struct that embeds a Message prints so, too.
func (m Message) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "message %d (text of %d bytes)", m.ID, len(m.Text))
}

// LogValue returns what Format prints.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(slog.Int64("id", m.ID), slog.Int("text_bytes", len(m.Text)))
}
