package smslinktest

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// Fault is something that goes wrong with one upload. The zero Fault is nothing.
//
// The outcomes that the docs name are those of an upload that the gateway would
// have taken; one with a wrong password, say, is refused before any fault but
// [ResetUnread] comes to it.
type Fault struct {
	unread  bool // before the body is read
	untaken bool // before the package is taken
	edit    func(entries string) string
	serve   func(g *Gateway, w http.ResponseWriter, r *http.Request, reply []byte) // in place of writing the reply
}

// Inject lets these faults happen to the next uploads, one each, in order.
func (g *Gateway) Inject(faults ...Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, faults...)
}

// nextFault is the fault of an upload that begins.
func (g *Gateway) nextFault() Fault {
	g.mu.Lock()
	g.requests++
	n := g.requests
	if len(g.faults) > 0 {
		fault := g.faults[0]
		g.faults = g.faults[1:]
		g.mu.Unlock()
		return fault
	}
	g.mu.Unlock()
	if g.opts.Fault != nil {
		return g.opts.Fault(n)
	}
	return Fault{}
}

// AfterTaking is the same fault, once the package is taken and in the ledger. It
// changes [Close], [Reset] and [Answer]; the others are before or after by nature.
// A client can't tell the two apart, and reports the same outcome.
func (f Fault) AfterTaking() Fault {
	f.untaken = false
	return f
}

// ResetUnread resets the connection as soon as the request's header is read, and
// reads nothing of its body. Nothing is taken, but a client can't know:
// [smslink.OutcomeUnknown].
func ResetUnread() Fault {
	return Fault{unread: true}
}

// Close ends the connection in order, without an answer, after the upload was read
// and before it is taken: [smslink.OutcomeUnknown].
func Close() Fault {
	return Fault{untaken: true, serve: func(_ *Gateway, w http.ResponseWriter, _ *http.Request, _ []byte) { hangUp(w, false) }}
}

// Reset is Close with a TCP reset in place of an orderly end:
// [smslink.OutcomeUnknown].
func Reset() Fault {
	return Fault{untaken: true, serve: func(_ *Gateway, w http.ResponseWriter, _ *http.Request, _ []byte) { hangUp(w, true) }}
}

// LoseReply takes the package and ends the connection without an answer: the case
// that costs money where a program sends again. [smslink.OutcomeUnknown].
func LoseReply() Fault {
	return Close().AfterTaking()
}

// CutReply takes the package and ends the connection after the first n bytes of
// the reply's body: [smslink.OutcomeUnknown], or [smslink.OutcomeAccepted] where
// the reply is no longer than n.
func CutReply(n int) Fault {
	return Fault{serve: func(_ *Gateway, w http.ResponseWriter, _ *http.Request, reply []byte) {
		conn := hijack(w)
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(reply), reply[:min(n, len(reply))])
	}}
}

// Answer gives an HTTP status and a body in place of taking the package.
//
// With a status of 200 to 299: [smslink.OutcomeUnknown] for a body that is no
// reply, such as an empty one, HTML or garbage. With 300 to 499:
// [smslink.OutcomeRejected], unless the body is a MESSAGE. With 500 and more:
// [smslink.OutcomeUnknown].
func Answer(status int, body string) Fault {
	return Fault{untaken: true, serve: func(_ *Gateway, w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}}
}

// Refuse answers ERROR with that code and text in place of taking the package:
// [smslink.OutcomeRejected], with a [*smslink.GatewayError].
func Refuse(code, text string) Fault {
	return Answer(http.StatusOK, string(wire.AppendReply(nil, wire.Reply{Code: code, Text: text})))
}

// Redirect answers with a status from 300 to 399 and a Location in place of taking
// the package: [smslink.OutcomeRejected], and the Location is not asked.
func Redirect(status int, location string) Fault {
	return Fault{untaken: true, serve: func(_ *Gateway, w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	}}
}

// Delay takes the package and keeps the reply back for so long:
// [smslink.OutcomeAccepted] for a client that waits, [smslink.OutcomeUnknown] for
// one that gives up.
func Delay(d time.Duration) Fault {
	return Fault{serve: func(g *Gateway, w http.ResponseWriter, r *http.Request, reply []byte) {
		if g.pause(r, d) {
			writeReply(w, reply)
		}
	}}
}

