package integration_test

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

var (
	packages = flag.Int("packages", unlessLong(320, 1600), "packages that TestLedger sends")
	seed     = flag.Uint64("seed", 1, "where TestLedger's packages and faults come from")
)

// Hundreds of packages go through connections and a gateway that misbehave. Then the gateway's
// ledger is compared with the client's results, message by message. How many packages arrive
// depends on the machine; the test checks those that do. The seed fixes the packages and the faults
// of each lane and their order, but timing decides which package meets which fault.
func TestLedger(t *testing.T) {
	lanes := 2 * len(roads)
	results := make([]*lane, lanes)
	var running sync.WaitGroup
	for i := range results {
		results[i] = newLane(uint64(i))
		results[i].start(t)
		running.Go(func() { results[i].run(*packages / lanes) })
	}
	running.Wait()
	total := newLane(0)
	for _, l := range results {
		total.messages += l.messages
		total.breaches = append(total.breaches, l.breaches...)
		for name, n := range l.counts {
			total.counts[name] += n
		}
	}
	t.Logf("seed %d, %d packages in %d lanes, %d messages\n%s", *seed, *packages, lanes, total.messages, total.table())
	require.Empty(t, total.breaches, "messages lost, doubled, altered or mistaken for another")
	require.NotZero(t, total.counts["outcome: accepted"], "nothing was compared")
}

// lane is one program with one account. It sends packages one after another through its own proxy
// to its own gateway.
type lane struct {
	number uint64
	random *rand.Rand // the program's; proxy and gateway have their own
	road   road

	gateway *smslinktest.Gateway
	link    *proxy
	client  *smslink.Client
	idle    func() // closes what the client keeps open

	sent     []*shipment
	messages int
	departed int // Sends that handed a byte to a transport, or may have

	mu       sync.Mutex
	counts   map[string]int
	breaches []string
}

// shipment is one package and all that was said about it.
type shipment struct {
	messages          []smslink.Message
	accepted, inDoubt int // Sends that said so
	reopened          int
	response          *smslink.Response // of the last accepted one
}

func newLane(number uint64) *lane {
	return &lane{number: number, random: rand.New(rand.NewPCG(*seed, number)), counts: map[string]int{}}
}

// verdict returns what the client said about a shipment's messages, and how often the ledger has
// them.
func (s *shipment) verdict(taken int) string {
	switch {
	case s.reopened > 0:
		return "message: reopened by the program"
	case s.accepted == 1:
		return fmt.Sprintf("message: accepted, in the ledger: %d", taken)
	case s.inDoubt == 1:
		return fmt.Sprintf("message: in doubt, in the ledger: %d", taken)
	}
	return fmt.Sprintf("message: not sent or rejected, in the ledger: %d", taken)
}

func (l *lane) count(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[name]++
}

func (l *lane) breach(format string, args ...any) {
	l.breaches = append(l.breaches, fmt.Sprintf("lane %d: ", l.number)+fmt.Sprintf(format, args...))
}

func (l *lane) table() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(l.counts)) {
		fmt.Fprintf(&b, "  %-56s %7d\n", name, l.counts[name])
	}
	return b.String()
}

// patience is the timeout of a Send; delay is longer.
const (
	patience = 250 * time.Millisecond
	delay    = 400 * time.Millisecond
)

func (l *lane) run(packages int) {
	for i := range packages {
		l.ship(i)
	}
	l.idle()
	l.link.close()    // everything in transit has arrived
	l.gateway.Close() // and has been dealt with
	l.audit()
}

// road is a transport.
type road struct {
	name          string
	tls, http2    bool
	make          func(trusting *http.Transport) http.RoundTripper // from one that trusts the gateway; nil means the client's own
	ownConnection bool                                             // for each upload
	resends       bool                                             // on its own: what it sends twice does not count against us
}

