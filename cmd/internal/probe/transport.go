package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// shot is one request of a check: what to change in what the client makes, and what came back.
type shot struct {
	change  func(f *form) // of an upload; nil changes nothing
	header  http.Header   // set in the request; an empty value leaves the header out
	chunked bool          // send no Content-Length
	answer  answer
}

// answer is what came back, as far as it was read.
type answer struct {
	proto         string
	status        int
	header        http.Header
	contentLength int64 // -1 if none was named
	chunked       bool
	closes        bool // the connection is closed behind it
	tls           *tls.ConnectionState
	body          []byte // the first maxBody bytes
}

const maxBody = 16 << 20

// start returns how the answer began, for people.
func (a answer) start() string {
	if a.status == 0 {
		return ""
	}
	return fmt.Sprintf("%s %d, %s\n%s", a.proto, a.status, a.header.Get("Content-Type"), a.body[:min(len(a.body), 500)])
}

type shotKey struct{}

func (s *shot) in(ctx context.Context) context.Context { return context.WithValue(ctx, shotKey{}, s) }

// transport stands between the client and the network. It lets no upload pass that is not in test
// mode, changes what a check wants to be changed, and keeps the answer.
type transport struct{ base http.RoundTripper }

var errNotTestMode = errors.New("the upload is not in test mode")

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	s, ok := req.Context().Value(shotKey{}).(*shot)
	if !ok {
		s = &shot{}
	}
	sent := req.Clone(req.Context())
	if strings.HasPrefix(req.Header.Get("Content-Type"), "multipart/form-data") {
		body, err := s.changed(req)
		if err != nil {
			return nil, err
		}
		sent.Body, sent.ContentLength, sent.GetBody = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		if s.chunked {
			sent.ContentLength = -1
		}
	}
	for name, values := range s.header {
		sent.Header[name] = values
	}
	resp, err := t.base.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	s.answer = answer{
		proto: resp.Proto, status: resp.StatusCode, header: resp.Header, contentLength: resp.ContentLength,
		chunked: len(resp.TransferEncoding) > 0, closes: resp.Close, tls: resp.TLS,
	}
	resp.Body = &recorder{resp.Body, &s.answer}
	return resp, nil
}

// changed returns the upload's body as the check wants it.
func (s *shot) changed(req *http.Request) ([]byte, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	f, err := parseForm(req.Header.Get("Content-Type"), body)
	if err != nil {
		return nil, err
	}
	id, password := f.get("connection_id"), f.get("password")
	if s.change != nil {
		s.change(f)
	}
	if f.get("test") != "1" || f.get("connection_id") != id || f.get("password") != password {
		return nil, errNotTestMode
	}
	return f.bytes()
}

// recorder keeps what is read of a body.
type recorder struct {
	io.ReadCloser
	answer *answer
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.answer.body = append(r.answer.body, p[:min(n, maxBody-len(r.answer.body))]...)
	return n, err
}
