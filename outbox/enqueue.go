package outbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-smslink/smslink"
)

// Message is one SMS to be sent once. To, From, Text and SendAt are those of [smslink.Message]. To
// and From have at most 64 bytes each, and Text at most 1 MiB. A Message prints and logs as its key
// and the size of its text, with the exceptions that [smslink.Message] names.
type Message struct {
	// Key names the message, such as order-1034-shipped. A key is enqueued once, however often you
	// try. It has 1 to 100 characters of visible ASCII, and is kept for [Options].ForgetAfter: put
	// no phone number in it. Empty means that each Enqueue is another message.
	Key string

	To, From, Text string
	SendAt         time.Time // the gateway's schedule; the zero Time means now

	Lane string // of [Options].Lanes; empty means [Bulk]

	// NotBefore is the earliest time of its upload, by the database's clock; the zero Time means
	// now. It is in the years 1 to 9999.
	NotBefore time.Time

	// Expires is how long after Enqueue its upload may begin; 0 means no limit. The upload begins
	// with the connection to the gateway, and is not broken off when the time is over.
	Expires time.Duration
}

// Format prints the key and the text's size, whatever the verb.
func (m Message) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "message %q (text of %d bytes)", m.Key, len(m.Text))
}

// LogValue returns what Format prints, for log/slog.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(slog.String("key", m.Key), slog.Int("text_bytes", len(m.Text)))
}

// Tx is a *sql.Tx, *sql.DB or *sql.Conn, a type that embeds one of them, or a [TxFunc] of anything
// else. A method does all or nothing: outside a transaction, it runs several statements in a
// transaction of its own. A TxFunc must be in a transaction for that.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// TxFunc makes a [Tx] of another kind of transaction. It returns the number of rows that were
// changed. For a pgx.Tx:
//
//	outbox.TxFunc(func(ctx context.Context, query string, args ...any) (int64, error) {
//		tag, err := tx.Exec(ctx, query, args...)
//		return tag.RowsAffected(), err
//	})
//
// On MySQL and MariaDB the first [Outbox.Enqueue] in a TxFunc needs another connection of the
// outbox's database for a moment.
type TxFunc func(ctx context.Context, query string, args ...any) (rows int64, err error)

// ExecContext calls f.
func (f TxFunc) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	rows, err := f(ctx, query, args...)
	return driver.RowsAffected(rows), err
}

// MessageError is the error of an invalid message. It holds no receiver, no text and no key.
type MessageError struct {
	Index int    // in the arguments of [Outbox.Enqueue]
	Field string // of [Message]
	Err   error  // what is wrong with it, such as a rule of [smslink.Package.Add]
}

// Error returns the index, the field and what is wrong with it.
func (e *MessageError) Error() string {
	return fmt.Sprintf("smslink: messages[%d]: %s %v", e.Index, e.Field, e.Err)
}

// Unwrap returns Err.
func (e *MessageError) Unwrap() error { return e.Err }

const (
	maxKey     = 100
	maxAddress = 64
	maxText    = 1 << 20
)

// Enqueue adds messages in tx, and returns how many were new: a message whose key is there already
// is left as it is. They are sent once tx is committed, and never if it is rolled back. Fields are
// stored as [smslink.Package.Add] normalizes them.
//
// Enqueue splits many messages into statements of less than a megabyte. A longer text takes a
// statement of its own, of less than 8 MB. If Enqueue returns an error, roll your transaction back.
//
// If a message is invalid, none is enqueued, and the error is a [*MessageError]. Any other error
// comes from the database, or says why the first Enqueue refuses its connection: see
// docs/outbox.md. It is an error, too, if the database would store a text other than the one given.
func (o *Outbox) Enqueue(ctx context.Context, tx Tx, messages ...Message) (added int, err error) {
	if len(messages) == 0 {
		return 0, nil
	}
	rows, err := o.rows(messages)
	if err != nil {
		return 0, err
	}
	if !o.enqueues.Load() {
		if err := o.checkEnqueuer(ctx, tx); err != nil {
			return 0, err
		}
		o.enqueues.Store(true)
	}
	if trace := o.trace(ctx); trace != "" {
		for i := range rows {
			rows[i].Trace = trace
		}
	}
	// Two calls with the same keys in different orders would deadlock.
	slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(a.Key, b.Key) })
	parameters := jsonArrays(rows)
	return o.within(ctx, tx, len(parameters), func(tx Tx) (int64, error) {
		return o.execEach(ctx, tx, o.dialect.enqueue, parameters)
	})
}