// roads are the transports of the lanes in turn.
var roads = []road{
	{name: "own", ownConnection: true},
	{name: "otelhttp", ownConnection: true, make: func(*http.Transport) http.RoundTripper { return otelhttp.NewTransport(smslink.NewTransport()) }},
	{name: "http.Transport", make: func(*http.Transport) http.RoundTripper { return &http.Transport{} }},
	{name: "http.Transport over TLS", tls: true, make: func(t *http.Transport) http.RoundTripper {
		return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: t.TLSClientConfig.RootCAs}}
	}},
	{name: "HTTP/2", tls: true, http2: true, make: func(t *http.Transport) http.RoundTripper { return t }},
	{name: "otelhttp over TLS", tls: true, ownConnection: true, make: func(t *http.Transport) http.RoundTripper {
		own := smslink.NewTransport()
		own.TLSClientConfig.RootCAs = t.TLSClientConfig.RootCAs
		return otelhttp.NewTransport(own)
	}},
	{name: "own over TLS", tls: true, ownConnection: true, make: func(t *http.Transport) http.RoundTripper {
		own := smslink.NewTransport()
		own.TLSClientConfig.RootCAs = t.TLSClientConfig.RootCAs
		return own
	}},
	{name: "go-retryablehttp", ownConnection: true, resends: true, make: func(*http.Transport) http.RoundTripper { return retrying(smslink.NewTransport()) }},
}

// start gives the lane one of the transports. Every second gateway closes kept connections at once.
func (l *lane) start(t *testing.T) {
	l.road = roads[l.number%uint64(len(roads))]
	l.gateway = smslinktest.NewUnstartedGateway(&smslinktest.Options{Fault: l.gatewayFault})
	l.gateway.Server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if l.number/uint64(len(roads))%2 == 1 {
		l.gateway.Server.Config.IdleTimeout = time.Millisecond
	}
	opts := &smslink.Options{Timeout: patience}
	scheme := "http://"
	var trusting *http.Transport
	if l.road.tls {
		scheme = "https://"
		l.gateway.Server.EnableHTTP2 = l.road.http2
		l.gateway.StartTLS()
		trusting = l.gateway.Server.Client().Transport.(*http.Transport)
	} else {
		l.gateway.Start()
	}
	l.idle = func() {}
	if l.road.make != nil {
		opts.HTTPClient = &http.Client{Transport: l.road.make(trusting)}
		l.idle = opts.HTTPClient.CloseIdleConnections
	}
	faults := rand.New(rand.NewPCG(*seed, 1000+l.number))
	l.link = newProxy(t, l.gateway.Server.Listener.Addr().String(), func() plan { return l.linkFault(faults) })
	opts.Endpoint = scheme + l.link.address + smslinktest.BulkPath
	var err error
	l.client, err = smslink.NewClient(l.gateway.ConnectionID, l.gateway.Password, opts)
	require.NoError(t, err)
}

// ship sends a package as the docs advise: again if it was not sent, sometimes again if it was
// rejected, and not again if it is in doubt, except that it sometimes reopens such a package, and
// counts that.
func (l *lane) ship(number int) {
	s := &shipment{messages: l.messagesOf(number)}
	l.sent = append(l.sent, s)
	l.messages += len(s.messages)
	p := smslink.Package{Codec: []smslink.Codec{smslink.CodecNone, smslink.CodecZlib, smslink.CodecLZF, smslink.CodecBZip2}[l.random.IntN(4)]}
	for _, m := range s.messages {
		if err := p.Add(m); err != nil {
			l.breach("a good message was refused: %v", err)
		}
	}
	for range 6 {
		switch l.send(s, &p) {
		case smslink.OutcomeNotSent:
		case smslink.OutcomeRejected:
			if l.random.IntN(2) == 0 {
				return
			}
		case smslink.OutcomeInDoubt:
			if l.random.IntN(4) > 0 {
				return
			}
			s.reopened++
			p.Reopen()
		case smslink.OutcomeAccepted:
			if l.random.IntN(20) > 0 {
				return
			}
			s.reopened++
			p.Reopen()
		}
	}
}

func (l *lane) messagesOf(number int) []smslink.Message {
	n := 1 + l.random.IntN(40)
	if l.random.IntN(100) == 0 {
		n = 3000
	}
	messages := make([]smslink.Message, n)
	for i := range messages {
		messages[i] = smslink.Message{
			ID: int64(number*10_000 + i), To: fmt.Sprintf("07%08d", l.random.IntN(1e8)), From: smslink.SenderNumeric,
			Text: fmt.Sprintf("Bună ziua; codul dvs. este %06d.\nMulțumim!", l.random.IntN(1e6)),
		}
	}
	return messages
}

