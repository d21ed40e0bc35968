package integration_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/go-smslink/smslink"
)

// A caller's transport may speak HTTP/2. The client in net/http then repeats a request that the
// server says it did not process. Whatever the server says, and whenever it does, one Send hands it
// no second whole upload.
func TestSend_overHTTP2(t *testing.T) {
	var servers []*http2Server
	for _, stage := range []stage{atHeaders, inBody, atEnd, inReply, afterReply} {
		for _, fault := range http2Faults() {
			servers = append(servers, &http2Server{stage: stage, fault: fault})
		}
	}
	outcomes := make([]smslink.Outcome, len(servers))
	var running sync.WaitGroup
	turns := make(chan struct{}, 8)
	for i, server := range servers {
		turns <- struct{}{}
		running.Go(func() {
			outcomes[i] = server.sendTo(t)
			<-turns
		})
	}
	running.Wait()

	var table strings.Builder
	fmt.Fprintf(&table, "%-31s %-26s %-9s %-8s %s\n", "the server", "when", "outcome", "streams", "whole uploads")
	for i, s := range servers {
		assert.LessOrEqual(t, s.whole, 1, "%s %s", s.fault.name, s.stage)
		if outcomes[i] == smslink.OutcomeNotSent || outcomes[i] == smslink.OutcomeRejected {
			assert.Zero(t, s.whole, "%s %s", s.fault.name, s.stage)
		}
		fmt.Fprintf(&table, "%-31s %-26s %-9s %-8d %d\n", s.fault.name, s.stage, outcomes[i], s.streams, s.whole)
	}
	golden(t, "testdata/http2.golden", table.String())
}

// stage is how far the first upload gets before the fault comes.
type stage string

const (
	atHeaders  stage = "at the request's headers"
	inBody     stage = "in the middle of its body"
	atEnd      stage = "once all of it is there"
	inReply    stage = "in the middle of the reply"
	afterReply stage = "right after the reply"
)

// http2Fault is what the server does at the stage, and whether it answers after that.
type http2Fault struct {
	name    string
	do      func(f *http2.Framer, stream uint32)
	hangUp  bool
	answers bool
}

func http2Faults() []http2Fault {
	goAway := func(last uint32, code http2.ErrCode) func(*http2.Framer, uint32) {
		return func(f *http2.Framer, stream uint32) { _ = f.WriteGoAway(last*stream, code, nil) }
	}
	faults := []http2Fault{
		{name: "hangs up", do: func(*http2.Framer, uint32) {}, hangUp: true},
		{name: "GOAWAY, not processed, hangs up", do: goAway(0, http2.ErrCodeNo), hangUp: true},
		{name: "GOAWAY, not processed", do: goAway(0, http2.ErrCodeNo)},
		{name: "GOAWAY, error, not processed", do: goAway(0, http2.ErrCodeEnhanceYourCalm), hangUp: true},
		{name: "GOAWAY, last one, hangs up", do: goAway(1, http2.ErrCodeNo), hangUp: true},
		{name: "GOAWAY, last one, goes on", do: goAway(1, http2.ErrCodeNo), answers: true},
	}
	for _, code := range []http2.ErrCode{
		http2.ErrCodeNo, http2.ErrCodeProtocol, http2.ErrCodeInternal, http2.ErrCodeRefusedStream,
		http2.ErrCodeCancel, http2.ErrCodeEnhanceYourCalm, http2.ErrCodeHTTP11Required,
	} {
		faults = append(faults, http2Fault{name: "RST_STREAM " + code.String(), do: func(f *http2.Framer, stream uint32) {
			_ = f.WriteRSTStream(stream, code)
		}})
	}
	return faults
}

// http2Server speaks HTTP/2 in bare frames. The first upload meets the fault;
// every other one is answered.
type http2Server struct {
	stage stage
	fault http2Fault

	mu      sync.Mutex
	streams int // uploads begun
	whole   int // uploads that came to their last byte
}