// Trickle takes the package and sends the reply byte by byte, with a pause before
// each: outcomes as for Delay.
func Trickle(pause time.Duration) Fault {
	return Fault{serve: func(g *Gateway, w http.ResponseWriter, r *http.Request, reply []byte) {
		w.Header().Set("Content-Length", fmt.Sprint(len(reply)))
		for i := range reply {
			if !g.pause(r, pause) {
				return
			}
			_, _ = w.Write(reply[i : i+1])
			_ = http.NewResponseController(w).Flush()
		}
	}}
}

// EndlessReply takes the package and never stops replying: [smslink.OutcomeUnknown],
// with [smslink.ErrReplyTooLarge].
func EndlessReply() Fault {
	return Fault{serve: func(g *Gateway, w http.ResponseWriter, r *http.Request, reply []byte) {
		for err := error(nil); err == nil && r.Context().Err() == nil && g.closing.Err() == nil; reply = []byte(",0:0:3") {
			_, err = w.Write(reply)
		}
	}}
}

// OmitEntries takes the package and leaves these local ids out of the reply:
// [smslink.OutcomeAccepted], the messages [smslink.StatusUnreported].
func OmitEntries(ids ...int64) Fault {
	return editing(func(entries []string) []string {
		return slices.DeleteFunc(entries, func(entry string) bool { return concerns(entry, ids) })
	})
}

// RepeatEntries takes the package and repeats the entries of these local ids at
// the reply's end: [smslink.OutcomeAccepted], the repetitions in Unmatched.
func RepeatEntries(ids ...int64) Fault {
	return editing(func(entries []string) []string {
		for _, entry := range slices.Clone(entries) {
			if concerns(entry, ids) {
				entries = append(entries, entry)
			}
		}
		return entries
	})
}

// ShuffleEntries takes the package and replies in another order, the same one for
// the same seed: [smslink.OutcomeAccepted], the results in the package's order all
// the same.
func ShuffleEntries(seed uint64) Fault {
	return editing(func(entries []string) []string {
		random := rand.New(rand.NewPCG(seed, 0))
		random.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		return entries
	})
}

// AddEntries takes the package and puts these, foreign or malformed as they may be,
// before the reply's own: [smslink.OutcomeAccepted], those that fit no message in
// Unmatched. An entry has the form local:remote:status.
func AddEntries(entries ...string) Fault {
	return editing(func(own []string) []string { return slices.Concat(entries, own) })
}

// MalformEntries takes the package and takes the status off the entries of these
// local ids: [smslink.OutcomeAccepted], the messages [smslink.StatusUnreported] and
// the entries in Unmatched.
func MalformEntries(ids ...int64) Fault {
	return editing(func(entries []string) []string {
		for i, entry := range entries {
			if concerns(entry, ids) {
				entries[i] = entry[:strings.LastIndexByte(entry, ':')]
			}
		}
		return entries
	})
}

func editing(edit func(entries []string) []string) Fault {
	return Fault{edit: func(entries string) string {
		return strings.Join(edit(strings.Split(entries, ",")), ",")
	}}
}

// concerns tells whether an entry of our own is one of these ids'.
func concerns(entry string, ids []int64) bool {
	parsed, ok := wire.ParseEntry(entry)
	return ok && slices.Contains(ids, parsed.ID)
}

// pause waits, and tells whether the time passed before the client or the gateway
// went away.
func (g *Gateway) pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	case <-g.closing.Done():
		return false
	}
}

// hangUp ends the connection without an answer, by a TCP reset if asked.
func hangUp(w http.ResponseWriter, reset bool) {
	conn := hijack(w)
	inner := conn
	if secured, ok := conn.(*tls.Conn); ok {
		inner = secured.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
		inner.Close()
		return
	}
	conn.Close()
}

// hijack takes the connection over, or ends the request as net/http knows to where
// it can't be had, as with HTTP/2.
func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return conn
}