// send sends the package once. The proxy may be down, and the context may end soon. Sometimes it
// sends a sealed package again, which must be refused.
func (l *lane) send(s *shipment, p *smslink.Package) smslink.Outcome {
	ctx := context.Background()
	switch l.random.IntN(20) {
	case 0:
		l.count("program: no one listens")
		l.link.down()
		defer func() {
			if err := l.link.up(); err != nil {
				l.breach("the proxy is gone: %v", err)
			}
		}()
	case 1:
		l.count("program: cancelled before the call")
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		cancel()
	case 2:
		l.count("program: cancelled at any moment")
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(l.random.IntN(3000))*time.Microsecond)
		defer cancel()
	}
	resp, err := l.client.Send(ctx, p)
	outcome := smslink.OutcomeOf(err)
	l.count("outcome: " + outcome.String())
	l.count(fmt.Sprintf("%s: %s", l.road.name, outcome))
	switch outcome {
	case smslink.OutcomeAccepted:
		s.accepted++
		s.response = resp
	case smslink.OutcomeInDoubt:
		s.inDoubt++
	}
	if outcome != smslink.OutcomeNotSent {
		l.departed++
	}

	if l.random.IntN(10) == 0 && (outcome == smslink.OutcomeAccepted || outcome == smslink.OutcomeInDoubt) {
		l.count("program: sends a sealed package again")
		_, err := l.client.Send(context.Background(), p)
		if !strings.Contains(fmt.Sprint(err), "the package was ") { // accepted or sent before
			l.breach("a sealed package was not refused: %v", err)
		}
	}
	return outcome
}

// audit compares the ledger with what the client said.
func (l *lane) audit() {
	if uploads := len(l.gateway.Uploads()); uploads > l.departed && !l.road.resends {
		l.breach("%d whole uploads arrived, of %d Sends", uploads, l.departed)
	}
	ledger := map[int64][]smslinktest.Message{}
	for _, m := range l.gateway.Messages() {
		ledger[m.ID] = append(ledger[m.ID], m)
	}
	for _, s := range l.sent {
		if s.reopened == 0 && s.accepted+s.inDoubt > 1 {
			l.breach("sent %d times without Reopen", s.accepted+s.inDoubt)
		}
		for i, m := range s.messages {
			taken := ledger[m.ID]
			delete(ledger, m.ID)
			switch {
			case len(taken) < s.accepted:
				l.breach("message %d lost: accepted %d times, in the ledger %d times", m.ID, s.accepted, len(taken))
			case len(taken) > s.accepted+s.inDoubt && l.road.resends && s.accepted+s.inDoubt > 0:
				l.count(l.road.name + ": message sent more than once by it")
			case len(taken) > s.accepted+s.inDoubt:
				l.breach("message %d sent twice: accepted %d times, in doubt %d times, in the ledger %d times", m.ID, s.accepted, s.inDoubt, len(taken))
			}
			for _, got := range taken {
				if got.To != m.To || got.From != m.From || got.Text != m.Text {
					l.breach("message %d altered", m.ID)
				}
			}
			l.count(s.verdict(len(taken)))
			l.auditResult(s, i, taken)
		}
	}
	for id := range ledger {
		l.breach("message %d in the ledger was never sent", id)
	}
}

// auditResult compares the last response's result of one message with the ledger.
func (l *lane) auditResult(s *shipment, i int, taken []smslinktest.Message) {
	if s.response == nil {
		return
	}
	if len(s.response.Results) != len(s.messages) {
		l.breach("%d results for %d messages", len(s.response.Results), len(s.messages))
		return
	}
	result := s.response.Results[i]
	if result.ID != s.messages[i].ID {
		l.breach("message %d has the result of %d", s.messages[i].ID, result.ID)
	}
	knows := func(m smslinktest.Message) bool { return m.RemoteID == result.RemoteID && m.Status == result.Status }
	if result.Status != smslink.StatusUnreported && !slices.ContainsFunc(taken, knows) {
		l.breach("message %d has another's remote id or status", result.ID)
	}
}

