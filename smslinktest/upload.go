package smslinktest

import (
	"bytes"
	"compress/bzip2"
	"compress/zlib"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-smslink/smslink/gsm7"
	"github.com/go-smslink/smslink/internal/lzf"
	"github.com/go-smslink/smslink/internal/wire"
)

// The limits of an upload. They bound its memory, however well it compresses: about maxPacked and
// twice maxPlain while it is read. The ledger then keeps its plain form and 300 bytes a message.
const (
	maxPacked   = 32 << 20 // bytes
	maxPlain    = 64 << 20 // bytes
	maxForm     = 1 << 20  // bytes of all but the package
	maxMessages = 200_000
)

// patience bounds the time in which a request's body is read.
type patience struct {
	stall time.Duration // of one Read
	whole time.Duration // of all
}

var defaultPatience = patience{stall: 30 * time.Second, whole: 10 * time.Minute}

// rejection is an ERROR reply.
type rejection struct{ code, text string }

func (r *rejection) reply() wire.Reply { return wire.Reply{Code: r.code, Text: r.text} }

func (r *rejection) Error() string { return r.code + ";" + r.text }

// Codes of the published table [public], and one of our own.
const (
	codeTooFewArguments = "1"
	codeConnectionID    = "2"
	codeBanned          = "6"
	codePassword        = "7"
	codeBadNumber       = "9"
	codeUnknownMode     = "14"
	codeSchedule        = "15"
	codeBadPackage      = "900"
)

// form is an upload's form, and its fields as received.
type form struct {
	wire.Form
	fields []Field
}

// read reads an upload and checks that all of it is right. The messages have no status and no ids
// of the gateway yet.
func (g *Gateway) read(w http.ResponseWriter, r *http.Request) (form, []Message, *rejection) {
	form, packed, err := g.readForm(w, r)
	if err != nil {
		var rejected *rejection
		if !errors.As(err, &rejected) {
			rejected = &rejection{codeTooFewArguments, err.Error()}
		}
		return form, nil, rejected
	}
	messages, err := unpack(form.Form, packed)
	if err != nil {
		return form, nil, &rejection{codeBadPackage, err.Error()}
	}
	now := g.now()
	for i := range messages {
		if at := messages[i].SendAt; !at.IsZero() && !at.After(now) {
			return form, nil, &rejection{codeSchedule, "schedule in the past or too near"}
		}
	}
	return form, messages, nil
}

// readForm reads the form and the package. It checks the credentials before it reads the package.
// If a field is wrong, it discards the rest of the body, so that the client has written everything
// when the answer comes.
func (g *Gateway) readForm(w http.ResponseWriter, r *http.Request) (read form, packed []byte, err error) {
	if _, err := strconv.ParseUint(r.URL.Query().Get("timestamp"), 10, 63); err != nil {
		return form{}, nil, errors.New("query timestamp: not Unix seconds")
	}
	if r.ContentLength < 0 {
		return form{}, nil, errors.New("no Content-Length: PHP would see an empty body")
	}
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/form-data" || params["boundary"] == "" {
		return form{}, nil, errors.New("Content-Type is not multipart/form-data with a boundary")
	}
	body := http.MaxBytesReader(w, r.Body, maxPacked+maxForm)
	connectionID := ""
	var rejected *rejection
	parts := multipart.NewReader(body, params["boundary"])
	read.Form, packed, err = wire.ParseForm(parts, maxPacked, func(name, value string) error {
		switch name {
		case "connection_id":
			connectionID = value
		case "password":
			if value != "" { // ParseForm refuses an empty one
				rejected = g.admit(connectionID, value)
			}
			return nil
		case "Package":
			if rejected != nil {
				return rejected
			}
			return nil
		}
		read.fields = append(read.fields, Field{name, value})
		return nil
	})
	if rejected != nil {
		err = rejected
	}
	if err != nil {
		_, _ = io.Copy(io.Discard, body)
	}
	return read, packed, err
}

// closingGrace is how long an upload may still take once Close is called.
const closingGrace = time.Second

// guardedBody is a request's body that fails if reading it takes too long.
type guardedBody struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
	until   time.Time

	mu    sync.Mutex
	final bool // the deadlines stay as they are
}

// guard bounds the time in which the request's body is read, and shortens it once the gateway is
// closed. The caller calls stop when the request is answered: after that no deadline is set, since
// net/http's HTTP/2 panics if one is set once the handler has returned.
func (g *Gateway) guard(w http.ResponseWriter, r *http.Request) (stop func()) {
	now := time.Now()
	body := &guardedBody{
		ReadCloser: r.Body,
		control:    http.NewResponseController(w),
		stall:      g.patience.stall,
		until:      now.Add(g.patience.whole),
	}
	body.setDeadline(now.Add(body.stall)) // for net/http, which reads what the handler does not
	r.Body = body
	forget := context.AfterFunc(g.closing, func() {
		body.mu.Lock()
		defer body.mu.Unlock()
		if body.final {
			return
		}
		body.final = true
		soon := time.Now().Add(closingGrace)
		_ = body.control.SetReadDeadline(soon)
		_ = body.control.SetWriteDeadline(soon)
	})
	return func() {
		forget()
		body.mu.Lock()
		defer body.mu.Unlock()
		body.final = true
	}
}

