package probe

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strconv"
)

// form is the client's own upload, taken apart so that a check can change one field of it.
type form struct {
	boundary string
	parts    []part
}

type part struct {
	name   string
	header textproto.MIMEHeader
	value  []byte
}

func parseForm(contentType string, body []byte) (*form, error) {
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, err
	}
	f := &form{boundary: parameters["boundary"]}
	for r := multipart.NewReader(bytes.NewReader(body), f.boundary); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return nil, err
		}
		value, err := io.ReadAll(p)
		if err != nil {
			return nil, err
		}
		f.parts = append(f.parts, part{p.FormName(), p.Header, value})
	}
}

// get returns the value of a field, or an empty string.
func (f *form) get(name string) string {
	for _, p := range f.parts {
		if p.name == name {
			return string(p.value)
		}
	}
	return ""
}

func (f *form) set(name, value string) {
	for i := range f.parts {
		if f.parts[i].name == name {
			f.parts[i].value = []byte(value)
		}
	}
}

// setPlain sets the package to plain, uncompressed, and its sizes and digests to those of plain.
func (f *form) setPlain(plain string) {
	digest := md5.Sum([]byte(plain))
	f.set("Package", plain)
	f.set("Compression", "0")
	for _, of := range []string{"Plain", "Compressed"} {
		f.set("MD5"+of, hex.EncodeToString(digest[:]))
		f.set("Size"+of, strconv.Itoa(len(plain)))
	}
}

func (f *form) bytes() ([]byte, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if err := w.SetBoundary(f.boundary); err != nil {
		return nil, err
	}
	for _, p := range f.parts {
		out, err := w.CreatePart(p.header)
		if err != nil {
			return nil, err
		}
		_, _ = out.Write(p.value) // to memory
	}
	err := w.Close()
	return body.Bytes(), err
}