// beginner is a *sql.DB or *sql.Conn, or embeds one.
type beginner interface {
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// within runs f in tx, or in a transaction of its own if tx is a pool or a connection outside a
// transaction. f runs a number of statements, and returns how many rows they changed. A single one
// needs no transaction, unless its connection must be prepared or may not commit it: MySQL's have
// session settings, among them autocommit.
func (o *Outbox) within(
	ctx context.Context, tx Tx, statements int, f func(tx Tx) (int64, error),
) (changed int, err error) {
	commit := func() error { return nil }
	several := statements > 1 || o.dialect.prepare != "" || o.dialect.session != ""
	if b, ok := tx.(beginner); ok && several && !o.inTransaction(ctx, tx) {
		own, err := b.BeginTx(ctx, &sql.TxOptions{Isolation: o.dialect.isolation})
		if err != nil {
			return 0, err
		}
		defer func() { _ = own.Rollback() }() // which does nothing after a commit
		tx, commit = own, own.Commit
	}
	if o.dialect.prepare != "" {
		if _, err := tx.ExecContext(ctx, o.dialect.prepare); err != nil {
			return 0, err
		}
	}
	n, err := f(tx)
	if err != nil {
		return 0, err
	}
	return int(n), commit()
}

// row is a message as the enqueue statement reads it.
type row struct {
	Key       string `json:"k"`
	Lane      string `json:"l"`
	To        string `json:"t"`
	From      string `json:"f"`
	Text      string `json:"b"`
	SendAt    int64  `json:"s"` // Unix seconds
	NotBefore int64  `json:"n"` // microseconds since 1970
	Expires   int64  `json:"e"` // microseconds
	Trace     string `json:"c,omitempty"`

	// Of To, From and Text in UTF-8, for the statement to compare with what it stores.
	Bytes      int `json:"z"`
	Characters int `json:"y"`
}

// rows checks the messages and returns them as a package sends them.
func (o *Outbox) rows(messages []Message) ([]row, error) {
	rows := make([]row, 0, len(messages))
	p := new(smslink.Package)
	for i, m := range messages {
		invalid := func(field, reason string) ([]row, error) {
			return nil, &MessageError{Index: i, Field: field, Err: errors.New(reason)}
		}
		r := row{Key: m.Key, Lane: cmp.Or(m.Lane, Bulk), Expires: m.Expires.Microseconds()}
		if m.Expires > 0 {
			r.Expires = max(r.Expires, 1)
		}
		if r.Key == "" {
			r.Key = rand.Text()
		}
		if !m.NotBefore.IsZero() {
			r.NotBefore = m.NotBefore.UnixMicro()
		}
		_, known := o.lanes[r.Lane]
		switch {
		case !visible(r.Key, maxKey):
			return invalid("Key", keyRule)
		case !known:
			return invalid("Lane", "is not one of the outbox's lanes; add it to Options.Lanes")
		case m.NotBefore.UTC().Year() < 1 || m.NotBefore.UTC().Year() > 9999:
			return invalid("NotBefore", "is not in the years 1 to 9999")
		case m.Expires < 0:
			return invalid("Expires", "is negative")
		case len(m.To) > maxAddress:
			return invalid("To", "is longer than 64 bytes")
		case len(m.From) > maxAddress:
			return invalid("From", "is longer than 64 bytes")
		case len(m.Text) > maxText:
			return invalid("Text", "is longer than 1 MiB")
		}
		err := p.Add(smslink.Message{ID: int64(i), To: m.To, From: m.From, Text: m.Text, SendAt: m.SendAt})
		if refused := (*smslink.MessageError)(nil); errors.As(err, &refused) {
			return nil, &MessageError{Index: i, Field: refused.Field, Err: refused.Err}
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	i := 0
	for m := range p.Messages() {
		r := &rows[i]
		r.To, r.From, r.Text = m.To, m.From, m.Text
		if !m.SendAt.IsZero() {
			r.SendAt = m.SendAt.Unix()
		}
		r.Bytes = len(r.To) + len(r.From) + len(r.Text)
		r.Characters = utf8.RuneCountInString(r.To) + utf8.RuneCountInString(r.From) + utf8.RuneCountInString(r.Text)
		i++
	}
	return rows, nil
}

// Cancel takes messages out of the queue in tx, and returns how many. Messages that are being sent,
// have ended or are not found are not changed. It is an error if a key is invalid: see
// [Message].Key.
func (o *Outbox) Cancel(ctx context.Context, tx Tx, keys ...string) (cancelled int, err error) {
	if err := checkKeys(keys); err != nil {
		return 0, err
	}
	take := fmt.Sprintf(o.dialect.takeKeys, o.atEnd(cancelledPackage), isQueued)
	parameters := jsonArrays(slices.Sorted(slices.Values(keys)))
	return o.within(ctx, tx, len(parameters), func(tx Tx) (int64, error) {
		return o.execEach(ctx, tx, take, parameters)
	})
}

const keyRule = "is not 1 to 100 characters of visible ASCII"

// checkKeys returns an error if a database could take one of the keys for another.
func checkKeys(keys []string) error {
	for i, key := range keys {
		if !visible(key, maxKey) {
			return fmt.Errorf("smslink: keys[%d] %s", i, keyRule)
		}
	}
	return nil
}

// isQueued is a condition for messages that are found by their ids or keys. PACKAGE IS NULL means
// the same, but a database could then read the whole queue to find them.
const isQueued = "COALESCE(package, 0) = 0"

// never is the value of the ends column of a message that does not expire.
const never int64 = math.MaxInt64

// atEnd returns what an UPDATE sets of a message that ends without a package.
func (o *Outbox) atEnd(as int) string {
	return fmt.Sprintf("package = %d, ends = %s", as, o.dialect.now)
}

// updateMessages sets columns of those messages that meet a condition, and returns how many rows
// it changed.
func (o *Outbox) updateMessages(ctx context.Context, tx Tx, ids []int64, set, condition string) (int64, error) {
	return o.execEach(ctx, tx, fmt.Sprintf(o.dialect.take, set, condition), jsonArrays(ids))
}

// execEach runs a statement with each of the parameters, and returns how many rows it changed in
// all.
func (o *Outbox) execEach(ctx context.Context, tx Tx, statement string, parameters []string) (sum int64, err error) {
	for _, parameter := range parameters {
		n, err := o.exec(ctx, tx, statement, parameter)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// maxParameter is the most bytes of a JSON parameter that holds more than one row. A driver may
// write each byte as two, and a database may take no more than a megabyte.
const maxParameter = 400_000

// jsonArrays returns the rows as JSON arrays of at most maxParameter bytes, or of one row.
func jsonArrays[T any](rows []T) (arrays []string) {
	var array strings.Builder
	for _, r := range rows {
		raw := asciiJSON(r)
		if array.Len() > 0 && array.Len()+len(raw) > maxParameter {
			arrays = append(arrays, array.String()+"]")
			array.Reset()
		}
		if array.Len() == 0 {
			array.WriteByte('[')
		} else {
			array.WriteByte(',')
		}
		array.WriteString(raw)
	}
	if array.Len() > 0 {
		arrays = append(arrays, array.String()+"]")
	}
	return arrays
}

// asciiJSON returns v as JSON in ASCII, so that no connection's character set can alter it.
func asciiJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // v is a number, a string or one of our own structs
	}
	ascii := make([]byte, 0, len(raw)+len(raw)/8)
	for _, r := range string(raw) {
		switch {
		case r < utf8.RuneSelf:
			ascii = append(ascii, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			ascii = fmt.Appendf(ascii, `\u%04x\u%04x`, high, low)
		default:
			ascii = fmt.Appendf(ascii, `\u%04x`, r)
		}
	}
	return string(ascii)
}
