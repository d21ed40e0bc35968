package smslinktest

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// Fault is something that goes wrong with one upload. The zero Fault does nothing.
//
// The outcomes in the docs are those of an upload that the gateway would otherwise take. An upload
// that the gateway rejects, for example for a wrong password, meets only faults before reading; any
// other injected fault stays for the next upload.
type Fault struct {
	// Name is what [Upload].Fault says about an upload that met the fault. The functions that
	// return a fault set it to a short name, such as "lose-reply". It can be changed.
	Name string

	stage stage
	edit  func(entries string) string
	serve func(x *exchange) // instead of writing the reply
}

// exchange is a request that meets a fault.
type exchange struct {
	g     *Gateway
	w     http.ResponseWriter
	r     *http.Request
	reply []byte // of an upload that was taken; nil for any other
}

// stage is when a fault happens.
type stage int

const (
	afterTaking stage = iota
	beforeTaking
	beforeReading
)

// AfterTaking makes a [HangUp], [ResetConnection], [Answer], [Reject] or [Redirect] happen after
// the package is taken and recorded. A client can't notice, and reports the same outcome. If that
// is [smslink.OutcomeRejected], as for Answer(403, ""), [Reject] and [Redirect], it is then wrong,
// and the messages may be sent twice. The live gateway is not known to do so.
func (f Fault) AfterTaking() Fault {
	f.stage = afterTaking
	return f
}

// BeforeReading makes a [HangUp], [ResetConnection], [Answer], [Reject] or [Redirect] happen when
// only the request's header was read, as in a server that limits uploads. The outcome is the same,
// except that a client still writing a large package may lose the connection before it reads the
// answer. Then it is [smslink.OutcomeInDoubt].
func (f Fault) BeforeReading() Fault {
	f.stage = beforeReading
	return f
}

// Inject makes these faults happen to the next uploads, one to each, in order. The zero Fault lets
// one upload pass.
func (g *Gateway) Inject(faults ...Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, faults...)
	g.notify()
}

// turn decides an upload's fault.
type turn struct {
	g      *Gateway
	number int
	chosen *Fault // by Options.Fault; nil until it is asked
}

func (g *Gateway) newTurn() *turn {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests++
	return &turn{g: g, number: g.requests}
}

// before returns the fault that happens before reading, if there is one.
func (t *turn) before() (Fault, bool) {
	comesNow := func(f Fault) bool { return f.stage == beforeReading && f.serve != nil }
	fault, injected := t.injected(comesNow)
	if !injected {
		fault = t.choose()
	}
	return fault, comesNow(fault)
}

// after returns the fault of an upload that was read and is right.
func (t *turn) after() Fault {
	if fault, ok := t.injected(func(Fault) bool { return true }); ok {
		return fault
	}
	return t.choose()
}

// injected takes the next injected fault if it is wanted. If it is not, injected returns the zero
// Fault and true. If there is none, it returns false.
func (t *turn) injected(wanted func(Fault) bool) (Fault, bool) {
	t.g.mu.Lock()
	defer t.g.mu.Unlock()
	if len(t.g.faults) == 0 {
		return Fault{}, false
	}
	fault := t.g.faults[0]
	if !wanted(fault) {
		return Fault{}, true
	}
	t.g.faults = t.g.faults[1:]
	t.g.notify()
	return fault, true
}

func (t *turn) choose() Fault {
	if t.chosen == nil {
		t.chosen = new(Fault)
		if t.g.opts.Fault != nil {
			*t.chosen = t.g.opts.Fault(t.number)
		}
	}
	return *t.chosen
}

// HangUp closes the connection without an answer, after the upload is read and before it is taken:
// [smslink.OutcomeInDoubt].
func HangUp() Fault {
	return Fault{Name: "hang-up", stage: beforeTaking, serve: func(*exchange) {
		panic(http.ErrAbortHandler)
	}}
}

// ResetConnection is HangUp with a TCP reset: [smslink.OutcomeInDoubt]. Over HTTP/2 it resets the
// stream.
func ResetConnection() Fault {
	return Fault{Name: "reset", stage: beforeTaking, serve: func(x *exchange) {
		resetConnection(x.w)
	}}
}

// LoseReply takes the package and closes the connection without an answer:
// [smslink.OutcomeInDoubt]. A program that sends such a package again pays twice.
func LoseReply() Fault {
	fault := HangUp().AfterTaking()
	fault.Name = "lose-reply"
	return fault
}

// CutReply takes the package and closes the connection after the first n bytes of the reply's body:
// [smslink.OutcomeInDoubt], or [smslink.OutcomeAccepted] if the reply is not longer than n bytes.
// It panics if n is negative.
func CutReply(n int) Fault {
	if n < 0 {
		panic("smslink: test gateway: CutReply of less than 0 bytes")
	}
	return Fault{Name: fmt.Sprint("cut-reply ", n), serve: func(x *exchange) {
		x.w.Header().Set("Content-Length", strconv.Itoa(len(x.reply)))
		_, _ = x.w.Write(x.reply[:min(n, len(x.reply))])
		if n < len(x.reply) {
			_ = http.NewResponseController(x.w).Flush()
			panic(http.ErrAbortHandler)
		}
	}}
}