// linkFault is what happens to the lane's next connection.
func (l *lane) linkFault(random *rand.Rand) plan {
	cuts := []struct {
		name string
		cut  cut
	}{{"hung up on", hangUp}, {"reset", reset}, {"closed halfway", halfClose}}
	ending := cuts[random.IntN(len(cuts))]
	name, planned := "", plan{}
	switch random.IntN(12) {
	case 0, 1:
		name, planned.request = "request "+ending.name, cutAfter(random.Int64N(8000), ending.cut)
	case 2, 3:
		name, planned.reply = "reply "+ending.name, cutAfter(random.Int64N(4000), ending.cut)
	case 4:
		name, planned.request.hold = "request held past the timeout, then delivered", delay
	case 5:
		name, planned.reply.hold = "reply held past the timeout", delay
	case 6:
		name, planned.request.piece = "request in small pieces", 1+random.IntN(200)
	case 7:
		name, planned.reply.piece = "reply in small pieces", 1+random.IntN(20)
	default:
		name = "unhurt"
	}
	l.count("connection: " + name)
	return planned
}

// gatewayFault is what the gateway does with its n-th upload.
func (l *lane) gatewayFault(n int) smslinktest.Fault {
	random := rand.New(rand.NewPCG(*seed, 1e6*(2+l.number)+uint64(n)))
	type named struct {
		name  string
		fault smslinktest.Fault
	}
	faults := []named{
		{"hangs up", smslinktest.HangUp()},
		{"hangs up before reading", smslinktest.HangUp().BeforeReading()},
		{"resets", smslinktest.ResetConnection()},
		{"takes it and hangs up", smslinktest.LoseReply()},
		{"takes it and resets", smslinktest.ResetConnection().AfterTaking()},
		{"takes it and cuts the reply", smslinktest.CutReply(random.IntN(200))},
		{"500", smslinktest.Answer(500, "")},
		{"503 before reading", smslinktest.Answer(503, "busy").BeforeReading()},
		{"takes it and answers 502", smslinktest.Answer(502, "<html>").AfterTaking()},
		{"404", smslinktest.Answer(404, "not here")},
		{"413 before reading", smslinktest.Answer(413, "").BeforeReading()},
		{"garbage", smslinktest.Answer(200, "<html>;;;</html>")},
		{"takes it and answers nothing", smslinktest.Answer(200, "").AfterTaking()},
		{"takes it and answers half a MESSAGE", smslinktest.Answer(200, "MESSAGE;1").AfterTaking()},
		{"ERROR 8", smslinktest.Reject("8", "no credit")},
		{"redirect", smslinktest.Redirect(302, "/elsewhere")},
		{"takes it and answers too late", smslinktest.Delay(delay)},
		{"takes it and answers byte by byte", smslinktest.Trickle(time.Millisecond)},
		{"takes it and never stops answering", smslinktest.EndlessReply()},
		{"answers in another order", smslinktest.ShuffleEntries(random.Uint64())},
		{"answers with foreign and broken entries", smslinktest.AddEntries("999999999:1:3", "1:", ":::", "x:y:z")},
	}
	if l.road.ownConnection {
		cut := random.IntN(1000)
		faults = append(faults, []named{
			{"takes it and writes a 403 behind the reply", behind("403 Forbidden", "")},
			{"takes it and writes an ERROR behind the reply", behind("200 OK", "ERROR;8;no credit")},
			{"takes it and writes a MESSAGE behind the reply", behind("200 OK", "MESSAGE;1;ok;9;999999999:1:3")},
			{"takes it and replies without a length, cut", smslinktest.Raw(func(reply string) string {
				return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + reply[:len(reply)-cut%len(reply)]
			})},
			{"takes it and cuts a MESSAGE under a 403", smslinktest.Raw(func(reply string) string {
				return "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 9999\r\n\r\n\ufeff " + reply[:cut%12]
			})},
		}...)
	}
	if i := random.IntN(2 * len(faults)); i < len(faults) {
		l.count("gateway: " + faults[i].name)
		return faults[i].fault
	}
	return smslinktest.Fault{}
}

// behind takes the package and writes a second response behind the reply, in the same write.
func behind(status, body string) smslinktest.Fault {
	return smslinktest.Raw(func(reply string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%sHTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", len(reply), reply, status, len(body), body)
	})
}
