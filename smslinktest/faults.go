package smslinktest

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink/internal/wire"
)

// Fault is something that goes wrong with one upload. The zero Fault is nothing.
//
// The outcomes that the docs name are those of an upload that the gateway would
// have taken. One that it refuses, for a wrong password say, meets no fault but
// those before reading, and leaves an injected one to the next.
//
// A fault has a form in words, see [ParseFault].
type Fault struct {
	words string // without its stage
	stage stage
	edit  func(entries string) string
	serve func(g *Gateway, w http.ResponseWriter, r *http.Request, reply []byte) // in place of writing the reply
}

// stage is when a fault comes.
type stage int

const (
	afterTaking stage = iota
	beforeTaking
	beforeReading
)

// AfterTaking lets a [HangUp], [ResetConnection] or [Answer] come once the package
// is taken and in the ledger. A client can't tell, and reports the same outcome:
// for one that the fault makes it take for refused, such as Answer(403, "") or a
// [Refuse] or [Redirect], that is then wrong, and the messages may be sent twice.
// The live gateway is not known to do so.
func (f Fault) AfterTaking() Fault {
	f.stage = afterTaking
	return f
}

// BeforeReading lets a [HangUp], [ResetConnection], [Answer], [Refuse] or
// [Redirect] come as soon as the request's header is read, as a server does that
// limits uploads. The outcome is the same as without it, but that a client still
// busy writing a large package may see the connection break before it sees an
// answer: [smslink.OutcomeUnknown].
func (f Fault) BeforeReading() Fault {
	f.stage = beforeReading
	return f
}

// Inject lets these faults happen to the next uploads, one each, in order. The
// zero Fault lets one through.
func (g *Gateway) Inject(faults ...Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, faults...)
	g.notify()
}

// turn is an upload's turn to meet a fault.
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

// before is the fault that comes before reading, if one does.
func (t *turn) before() (Fault, bool) {
	comesNow := func(f Fault) bool { return f.stage == beforeReading && f.serve != nil }
	fault, injected := t.injected(comesNow)
	if !injected {
		fault = t.choose()
	}
	return fault, comesNow(fault)
}

// after is the fault of an upload that was read and found right.
func (t *turn) after() Fault {
	if fault, ok := t.injected(func(Fault) bool { return true }); ok {
		return fault
	}
	return t.choose()
}

// injected takes the next injected fault, if there is one and it is wanted. Where
// there is one that is not, it is the zero Fault.
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

// HangUp ends the connection in order, without an answer, after the upload was
// read and before it is taken: [smslink.OutcomeUnknown].
func HangUp() Fault {
	return Fault{words: "hang-up", stage: beforeTaking, serve: func(*Gateway, http.ResponseWriter, *http.Request, []byte) {
		panic(http.ErrAbortHandler)
	}}
}

// ResetConnection is HangUp with a TCP reset in place of an orderly end:
// [smslink.OutcomeUnknown]. Over HTTP/2 it is the stream that is reset.
func ResetConnection() Fault {
	return Fault{words: "reset", stage: beforeTaking, serve: func(_ *Gateway, w http.ResponseWriter, _ *http.Request, _ []byte) {
		resetConnection(w)
	}}
}

// LoseReply takes the package and ends the connection without an answer: the case
// that costs money where a program sends again. [smslink.OutcomeUnknown].
func LoseReply() Fault {
	fault := HangUp().AfterTaking()
	fault.words = "lose-reply"
	return fault
}

// CutReply takes the package and ends the connection after the first n bytes of
// the reply's body: [smslink.OutcomeUnknown], or [smslink.OutcomeAccepted] where
// the reply is no longer than n.
func CutReply(n int) Fault {
	if n < 0 {
		panic("smslinktest: CutReply of less than 0 bytes")
	}
	return Fault{words: fmt.Sprint("cut-reply ", n), serve: func(_ *Gateway, w http.ResponseWriter, _ *http.Request, reply []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
		_, _ = w.Write(reply[:min(n, len(reply))])
		if n < len(reply) {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	}}
}

// Answer gives an HTTP status, from 200 to 599, and a body in place of taking the
// package.
//
// With a status of 200 to 299: [smslink.OutcomeUnknown] for a body that is no
// reply, such as an empty one, HTML or garbage. With 300 to 499:
// [smslink.OutcomeRejected], unless the body is a MESSAGE. With 500 and more:
// [smslink.OutcomeUnknown].
func Answer(status int, body string) Fault {
	if status < 200 || status > 599 {
		panic("smslinktest: Answer with an HTTP status that is not from 200 to 599")
	}
	words := strings.TrimSpace(fmt.Sprint("answer ", status, " ", body))
	return Fault{words: words, stage: beforeTaking, serve: func(_ *Gateway, w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}}
}

// Refuse answers ERROR with that code and text, neither with a semicolon, in place
// of taking the package: [smslink.OutcomeRejected], with a [*smslink.GatewayError].
func Refuse(code, text string) Fault {
	if strings.Contains(code+text, ";") {
		panic("smslinktest: Refuse with a semicolon, which ends a field of the reply")
	}
	fault := Answer(http.StatusOK, string(wire.AppendReply(nil, wire.Reply{Code: code, Text: text})))
	fault.words = strings.TrimSpace("refuse " + code + " " + text)
	return fault
}

// Redirect answers with a status from 300 to 399 and a Location in place of taking
// the package: [smslink.OutcomeRejected], and the Location is not followed.
func Redirect(status int, location string) Fault {
	if status < 300 || status > 399 {
		panic("smslinktest: Redirect with an HTTP status that is not from 300 to 399")
	}
	words := strings.TrimSpace(fmt.Sprint("redirect ", status, " ", location))
	return Fault{words: words, stage: beforeTaking, serve: func(_ *Gateway, w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	}}
}

// Delay takes the package and keeps the reply back for so long:
// [smslink.OutcomeAccepted] for a client that waits, [smslink.OutcomeUnknown] for
// one that gives up.
func Delay(d time.Duration) Fault {
	return Fault{words: "delay " + d.String(), serve: func(g *Gateway, w http.ResponseWriter, r *http.Request, reply []byte) {
		if g.pause(r, d) {
			writeReply(w, reply)
		}
	}}
}

// Trickle takes the package and sends the reply byte by byte, with a pause before
// each: outcomes as for Delay.
func Trickle(pause time.Duration) Fault {
	return Fault{words: "trickle " + pause.String(), serve: func(g *Gateway, w http.ResponseWriter, r *http.Request, reply []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
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
	return Fault{words: "endless-reply", serve: func(g *Gateway, w http.ResponseWriter, _ *http.Request, reply []byte) {
		for err := error(nil); err == nil && g.closing.Err() == nil; reply = []byte(",0:0:3") {
			_, err = w.Write(reply)
		}
	}}
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

// resetConnection ends the connection by a TCP reset, or the request as net/http
// knows to where the connection can't be had, as with HTTP/2.
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