func (b *guardedBody) Read(p []byte) (int, error) {
	deadline := time.Now().Add(b.stall)
	if deadline.After(b.until) {
		deadline = b.until
	}
	b.setDeadline(deadline)
	n, err := b.ReadCloser.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		b.setDeadline(time.Time{}) // net/http then reads to notice the end of the connection
	}
	return n, err
}

func (b *guardedBody) setDeadline(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.final {
		_ = b.control.SetReadDeadline(at) // which a test's own server may not support
	}
}

// unpack checks the package against its form and reads its messages.
func unpack(form wire.Form, packed []byte) ([]Message, error) {
	switch {
	case form.SizeCompressed != len(packed):
		return nil, errors.New("field SizeCompressed is not the package's size")
	case form.MD5Compressed != md5.Sum(packed):
		return nil, errors.New("field MD5Compressed is not the package's digest")
	case form.SizePlain > maxPlain:
		return nil, fmt.Errorf("field SizePlain is over %d bytes", maxPlain)
	case form.Receivers > maxMessages:
		return nil, fmt.Errorf("field Receivers is over %d messages", maxMessages)
	}
	plain, err := decompress(form.Compression, packed, form.SizePlain)
	switch {
	case err != nil:
		return nil, err
	case len(plain) != form.SizePlain:
		return nil, errors.New("field SizePlain is not the plain form's size")
	case form.MD5Plain != md5.Sum(plain):
		return nil, errors.New("field MD5Plain is not the plain form's digest")
	}
	if lines := bytes.Count(plain, []byte(wire.LineEnd)) + 1; form.Receivers != lines {
		return nil, fmt.Errorf("field Receivers says %d, the package has %d lines", form.Receivers, lines)
	}
	messages := make([]Message, 0, form.Receivers)
	for line := range strings.SplitSeq(string(plain), wire.LineEnd) {
		record, err := wire.ParseRecord(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(messages)+1, err)
		}
		messages = append(messages, Message{
			Test:     form.Test,
			ID:       record.ID,
			To:       record.Receiver,
			From:     record.Sender,
			Text:     record.Text,
			SendAt:   record.Time(),
			Segments: gsm7.Measure(record.Text).Segments,
		})
	}
	return messages, nil
}

// decompress undoes the gateway's Compression method. It is an error if the result has more than
// size bytes, and no more are kept in memory.
func decompress(method int, packed []byte, size int) (plain []byte, err error) {
	in := bytes.NewReader(packed)
	switch method {
	case 0:
		return packed, nil
	case 1:
		var r io.Reader
		if r, err = zlib.NewReader(in); err == nil {
			plain, err = readAll(r, in, size)
		}
	case 2:
		if holdsSecondStream(packed) {
			return nil, errors.New("package: more than one bzip2 stream; PHP reads only the first")
		}
		plain, err = readAll(bzip2.NewReader(in), in, size)
	case 3:
		plain, err = lzf.AppendDecompress(nil, packed, size)
	default:
		return nil, errors.New("field Compression is not one of 0, 1, 2 and 3")
	}
	if err != nil {
		return nil, fmt.Errorf("package: %w", err)
	}
	return plain, nil
}

// holdsSecondStream reports whether another bzip2 stream begins after the first: a header, and the
// magic of a block or of the stream's end. Go's reader would go on with it.
func holdsSecondStream(packed []byte) bool {
	for level := byte('1'); level <= '9'; level++ {
		for _, magic := range []string{"\x31\x41\x59\x26\x53\x59", "\x17\x72\x45\x38\x50\x90"} {
			if bytes.LastIndex(packed, append([]byte{'B', 'Z', 'h', level}, magic...)) > 0 {
				return true
			}
		}
	}
	return false
}

func readAll(r io.Reader, in *bytes.Reader, size int) ([]byte, error) {
	plain := bytes.NewBuffer(make([]byte, 0, size+1+bytes.MinRead))
	_, err := plain.ReadFrom(io.LimitReader(r, int64(size)+1))
	switch {
	case err != nil:
		return nil, err
	case plain.Len() > size:
		return nil, fmt.Errorf("decodes to more than the %d bytes of SizePlain", size)
	case in.Len() > 0:
		return nil, errors.New("bytes follow its compressed stream")
	}
	return plain.Bytes(), nil
}