// Answer answers with an HTTP status, from 200 to 599, and a body instead of taking the package. It
// panics for other statuses.
//
//   - 200 to 299: [smslink.OutcomeInDoubt], if the body is not a reply (empty, HTML or garbage)
//   - 300 to 499: [smslink.OutcomeRejected], unless the body is a MESSAGE
//   - 500 to 599: [smslink.OutcomeInDoubt]
func Answer(status int, body string) Fault {
	if status < 200 || status > 599 {
		panic("smslink: test gateway: Answer with an HTTP status that is not from 200 to 599")
	}
	name := strings.TrimSpace(fmt.Sprint("answer ", status, " ", body))
	return Fault{Name: name, stage: beforeTaking, serve: func(x *exchange) {
		x.w.Header().Set("Content-Type", "text/html; charset=utf-8")
		x.w.WriteHeader(status)
		_, _ = io.WriteString(x.w, body)
	}}
}

// Reject answers ERROR with that code and text instead of taking the package:
// [smslink.OutcomeRejected], with a [*smslink.GatewayError]. It panics if the code or text contains
// a semicolon.
func Reject(code, text string) Fault {
	if strings.Contains(code+text, ";") {
		panic("smslink: test gateway: Reject with a semicolon, which ends a field of the reply")
	}
	fault := Answer(http.StatusOK, string(wire.AppendReply(nil, wire.Reply{Code: code, Text: text})))
	fault.Name = strings.TrimSpace("reject " + code + " " + text)
	return fault
}

// Redirect answers with a status from 300 to 399 and a Location instead of taking the package:
// [smslink.OutcomeRejected]. The client does not follow the Location. Redirect panics for other
// statuses.
func Redirect(status int, location string) Fault {
	if status < 300 || status > 399 {
		panic("smslink: test gateway: Redirect with an HTTP status that is not from 300 to 399")
	}
	name := strings.TrimSpace(fmt.Sprint("redirect ", status, " ", location))
	return Fault{Name: name, stage: beforeTaking, serve: func(x *exchange) {
		x.w.Header().Set("Location", location)
		x.w.WriteHeader(status)
	}}
}

// Delay takes the package and holds the reply back for d: [smslink.OutcomeAccepted] for a client
// that waits, [smslink.OutcomeInDoubt] for one that gives up.
func Delay(d time.Duration) Fault {
	return Fault{Name: "delay " + d.String(), serve: func(x *exchange) {
		if x.g.pause(x.r, d) {
			writeReply(x.w, x.reply)
		}
	}}
}

// Trickle takes the package and sends the reply byte by byte, with a pause before each. The
// outcomes are those of Delay.
func Trickle(pause time.Duration) Fault {
	return Fault{Name: "trickle " + pause.String(), serve: func(x *exchange) {
		x.w.Header().Set("Content-Length", strconv.Itoa(len(x.reply)))
		for i := range x.reply {
			if !x.g.pause(x.r, pause) {
				return
			}
			_, _ = x.w.Write(x.reply[i : i+1])
			_ = http.NewResponseController(x.w).Flush()
		}
	}}
}

// EndlessReply takes the package and never stops replying: [smslink.OutcomeInDoubt], with
// [smslink.ErrUnreadableReply].
func EndlessReply() Fault {
	return Fault{Name: "endless-reply", serve: func(x *exchange) {
		for piece := x.reply; x.g.closing.Err() == nil; piece = []byte(",0:0:3") {
			if _, err := x.w.Write(piece); err != nil {
				return
			}
		}
	}}
}

// OmitEntries takes the package and leaves these local ids out of the reply:
// [smslink.OutcomeAccepted]. The messages have [smslink.StatusUnreported].
func OmitEntries(ids ...int64) Fault {
	return editing("omit"+listed(ids), func(entries []string) []string {
		return slices.DeleteFunc(entries, func(entry string) bool { return concerns(entry, ids) })
	})
}

// ShuffleEntries takes the package and replies in another order, the same for the same seed:
// [smslink.OutcomeAccepted]. The results are in the package's order.
func ShuffleEntries(seed uint64) Fault {
	return editing(fmt.Sprint("shuffle ", seed), func(entries []string) []string {
		random := rand.New(rand.NewPCG(seed, 0))
		random.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		return entries
	})
}

// AddEntries takes the package and puts these entries, which may be foreign or malformed, before
// the reply's own: [smslink.OutcomeAccepted]. Entries that fit no message are in Unmatched. An
// entry has the form local:remote:status. If two entries contradict each other about a message, the
// message has [smslink.StatusUnreported], and both entries are in Unmatched. A malformed entry may
// be about any message: those that failed then have [smslink.StatusUnreported], too, and their own
// entries are in Unmatched.
func AddEntries(entries ...string) Fault {
	return editing("add"+listed(entries), func(own []string) []string { return slices.Concat(entries, own) })
}

func editing(name string, edit func(entries []string) []string) Fault {
	return Fault{Name: name, edit: func(entries string) string {
		return strings.Join(edit(strings.Split(entries, ",")), ",")
	}}
}

// concerns reports whether an entry is about one of these ids.
func concerns(entry string, ids []int64) bool {
	parsed, ok := wire.ParseEntry(entry)
	return ok && slices.Contains(ids, parsed.ID)
}

// listed returns the values, each after a space.
func listed[T any](values []T) string {
	var b strings.Builder
	for _, v := range values {
		fmt.Fprint(&b, " ", v)
	}
	return b.String()
}

// pause waits for d. It returns false at once if the client goes away or the gateway is closed.
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

// resetConnection ends the connection with a TCP reset. Over HTTP/2, where net/http does not hand
// out the connection, it resets the stream.
func resetConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}