// sendTo sends a package that is too large for the first flow-control window, so that its body
// comes in several frames. It waits until the server has read everything.
func (s *http2Server) sendTo(t *testing.T) smslink.Outcome {
	t.Helper()
	outer := httptest.NewUnstartedServer(nil)
	outer.Config.ErrorLog = log.New(io.Discard, "", 0)
	outer.EnableHTTP2 = true
	outer.StartTLS() // for its certificate and the client that trusts it
	defer outer.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: outer.TLS.Certificates, NextProtos: []string{"h2"}})
	if err != nil {
		t.Error(err)
		return smslink.OutcomeInDoubt
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { s.serve(conn.(*tls.Conn)) })
		}
	})

	transport := outer.Client().Transport.(*http.Transport)
	client, err := smslink.NewClient("connection", "password", &smslink.Options{
		Endpoint: "https://" + listener.Addr().String(), HTTPClient: &http.Client{Transport: transport}, Timeout: time.Minute,
	})
	assert.NoError(t, err)
	p := smslink.Package{Codec: smslink.CodecNone}
	assert.NoError(t, p.Add(smslink.Message{ID: 1, To: "0712345678", Text: strings.Repeat("a", 200_000)}))
	_, err = client.Send(context.Background(), &p)
	transport.CloseIdleConnections()
	listener.Close()
	conns.Wait()
	return smslink.OutcomeOf(err)
}

// serve reads to the end of the connection, whatever it has answered before.
func (s *http2Server) serve(conn *tls.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	f := http2.NewFramer(conn, conn)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_ = f.WriteSettings()

	uploads := map[uint32]*http2Upload{}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		upload := uploads[frame.Header().StreamID]
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = f.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			upload = s.begin(f, frame)
			uploads[frame.StreamID] = upload
			upload.reached(atHeaders)
		case *http2.DataFrame:
			upload.data(frame)
		}
		if upload != nil && upload.hangUp {
			_ = conn.CloseWrite()
			_, _ = io.Copy(io.Discard, conn) // closing with bytes unread would make a reset of it, which may overtake what was said
			return
		}
	}
}

// http2Upload is a stream of the server's.
type http2Upload struct {
	server *http2Server
	framer *http2.Framer
	stream uint32
	left   int // bytes of the body still to come
	victim bool

	silent, hangUp bool
}

func (s *http2Server) begin(f *http2.Framer, headers *http2.MetaHeadersFrame) *http2Upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams++
	upload := &http2Upload{server: s, framer: f, stream: headers.StreamID, victim: s.streams == 1}
	for _, field := range headers.RegularFields() {
		if field.Name == "content-length" {
			upload.left, _ = strconv.Atoi(field.Value)
		}
	}
	return upload
}

// reached lets the fault happen, if it is this upload's and its stage.
func (u *http2Upload) reached(at stage) {
	if !u.victim || u.server.stage != at {
		return
	}
	u.server.fault.do(u.framer, u.stream)
	u.hangUp = u.server.fault.hangUp
	u.silent = !u.server.fault.answers
}

func (u *http2Upload) data(frame *http2.DataFrame) {
	u.left -= len(frame.Data())
	if !frame.StreamEnded() {
		u.reached(inBody)
		_ = u.framer.WriteWindowUpdate(0, uint32(len(frame.Data())))
		if !u.silent {
			_ = u.framer.WriteWindowUpdate(u.stream, uint32(len(frame.Data())))
		}
		return
	}
	if u.left == 0 {
		u.server.mu.Lock()
		u.server.whole++
		u.server.mu.Unlock()
	}
	u.reached(atEnd)
	u.answer()
}

func (u *http2Upload) answer() {
	const reply = "MESSAGE;1;ok;77;1:220000001:3"
	if u.silent || u.hangUp {
		return
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	_ = encoder.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = encoder.WriteField(hpack.HeaderField{Name: "content-length", Value: strconv.Itoa(len(reply))})
	_ = u.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: u.stream, BlockFragment: block.Bytes(), EndHeaders: true})
	_ = u.framer.WriteData(u.stream, false, []byte(reply[:20]))
	u.reached(inReply)
	if u.silent || u.hangUp {
		return
	}
	_ = u.framer.WriteData(u.stream, true, []byte(reply[20:]))
	u.reached(afterReply)
}
