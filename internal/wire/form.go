package wire

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"strconv"
)

// What the reference client, version 2.1, always sends in these two fields.
const (
	buffering = "1"
	version   = "2.1"
)

// packageField names the file that follows the fields.
const packageField = "Package"

// maxValue bounds one field's value, in bytes, when a form is parsed.
const maxValue = 64 << 10

// Digest is the MD5 of a package's plain or compressed bytes.
type Digest = [md5.Size]byte

// Form is everything of an upload but the compressed package itself.
type Form struct {
	ConnectionID   string
	Password       string
	Test           bool
	Compression    int
	MD5Plain       Digest
	MD5Compressed  Digest
	SizePlain      int   // bytes
	SizeCompressed int   // bytes
	Timestamp      int64 // Unix seconds
	Receivers      int   // messages in the package
}

// field is one field's name and where its value stands.
type field struct {
	name  string
	value value
}

// fields lists the form's fields in the order in which the reference sends them.
func (f *Form) fields() []field {
	return []field{
		{"connection_id", (*text)(&f.ConnectionID)},
		{"password", (*text)(&f.Password)},
		{"test", (*flag)(&f.Test)},
		{"Compression", (*number)(&f.Compression)},
		{"MD5Plain", (*digest)(&f.MD5Plain)},
		{"MD5Compressed", (*digest)(&f.MD5Compressed)},
		{"SizePlain", (*number)(&f.SizePlain)},
		{"SizeCompressed", (*number)(&f.SizeCompressed)},
		{"Timestamp", (*seconds)(&f.Timestamp)},
		{"Buffering", constant(buffering)},
		{"Version", constant(version)},
		{"Receivers", (*number)(&f.Receivers)},
	}
}

// AppendHead appends the fields and the header of the file. The package's bytes
// come next, then the tail.
func (f *Form) AppendHead(dst []byte, boundary string) []byte {
	for _, field := range f.fields() {
		dst = appendPart(dst, boundary, field.name)
		dst = append(dst, "\r\n\r\n"...)
		dst = field.value.append(dst)
		dst = append(dst, "\r\n"...)
	}
	dst = appendPart(dst, boundary, packageField)
	return append(dst, "; filename=\"package\"\r\nContent-Type: application/octet-stream\r\n\r\n"...)
}

// AppendTail appends what follows the package's bytes.
func AppendTail(dst []byte, boundary string) []byte {
	dst = append(dst, "\r\n--"...)
	dst = append(dst, boundary...)
	return append(dst, "--\r\n"...)
}

func appendPart(dst []byte, boundary, name string) []byte {
	dst = append(dst, "--"...)
	dst = append(dst, boundary...)
	dst = append(dst, "\r\nContent-Disposition: form-data; name=\""...)
	dst = append(dst, name...)
	return append(dst, '"')
}

// ParseForm reads an upload whose fields stand in the reference's order, and its
// package of at most limit bytes. It checks the form of each value, not whether
// the values are right. Its errors quote no value. Seen, where it is not nil, is
// given each field's value as it came, a malformed one too.
func ParseForm(r *multipart.Reader, limit int64, seen func(name, value string)) (Form, []byte, error) {
	var f Form
	for _, field := range f.fields() {
		raw, err := readPart(r, field.name, maxValue)
		if err != nil {
			return f, nil, err
		}
		if seen != nil {
			seen(field.name, string(raw))
		}
		if !field.value.parse(string(raw)) {
			return f, nil, fmt.Errorf("field %s: malformed value", field.name)
		}
	}
	packed, err := readPart(r, packageField, limit)
	if err != nil {
		return f, nil, err
	}
	if _, err := r.NextRawPart(); !errors.Is(err, io.EOF) {
		return f, nil, fmt.Errorf("more than the form's end follows field %s", packageField)
	}
	return f, packed, nil
}

func readPart(r *multipart.Reader, name string, limit int64) ([]byte, error) {
	part, err := r.NextRawPart()
	if err != nil {
		return nil, fmt.Errorf("field %s: missing: %w", name, err)
	}
	if part.FormName() != name {
		return nil, fmt.Errorf("field %s: another field stands in its place", name)
	}
	if isFile := part.FileName() != ""; isFile != (name == packageField) {
		return nil, fmt.Errorf("field %s: only %s is a file", name, packageField)
	}
	raw, err := io.ReadAll(io.LimitReader(part, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("field %s: %w", name, err)
	case int64(len(raw)) > limit:
		return nil, fmt.Errorf("field %s: longer than %d bytes", name, limit)
	}
	return raw, nil
}

// value is one field's value in both directions.
type value interface {
	append(dst []byte) []byte
	parse(s string) bool
}

type (
	text     string
	flag     bool
	number   int
	seconds  int64
	digest   Digest
	constant string
)

func (t *text) append(dst []byte) []byte { return append(dst, *t...) }
func (t *text) parse(s string) bool      { *t = text(s); return s != "" }

func (f *flag) append(dst []byte) []byte {
	if *f {
		return append(dst, '1')
	}
	return append(dst, '0')
}
func (f *flag) parse(s string) bool { *f = s == "1"; return s == "0" || s == "1" }

func (n *number) append(dst []byte) []byte { return strconv.AppendInt(dst, int64(*n), 10) }
func (n *number) parse(s string) bool {
	v, ok := parseNumber(s)
	*n = number(v)
	return ok && int64(*n) == v
}

func (n *seconds) append(dst []byte) []byte { return strconv.AppendInt(dst, int64(*n), 10) }
func (n *seconds) parse(s string) bool {
	v, ok := parseNumber(s)
	*n = seconds(v)
	return ok
}

func (d *digest) append(dst []byte) []byte { return hex.AppendEncode(dst, d[:]) }
func (d *digest) parse(s string) bool {
	raw, err := hex.DecodeString(s)
	copy(d[:], raw)
	return err == nil && len(raw) == len(d) && hex.EncodeToString(raw) == s
}

func (c constant) append(dst []byte) []byte { return append(dst, c...) }
func (c constant) parse(s string) bool      { return s == string(c) }
