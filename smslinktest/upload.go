package smslinktest

import (
	"bytes"
	"compress/bzip2"
	"compress/zlib"
	"crypto/md5"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/lzf"
	"github.com/go-smslink/smslink/internal/wire"
)

// The limits of an upload in bytes: far more than a test sends, and small enough that a
// decompression bomb does no harm.
const (
	maxPacked = 256 << 20
	maxPlain  = 512 << 20
	maxForm   = 1 << 20 // all but the package
)

// refusal is an ERROR reply.
type refusal struct{ code, text string }

func (r *refusal) reply() wire.Reply { return wire.Reply{Code: r.code, Text: r.text} }

// Codes of the published table [public], and one of our own for what the table does not have.
const (
	codeTooFewArguments = "1"
	codeConnectionID    = "2"
	codeBanned          = "6"
	codePassword        = "7"
	codeUnknownMode     = "14"
	codeBadPackage      = "900"
)

// form is an upload's form, and its fields as received.
type form struct {
	wire.Form
	fields []Field
}

// read reads an upload and checks that everything in it agrees.
func (g *Gateway) read(w http.ResponseWriter, r *http.Request) (form, []smslink.Message, *refusal) {
	form, packed, err := readForm(w, r)
	if err != nil {
		return form, nil, &refusal{codeTooFewArguments, err.Error()}
	}
	if refused := g.admit(form.ConnectionID, form.Password); refused != nil {
		return form, nil, refused
	}
	messages, err := unpack(form.Form, packed)
	if err != nil {
		return form, nil, &refusal{codeBadPackage, err.Error()}
	}
	return form, messages, nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func readForm(w http.ResponseWriter, r *http.Request) (read form, packed []byte, err error) {
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
	read.Form, packed, err = wire.ParseForm(multipart.NewReader(body, params["boundary"]), maxPacked, func(name, value string) {
		if name != "password" {
			read.fields = append(read.fields, Field{name, value})
		}
	})
	return read, packed, err
}

// unpack checks the package against its form and reads its messages.
func unpack(form wire.Form, packed []byte) ([]smslink.Message, error) {
	switch {
	case form.SizeCompressed != len(packed):
		return nil, errors.New("field SizeCompressed is not the package's size")
	case form.MD5Compressed != md5.Sum(packed):
		return nil, errors.New("field MD5Compressed is not the package's digest")
	case form.SizePlain > maxPlain:
		return nil, fmt.Errorf("field SizePlain is over %d bytes", maxPlain)
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

	var messages []smslink.Message
	for line := range strings.SplitSeq(string(plain), wire.LineEnd) {
		record, err := wire.ParseRecord(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(messages)+1, err)
		}
		messages = append(messages, smslink.Message{
			ID: record.ID, To: record.Receiver, From: record.Sender, Text: record.Text, SendAt: record.Time(),
		})
	}
	if form.Receivers != len(messages) {
		return nil, fmt.Errorf("field Receivers says %d, the package has %d lines", form.Receivers, len(messages))
	}
	return messages, nil
}

// decompress undoes the gateway's Compression method. It is an error if the result has more than
// size bytes; no more than that is kept in memory.
func decompress(method int, packed []byte, size int) ([]byte, error) {
	in := bytes.NewReader(packed)
	switch method {
	case 0:
		return packed, nil
	case 1:
		r, err := zlib.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("package: %w", err)
		}
		return readAll(r, in, size)
	case 2:
		if holdsSecondStream(packed) {
			return nil, errors.New("package: more than one bzip2 stream, of which PHP reads the first")
		}
		return readAll(bzip2.NewReader(in), in, size)
	case 3:
		plain, err := lzf.AppendDecompress(nil, packed, size)
		if err != nil {
			return nil, fmt.Errorf("package: %w", err)
		}
		return plain, nil
	}
	return nil, errors.New("field Compression is not one of 0, 1, 2 and 3")
}

// holdsSecondStream reports whether a bzip2 stream begins anywhere except at the start: its header,
// and the magic of a block or of the stream's end. Go's reader would read on through it.
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
	plain, err := io.ReadAll(io.LimitReader(r, int64(size)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("package: %w", err)
	case len(plain) > size:
		return nil, fmt.Errorf("package: decodes to more than the %d bytes of SizePlain", size)
	case in.Len() > 0:
		return nil, errors.New("package: bytes follow its compressed stream")
	}
	return plain, nil
}
