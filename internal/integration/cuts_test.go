package integration_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// The connection of one package is cut after each byte of the request and of the reply in turn. The
// golden has the outcome that the client returned, and how often the package was in the gateway's
// ledger.
func TestSend_cutAtEveryByte(t *testing.T) {
	var cuttings []cutting
	for _, c := range []cutting{
		{what: "the request"},
		{what: "a reply with a length", ofReply: true},
		{what: "a reply in chunks", ofReply: true, server: inChunks},
		{what: "a reply that ends with its connection", ofReply: true, server: toTheEnd},
		{what: "an ERROR", ofReply: true, fault: smslinktest.Reject("8", "no credit")},
		{what: "a MESSAGE under HTTP status 404", ofReply: true, fault: smslinktest.Answer(404, "MESSAGE;1;ok;1;1:1:3").AfterTaking()},
	} {
		c.connection = "new"
		for _, c.ending = range []string{"hung up on", "reset"} {
			cuttings = append(cuttings, c)
		}
		if c.what == "a reply that ends with its connection" {
			continue
		}
		c.connection = "kept"
		for _, c.ending = range []string{"hung up on", "reset"} {
			cuttings = append(cuttings, c)
		}
	}
	tables := make([]string, len(cuttings))
	t.Run("each", func(t *testing.T) {
		for i, c := range cuttings {
			name := fmt.Sprintf("%s, %s, on a %s connection", c.what, c.ending, c.connection)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				tables[i] = name + "\n" + c.rows(t)
			})
		}
	})
	golden(t, "testdata/cuts.golden", strings.Join(tables, "\n"))
}

// cutting is one way to cut: where, how, and on what connection.
type cutting struct {
	what       string
	ofReply    bool   // rather than of the request
	ending     string // hung up on or reset
	connection string // new, or kept from an upload before
	fault      smslinktest.Fault
	server     func(http.Handler) http.Handler // how the reply is framed
}

// rows are the ranges of offsets at which an upload has the same end.
func (c cutting) rows(t *testing.T) string {
	gateway := smslinktest.NewUnstartedGateway(&smslinktest.Options{Fault: func(int) smslinktest.Fault { return c.fault }})
	defer gateway.Close()
	var handler http.Handler = gateway
	if c.server != nil {
		handler = c.server(gateway)
	}
	server := httptest.NewServer(handler)
	defer server.Close()

	var happened atomic.Bool
	leg := cutAfter(-1, func(from, to *net.TCPConn) {
		happened.Store(true)
		if c.ending == "reset" {
			reset(from, to)
		} else {
			hangUp(from, to)
		}
	})
	link := newProxy(t, server.Listener.Addr().String(), func() plan {
		if c.ofReply {
			return plan{reply: leg}
		}
		return plan{request: leg}
	})
	defer link.close()
	transport := smslink.NewTransport()
	transport.DisableKeepAlives = c.connection == "new"
	transport.IdleConnTimeout = 0 // a kept connection lasts, however slow the machine is
	defer transport.CloseIdleConnections()
	client, err := smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{
		Endpoint: "http://" + link.address + smslinktest.BulkPath, HTTPClient: &http.Client{Transport: transport},
	})
	require.NoError(t, err)
	var idle atomic.Bool // the connection of the last upload is kept
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		PutIdleConn: func(err error) { idle.Store(err == nil) },
	})
	send := func(id int64) (said string) {
		p := smslink.Package{Codec: smslink.CodecNone}
		require.NoError(t, p.Add(smslink.Message{ID: id, To: "0712345678", Text: "Comanda dvs. este gata."}))
		idle.Store(false)
		resp, err := client.Send(ctx, &p)
		if err != nil {
			return smslink.OutcomeOf(err).String()
		}
		return "accepted, " + resp.Results[0].Status.String()
	}
	const firstID = 100_000 // ids of one length, so that offsets are the same for each
	var said []string
	for at := 0; ; at++ {
		if c.connection == "kept" {
			leg.after.Store(-1)
			for send(int64(firstID*9 + at)); !idle.Load(); { // net/http keeps none if the machine is slow
				send(int64(firstID*9 + at))
			}
		}
		happened.Store(false)
		before := link.connections()
		leg.after.Store(int64(at))
		said = append(said, send(int64(firstID+at)))
		require.Equal(t, c.connection == "kept", link.connections() == before)
		if !happened.Load() {
			break // all of it went through
		}
	}
	server.Close() // once it has dealt with all that reached it

	taken := map[int64]int{}
	for _, m := range gateway.Messages() {
		taken[m.ID]++
	}
	var table strings.Builder
	from := 0
	for i := range said {
		n := taken[int64(firstID+i)]
		if i+1 < len(said) && said[i+1] == said[i] && taken[int64(firstID+i+1)] == n {
			continue
		}
		fmt.Fprintf(&table, "  after %4d to %4d bytes: %-20s in the ledger: %d\n", from, i, said[i], n)
		from = i + 1
	}
	return table.String()
}

// inChunks answers without a Content-Length, so that HTTP/1.1 sends chunks.
func inChunks(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		h.ServeHTTP(recorder, r)
		w.WriteHeader(recorder.Code)
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(recorder.Body.Bytes())
	})
}

// toTheEnd answers without a Content-Length and without chunks, as HTTP/1.0 does: the reply ends
// with the connection.
func toTheEnd(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		h.ServeHTTP(recorder, r)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+recorder.Body.String())
	})
}
